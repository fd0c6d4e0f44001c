"""`wsline proxy`: TCP through WebSockets, in both directions, and through both at once."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.cli.command import DEADLINE, echo, finish, run_here, serving, start
from tests.cli.test_connect import unused_port
from wsline import connect


@asynccontextmanager
async def proxying(*words: str) -> AsyncIterator[tuple[str, int, list[str]]]:
    """Run the command; yield its URL, its port, and what it says, as it says it."""
    process = await start("proxy", *words)
    assert process.stderr is not None
    said: list[str] = []
    errors = process.stderr

    async def listen() -> None:
        while line := await errors.readline():
            said.append(line.decode())

    async with asyncio.timeout(DEADLINE):
        first = (await errors.readline()).decode()
    found = re.match(r"Listening at (\w+://127\.0\.0\.1:(\d+)\S*), for ", first)
    assert found is not None, first
    listener = asyncio.create_task(listen())
    try:
        yield found[1], int(found[2]), said
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            await listener
            assert await process.wait() == 0
        assert not [line for line in said if "Traceback" in line]
    finally:
        if process.returncode is None:
            process.kill()
        listener.cancel()
        await finish(process)


@asynccontextmanager
async def tcp_server(handle: Any) -> AsyncIterator[int]:
    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def tcp_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def exchange(port: int, data: bytes) -> bytes:
    """Send over TCP, and return what comes back of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(data)
        await writer.drain()

    sending = asyncio.create_task(send())
    answer = await reader.readexactly(len(data))
    await sending
    writer.close()
    await writer.wait_closed()
    return answer


async def said_in_time(said: list[str], words: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not any(words in line for line in said):
            await asyncio.sleep(0.01)


async def test_tcp_through_a_websocket() -> None:
    async with serving(echo) as url, proxying("tcp://127.0.0.1:0", url) as (_, port, said):
        async with asyncio.timeout(DEADLINE):
            assert await exchange(port, b"hello") == b"hello"
        await said_in_time(said, "#1 ended: 5 bytes from TCP, 5 bytes to it")


async def test_a_websocket_to_tcp() -> None:
    async with (
        tcp_server(tcp_echo) as target,
        proxying("-s", "binary", "ws://127.0.0.1:0/db", f"tcp://127.0.0.1:{target}") as (url, _, said),
        asyncio.timeout(DEADLINE),
    ):
        async with connect(url, ["other", "binary"]) as ws:
            assert ws.protocol == "binary"
            await ws.send(b"hello")
            assert await ws.recv() == b"hello"
            await ws.send("text")
            assert await ws.recv() == b"text"
        await said_in_time(said, "#1 ended: 9 bytes from TCP, 9 bytes to it")
        with pytest.raises(Exception, match="404"):
            await connect(url.replace("/db", "/other"))


async def test_both_ends_and_much_at_once() -> None:
    data = os.urandom(3_000_000)
    async with (
        tcp_server(tcp_echo) as target,
        proxying("ws://127.0.0.1:0/", f"tcp://127.0.0.1:{target}") as (url, _, _),
        proxying("tcp://127.0.0.1:0", url) as (_, port, said),
        asyncio.timeout(DEADLINE),
    ):
        assert await asyncio.gather(*(exchange(port, data) for _ in range(3))) == [data] * 3
        await said_in_time(said, "#3 ended")


async def test_the_end_of_either_side_ends_the_other() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    async with (
        tcp_server(greet) as target,
        proxying("ws://127.0.0.1:0/", f"tcp://127.0.0.1:{target}") as (url, _, _),
        asyncio.timeout(DEADLINE),
        connect(url) as ws,
    ):
        assert [message async for message in ws] == [b"bye"]
        assert ws.close_code == 1000


async def test_a_target_that_is_not_there_is_told_and_harms_nobody_else() -> None:
    nowhere = unused_port()
    async with proxying("tcp://127.0.0.1:0", f"ws://127.0.0.1:{nowhere}/") as (_, port, said):
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
                assert await asyncio.to_thread(sock.recv, 1) == b""
        await said_in_time(said, "wsline: #2: connection refused, is a server listening there?")
    async with proxying("ws://127.0.0.1:0", f"tcp://127.0.0.1:{nowhere}") as (url, _, said):
        async with asyncio.timeout(DEADLINE), connect(url) as ws:
            assert [message async for message in ws] == []
        await said_in_time(said, "wsline: #1: connection refused, is a server listening there?")


async def test_connections_are_bounded_and_end_with_the_command() -> None:
    async with (
        serving(echo) as url,
        proxying("--max-connections", "1", "tcp://127.0.0.1:0", url) as (_, port, said),
        asyncio.timeout(DEADLINE),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        other, second = await asyncio.open_connection("127.0.0.1", port)
        assert await other.read() == b""
        second.close()
        await said_in_time(said, "refused, 1 are connected (--max-connections)")
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "words",
    [
        ["tcp://127.0.0.1:1"],
        ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"],
        ["ws://127.0.0.1:1/", "ws://127.0.0.1:2/"],
        ["tcp://127.0.0.1:99999", "ws://127.0.0.1:2/"],
        ["tcp://127.0.0.1", "ws://127.0.0.1:2/"],
        ["tcp://127.0.0.1:1", "ws://"],
        ["udp://127.0.0.1:1", "ws://127.0.0.1:2/"],
    ],
)
async def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    result = await run_here(capsys, "proxy", *words)
    assert (result.status, result.errors.count("\n")) == (2, 1)


@pytest.mark.parametrize("scheme", ["tcp", "ws"])
async def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str], scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        here = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        there = "ws://127.0.0.1:1/" if scheme == "tcp" else "tcp://127.0.0.1:1"
        result = await run_here(capsys, "proxy", here, there)
    assert (result.status, result.errors.count("\n")) == (1, 1)
    assert "in use" in result.errors
