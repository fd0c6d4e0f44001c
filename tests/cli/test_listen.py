"""`wsline listen`: what it shows, sends and serves."""

import asyncio
import re
import signal
import socket
import sys
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cli.command import DEADLINE, finish, run, run_here, start, terminal
from wsline import InvalidStatus, connect
from wsline.cli.listen import Hub
from wsline.cli.main import parse
from wsline.cli.screen import Screen


@asynccontextmanager
async def listening(*words: str, scheme: str = "ws") -> AsyncIterator[tuple[str, Process]]:
    """Run the command at a free port; yield its URL and the process, which must end well on SIGTERM."""
    process = await start("listen", "0", *words)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE):
            line = (await process.stderr.readline()).decode()
        found = re.fullmatch(rf"Listening at ({scheme}://127\.0\.0\.1:\d+/\S*)\n", line)
        assert found is not None, line
        yield found[1], process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        result = await finish(process)
    assert result.status == 0
    assert "Traceback" not in result.errors


@asynccontextmanager
async def listening_here(*words: str) -> AsyncIterator[str]:
    """The same in this process, which is quicker."""
    hub = Hub(Screen(None, sys.stdout, sys.stderr), parse(["listen", "0", *words]))
    async with hub.http, asyncio.timeout(DEADLINE):
        yield hub.url


async def next_line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        return (await process.stdout.readline()).decode()


async def test_a196_messages_are_lines_and_lines_go_to_all() -> None:
    async with (
        listening() as (url, process),
        asyncio.timeout(DEADLINE),
        connect(url) as one,
        connect(url) as two,
    ):
        await one.send("hello")
        assert await next_line(process) == "hello\n"
        await two.send(b"\x00\xff")
        assert await next_line(process) == "hex:00ff\n"
        assert process.stdin is not None
        process.stdin.write(b"to everybody\n")
        assert [await one.recv(), await two.recv()] == ["to everybody"] * 2
        process.stdin.close()  # the end of the input is not the end of the server
        await one.send("still there")
        assert await next_line(process) == "still there\n"


async def test_echo_and_broadcast() -> None:
    async with (
        listening_here("--echo", "--broadcast", "--quiet") as url,
        connect(url) as one,
        connect(url) as two,
    ):
        await one.send("text")
        await one.send(b"bytes")
        for ws in (one, two):
            assert [await ws.recv(), await ws.recv()] == ["text", b"bytes"]


async def test_a_quiet_echo_with_deflate_and_a_subprotocol() -> None:
    async with listening_here("--echo", "-q", "--deflate", "-s", "chat", "--path", "/here") as url:
        assert url.endswith("/here")
        async with connect(url, ["other", "chat"]) as ws:
            assert ws.protocol == "chat"
            assert ws.extensions[0].startswith("permessage-deflate")
            await ws.send("x" * 5000)
            assert await ws.recv() == "x" * 5000
        with pytest.raises(InvalidStatus, match="404"):
            await connect(url.replace("here", "there"))


@pytest.mark.parametrize(
    ("words", "origin", "may"),
    [
        ([], None, True),
        ([], "http://evil.example", False),
        (["--origin", "http://good.example"], "http://good.example", True),
        (["--origin", "http://good.example"], "http://evil.example", False),
        (["--origin", "any"], "http://evil.example", True),
    ],
)
async def test_which_pages_may_connect(words: list[str], origin: str | None, may: bool) -> None:
    async with listening_here("-q", *words) as url:
        if may:
            await (await connect(url, origin=origin)).close()
        else:
            with pytest.raises(InvalidStatus, match="403"):
                await connect(url, origin=origin)


async def fetch(url: str) -> str:
    def get() -> str:
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            text: str = answer.read().decode()
            return text

    return await asyncio.to_thread(get)


async def test_a_folder_and_a_dashboard_beside_it(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the page")
    async with listening("--echo", "-q", "--folder", str(tmp_path), "--dashboard") as (url, process):
        assert process.stderr is not None
        page = url.replace("ws:", "http:")
        assert (await process.stderr.readline()).decode() == f"Serving {tmp_path} at {page}\n"
        assert (await process.stderr.readline()).decode() == f"Dashboard at {page}dashboard\n"
        assert await fetch(page) == "the page"
        assert "<title>wsline dashboard</title>" in await fetch(f"{page}dashboard")
        async with asyncio.timeout(DEADLINE), connect(url) as ws, connect(f"{url}dashboard/live") as live:
            await ws.send("x")
            assert await ws.recv() == "x"
            assert '"connections": 1' in await live.recv()  # the page itself does not count


async def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.sign("localhost", "DNS:localhost,IP:127.0.0.1")
    words = ["--echo", "-q", "--cert", str(certificate.path), "--key", str(certificate.key)]
    async with listening(*words, scheme="wss") as (url, _):
        result = await run("connect", "--ca", str(authority.path), url, lines=b"safe\n")
        assert result == (0, b"safe\n", "")


async def test_pings_are_told() -> None:
    async with listening("-P") as (url, process), asyncio.timeout(DEADLINE):
        async with connect(url) as ws:
            await ws.ping()
        assert process.stderr is not None
        assert await process.stderr.readline() == b"#1 ping\n"


async def test_a_terminal_shows_who_comes_and_goes() -> None:
    async with terminal("listen", "0") as screen:
        await screen.wait_for(b"Listening at ")
        await screen.wait_for(b"\r\n")
        found = re.search(rb"ws://\S+", screen.seen)
        assert found is not None
        async with asyncio.timeout(DEADLINE), connect(found[0].decode() + "path", ["x"][:0]) as ws:
            await screen.wait_for(b"#1 connected from 127.0.0.1:")
            await ws.send('{"a":1}')
            await screen.wait_for(b'#1 < {\r\n    "a": 1\r\n  }')
            screen.type(b"hello\n")
            assert await ws.recv() == "hello"
        await screen.wait_for(b"#1 closed (1000)")
        screen.type(b"\x04")
        assert await screen.end() == 0


async def test_ctrl_c_ends_it_well() -> None:
    async with listening() as (url, process), asyncio.timeout(DEADLINE), connect(url) as ws:
        process.send_signal(signal.SIGINT)
        assert [each async for each in ws] == []
        assert ws.close_code == 1001
        assert await process.wait() == 0


async def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = await run_here(capsys, "listen", str(port))
    assert result.status == 1
    assert result.errors.startswith("wsline: ")
    assert str(port) in result.errors
    assert result.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["http"], "argument PORT: 'http' is not a port"),
        (["0", "--folder", "/nowhere/at/all"], "/nowhere/at/all: is not a folder"),
        (["0", "--cert", "nowhere.pem"], "nowhere.pem: No such file or directory"),
        (["0", "--key", "nowhere.pem"], "--key: belongs to a certificate"),
        (["0", "--path", "no-slash"], "path"),
    ],
)
async def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str], complaint: str) -> None:
    result = await run_here(capsys, "listen", *words)
    assert result.status == 2
    assert complaint in result.errors
    assert result.errors.count("\n") == 1
