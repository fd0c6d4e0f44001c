"""The server under attack: an echo server with its default settings, in a process of its own.

It prints its port. `/close` closes when a message comes; `/fill` sends for ever; `/full` sends, then closes.
"""

import argparse
import asyncio
import resource
from typing import Any

import uvloop

from wsline import WebSocket, WebSocketServer

MIB = 1 << 20


async def handle(ws: WebSocket) -> None:
    """Echo, or do what the path asks for: in coroutine style."""
    path = ws.request.path
    if path == "/close":
        await ws.recv()
        return
    if path == "/fill":
        while True:
            await ws.send(bytes(MIB))
    if path == "/full":
        ws.send(bytes(8 * MIB))
        await ws.close()
        return
    async for message in ws:
        await ws.send(message)


def listen(ws: WebSocket, request: Any) -> None:
    """Echo, or do what the path asks for: in listener style."""
    if request.path == "/close":
        ws.on("message", lambda: ws.close(1000))
    elif request.path == "/fill":
        ws.send(bytes(8 * MIB))
    elif request.path == "/full":
        ws.send(bytes(8 * MIB))
        ws.close()
    else:
        ws.on("message", ws.send)


async def serve(style: str, options: dict[str, Any]) -> None:
    """Serve until the process is killed."""
    server = WebSocketServer(handle if style == "coroutine" else None, "127.0.0.1", 0, **options)
    if style == "listener":
        server.on("connection", listen)
    async with server:
        print(server.address()[1], flush=True)
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=["asyncio", "uvloop"])
    parser.add_argument("--style", choices=["coroutine", "listener"])
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--files", type=int)
    arguments = parser.parse_args()
    if arguments.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (arguments.files, arguments.files))
    factory = uvloop.new_event_loop if arguments.loop == "uvloop" else asyncio.new_event_loop
    options = {"per_message_deflate": True} if arguments.deflate else {}
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(arguments.style, options))


if __name__ == "__main__":
    main()
