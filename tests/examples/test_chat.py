"""The chat example, as its README line runs it."""

import asyncio
import re
import signal
import socket
import sys
import urllib.error
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wsline import WebSocket, connect

SERVER = Path(__file__).parents[2] / "examples" / "chat" / "server.py"
DEADLINE = 20  # seconds


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", str(SERVER), *arguments, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def chat() -> AsyncIterator[tuple[str, Process]]:
    """Run the example on a free port; yield the address of its page and the process."""
    process = await start("--port", "0")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            first, second = [(await process.stdout.readline()).decode() for _ in range(2)]
        found = re.search(r"http://(127\.0\.0\.1:\d+)", first)
        assert found is not None, first
        assert f"python -m wsline connect ws://{found[1]}/chat" in second
        yield found[1], process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def fetch(url: str) -> tuple[int, str, str]:
    """Return status, content type and body of a page."""

    def get() -> tuple[int, str, str]:
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()

    return await asyncio.to_thread(get)


async def hears(ws: WebSocket, *lines: str) -> None:
    """Check that these lines come next."""
    async with asyncio.timeout(DEADLINE):
        assert [await ws.recv() for _ in lines] == list(lines)


@asynccontextmanager
async def two_guests() -> AsyncIterator[tuple[WebSocket, WebSocket]]:
    """Run the example with two people in the room, who have heard each other come in."""
    async with chat() as (address, _), connect(f"ws://{address}/chat") as first:
        welcome = "* You are {}. Write /name NAME to choose another name."
        await hears(first, welcome.format("guest-1"), "* guest-1 joined (1 person here)")
        async with connect(f"ws://{address}/chat") as second:
            joined = "* guest-2 joined (2 people here)"
            await hears(second, welcome.format("guest-2"), joined)
            await hears(first, joined)
            yield first, second


async def test_the_page_is_served() -> None:
    async with chat() as (address, _):
        status, kind, body = await fetch(f"http://{address}/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert body.encode() == SERVER.with_name("page.html").read_bytes()


async def test_other_pages_are_not_found() -> None:
    async with chat() as (address, _):
        status, _, body = await fetch(f"http://{address}/elsewhere")
        assert status == 404
        assert body == "Not found: the chat is at /\n"


def test_the_page_downloads_nothing_from_elsewhere() -> None:
    page = SERVER.with_name("page.html").read_text()
    links = re.findall(r"https?://[^\s'\"]+", page)
    assert set(links) == {"http://www.w3.org/2000/svg"}  # a name, not an address


async def test_two_people_talk() -> None:
    async with two_guests() as (first, second):
        await first.send("hello, <b>you</b>")
        for each in (first, second):
            await hears(each, "guest-1: hello, <b>you</b>")
        await second.send("  two\r\nlines  ")
        for each in (first, second):
            await hears(each, "guest-2: two lines")


async def test_a_name_can_be_chosen() -> None:
    async with two_guests() as (first, second):
        await first.send("/name Ada")
        await hears(first, "* You are Ada.")
        await first.send("hi")
        await hears(second, "* guest-1 is now Ada", "Ada: hi")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/name", "* A name is 1 to 20 letters, digits, - or _: /name Ada"),
        ("/name * fake notice", "* A name is 1 to 20 letters, digits, - or _: /name Ada"),
        ("/name GUEST-2", "* The name GUEST-2 is taken."),
    ],
)
async def test_a_name_can_be_refused(command: str, answer: str) -> None:
    async with two_guests() as (first, _):
        await first.send(command)
        await hears(first, answer)


async def test_the_room_hears_who_leaves() -> None:
    async with two_guests() as (first, second):
        await second.close()
        await hears(first, "* guest-2 left (1 person here)")


async def test_binary_messages_are_not_taken() -> None:
    async with two_guests() as (first, _):
        await first.send(b"\x00")
        await hears(first, "* This room takes text only.")


async def test_a_page_from_elsewhere_may_not_join() -> None:
    async with chat() as (address, _):
        with pytest.raises(Exception, match="403"):
            await connect(f"ws://{address}/chat", origin="http://evil.example")


async def test_ctrl_c_says_goodbye_and_ends_cleanly() -> None:
    async with chat() as (address, process), connect(f"ws://{address}/chat") as ws:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE):
            assert [line async for line in ws][-1].startswith("* guest-1 joined")
            assert ws.close_code == 1001
            _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")


async def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = await start("--port", str(port))
        async with asyncio.timeout(DEADLINE):
            _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode() == f"Port {port} is in use: choose another with --port.\n"
