"""Events and handlers: what is told to whom, in which order, and what becomes of their exceptions."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import CLOSE, TEXT, Peer, close
from wsline import (
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeError,
    InvalidStatus,
    Response,
    State,
    WebSocket,
)


def client(door: Door, url: str, **options: Any) -> WebSocket:
    return WebSocket(url, **door.client_options(options))


def note(ws: WebSocket, *events: str) -> list[Any]:
    """Return the list to which these events will be written."""
    heard: list[Any] = []
    for event in events:
        ws.on(event, lambda *arguments, event=event: heard.append((event, *arguments)))
    return heard


@pytest.mark.row(84, 85, 88, 90, 97, 103)
async def test_the_life_of_a_client(door: Door) -> None:
    async with door.serving(echo) as served:
        ws = client(door, served.url)
        assert ws.ready_state == State.CONNECTING
        assert (ws.url, ws.response, ws.protocol, ws.extensions) == (served.url, None, None, ())
        assert "CONNECTING" in repr(ws)
        heard = note(ws, "upgrade", "open", "message", "close", "error")
        await until(lambda: heard)
        assert ws.response is not None
        assert ws.response.status == 101
        assert heard == [("upgrade", ws.response), ("open",)]
        assert ws.remote_address[1] == served.port
        (server,) = served.server.clients
        assert server.remote_address == ws.local_address
        assert server.local_address == ws.remote_address
        assert server.request.target == ws.request.target == "/"
        assert server.request.secure is (door.name == "tls")
        assert (server.url, server.response) == (None, None)
        ws.send("text")
        ws.send(b"binary")
        await until(lambda: len(heard) == 4)
        ws.close(4000, "why")
        await ws.wait_closed()
        assert heard[2:] == [
            ("message", "text", False),
            ("message", b"binary", True),
            ("close", 4000, "why"),
        ]


async def test_once_off_and_decorators(door: Door) -> None:
    async with door.pair() as (ws, server):
        heard: list[str] = []

        @ws.once("message")
        def first(data: str) -> None:
            heard.append(f"once {data}")

        @ws.on("message")
        def every(data: str) -> None:
            heard.append(f"on {data}")

        server.send("1")
        server.send("2")
        await until(lambda: len(heard) == 3)
        ws.off("message", every)
        ws.off("message", first)
        server.send("3")
        assert await ws.recv() == "3"
        assert heard == ["once 1", "on 1", "on 2"]


async def test_listeners_take_what_they_declare(door: Door) -> None:
    heard: list[Any] = []
    listeners: list[Callable[..., object]] = [
        lambda: heard.append("nothing"),
        heard.append,
        lambda data, is_binary: heard.append((data, is_binary)),
        lambda *everything: heard.append(everything),
    ]
    async with door.pair() as (ws, server):
        for i, listener in enumerate(listeners):
            ws.on("message", listener)
            server.send(b"x")
            await until(partial(lambda i: len(heard) > i, i))
            ws.off("message", listener)
        for listener in listeners:
            ws.on("message", listener)
        server.send("y")
        await until(lambda: len(heard) == 8)
    assert heard[:4] == ["nothing", b"x", (b"x", True), (b"x", True)]
    assert heard[4:] == ["nothing", "y", ("y", False), ("y", False)]


async def test_bad_listeners(door: Door) -> None:
    async with door.pair() as (ws, _):
        with pytest.raises(ValueError, match="event='massage': must be one of open, message, "):
            ws.on("massage", print)
        with pytest.raises(TypeError, match="listener=5: must be callable"):
            ws.on("message", 5)  # type: ignore[call-overload]
        ws.off("message", print)


async def test_coroutine_listeners(door: Door) -> None:
    go_on = asyncio.Event()
    heard: list[str] = []

    async def slow(data: str) -> None:
        await go_on.wait()
        heard.append(data)

    async with door.pair() as (ws, server):
        ws.on("message", slow)
        server.send("1")
        server.send("2")
        await server.ping()
        assert heard == []
        go_on.set()
        await until(lambda: len(heard) == 2)
        assert heard == ["1", "2"]


async def fails(*_: object) -> None:
    raise ZeroDivisionError("on purpose")


def fails_at_once() -> object:
    raise ZeroDivisionError("on purpose")


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.levelno >= logging.ERROR]


RAISING: dict[str, Callable[[WebSocket], object]] = {
    "handler": lambda ws: None,
    "message": lambda ws: ws.on("message", fails_at_once),
    "coroutine": lambda ws: ws.on("message", fails),
    "two": lambda ws: (ws.on("message", lambda: None), ws.on("message", fails_at_once)),
    "once": lambda ws: ws.once("message", fails_at_once),
    "connection": lambda ws: fails_at_once(),
}


@pytest.mark.parametrize("how", RAISING)
async def test_what_raises_closes_with_1011(door: Door, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, told once, and harms nobody else."""
    told: list[Any] = []

    async def handler(ws: WebSocket) -> None:
        if how == "handler" and ws.request.path == "/":
            await fails()
        await ws.wait_closed()

    def connection(ws: WebSocket) -> None:
        ws.on("error", told.append)
        if ws.request.path == "/well":
            ws.on("message", ws.send)
        else:
            RAISING[how](ws)

    server = door.server(handler)
    server.on("connection", connection)
    async with door.running(server) as served, door.connect(served.url + "well") as well:
        async with door.connect(served.url) as ws:
            if how not in ("handler", "connection"):
                ws.send("1")
            with pytest.raises(ConnectionClosedError):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (1011, "internal error")
        await well.send("unharmed")
        assert await well.recv() == "unharmed"
        await until(lambda: told)
    assert [type(each) for each in told] == [ZeroDivisionError]
    (record,) = errors(caplog)
    assert record.name == "wsline"
    assert "exception in a handler of" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_what_a_listener_did_not_see_after_its_exception(door: Door) -> None:
    seen: list[str] = []

    def listener(data: str) -> None:
        seen.append(data)
        if data == "2":
            raise ZeroDivisionError

    async with door.pair() as (ws, server):
        ws.on("message", listener)
        for data in ("1", "2", "3", "4"):
            server.send(data)
        await ws.wait_closed()
        assert seen == ["1", "2"]


async def test_a_pumped_listener_that_raises(door: Door) -> None:
    async with door.pair() as (ws, server):
        server.send("early")
        await server.ping()
        ws.on("message", fails_at_once)
        await ws.wait_closed()
        assert isinstance(ws.close_info.cause, ZeroDivisionError)
        with pytest.raises(ConnectionClosedError):
            await server.recv()
        assert server.close_code == 1011


@pytest.mark.parametrize("kind", [fails, fails_at_once])
async def test_an_error_listener_that_raises(
    door: Door, kind: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with door.pair() as (ws, server):
        ws.on("error", kind)
        ws.on("message", fails_at_once)
        server.send("x")
        await ws.wait_closed()
        await until(lambda: len(errors(caplog)) == 2)
        await server.wait_closed()
    first, second = errors(caplog)
    assert "exception in a handler" in first.getMessage()
    assert "'error' listener" in second.getMessage()


@pytest.mark.parametrize("event", ["open", "ping", "pong", "upgrade", "close"])
async def test_other_listeners_that_raise(door: Door, event: str, caplog: pytest.LogCaptureFixture) -> None:
    async with door.serving(lambda ws: ws.wait_closed()) as served:
        ws = client(door, served.url)
        told = note(ws, "error")
        ws.on(event, fails_at_once)
        closed = note(ws, "close")
        if event in ("ping", "pong", "close"):
            await until(lambda: ws.ready_state == State.OPEN)
            (server,) = served.server.clients
            if event == "ping":
                server.ping()
            elif event == "pong":
                ws.ping()
            else:
                ws.close()
        await asyncio.wait_for(ws.wait_closed(), DEADLINE)
        assert ws.ready_state == State.CLOSED
        assert [type(each[1]) for each in told] == ([] if event == "close" else [ZeroDivisionError])
        assert len(closed) == (event != "close")
        assert len(errors(caplog)) == 1


@pytest.mark.row(88)
async def test_close_comes_last_and_once(door: Door) -> None:
    """Even if the listener came late, or reading was paused."""
    for paused in (False, True):

        async def handler(ws: WebSocket) -> None:
            for i in range(3):
                ws.send(f"{i}")

        async with door.serving(handler) as served:
            ws = await door.connect(served.url)
            if paused:
                ws.pause()
            heard = note(ws, "message", "close")
            if paused:
                await asyncio.sleep(0.02)
                ws.close()
            await asyncio.wait_for(ws.wait_closed(), DEADLINE)
            assert heard == [
                ("message", "0", False),
                ("message", "1", False),
                ("message", "2", False),
                ("close", 1000, ""),
            ]


@pytest.mark.row(89, 164)
async def test_an_error_comes_before_the_close(door: Door) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.send(3)
        assert (await peer.receive()).opcode == CLOSE

    async with door.raw_server(script) as url:
        ws = client(door, url)
        heard = note(ws, "open", "error", "close")
        await ws.wait_closed()
        assert [each[0] for each in heard] == ["open", "error", "close"]
        assert heard[2][1:] == (1006, "")
        assert heard[1][1] is ws.close_info.cause


# -- an opening that is given up, or fails


async def refuse(_: object) -> Response:
    return Response(403, body="no entry")


async def test_a_failed_opening_is_told_by_events(door: Door) -> None:
    async with door.serving(echo, process_request=refuse) as served:
        ws = client(door, served.url)
        heard = note(ws, "open", "error", "close")
        with pytest.raises(ConnectionClosedError):
            await ws.recv()
        await ws.wait_closed()
        assert [each[0] for each in heard] == ["error", "close"]
        assert isinstance(heard[0][1], InvalidStatus)
        assert ws.close_code == 1006


@pytest.mark.row(117)
@pytest.mark.parametrize("how", ["close", "terminate"])
@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_giving_up_while_connecting(door: Door, how: str, steps: int) -> None:
    async with door.serving(lambda ws: ws.wait_closed()) as served:
        ws = client(door, served.url)
        heard = note(ws, "error", "close")
        for _ in range(steps):
            await asyncio.sleep(0)
        assert ws.ready_state is State.CONNECTING
        waiting = asyncio.ensure_future(ws.wait_closed())
        if how == "close":
            await ws.close()
        else:
            ws.terminate()
        assert ws.close_code == 1006
        await asyncio.wait_for(waiting, DEADLINE)
        assert [each[0] for each in heard] == ["error", "close"]
        assert isinstance(heard[0][1], HandshakeError)
        assert "before the connection was established" in str(heard[0][1])
        await until(lambda: not served.server.clients)


@pytest.mark.parametrize("event", ["upgrade", "open"])
@pytest.mark.parametrize("how", ["close", "terminate"])
async def test_giving_up_in_a_listener(door: Door, event: str, how: str) -> None:
    async with door.serving(lambda ws: ws.wait_closed()) as served:
        ws = client(door, served.url)
        heard = note(ws, "open", "close")
        ws.on(event, getattr(ws, how))
        await asyncio.wait_for(ws.wait_closed(), DEADLINE)
        assert [each[0] for each in heard] == ["open", "close"][event == "upgrade" :]
        await until(lambda: not served.server.clients)


async def test_nothing_happens_after_the_end(door: Door) -> None:
    async with door.serving(echo) as served:
        ws = client(door, served.url)
        heard = note(ws, "error", "close")
        await until(lambda: ws.ready_state == State.OPEN)
        await ws.close()
        ws.terminate()
        await ws.close()
        await ws.wait_closed()
        ws.resume()
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()
        assert heard == [("close", 1000, "")]


async def test_a_listener_that_comes_after_the_end_gets_what_is_left(door: Door) -> None:
    async with door.serving(lambda ws: ws.send("left")) as served:
        ws = await door.connect(served.url)
        await ws.wait_closed()
        heard = note(ws, "message")
        await until(lambda: heard)
        assert heard == [("message", "left", False)]


# -- handlers


async def test_a_handler_that_returns_closes_with_1000(door: Door) -> None:
    async with door.serving(lambda ws: ws.send("bye")) as served, door.connect(served.url) as ws:
        assert [message async for message in ws] == ["bye"]
        assert ws.close_code == 1000


async def test_the_end_of_its_connection_is_no_error_in_a_handler(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "wsline")

    async def handler(ws: WebSocket) -> None:
        await ws.recv()

    async with door.serving(handler) as served:
        async with door.connect(served.url):
            pass
        async with door.raw_client(served.port) as peer:
            await peer.open()
            peer.send(3)
            assert (await peer.receive()).payload[:2] == close(1002)
    messages = [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "wsline"]
    assert [level for level, text in messages if "a handler ended with" in text] == ["DEBUG", "INFO"]
    assert errors(caplog) == []


async def test_a_blocked_handler_harms_nobody_for_ever(door: Door) -> None:
    async def handler(ws: WebSocket) -> None:
        if ws.request.path == "/stuck":
            await asyncio.Event().wait()
        await echo(ws)

    server = door.server(handler, close_timeout=0.1)
    await server.start()
    url = f"{door.scheme}://127.0.0.1:{server.address()[1]}/"
    async with door.connect(url + "stuck") as stuck, door.connect(url) as well:
        await well.send("x")
        assert await well.recv() == "x"
        server.close()
        await asyncio.wait([asyncio.ensure_future(each.wait_closed()) for each in (stuck, well)])
        waiting = asyncio.ensure_future(server.wait_closed())
        _, pending = await asyncio.wait([waiting], timeout=0.1)
        assert pending, "a handler still runs"
        assert server._handlers is not None
        server._handlers.cancel()
        await asyncio.wait_for(waiting, DEADLINE)


async def test_a_text_frame_wakes_only_its_own_receiver(door: Door) -> None:
    async with door.serving(echo) as served, door.raw_client(served.port) as one:
        await one.open()
        async with door.connect(served.url) as other:
            one.send(TEXT, b"one")
            assert (await one.receive()).payload == b"one"
            await other.send("other")
            assert await other.recv() == "other"
