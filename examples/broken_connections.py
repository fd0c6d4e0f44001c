"""Detect connections that are broken, on both ends: a peer that is gone does not say goodbye.

    python examples/broken_connections.py --port 8080 --interval 20

Both ends do so of themselves: every `ping_interval` seconds they ping, and when for `ping_timeout` seconds
nothing at all has come, they give the peer up. With `ws` a server needs a loop for that, as in `ping_all`.
"""

import argparse
import asyncio

from wsline import KeepaliveTimeout, State, WebSocket, WebSocketServer


async def handler(ws: WebSocket) -> None:
    ws.on("message", ws.send)
    await ws.wait_closed()
    if isinstance(ws.close_info.cause, KeepaliveTimeout):
        print("broken:", ws.close_info.hint, flush=True)
    else:
        print("closed:", ws.close_code, flush=True)


async def ping_all(server: WebSocketServer, interval: float) -> None:
    """Do by hand what `ping_interval` does; here for comparison."""
    while True:
        alive = [ws for ws in server.clients if ws.ready_state == State.OPEN]
        waiting = {ws: asyncio.ensure_future(ws.ping()) for ws in alive}
        await asyncio.sleep(interval)
        for ws, pong in waiting.items():
            if not pong.done():
                ws.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--interval", type=float, default=20.0)
    parser.add_argument("--by-hand", action="store_true")
    arguments = parser.parse_args()
    every = None if arguments.by_hand else arguments.interval
    server = WebSocketServer(handler, "127.0.0.1", arguments.port, ping_interval=every, ping_timeout=every)

    @server.on("listening")
    async def listening() -> None:
        print("listening at port", server.address()[1], flush=True)
        if arguments.by_hand:
            await ping_all(server, arguments.interval)

    server.run()


if __name__ == "__main__":
    main()
