"""The client's address behind a reverse proxy, from X-Forwarded-For.

nginx, in front of it, needs these lines; the last one says who the client is:

    location / {
        proxy_pass http://127.0.0.1:8080;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }

The header is believed only from the proxies that are named here: anybody else could write it too.

    python examples/behind_a_proxy.py --port 8080 --trust 127.0.0.1 --trust 10.0.0.0/8
"""

import argparse

from wsline import WebSocket, WebSocketServer
from wsline.http import client_ip


def make_server(host: str, port: int, trusted: list[str]) -> WebSocketServer:
    """Build a server that tells each client its address."""
    server = WebSocketServer(host=host, port=port)

    @server.on("connection")
    def connection(ws: WebSocket) -> None:
        ws.send(f"You are {client_ip(ws.request, trusted)}")

    server.on("listening", lambda: print(f"Serving ws://{host}:{server.address()[1]}/", flush=True))
    return server


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="The client's address behind a reverse proxy.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--trust", action="append", default=[], metavar="ADDRESS", help="of a proxy of ours")
    options = parser.parse_args()
    make_server(options.host, options.port, options.trust).run()


if __name__ == "__main__":
    main()
