"""wsline in coroutine style: one handler per connection, which awaits messages."""

import asyncio
from collections.abc import Awaitable, Callable

import entry

from wsline import WebSocket, WebSocketServer, serve

Handler = Callable[[WebSocket], Awaitable[None]]


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def send_all(ws: WebSocket, message: str | bytes) -> None:
    for _ in range(entry.BURST):
        await ws.send(message)


async def burst(ws: WebSocket) -> None:
    async for message in ws:
        await asyncio.create_task(send_all(ws, message))


def broadcasting(server: "asyncio.Future[WebSocketServer]") -> Handler:
    """Return a handler that sends each message to all clients of the server to come."""

    async def broadcast(ws: WebSocket) -> None:
        async for message in ws:
            server.result().broadcast(message)

    return broadcast


async def main(options: entry.Options) -> None:
    more = entry.wsline_keywords(options)
    started: asyncio.Future[WebSocketServer] = asyncio.get_running_loop().create_future()
    handlers: dict[str, Handler] = {"echo": echo, "burst": burst, "broadcast": broadcasting(started)}
    server = await serve(handlers[options.app], "127.0.0.1", options.port, ssl=options.tls, **more)
    started.set_result(server)
    entry.when_asked_to_close(server.close)
    entry.announce(server.address()[1])
    await asyncio.Event().wait()  # a signal ends the process, also after it closed the server


entry.run(main)
