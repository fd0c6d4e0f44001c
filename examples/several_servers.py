"""Two WebSocketServers share one HTTP server: each takes the handshakes for its path.

python examples/several_servers.py --port 8080
python -m wsline connect ws://127.0.0.1:8080/loud
"""

import argparse

from wsline import WebSocket, WebSocketServer
from wsline.http import HTTPServer


async def loud(ws: WebSocket) -> None:
    """Say everything again, louder."""
    async for message in ws:
        await ws.send(message.upper())


async def soft(ws: WebSocket) -> None:
    """Say everything again, more softly."""
    async for message in ws:
        await ws.send(message.lower())


def make_server(host: str, port: int) -> HTTPServer:
    """Build the HTTP server. What is for neither path gets 404."""
    http = HTTPServer(host, port)
    WebSocketServer(loud, server=http, path="/loud")
    WebSocketServer(soft, server=http, path="/soft")

    @http.on("listening")
    def announce() -> None:
        for path in ("/loud", "/soft"):
            print(f"Serving ws://{host}:{http.address()[1]}{path}", flush=True)

    return http


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Two WebSocketServers on one port.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    make_server(options.host, options.port).run()


if __name__ == "__main__":
    main()
