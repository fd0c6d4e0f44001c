"""Who is there is found out before the WebSocket is opened, and passed on to whoever serves it.

python examples/authentication.py --port 8080 --user ada:secret
python -m wsline connect ws://ada:secret@127.0.0.1:8080/
"""

import argparse
import base64
import hmac
from hashlib import sha256

from wsline import WebSocket, WebSocketServer
from wsline.http import HTTPServer, Request, Response, UpgradeSocket

UNAUTHORIZED = Response(401, {"WWW-Authenticate": 'Basic realm="chat", charset="UTF-8"'}, "Who are you?\n")


def authenticate(request: Request, passwords: dict[str, str]) -> str | None:
    """Return the name of the user, or `None`.

    A real application would look into its session store or data base here, and could await it.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return None
    # The same work whether the user is unknown or the password is wrong: how long it takes tells nothing.
    known = passwords.get(name, "")
    same = hmac.compare_digest(sha256(password.encode()).digest(), sha256(known.encode()).digest())
    return name if same and name in passwords else None


def make_server(host: str, port: int, passwords: dict[str, str]) -> HTTPServer:
    """Build the HTTP server."""
    http = HTTPServer(host, port)
    chat = WebSocketServer(no_server=True)

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> Response | None:
        user = authenticate(request, passwords)
        if user is None:
            return UNAUTHORIZED
        ws = await chat.handle_upgrade(request, socket, head)
        chat.emit("connection", ws, request, user)
        return None

    @chat.on("connection")
    def connection(ws: WebSocket, request: Request, user: str) -> None:
        ws.on("message", lambda data: chat.broadcast(f"{user}: {data}"))
        ws.send(f"Welcome, {user}")

    # It is attached to nothing, so it is closed by us.
    http.on("close", chat.close)
    http.on("listening", lambda: print(f"Serving ws://{host}:{http.address()[1]}/", flush=True))
    return http


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Authentication before the upgrade.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    options = parser.parse_args()
    passwords = dict(each.split(":", 1) for each in options.user)
    make_server(options.host, options.port, passwords).run()


if __name__ == "__main__":
    main()
