"""wsline in event style: a listener on each WebSocket."""

import asyncio

import entry

from wsline import WebSocket, WebSocketServer


def attach(server: WebSocketServer, app: str) -> None:
    """Give each WebSocket the listener that makes the app."""

    def echo(ws: WebSocket) -> None:
        @ws.on("message")
        def message(data: str | bytes) -> None:
            ws.send(data)

    def broadcast(ws: WebSocket) -> None:
        @ws.on("message")
        def message(data: str | bytes) -> None:
            server.broadcast(data)

    def burst(ws: WebSocket) -> None:
        def send_all(data: str | bytes) -> None:
            for _ in range(entry.BURST):
                ws.send(data)

        @ws.on("message")
        def message(data: str | bytes) -> None:
            asyncio.get_running_loop().call_soon(send_all, data)

    server.on("connection", {"echo": echo, "broadcast": broadcast, "burst": burst}[app])


async def main(options: entry.Options) -> None:
    more = entry.wsline_keywords(options)
    server = WebSocketServer(host="127.0.0.1", port=options.port, ssl=options.tls, **more)
    attach(server, options.app)
    entry.when_asked_to_close(server.close)
    await server.start()
    entry.announce(server.address()[1])
    await asyncio.Event().wait()  # a signal ends the process, also after it closed the server


entry.run(main)
