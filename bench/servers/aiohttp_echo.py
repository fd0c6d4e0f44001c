"""aiohttp: its server on uvloop, without an access log; compression only where that is what is measured."""

import asyncio

import entry
from aiohttp import WSMessage, WSMsgType, web

clients: set[web.WebSocketResponse] = set()
tasks: set["asyncio.Task[None]"] = set()


async def send(ws: web.WebSocketResponse, message: WSMessage) -> None:
    if message.type is WSMsgType.TEXT:
        await ws.send_str(message.data)
    else:
        await ws.send_bytes(message.data)


async def send_all(ws: web.WebSocketResponse, message: WSMessage) -> None:
    for _ in range(entry.BURST):
        await send(ws, message)


async def burst(ws: web.WebSocketResponse, message: WSMessage) -> None:
    await asyncio.create_task(send_all(ws, message))


async def broadcast(ws: web.WebSocketResponse, message: WSMessage) -> None:
    for each in tuple(clients):
        await send(each, message)


def close_all() -> None:
    async def close() -> None:
        await asyncio.gather(*(ws.close(code=1001) for ws in clients))

    task = asyncio.ensure_future(close())
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def main(options: entry.Options) -> None:
    on_message = {"echo": send, "broadcast": broadcast, "burst": burst}[options.app]

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=options.deflate)
        await ws.prepare(request)
        clients.add(ws)
        try:
            async for message in ws:
                await on_message(ws, message)
        finally:
            clients.discard(ws)
        return ws

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=options.tls, backlog=4096)
    await site.start()
    entry.when_asked_to_close(close_all)
    entry.announce(runner.addresses[0][1])
    await asyncio.Event().wait()


entry.run(main, default_loop="uvloop")
