"""Nothing is left: descriptors, tasks, objects, reactors. And nobody starves."""

import asyncio
import gc
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import wsline.aio.reactor
from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import CLOSE, TEXT, Peer
from wsline import ConnectionClosed, ConnectionClosedError, WebSocket, WebSocketServer

N = 200


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_many_connections_leave_nothing(door: Door) -> None:
    gone: list[weakref.ref[WebSocket]] = []
    server = door.server(echo)

    server.on("connection", lambda ws: gone.append(weakref.ref(ws)))

    async def cycle(url: str) -> None:
        async with door.connect(url) as ws:
            gone.append(weakref.ref(ws))
            ws.send("x")
            assert await ws.recv() == "x"

    async with door.running(server) as served:
        await cycle(served.url)
        await until(lambda: not server.clients)
        tasks, opened = len(asyncio.all_tasks()), descriptors()
        gone.clear()
        with without_collector():
            for _ in range(N):
                await cycle(served.url)
            await until(lambda: not server.clients)
            await until(lambda: not any(each() for each in gone))
        assert len(gone) == 2 * N
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        await until(lambda: descriptors() == opened)
        assert asyncio.get_running_loop() not in wsline.aio.reactor._reactors


async def test_with_events_nothing_is_left(door: Door) -> None:
    heard: list[Any] = []

    async def live(url: str) -> weakref.ref[WebSocket]:
        ws = WebSocket(url, **door.client_options({}))
        ws.on("open", lambda: ws.send("x"))
        ws.on("message", lambda data: (heard.append(data), ws.close()))  # type: ignore[func-returns-value]
        ws.on("message", lambda data: None)
        ws.on("close", lambda: heard.append(ws.close_code))
        await ws.wait_closed()
        return weakref.ref(ws)

    async with door.serving(echo) as served:
        await live(served.url)
        with without_collector():
            reference = await live(served.url)
            await until(lambda: reference() is None)
    assert heard == ["x", 1000] * 2


@pytest.mark.parametrize("end", ["reset", "broken rule", "terminate", "cancelled"])
async def test_a_bad_end_leaves_nothing(door: Door, end: str) -> None:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        if end in ("terminate", "cancelled"):
            await over.wait()
            return
        assert (await peer.receive()).opcode == TEXT
        if end == "reset":
            peer.cut()
        else:
            peer.send(TEXT, b"\xff")
            assert (await peer.receive()).opcode == CLOSE

    async def live(url: str) -> weakref.ref[WebSocket]:
        ws = WebSocket(url, **door.client_options({}))
        reference = weakref.ref(ws)
        ws.on("error", lambda error: None)
        await until(lambda: ws.ready_state == WebSocket.OPEN)
        ws.send("x")
        if end == "terminate":
            ws.terminate()
        elif end == "cancelled":
            receiving = asyncio.create_task(ws.recv())
            await asyncio.sleep(0)
            receiving.cancel()
            await asyncio.wait([receiving])
            ws.terminate()
        await ws.wait_closed()
        return reference

    async with door.raw_server(script) as url:
        with without_collector():
            reference = await live(url)
            over.set()
            await until(lambda: reference() is None)


async def test_the_reactor_goes_with_its_last_channel(door: Door) -> None:
    loop = asyncio.get_running_loop()
    async with door.serving(echo) as served:
        assert loop not in wsline.aio.reactor._reactors
        async with door.connect(served.url) as one:
            first = wsline.aio.reactor._reactors[loop]
            async with door.connect(served.url):
                assert wsline.aio.reactor._reactors[loop] is first
            await one.ping()
            assert wsline.aio.reactor._reactors[loop] is first
        await until(lambda: loop not in wsline.aio.reactor._reactors)


# -- fairness


def swallowing_server(door: Door, style: str, heard: asyncio.Event) -> WebSocketServer:
    """Return a server that swallows what comes to /flood, and sends back what comes to /echo."""

    async def handler(ws: WebSocket) -> None:
        if ws.request.path == "/flood" and style == "coroutine":
            async for _ in ws:
                heard.set()
        await ws.wait_closed()

    def connection(ws: WebSocket) -> None:
        if ws.request.path == "/echo":
            ws.on("message", ws.send)
        elif style == "event":
            ws.on("message", heard.set)

    server = door.server(handler)
    server.on("connection", connection)
    return server


async def flood(door: Door, url: str, size: int) -> None:
    message = b"x" * size
    async with door.connect(url) as ws:
        try:
            while True:
                for _ in range(min(100, 4_000_000 // size)):  # within max_buffered
                    ws.send(message)
                await ws.send(message)
                await asyncio.sleep(0)
        except ConnectionClosed:
            return


@pytest.mark.parametrize(("style", "size"), [("coroutine", 100_000), ("event", 10)])
async def test_a_flood_starves_nobody(door: Door, style: str, size: int) -> None:
    """While one client floods the server, another one and the loop's timers go on."""
    heard = asyncio.Event()
    async with (
        door.running(swallowing_server(door, style, heard)) as served,
        door.connect(served.url + "echo") as ws,
    ):
        flooding = asyncio.create_task(flood(door, served.url + "flood", size))
        await asyncio.wait_for(heard.wait(), DEADLINE)
        worst = late = 0.0
        end = time.monotonic() + 0.15
        while time.monotonic() < end:
            started = time.monotonic()
            await ws.send("x")
            assert await ws.recv() == "x"
            worst = max(worst, time.monotonic() - started)
            started = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - started - 0.01)
        assert not flooding.done()
        flooding.cancel()
        await asyncio.wait([flooding])
    assert worst < 1
    assert late < 1


async def test_a_wound_heals(door: Door) -> None:
    """One connection is cut amid a batch; the others of the batch get theirs."""
    async with door.serving(echo) as served:
        sockets = [await door.connect(served.url) for _ in range(10)]
        for i, ws in enumerate(sockets):
            ws.send(f"{i}")
            if i == 5:
                ws.terminate()
        for i, ws in enumerate(sockets):
            if i == 5:
                with pytest.raises(ConnectionClosedError):
                    await ws.recv()
            else:
                assert await ws.recv() == f"{i}"
                await ws.close()
