"""Load on an echo server, and on those that are none."""

import asyncio
import random
from typing import Any

import pytest

from tests.cli.command import DEADLINE, echo, serving
from tests.doors.door import until
from wsline import WebSocket
from wsline.cli import load as module
from wsline.cli.load import Load, LoadError


def make(url: str, **given: Any) -> Load:
    settings: dict[str, Any] = {"connections": 3, "depth": 4, "payload": "hello" * 20} | given
    return Load(url, [], {"per_message_deflate": False}, **settings)


async def test_all_connections_are_kept_busy() -> None:
    most: dict[WebSocket, int] = {}
    here: dict[WebSocket, int] = {}

    async def slow_echo(ws: WebSocket) -> None:
        async for message in ws:
            here[ws] = here.get(ws, 0) + 1
            most[ws] = max(most.get(ws, 0), here[ws])
            await asyncio.sleep(random.random() / 1000)
            here[ws] -= 1
            await ws.send(message)

    async with serving(slow_echo) as url, asyncio.timeout(DEADLINE):
        load = make(url)
        await load.open()
        await load.start()
        seconds = await load.measure(0.2)
        await load.close()
        assert len(most) == 3
    assert seconds >= 0.2
    assert load.opening > 0
    assert not load.deflated
    assert load.latencies.count > 20
    assert 0 < load.latencies.least <= load.latencies.mean <= load.latencies.most < DEADLINE


async def test_depth_is_how_many_are_on_their_way() -> None:
    received: list[Any] = []
    go = asyncio.Event()

    async def hold(ws: WebSocket) -> None:
        ws.on("message", received.append)
        await go.wait()
        for message in list(received):
            ws.send(message)
        await ws.wait_closed()

    async with serving(hold) as url, asyncio.timeout(DEADLINE):
        load = make(url, connections=1, depth=5, payload=b"\x00\x01")
        await load.open()
        starting = asyncio.create_task(load.start())
        await until(lambda: len(received) == 5)
        go.set()
        await starting
        await load.close()
    assert set(received) == {b"\x00\x01"}


async def test_compression_is_told() -> None:
    async with serving(echo, per_message_deflate=True) as url:
        load = Load(url, [], {"per_message_deflate": True}, connections=1, depth=1, payload="x" * 2000)
        await load.open()
        await load.start()
        await load.close()
    assert load.deflated


async def other(ws: WebSocket) -> None:
    async for _ in ws:
        await ws.send("something else")


async def silent(ws: WebSocket) -> None:
    async for _ in ws:
        pass


async def hang_up(ws: WebSocket) -> None:
    await ws.recv()
    await ws.close(1013, "too busy")


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (other, "another message came than was sent"),
        (silent, "nothing came back within 0 s"),
        (hang_up, "a connection was lost: .*too busy"),
    ],
)
async def test_other_servers_cannot_be_measured(
    handler: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if handler is silent:
        monkeypatch.setattr(module, "_FIRST_ANSWER", 0.1)
    async with serving(handler) as url, asyncio.timeout(DEADLINE):
        load = make(url, connections=1, depth=1)
        await load.open()
        with pytest.raises(LoadError, match=why):
            await load.start()
            await load.measure(DEADLINE)
        await load.close()


async def test_a_failure_to_connect_is_raised_as_it_is() -> None:
    async with serving(echo, max_connections=2) as url:
        load = make(url, connections=3)
        with pytest.raises(Exception, match="503") as caught:
            await load.open()
        assert not isinstance(caught.value, ExceptionGroup)
        await load.close()
