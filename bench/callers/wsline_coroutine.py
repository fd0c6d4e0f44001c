"""wsline's client in coroutine style."""

import meter

from wsline import connect

LOOP = "asyncio"


async def main(url: str, message: bytes, trips: meter.Meter) -> None:
    async with connect(url) as ws:
        going = True
        while going:
            await ws.send(message)
            meter.check(message, await ws.recv())
            going = trips.count()
