"""wsline in event style: a listener on each WebSocket."""

import entry

from wsline import WebSocket, WebSocketServer


async def main(port: int) -> None:
    server = WebSocketServer(host="127.0.0.1", port=port)

    @server.on("connection")
    def connection(ws: WebSocket) -> None:
        @ws.on("message")
        def message(data: str | bytes) -> None:
            ws.send(data)

    await server.start()
    entry.announce(server.address()[1])
    await server.serve_forever()


entry.run(main)
