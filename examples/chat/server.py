"""A chat room for browsers and terminals, over plain lines of text.

Run it, open the page it names in two windows, and join from a terminal with the line it prints:

    python examples/chat/server.py --port 8080

Every message is one line. The server sends two kinds: `NAME: TEXT` is what somebody wrote, `* TEXT` is
a notice. `/name NAME` chooses a name; everything else is said to the whole room.
"""

import argparse
import errno
import os
import re
import sys
from pathlib import Path

from wsline import Request, Response, WebSocket, WebSocketServer

PAGE = Path(__file__).with_name("page.html").read_bytes()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:"
    ),
}
NAME = re.compile(r"[\w-]{1,20}")
MAX_LINE = 4096  # bytes; a longer message closes its sender with 1009


class Room:
    """Who is connected, and under which name."""

    def __init__(self, server: WebSocketServer) -> None:
        self._server = server
        self._names: dict[WebSocket, str] = {}

    def enter(self, ws: WebSocket) -> None:
        """Welcome a new connection and tell the room."""
        name = self._names[ws] = self._guest_name()
        ws.send(f"* You are {name}. Write /name NAME to choose another name.")
        self._server.broadcast(f"* {name} joined ({self._people()})")

    def leave(self, ws: WebSocket) -> None:
        """Tell the room that this connection is gone."""
        name = self._names.pop(ws)
        self._server.broadcast(f"* {name} left ({self._people()})")

    def hear(self, ws: WebSocket, data: str | bytes) -> None:
        """Take one message: a change of name, or a line for the whole room."""
        if isinstance(data, bytes):
            ws.send("* This room takes text only.")
            return
        line = " ".join(data.splitlines()).strip()
        command, _, rest = line.partition(" ")
        if command == "/name":
            self._rename(ws, rest.strip())
        elif line:
            self._server.broadcast(f"{self._names[ws]}: {line}")

    def _rename(self, ws: WebSocket, name: str) -> None:
        if not NAME.fullmatch(name):
            ws.send("* A name is 1 to 20 letters, digits, - or _: /name Ada")
        elif self._is_taken(name, ws):
            ws.send(f"* The name {name} is taken.")
        else:
            old, self._names[ws] = self._names[ws], name
            ws.send(f"* You are {name}.")
            self._server.broadcast(f"* {old} is now {name}", exclude=[ws])

    def _is_taken(self, name: str, ws: WebSocket) -> bool:
        others = (other for each, other in self._names.items() if each is not ws)
        return name.casefold() in map(str.casefold, others)

    def _guest_name(self) -> str:
        taken = set(map(str.casefold, self._names.values()))
        number = 1
        while f"guest-{number}" in taken:
            number += 1
        return f"guest-{number}"

    def _people(self) -> str:
        count = len(self._names)
        return f"{count} {'person' if count == 1 else 'people'} here"


def answer_page(request: Request) -> Response | None:
    """Answer what is not the WebSocket: the page at `/`, and nothing else."""
    if request.path == "/chat":
        return None
    if request.path == "/":
        return Response(200, headers=PAGE_HEADERS, body=PAGE)
    return Response(404, headers={"Content-Type": "text/plain"}, body=b"Not found: the chat is at /\n")


def python() -> str:
    """Return how this Python is called from here: that of `make run` is in .venv."""
    near = os.path.relpath(sys.executable)
    return sys.executable if near.startswith("..") else near


def make_server(host: str, port: int) -> WebSocketServer:
    """Build the server, not yet listening."""
    server = WebSocketServer(
        host=host, port=port, path="/chat", process_request=answer_page, max_payload=MAX_LINE
    )
    room = Room(server)

    @server.on("listening")
    def announce() -> None:
        address = f"[{host}]" if ":" in host else host
        address = f"{address}:{server.address()[1]}"
        print(f"Chat on http://{address} (Ctrl-C stops it)")
        print(f"From another terminal: {python()} -m wsline connect ws://{address}/chat", flush=True)

    @server.on("connection")
    def enter(ws: WebSocket) -> None:
        ws.on("message", lambda data: room.hear(ws, data))
        ws.on("close", lambda: room.leave(ws))
        room.enter(ws)

    return server


def main() -> None:
    """Run the chat until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A chat room for browsers and terminals.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: %(default)s)")
    options = parser.parse_args()
    try:
        make_server(options.host, options.port).run()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {options.port} is in use: choose another with --port.")
        sys.exit(f"Cannot listen on {options.host}, port {options.port}: {error.strerror or error}")


if __name__ == "__main__":
    main()
