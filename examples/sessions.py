"""Log in over HTTP, open a WebSocket with the cookie of the session; when that ends, so does the WebSocket.

python examples/sessions.py --port 8080
python examples/sessions.py --port 8080 --lifetime 60
"""

import argparse
import asyncio
import secrets
from http.cookies import CookieError, SimpleCookie

from wsline import WebSocket, WebSocketServer
from wsline.http import HTTPServer, Request, Response, UpgradeSocket

PAGE = b"""<!doctype html>
<title>Sessions</title>
<button id="login">Log in</button> <button id="logout">Log out</button>
<button id="open">Open WebSocket</button> <button id="send">Send message</button>
<pre id="log"></pre>
<script>
let ws;
const show = (text) => { log.textContent += text + "\\n"; };
const ask = async (method, path) => show(await (await fetch(path, { method })).text());
login.onclick = () => ask("POST", "/login");
logout.onclick = () => ask("DELETE", "/logout");
document.getElementById("open").onclick = () => {
  ws?.close();
  ws = new WebSocket(location.href.replace("http", "ws"));
  ws.onopen = () => show("open");
  ws.onmessage = (event) => show(event.data);
  ws.onclose = (event) => show(`closed: ${event.code} ${event.reason}`);
};
send.onclick = () => (ws?.readyState === WebSocket.OPEN ? ws.send("hello") : show("no WebSocket"));
</script>
"""

COOKIE = "session"


class Session:
    """Somebody who has logged in, perhaps with WebSockets in several windows."""

    def __init__(self) -> None:
        self.user = f"user-{secrets.token_hex(4)}"
        self.sockets: set[WebSocket] = set()


class Sessions:
    """The sessions there are, by what their cookies hold; a real application keeps them in a store."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._sessions: dict[str, Session] = {}

    def begin(self) -> tuple[str, Session]:
        """Begin a session; return its secret, too."""
        secret = secrets.token_urlsafe()
        session = self._sessions[secret] = Session()
        asyncio.get_running_loop().call_later(self._lifetime, self.end, secret)
        return secret, session

    def end(self, secret: str) -> None:
        """End a session, and close its WebSockets."""
        session = self._sessions.pop(secret, None)
        if session is not None:
            for ws in session.sockets:
                ws.close(1008, "the session has ended")  # policy violation

    def find(self, secret: str) -> Session | None:
        """Return the session with this secret, if there is one."""
        return self._sessions.get(secret)


def secret_of(request: Request) -> str:
    """Return what the cookie holds; "" without one."""
    try:
        cookie = SimpleCookie(request.headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if cookie is None else cookie.value


def make_server(host: str, port: int, lifetime: float) -> HTTPServer:
    """Build the HTTP server."""
    http = HTTPServer(host, port)
    server = WebSocketServer(no_server=True)
    sessions = Sessions(lifetime)

    @http.on("request")
    def page(request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/":
                return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
            case "POST", "/login":
                sessions.end(secret_of(request))
                secret, session = sessions.begin()
                # No script can read it, and no page of another site makes the browser send it.
                cookie = f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict"
                return Response(200, {"Set-Cookie": cookie}, f"Hello, {session.user}\n")
            case "DELETE", "/logout":
                sessions.end(secret_of(request))
                return Response(200, {"Set-Cookie": f"{COOKIE}=; Path=/; Max-Age=0"}, "Goodbye\n")
        return Response(404, body="Not found: the page is at /\n")

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> Response | None:
        session = sessions.find(secret_of(request))
        if session is None:
            return Response(401, body="Log in first\n")
        ws = await server.handle_upgrade(request, socket, head)
        server.emit("connection", ws, request, session)
        return None

    @server.on("connection")
    def connection(ws: WebSocket, request: Request, session: Session) -> None:
        session.sockets.add(ws)
        ws.on("close", lambda: session.sockets.discard(ws))
        ws.on("message", lambda data: ws.send(f"{session.user} said: {data}"))
        if sessions.find(secret_of(request)) is not session:
            ws.close(1008, "the session has ended")  # while the WebSocket was opened

    # It is attached to nothing, so it is closed by us.
    http.on("close", server.close)
    http.on("listening", lambda: print(f"Serving http://{host}:{http.address()[1]}/", flush=True))
    return http


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Sessions with login and logout.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--lifetime", type=float, default=3600, help="of a session, in seconds")
    options = parser.parse_args()
    make_server(options.host, options.port, options.lifetime).run()


if __name__ == "__main__":
    main()
