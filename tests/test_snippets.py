"""The programs that users see first run as they stand; only the port is another."""

import asyncio
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.architecture.tree import ROOT
from wsline import connect

DEADLINE = 20  # seconds

COROUTINES = """\
import asyncio
from wsline import connect, serve

async def echo(ws):                          # coroutine style
    async for message in ws:                 # str for text, bytes for binary
        await ws.send(message)

async def main():
    async with serve(echo, "127.0.0.1", 8080) as server:
        async with connect("ws://127.0.0.1:8080/") as ws:
            await ws.send("hello")
            print(await ws.recv())
        await server.serve_forever()

asyncio.run(main())
"""

EVENTS = """\
from wsline import WebSocketServer           # event style, as in ws

server = WebSocketServer(port=8080)

@server.on("connection")
def connection(ws, request):
    @ws.on("message")
    def message(data):                       # may also take is_binary
        ws.send(data)                        # need not be awaited

server.run()                                 # asyncio.run + SIGINT/SIGTERM → graceful close
"""

README = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def running(program: str) -> AsyncIterator[tuple[Process, int]]:
    """Run a program; yield its process and the port it uses."""
    port = free_port()
    assert "8080" in program
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-u",
        "-c",
        program.replace("8080", str(port)),
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def check_coroutines(program: str) -> None:
    async with running(program) as (process, port):
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), DEADLINE)
        assert line == b"hello\n", await process.communicate()
        # It serves for ever, and others too.
        async with connect(f"ws://127.0.0.1:{port}/") as ws:
            await ws.send(b"binary")
            assert await ws.recv() == b"binary"
            process.send_signal(signal.SIGINT)
            assert [message async for message in ws] == []
            assert ws.close_code == 1001
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE)
        assert output == b""
        # The snippet leaves Ctrl-C to asyncio.run, which raises it again when all is closed.
        assert errors.rstrip().endswith(b"KeyboardInterrupt")
        assert b"Error" not in errors.replace(b"CancelledError", b"")


async def check_events(program: str) -> None:
    async with running(program) as (process, port):
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    ws = await connect(f"ws://127.0.0.1:{port}/")
                    break
                except ConnectionRefusedError:  # not up yet
                    assert process.returncode is None, await process.communicate()
                    await asyncio.sleep(0.01)
        for message in ("text", b"binary"):
            ws.send(message)
            assert await ws.recv() == message
        process.send_signal(signal.SIGINT)
        assert [message async for message in ws] == []
        assert ws.close_code == 1001
        assert await asyncio.wait_for(process.communicate(), DEADLINE) == (b"", b"")
        assert process.returncode == 0


async def check_http(program: str) -> None:
    async with running(program) as (process, port):
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except ConnectionRefusedError:  # not up yet
                    assert process.returncode is None, await process.communicate()
                    await asyncio.sleep(0.01)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"\r\n\r\nThe chat is at /chat")
            writer.close()
            ws, other = [await connect(f"ws://127.0.0.1:{port}/chat") for _ in range(2)]
            await ws.send("hello")
            assert [await ws.recv(), await other.recv()] == ["hello", "hello"]
            await other.close()
            process.send_signal(signal.SIGINT)
            assert [message async for message in ws] == []
            assert ws.close_code == 1001
            assert await process.communicate() == (b"", b"")
        assert process.returncode == 0


async def test_two_styles_coroutines() -> None:
    await check_coroutines(COROUTINES)


async def test_two_styles_events() -> None:
    await check_events(EVENTS)


def test_the_readme_shows_programs() -> None:
    assert len(README) >= 2


@pytest.mark.parametrize("program", README)
async def test_the_programs_of_the_readme(program: str) -> None:
    kinds = {"server.run()": check_events, "serve_forever()": check_coroutines, "http.run()": check_http}
    checks = [check for sign, check in kinds.items() if sign in program]
    assert len(checks) == 1, f"say here how to try it:\n{program}"
    await checks[0](program)
