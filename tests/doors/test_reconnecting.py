"""A client that stays connected, while its server comes and goes."""

import asyncio
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from wsline import ConnectionClosed, WebSocket, WebSocketServer

pytestmark = pytest.mark.parametrize("door", ["epoll", "transport", "tls"], indirect=True)


def server_at(door: Door, port: int) -> WebSocketServer:
    options: dict[str, Any] = {} if door.certificate is None else {"ssl": door.certificate.server}
    return WebSocketServer(echo, "127.0.0.1", port, **options)


async def test_a_server_that_restarts_is_found_again(door: Door) -> None:
    subscribed: list[WebSocket] = []
    received: list[Any] = []

    async def use(url: str) -> None:
        options: dict[str, Any] = {"reconnect_delay": 0.01, "reconnect_max_delay": 0.02}
        async for ws in door.connect(url, on_reconnect=subscribed.append, **options):
            try:
                await ws.send(f"hello {len(received)}")
                async for message in ws:
                    received.append(message)
            except ConnectionClosed:
                continue

    async with asyncio.timeout(DEADLINE):
        first = server_at(door, 0)
        await first.start()
        port = first.address()[1]
        task = asyncio.ensure_future(use(f"{door.scheme}://127.0.0.1:{port}/"))
        await until(lambda: received == ["hello 0"])
        first.close()
        await first.wait_closed()
        await asyncio.sleep(0.05)  # some attempts are refused meanwhile
        async with server_at(door, port) as second:
            await until(lambda: received == ["hello 0", "hello 1"])
            for each in tuple(second.clients):
                each.terminate()
            await until(lambda: len(received) == 3)
            assert len(subscribed) == 2
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            await until(lambda: not second.clients)
