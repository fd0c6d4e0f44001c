"""Programs with workers, in processes of their own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from wsline import WebSocket, connect

DEADLINE = 20  # seconds, for whatever must come

HEAD = """
import asyncio, logging, os, sys, time
from wsline import WebSocketServer

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)

async def handler(ws):
    await ws.subscribe("all")
    await ws.send(f"{server.worker} {os.getpid()}")
    async for message in ws:
        if message == "die":
            os._exit(3)
        server.publish("all", message)

server = WebSocketServer(handler, "127.0.0.1", 0)
server.on("listening", lambda: print("at", server.address()[1], flush=True))
"""


class Program:
    """A program that runs.

    Attributes:
        port: where it listens.
        lines: what it has printed.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.port = 0
        self.lines: list[str] = []
        self._came = asyncio.Condition()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            async with self._came:
                self.lines.append(line.decode().rstrip())
                if self.lines[-1].startswith("at "):
                    self.port = int(self.lines[-1].split()[1])
                self._came.notify_all()
        async with self._came:
            self._came.notify_all()

    async def says(self, text: str, times: int = 1) -> None:
        """Wait until so many lines contain this text."""
        try:
            async with asyncio.timeout(DEADLINE), self._came:
                while sum(text in line for line in self.lines) < times:
                    assert not self._reading.done(), self.lines
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"it does not say {text!r} {times} times: {self.lines}") from None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ends(self) -> int:
        """Wait for its end; return its status."""
        async with asyncio.timeout(DEADLINE):
            status = await self.process.wait()
            await self._reading
        return status

    async def join(self) -> tuple[WebSocket, int, int]:
        """Connect; return the WebSocket, and the number and the process of its worker."""
        async with asyncio.timeout(DEADLINE):
            ws = await connect(f"ws://127.0.0.1:{self.port}/")
            number, pid = (await ws.recv()).split()
        return ws, int(number), int(pid)

    async def join_all(self, workers: Iterable[int]) -> dict[int, tuple[WebSocket, int]]:
        """Return a WebSocket of each of these workers, and its process."""
        found: dict[int, tuple[WebSocket, int]] = {}
        wanted = set(workers)
        async with asyncio.timeout(DEADLINE):
            while found.keys() != wanted:
                ws, number, pid = await self.join()
                if number in wanted - found.keys():
                    found[number] = (ws, pid)
                else:
                    await ws.close()
        return found


@asynccontextmanager
async def program(text: str, workers: int) -> AsyncIterator[Program]:
    """Run a program; wait until its workers serve."""
    async with command(sys.executable, "-c", text) as running:
        await running.says("at ", workers)
        yield running


@asynccontextmanager
async def command(*words: str) -> AsyncIterator[Program]:
    """Run a command, and kill all that it has started."""
    # Unbuffered, the lines of several processes would be mixed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = await asyncio.create_subprocess_exec(
        *words, stdout=PIPE, stderr=STDOUT, start_new_session=True, env=environment
    )
    running = Program(process)
    try:
        yield running
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await running.ends()
