"""The real command in its own process, through pipes or on a terminal, and servers for it."""

import asyncio
import os
import pty
import sys
import termios
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from wsline import WebSocket, WebSocketServer
from wsline.cli.main import parse

DEADLINE = 20  # seconds for whatever the command should do
WHERE_IS_THE_CURSOR = b"\x1b[6n"
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


async def run_here(capsys: pytest.CaptureFixture[str], *arguments: str) -> Result:
    """Run a command in this process, which is quicker, with its output in pipes."""
    try:
        options = parse(arguments)
        status = await options.run(options)
    except SystemExit as ended:
        status = ended.code
    output, errors = capsys.readouterr()
    return Result(status, output.encode(), errors)


class Terminal:
    """The command on a terminal, as a person sees it."""

    def __init__(self, process: Process, descriptor: int) -> None:
        self.process = process
        self.seen = b""
        self._descriptor = descriptor

    async def wait_for(self, text: bytes, count: int = 1) -> None:
        """Wait until the terminal has shown this text so many times."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                while self.seen.count(text) < count:
                    readable = loop.create_future()
                    loop.add_reader(self._descriptor, readable.set_result, None)
                    try:
                        await readable
                    finally:
                        loop.remove_reader(self._descriptor)
                    self._see(os.read(self._descriptor, 65536))
        except (TimeoutError, OSError):
            raise AssertionError(f"{text!r} is not in {self.seen!r}") from None

    def _see(self, shown: bytes) -> None:
        self.seen += shown
        if WHERE_IS_THE_CURSOR in shown:
            self.type(b"\x1b[1;1R")

    async def wait_until_raw(self) -> None:
        """Wait until a line editor has the keyboard: before, the system itself takes Ctrl-D."""
        async with asyncio.timeout(DEADLINE):
            while termios.tcgetattr(self._descriptor)[3] & termios.ICANON:
                await asyncio.sleep(0.01)

    def type(self, text: bytes) -> None:
        """Type on the keyboard; `b"\\x04"` is Ctrl-D."""
        os.write(self._descriptor, text)

    async def end(self) -> int:
        """Wait for the end of the command and return its exit status."""
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


@asynccontextmanager
async def terminal(
    *arguments: str, colours: bool = False, kind: str = "dumb", home: Path | None = None
) -> AsyncIterator[Terminal]:
    """Start the command on a terminal of its own; on a dumb one it edits no lines."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment["TERM"] = kind
    if home is not None:
        environment["XDG_STATE_HOME"] = str(home)
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
