"""A server that sends everything back.

python examples/server.py --port 8080
"""

import argparse

from wsline import WebSocket, WebSocketServer


async def handler(ws: WebSocket) -> None:
    print("connected:", ws.remote_address[0], flush=True)
    async for message in ws:
        print("received:", message, flush=True)
        await ws.send(message)
    print("closed:", ws.close_code, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    server = WebSocketServer(handler, "127.0.0.1", parser.parse_args().port)
    server.on("listening", lambda: print("listening at port", server.address()[1], flush=True))
    server.run()


if __name__ == "__main__":
    main()
