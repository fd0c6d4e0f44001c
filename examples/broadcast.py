"""What one client sends goes to all others, or with --all to all; in the style of events.

python examples/broadcast.py --port 8080
"""

import argparse

from wsline import Request, WebSocket, WebSocketServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--all", action="store_true", help="the sender gets it, too")
    arguments = parser.parse_args()
    server = WebSocketServer(host="127.0.0.1", port=arguments.port)

    @server.on("connection")
    def connection(ws: WebSocket, request: Request) -> None:
        @ws.on("message")
        def message(data: str | bytes) -> None:
            # Framed once for all; a client that reads slowly holds up nobody.
            server.broadcast(data, exclude=() if arguments.all else {ws})

    server.on("listening", lambda: print("listening at port", server.address()[1], flush=True))
    server.run()


if __name__ == "__main__":
    main()
