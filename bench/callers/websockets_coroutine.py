"""websockets' asyncio client, on uvloop, without compression."""

import meter
from websockets.asyncio.client import connect

LOOP = "uvloop"


async def main(url: str, message: bytes, trips: meter.Meter) -> None:
    async with connect(url, compression=None, proxy=None) as ws:
        going = True
        while going:
            await ws.send(message)
            meter.check(message, await ws.recv())
            going = trips.count()
