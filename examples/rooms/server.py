"""Chat rooms: one process, or many on one machine or several; only the options differ.

    python examples/rooms/server.py
    python examples/rooms/server.py --workers 4
    python examples/rooms/server.py --workers 4 --backplane redis://127.0.0.1:6379

The path is the room. Join one from a terminal, and say something in another one:

    python -m wsline connect ws://127.0.0.1:8080/kitchen

`wsline serve examples.rooms.server:server --workers 4` runs it, too, where it can be reloaded.
"""

import argparse

from wsline import WebSocket, WebSocketServer

MAX_LINE = 4096  # bytes; a longer message closes its sender with 1009


async def handle(ws: WebSocket) -> None:
    """Let a client into the room that its path names; what it says goes to all others there."""
    room = ws.request.path
    await ws.subscribe(room)  # from now on it hears those of the other processes, too
    ws.send(f"* You are in {room}.")
    server.publish(room, "* Somebody came in.", exclude=[ws])
    try:
        async for line in ws:
            server.publish(room, line, exclude=[ws])
    finally:
        server.publish(room, "* Somebody left.", exclude=[ws])


def make_server(host: str = "127.0.0.1", port: int = 8080, backplane: str = "memory://") -> WebSocketServer:
    """Build the server, not yet listening."""
    made = WebSocketServer(handle, host, port, backplane=backplane, max_payload=MAX_LINE)
    made.on("listening", announce)
    return made


def announce() -> None:
    """Tell where the rooms are."""
    worker = "" if server.worker is None else f" (worker {server.worker})"
    print(f"Rooms at ws://127.0.0.1:{server.address()[1]}/{worker}", flush=True)


server = make_server()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chat rooms.")
    parser.add_argument("--port", type=int, default=8080, help="port to listen at (default: %(default)s)")
    parser.add_argument("--workers", type=int, help="run in so many processes")
    parser.add_argument(
        "--backplane", default="memory://", metavar="URL", help="for example redis://127.0.0.1"
    )
    options = parser.parse_args()
    server = make_server(port=options.port, backplane=options.backplane)
    server.run(workers=options.workers)
