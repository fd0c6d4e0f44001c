"""Lines that are commands, and lines that are not."""

import asyncio

import pytest

from tests.cli.command import DEADLINE, serving
from wsline import ConnectionClosed, WebSocket, connect
from wsline.cli.slash import is_command, perform, without_escape


@pytest.mark.parametrize("line", ["/ping", "/ping data", "/pong", "/close", "/close 1000 bye bye"])
def test_commands(line: str) -> None:
    assert is_command(line)
    assert without_escape(f"/{line}") == line


@pytest.mark.parametrize("line", ["", "ping", " /ping", "/pingpong", "/name Ada", "/", "//ping", "//", "//x"])
def test_messages(line: str) -> None:
    assert not is_command(line)
    assert without_escape(line) == ("/ping" if line == "//ping" else line)


async def keep(ws: WebSocket) -> None:
    async for _ in ws:
        pass


async def test_ping_pong_and_close_reach_the_peer() -> None:
    heard: list[bytes] = []

    async def listen(ws: WebSocket) -> None:
        ws.on("ping", lambda data: heard.append(b"ping " + bytes(data)))
        ws.on("pong", lambda data: heard.append(b"pong " + bytes(data)))
        await ws.wait_closed()
        heard.append(f"{ws.close_code} {ws.close_reason}".encode())

    told: list[str] = []
    async with serving(listen) as url, asyncio.timeout(DEADLINE):
        ws = await connect(url)
        waiting = perform(ws, "/ping here", told.append)
        assert waiting is not None
        await waiting
        assert perform(ws, "/pong there you are", told.append) is None
        assert perform(ws, "/close 4001 good bye", told.append) is None
        await ws.wait_closed()
        with pytest.raises(ConnectionClosed):
            perform(ws, "/ping", told.append)
    assert heard == [b"ping here", b"pong there you are", b"4001 good bye"]
    assert len(told) == 1
    assert told[0].startswith("pong after ")


async def test_what_cannot_be_done_is_told() -> None:
    told: list[str] = []
    async with serving(keep) as url, connect(url) as ws:
        for line in ("/close now", "/close 1006", "/close 99", "/ping " + "x" * 126):
            assert perform(ws, line, told.append) is None
        assert ws.ready_state is WebSocket.OPEN
    assert [each.partition(":")[0] for each in told] == ["/close", "/close", "/close", "/ping"]
    assert told[0] == "/close: 'now' is no close code, as in /close 1000 goodbye"


async def test_a_pong_that_never_comes_is_silent() -> None:
    async def hang_up(ws: WebSocket) -> None:
        ws.terminate()

    told: list[str] = []
    async with serving(hang_up, auto_pong=False) as url, connect(url) as ws:
        waiting = perform(ws, "/ping", told.append)
        assert waiting is not None
        async with asyncio.timeout(DEADLINE):
            await waiting
    assert told == []
