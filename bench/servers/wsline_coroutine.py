"""wsline in coroutine style: one handler per connection, which awaits messages."""

import entry

from wsline import WebSocket, serve


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main(port: int) -> None:
    async with serve(echo, "127.0.0.1", port) as server:
        entry.announce(server.address()[1])
        await server.serve_forever()


entry.run(main)
