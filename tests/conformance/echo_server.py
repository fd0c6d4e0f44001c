"""The echo server that the Autobahn suite tests: `echo_server.py [--style listener|coroutine] PORT`."""

import argparse
import asyncio

from wsline import WebSocket, WebSocketServer, serve

HOST = "127.0.0.1"


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def serve_coroutine(port: int) -> None:
    async with serve(echo, HOST, port, per_message_deflate=True) as server:
        await server.serve_forever()


def serve_listener(port: int) -> None:
    server = WebSocketServer(host=HOST, port=port, per_message_deflate=True)

    def connection(ws: WebSocket) -> None:
        ws.on("message", ws.send)

    server.on("connection", connection)
    server.run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--style", choices=["listener", "coroutine"], default="listener")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    if options.style == "listener":
        serve_listener(options.port)
    else:
        asyncio.run(serve_coroutine(options.port))


if __name__ == "__main__":
    main()
