"""One event in each turn of the loop."""

import asyncio
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, until
from tests.doors.peer import PING, TEXT, Peer, frame
from wsline import State, connect

PLAIN = Door("epoll", None)
LAZY: dict[str, Any] = {"allow_synchronous_events": False}


class Turns:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.count = 0
        self._next()

    def _next(self) -> None:
        self.count += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def stop(self) -> None:
        self._handle.cancel()


async def heard_in_turns(**options: Any) -> tuple[list[int], list[Any]]:
    """Receive a batch of frames; return in which turns they were told, and what was."""
    heard: list[Any] = []
    told: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.receive()
        # In one segment, so that they are read at once.
        peer.writer.write(
            b"".join([frame(TEXT, b"1"), frame(PING, b"2"), frame(TEXT, b"3"), frame(TEXT, b"4")])
        )
        await peer.reader.read()

    async with PLAIN.raw_server(script) as url, connect(url, **options) as ws:
        turns = Turns()

        def note(data: Any) -> None:
            heard.append(data)
            told.append(turns.count)

        ws.on("message", note)
        ws.on("ping", note)
        ws.send("go")
        await until(lambda: len(heard) == 4)
        turns.stop()
        ws.terminate()
    return told, heard


@pytest.mark.row("53a")
async def test_a21_events_come_one_in_a_turn_where_that_is_asked_for() -> None:
    told, heard = await heard_in_turns(**LAZY)
    assert heard == ["1", b"2", "3", "4"]
    assert told == [told[0] + i for i in range(4)]


async def test_a21_else_they_come_together() -> None:
    told, heard = await heard_in_turns()
    assert heard == ["1", b"2", "3", "4"]
    assert len(set(told)) == 1


async def test_a21_the_end_comes_last() -> None:
    heard: list[Any] = []
    async with PLAIN.pair(LAZY) as (ws, server):
        for event in ("message", "close", "error"):
            ws.on(event, lambda *arguments, event=event: heard.append((event, *arguments)))
        for i in range(5):
            server.send(f"{i}")
        await server.close(4000, "done")
        await until(lambda: len(heard) == 6)
    assert heard == [*(("message", f"{i}", False) for i in range(5)), ("close", 4000, "done")]


async def test_a21_recv_is_as_ever() -> None:
    async with PLAIN.pair(LAZY, **LAZY) as (ws, server):
        for i in range(5):
            server.send(f"{i}")
        assert [await ws.recv() for _ in range(5)] == [f"{i}" for i in range(5)]


async def test_a21_while_events_wait_nothing_is_read() -> None:
    """A peer that floods us fills the system's buffers, not our memory."""
    most = 0
    heard = 0
    count = 30_000
    async with PLAIN.pair(LAZY, max_buffered=None) as (ws, server):

        def note(data: bytes) -> None:
            nonlocal most, heard
            heard += 1
            assert ws._turns is not None
            most = max(most, len(ws._turns))

        ws.on("message", note)
        for _ in range(count):
            server.send(bytes(200))
        await until(lambda: heard == count, 3 * DEADLINE)
    assert most < 5000


async def test_a21_after_a_listener_that_raises_only_the_end_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Any] = []

    def fail(data: str) -> None:
        heard.append(data)
        raise ZeroDivisionError("on purpose")

    async with PLAIN.pair(LAZY) as (ws, server):
        ws.on("message", fail)
        ws.on("error", heard.append)
        ws.on("close", lambda code, reason: heard.append(code))
        for i in range(3):
            server.send(f"{i}")
        await until(lambda: len(heard) == 3)
        assert ws.ready_state == State.CLOSED
        assert server.close_code == 1011
    assert heard[0] == "0"
    assert type(heard[1]) is ZeroDivisionError
    assert heard[2] == 1006
    assert "exception in a handler" in caplog.text


async def test_a21_pausing_keeps_what_has_not_come_yet() -> None:
    heard: list[str] = []
    async with PLAIN.pair(LAZY) as (ws, server):
        ws.on("message", heard.append)
        ws.pause()
        server.send("1")
        await asyncio.sleep(0.05)  # long enough for what must not happen
        assert heard == []
        ws.resume()
        await until(lambda: heard == ["1"])
