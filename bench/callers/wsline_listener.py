"""wsline's client in event style."""

import asyncio

import meter

from wsline import connect

LOOP = "asyncio"


async def main(url: str, message: bytes, trips: meter.Meter) -> None:
    over = asyncio.Event()
    async with connect(url) as ws:

        @ws.on("message")
        def echo(data: str | bytes) -> None:
            meter.check(message, data)
            if trips.count():
                ws.send(message)
            else:
                over.set()

        ws.send(message)
        await over.wait()
