"""The examples of one file each, as the lines at their top run them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.doors.peer import PING, REQUEST
from tests.doors.proxies import tinyproxy
from wsline import connect

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE = 20  # seconds


async def start(name: str, *arguments: str) -> Process:
    program = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, stderr=PIPE)


async def run(name: str, *arguments: str, given: bytes = b"") -> str:
    """Run an example to its end; return what it printed."""
    process = await start(name, *arguments)
    async with asyncio.timeout(DEADLINE):
        output, errors = await process.communicate(given)
    assert (process.returncode, errors) == (0, b"")
    return output.decode()


class Running(NamedTuple):
    """An example that serves."""

    process: Process
    port: int
    url: str

    async def line(self) -> str:
        """Return the next line it prints."""
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            return (await self.process.stdout.readline()).decode().rstrip("\n")


@asynccontextmanager
async def serving(name: str, *arguments: str) -> AsyncIterator[Running]:
    """Run an example that serves; it must end cleanly on Ctrl-C."""
    process = await start(name, "--port", "0", *arguments)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"listening at port (\d+)\n", line)
        assert found, (line, process.stderr and await process.stderr.read(2000))
        yield Running(process, int(found[1]), f"ws://127.0.0.1:{found[1]}/")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE):
            _, errors = await process.communicate()
        assert (
            b"Traceback" not in errors.replace(b"KeyboardInterrupt", b"") or name == "broken_connections.py"
        )
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_a179_text() -> None:
    async with serving("server.py") as server:
        assert await run("text.py", server.url) == "received: something\n"


async def test_a180_binary() -> None:
    async with serving("server.py") as server:
        assert await run("binary.py", server.url) == "received: 0.0 0.5 1.0 1.5 2.0\n"


async def test_a181_a_simple_server() -> None:
    async with serving("server.py") as server, connect(server.url) as ws:
        assert await server.line() == "connected: 127.0.0.1"
        await ws.send("hello")
        assert await ws.recv() == "hello"
        assert await server.line() == "received: hello"
        await ws.close(1001)
        assert await server.line() == "closed: 1001"


@pytest.mark.parametrize("to_all", [False, True])
async def test_a186_broadcasting(to_all: bool) -> None:
    async with (
        serving("broadcast.py", *["--all"] * to_all) as server,
        connect(server.url) as one,
        connect(server.url) as two,
        asyncio.timeout(DEADLINE),
    ):
        await one.send("from one")
        assert await two.recv() == "from one"
        await two.send(b"from two")
        received = [await one.recv()]
        if to_all:
            received.append(await one.recv())
        assert received == ["from one"] * to_all + [b"from two"]


async def test_a187_round_trip_time() -> None:
    async with serving("server.py") as server:
        lines = (await run("round_trip.py", server.url, "2")).splitlines()
    assert [line.split()[0] for line in lines] == ["ping:", "message:", "ping:", "message:", "latency:"]
    times = [float(line.split()[1]) for line in lines]
    assert all(0 < each < 10_000 for each in times)
    assert times[-1] == times[2]


async def test_a188_streams() -> None:
    data = os.urandom(3_000_000)
    async with serving("server.py") as server:
        reading = asyncio.ensure_future(drain(server))
        process = await start("stdio.py", server.url)
        async with asyncio.timeout(DEADLINE):
            output, errors = await process.communicate(data)
        reading.cancel()
    assert (process.returncode, errors) == (0, b"")
    assert output == data


async def drain(server: Running) -> None:
    """Read what a server prints, so that it can go on printing."""
    assert server.process.stdout is not None
    while await server.process.stdout.read(65536):
        pass


async def test_a189_server_statistics() -> None:
    async with serving("server_stats.py") as server:
        async with connect(server.url) as ws, asyncio.timeout(DEADLINE):
            stats = [json.loads(await ws.recv()) for _ in range(3)]
            async with connect(f"{server.url}dashboard/live") as live:
                figures = json.loads(await live.recv())
            assert (figures["connections"], figures["clients"][0]["path"]) == (1, "/")
        assert (await server.line()).startswith("gone: ")
    assert [each["sent"] for each in stats] == [0, 1, 2]
    assert all(0.09 < later["time"] - each["time"] < 5 for each, later in pairwise(stats))
    assert all(each["max_rss_kib"] > 1000 for each in stats)


async def test_a190_tls(tmp_path: Path) -> None:
    text = EXAMPLES.joinpath("tls.py").read_text()
    command = text[text.index("openssl") : text.index("    python")].replace("\\\\\n", " ").split()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    output = await run("tls.py", str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem"))
    verified, unverified, refused = output.splitlines()
    assert (verified, unverified) == ("TLSv1.3: verified", "TLSv1.3: not verified")
    assert "refused: it is self-signed; if you trust it, pass ssl=ssl.create_default_context" in refused


async def test_a193_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ws_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with serving("server.py") as server:
        with tinyproxy(tmp_path) as proxy:
            assert (
                await run("through_a_proxy.py", server.url, "--proxy", proxy.url("http"))
                == "received: through a proxy\n"
            )
            seen = proxy.log.stat().st_size
            monkeypatch.setenv("all_proxy", proxy.url("http"))
            assert await run("through_a_proxy.py", server.url) == "received: through a proxy\n"
            assert proxy.log.stat().st_size > seen
        assert (await run("through_a_proxy.py", server.url)).startswith("the proxy says no: proxy http://")


@pytest.mark.parametrize("by_hand", [False, True])
async def test_a192_broken_connections(by_hand: bool) -> None:
    """A peer that opens and then answers no ping."""
    arguments = ["--interval", "0.5", *["--by-hand"] * by_hand]
    async with serving("broken_connections.py", *arguments) as server, connect(server.url) as well:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST + b"\r\n")
        async with asyncio.timeout(DEADLINE):
            await reader.readuntil(b"\r\n\r\n")
            first, _ = await reader.readexactly(2)
            assert first == 0x80 | PING
            line = await server.line()
        if by_hand:
            assert line == "closed: 1006"
        else:
            assert line.startswith("broken: the connection failed: the peer answered no ping for 0.5 s")
        await well.send("still here")
        assert await well.recv() == "still here"
        writer.close()


async def test_a194_tuning_compression() -> None:
    async with serving("compression.py") as server:
        async with connect(server.url) as ws, asyncio.timeout(DEADLINE):
            assert await server.line() == (
                "agreed: permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
                " server_max_window_bits=10; client_max_window_bits=12"
            )
            received = 0
            for size, most in ((1023, 1027), (1024, 40), (50_000, 500)):
                await ws.send("x" * size)
                assert await ws.recv() == "x" * size
                came = ws.stats.bytes_received - received
                received += came
                assert most // 3 < came <= most, size
        line = await server.line()
        found = re.fullmatch(r"messages of 52047 characters came in (\d+) bytes", line)
        assert found and 1000 < int(found[1]) < 2000, line
        assert await server.line() == "zlib holds 0 bytes"


async def test_a145_sans_io() -> None:
    async with serving("server.py") as server:
        lines = (await run("sans_io.py", server.url, "by hand")).splitlines()
    assert lines[0] == "by hand"
    assert lines[1].startswith("we closed the connection")
