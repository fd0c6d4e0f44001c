"""The real command in its own process, through pipes or on a terminal, and servers for it."""

import asyncio
import os
import pty
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from wsline import WebSocket, WebSocketServer

DEADLINE = 20  # seconds for whatever the command should do
COMMAND = (sys.executable, "-W", "error", "-m", "wsline")


class Result(NamedTuple):
    """What the command left."""

    status: int
    output: bytes
    errors: str


async def start(*arguments: str, **settings: Any) -> Process:
    """Start the command with pipes."""
    streams = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE} | settings
    return await asyncio.create_subprocess_exec(*COMMAND, *arguments, **streams)


async def finish(process: Process, lines: bytes | None = None) -> Result:
    """Give the command the rest of its input, wait for its end, and return what it left."""
    try:
        async with asyncio.timeout(DEADLINE):
            output, errors = await process.communicate(lines)
    except TimeoutError:
        process.kill()
        raise AssertionError("the command did not end") from None
    assert process.returncode is not None
    return Result(process.returncode, output or b"", (errors or b"").decode())


async def run(*arguments: str, lines: bytes = b"") -> Result:
    """Run the command with this input."""
    return await finish(await start(*arguments), lines)


class Terminal:
    """The command on a terminal, as a person sees it."""

    def __init__(self, process: Process, descriptor: int) -> None:
        self.process = process
        self.seen = b""
        self._descriptor = descriptor

    async def wait_for(self, text: bytes) -> None:
        """Wait until the terminal shows this text."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                while text not in self.seen:
                    readable = loop.create_future()
                    loop.add_reader(self._descriptor, readable.set_result, None)
                    try:
                        await readable
                    finally:
                        loop.remove_reader(self._descriptor)
                    self.seen += os.read(self._descriptor, 65536)
        except (TimeoutError, OSError):
            raise AssertionError(f"{text!r} is not in {self.seen!r}") from None

    def type(self, text: bytes) -> None:
        """Type on the keyboard; `b"\\x04"` is Ctrl-D."""
        os.write(self._descriptor, text)

    async def end(self) -> int:
        """Wait for the end of the command and return its exit status."""
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


@asynccontextmanager
async def terminal(*arguments: str, colours: bool = False) -> AsyncIterator[Terminal]:
    """Start the command on a terminal of its own."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    if not colours:
        environment["NO_COLOR"] = "1"
    try:
        process = await start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        yield Terminal(process, ours)
        if process.returncode is None:
            process.kill()
            await process.wait()
    finally:
        os.close(ours)
        os.close(theirs)


@asynccontextmanager
async def serving(handler: Any, **options: Any) -> AsyncIterator[str]:
    """Run a server on a free port; yield its URL."""
    server = WebSocketServer(handler, "127.0.0.1", 0, **options)
    await server.start()
    try:
        yield f"ws://127.0.0.1:{server.address()[1]}/"
    finally:
        server.close()
        await server.wait_closed()


async def echo(ws: WebSocket) -> None:
    """Send every message back."""
    async for message in ws:
        await ws.send(message)
