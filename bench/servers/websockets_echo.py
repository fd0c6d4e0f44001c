"""websockets: its asyncio server on uvloop; compression only where that is what is measured."""

import asyncio
import logging

import entry
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve

logging.getLogger("websockets").setLevel(logging.CRITICAL)  # a load generator that leaves is no news


async def echo(ws: ServerConnection) -> None:
    async for message in ws:
        await ws.send(message)


async def send_all(ws: ServerConnection, message: str | bytes) -> None:
    for _ in range(entry.BURST):
        await ws.send(message)


async def burst(ws: ServerConnection) -> None:
    async for message in ws:
        await asyncio.create_task(send_all(ws, message))


async def broadcast_all(ws: ServerConnection) -> None:
    server = ws.server
    assert isinstance(server, Server)
    async for message in ws:
        broadcast(server.connections, message)


async def main(options: entry.Options) -> None:
    handler = {"echo": echo, "broadcast": broadcast_all, "burst": burst}[options.app]
    compression = "deflate" if options.deflate else None
    server = await serve(
        handler, "127.0.0.1", options.port, compression=compression, ssl=options.tls, backlog=4096
    )
    entry.when_asked_to_close(server.close)
    entry.announce(next(iter(server.sockets)).getsockname()[1])
    await asyncio.Event().wait()  # a signal ends the process, also after it closed the server


entry.run(main, default_loop="uvloop")
