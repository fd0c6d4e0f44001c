"""aiohttp's client, on uvloop."""

import meter
from aiohttp import ClientSession

LOOP = "uvloop"


async def main(url: str, message: bytes, trips: meter.Meter) -> None:
    async with ClientSession() as session, session.ws_connect(url) as ws:
        going = True
        while going:
            await ws.send_bytes(message)
            meter.check(message, await ws.receive_bytes())
            going = trips.count()
