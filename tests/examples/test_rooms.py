"""The rooms: the same example on one process, on workers, and on two machines' worth of them over Redis."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.aio.backplanes.brokers import RedisBroker
from tests.aio.workers import DEADLINE, Program, command
from tests.examples.programs import EXAMPLES
from wsline import WebSocket, connect

SERVER = str(EXAMPLES / "rooms" / "server.py")


@asynccontextmanager
async def rooms(workers: int, *arguments: str) -> AsyncIterator[Program]:
    """Run the example; its port is known when all workers serve."""
    words = ["--workers", str(workers)] * (workers > 1)
    async with command(sys.executable, SERVER, "--port", "0", *words, *arguments) as running:
        await running.says("Rooms at", workers)
        running.port = int(running.lines[-1].split("/")[2].rpartition(":")[2])
        yield running


async def enter(running: Program, room: str) -> WebSocket:
    ws = await connect(f"ws://127.0.0.1:{running.port}/{room}")
    async with asyncio.timeout(DEADLINE):
        assert await ws.recv() == f"* You are in /{room}."
    return ws


async def talk(everybody: list[WebSocket], other: WebSocket) -> None:
    """Each says something, which all others in the room hear, and nobody elsewhere does."""
    async with asyncio.timeout(DEADLINE):
        for number, speaker in enumerate(everybody):
            await speaker.send(f"I am {number}")
            for each in everybody:
                heard = ""
                while each is not speaker and heard != f"I am {number}":
                    heard = await each.recv()
                    assert heard.startswith(("*", "I am"))
        await other.send("anybody here?")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            raise AssertionError(f"{await other.recv()} was said in another room")


@pytest.mark.parametrize("workers", [1, 4])
async def test_one_machine(workers: int) -> None:
    async with rooms(workers) as running:
        kitchen = [await enter(running, "kitchen") for _ in range(6)]
        await talk(kitchen, await enter(running, "cellar"))


async def test_two_machines_over_redis(tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server here (apt-get install redis-server)")
    broker = RedisBroker(tmp_path)
    await broker.start()
    try:
        arguments = ("--backplane", broker.url)
        async with rooms(2, *arguments) as here, rooms(2, *arguments) as there:
            kitchen = [await enter(each, "kitchen") for each in (here, there) * 3]
            await talk(kitchen, await enter(there, "cellar"))
    finally:
        broker.kill()
