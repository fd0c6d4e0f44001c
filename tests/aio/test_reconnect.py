"""One connection after the other: what ends an attempt, what ends the loop, and what is left open."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import CLOSE, Peer, close
from wsline import (
    CloseCode,
    ConnectionClosedError,
    InvalidStatus,
    Request,
    Response,
    State,
    WebSocket,
    connect,
)

PLAIN = Door("epoll", None)

FAST: dict[str, Any] = {"reconnect_delay": 0.001, "reconnect_max_delay": 0.004}


class Server:
    """Answers requests as it is told to, and echoes."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.refusals: list[int] = []

    def __call__(self, request: Request) -> Response | None:
        self.requests.append(request)
        return Response(self.refusals.pop(0)) if self.refusals else None


async def cut(ws: WebSocket) -> None:
    """Lose the connection."""
    ws.terminate()
    await ws.wait_closed()


async def test_a_new_connection_comes_when_the_last_is_lost() -> None:
    states: list[State] = []
    sockets: list[WebSocket] = []
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo) as served:
        async for ws in connect(served.url, **FAST):
            states.append(ws.ready_state)
            sockets.append(ws)
            await ws.send("hello")
            assert await ws.recv() == "hello"
            if len(sockets) == 3:
                break
            await cut(ws)
    assert states == [State.OPEN] * 3
    assert len(set(map(id, sockets))) == 3


async def test_one_that_is_still_open_is_closed_first() -> None:
    codes: list[Any] = []

    async def note(ws: WebSocket) -> None:
        await ws.wait_closed()
        codes.append(ws.close_code)

    async with asyncio.timeout(DEADLINE), PLAIN.serving(note) as served:
        last: WebSocket | None = None
        async for ws in connect(served.url, **FAST):
            if last is not None:
                assert last.ready_state == State.CLOSED
                break
            last = ws
        await until(lambda: len(codes) == 2)
    assert codes == [1000, 1000]


async def test_failed_attempts_are_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsline")
    server = Server()
    server.refusals = [500, 503]
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo, process_request=server) as served:
        async for ws in connect(served.url, **FAST):
            assert ws.ready_state == State.OPEN
            break
    assert len(server.requests) == 3
    # The end of the last connection may be told, too.
    told = [each.getMessage() for each in caplog.records if each.getMessage().startswith("no connection: ")]
    assert [text[:51] for text in told] == [
        "no connection: Unexpected server response: 500 Inte",
        "no connection: Unexpected server response: 503 Serv",
    ]
    assert told[0].endswith("trying again in 0.0 s")


async def test_what_is_final_is_raised() -> None:
    server = Server()
    server.refusals = [500, 404]
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo, process_request=server) as served:
        with pytest.raises(InvalidStatus, match="404"):
            async for ws in connect(served.url, **FAST):
                raise AssertionError(f"opened {ws}")
    assert len(server.requests) == 2


async def test_process_exception_decides() -> None:
    server = Server()
    server.refusals = [404, 500, 418]
    seen: list[int] = []

    def process(error: Exception) -> Exception | None:
        assert isinstance(error, InvalidStatus)
        seen.append(error.status)
        return KeyError("enough") if error.status == 418 else None

    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo, process_request=server) as served:
        with pytest.raises(KeyError, match="enough") as raised:
            async for ws in connect(served.url, process_exception=process, **FAST):
                raise AssertionError(f"opened {ws}")
    assert seen == [404, 500, 418]
    assert isinstance(raised.value.__cause__, InvalidStatus)


async def test_process_exception_may_return_what_it_got() -> None:
    server = Server()
    server.refusals = [500]
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo, process_request=server) as served:
        with pytest.raises(InvalidStatus, match="500") as raised:
            async for ws in connect(served.url, process_exception=lambda error: error, **FAST):
                raise AssertionError(f"opened {ws}")
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_on_reconnect_gets_each_but_the_first(is_coroutine: bool) -> None:
    greeted: list[WebSocket] = []

    def greet(ws: WebSocket) -> None:
        assert ws.ready_state == State.OPEN
        greeted.append(ws)
        ws.send("subscribe")

    async def greet_later(ws: WebSocket) -> None:
        await asyncio.sleep(0)
        greet(ws)

    sockets: list[WebSocket] = []
    on_reconnect = greet_later if is_coroutine else greet
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo) as served:
        async for ws in connect(served.url, on_reconnect=on_reconnect, **FAST):
            assert greeted == sockets[1:] + [ws] * bool(sockets)
            sockets.append(ws)
            if len(sockets) == 3:
                assert await ws.recv() == "subscribe"
                break
            await cut(ws)


async def test_a_connection_that_is_lost_in_on_reconnect_is_followed_by_the_next() -> None:
    calls = 0

    async def greet(ws: WebSocket) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await cut(ws)
            await ws.recv()

    turns = 0
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo) as served:
        async for ws in connect(served.url, on_reconnect=greet, **FAST):
            turns += 1
            if turns == 2:
                break
            await cut(ws)
    assert calls == 2


async def test_an_error_of_on_reconnect_is_final_and_closes() -> None:
    codes: list[Any] = []

    async def note(ws: WebSocket) -> None:
        await ws.wait_closed()
        codes.append(ws.close_code)

    def greet(ws: WebSocket) -> None:
        raise KeyError("ours")

    async with asyncio.timeout(DEADLINE), PLAIN.serving(note) as served:
        with pytest.raises(KeyError, match="ours"):
            async for ws in connect(served.url, on_reconnect=greet, **FAST):
                await ws.close()
        await until(lambda: len(codes) == 2)
    assert codes == [1000, 1011]


# -- delays


async def delays(monkeypatch: pytest.MonkeyPatch, turn: Callable[[int], float]) -> list[float]:
    """Connect six times, each for as long as `turn` says; return the longest delays between them."""
    now = 0.0
    asked: list[float] = []
    loop = asyncio.get_running_loop()
    sleep = asyncio.sleep

    async def note(delay: float) -> None:
        asked.append(delay)
        await sleep(0)

    async with PLAIN.serving(echo) as served:
        monkeypatch.setattr("wsline.aio.reconnect.asyncio.sleep", note)
        monkeypatch.setattr("wsline.backoff.Backoff.__init__.__defaults__", (lambda: 1.0,))
        monkeypatch.setattr(loop, "time", lambda: time.monotonic() + now)
        number = 0
        async for _ in connect(served.url, ping_interval=None, handshake_timeout=None):
            number += 1
            if number == 6:
                break
            now += turn(number)
    return [each for each in asked if each]


async def test_the_delays_grow_where_connections_do_not_live(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await delays(monkeypatch, lambda number: 0) == [1, 2, 4, 8, 16]


async def test_they_begin_anew_after_one_that_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await delays(monkeypatch, lambda number: 100 if number == 4 else 0) == [1, 2, 4, 1, 2]


# -- the end of the loop


async def read_on(peer: Peer) -> None:
    """Open, and answer the close frame."""
    await peer.accept()
    frame = await peer.receive()
    assert frame.opcode == CLOSE
    CODES.append(frame.payload)
    peer.send(CLOSE, frame.payload)


CODES: list[bytes] = []


async def test_break_closes_as_the_end_of_a_block_does() -> None:
    CODES.clear()
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(read_on) as url:
        async for _ in connect(url):
            break
        # Nobody holds the iterator any more: the loop closes it.
        gc.collect()
        await until(lambda: CODES)
    assert [close(1000)] == CODES


async def test_an_error_in_the_loop_does_so_too() -> None:
    CODES.clear()

    async def fail(url: str) -> None:
        async for _ in connect(url):
            raise KeyError("ours")

    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(read_on) as url:
        with pytest.raises(KeyError, match="ours"):
            await fail(url)
        gc.collect()
        await until(lambda: CODES)
    assert [close(1000)] == CODES


async def test_an_iterator_that_is_held_closes_at_once() -> None:
    CODES.clear()
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(read_on) as url:
        async with aclosing(aiter(connect(url))) as sockets:
            ws = await anext(sockets)
        assert ws.ready_state == State.CLOSED
        assert ws.close_code == CloseCode.NORMAL_CLOSURE
    assert [close(1000)] == CODES


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_in_the_body_closes() -> None:
    inside = asyncio.Event()

    async def use(url: str) -> None:
        async for ws in connect(url):
            inside.set()
            await ws.recv()

    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo) as served:
        task = asyncio.ensure_future(use(served.url))
        await inside.wait()
        await cancelled(task)
        del task
        gc.collect()
        await until(lambda: not served.server.clients)


async def test_cancelling_while_it_connects_leaves_nothing() -> None:
    asked = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        asked.set()
        assert await peer.is_at_end()

    async def use(url: str) -> None:
        async for ws in connect(url):
            raise AssertionError(f"opened {ws}")

    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(silent) as url:
        task = asyncio.ensure_future(use(url))
        await asked.wait()
        await cancelled(task)


async def test_cancelling_in_a_delay_is_at_once() -> None:
    server = Server()
    server.refusals = [500] * 100

    async def use(url: str) -> None:
        async for ws in connect(url, reconnect_delay=1e6, reconnect_max_delay=1e6):
            raise AssertionError(f"opened {ws}")

    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo, process_request=server) as served:
        task = asyncio.ensure_future(use(served.url))
        await until(lambda: server.requests and not served.server._openings)
        await asyncio.sleep(0.01)
        await cancelled(task)
    assert len(server.requests) == 1


async def test_cancelling_in_on_reconnect_cuts() -> None:
    inside = asyncio.Event()

    async def greet(ws: WebSocket) -> None:
        inside.set()
        await ws.recv()

    async def use(url: str) -> None:
        async for ws in connect(url, on_reconnect=greet, **FAST):
            await cut(ws)

    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo) as served:
        task = asyncio.ensure_future(use(served.url))
        await inside.wait()
        await cancelled(task)
        await until(lambda: not served.server.clients)


async def test_a_body_that_receives_until_the_end_is_told_of_a_loss() -> None:
    async with asyncio.timeout(DEADLINE), PLAIN.serving(echo) as served:
        turns = 0
        async for ws in connect(served.url, **FAST):
            turns += 1
            if turns == 2:
                break
            await ws.send("x")
            for each in tuple(served.server.clients):
                each.terminate()
            with pytest.raises(ConnectionClosedError):
                async for _ in ws:
                    pass
    assert turns == 2
