"""The tasks of handlers: how they end, and how they are ended."""

import asyncio

from tests.doors.door import echo, until
from wsline import WebSocket, connect, serve
from wsline.aio.handlers import Handlers

DEADLINE = 10  # seconds


async def test_they_are_counted_and_can_be_cancelled() -> None:
    ends: list[str] = []

    async def never(ws: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    handlers = Handlers(never, lambda: ends.append(f"{len(handlers)} left"))
    async with serve(echo, "127.0.0.1", 0) as server, connect(f"ws://127.0.0.1:{server.address()[1]}") as ws:
        handlers.start(ws)
        handlers.start(ws)
        await asyncio.sleep(0)
        assert len(handlers) == 2
        handlers.cancel()
        await until(lambda: not handlers)
        assert ends == ["cancelled", "cancelled", "1 left", "0 left"]


async def test_the_websocket_is_closed_at_the_end() -> None:
    async def nothing(ws: WebSocket) -> None:
        """Returns at once."""

    handlers = Handlers(nothing, lambda: None)
    async with serve(echo, "127.0.0.1", 0) as server:
        ws = await connect(f"ws://127.0.0.1:{server.address()[1]}")
        handlers.start(ws)
        await asyncio.wait_for(ws.wait_closed(), DEADLINE)
        assert ws.close_code == 1000
