"""Events as in browsers: listeners, slots, and what they are told."""

import asyncio
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import BINARY, Peer
from wsline import (
    CloseEvent,
    ConnectionClosedError,
    ErrorEvent,
    Event,
    MessageEvent,
    State,
    WebSocket,
    connect,
)
from wsline.aio.dom import EventTarget

PLAIN = Door("epoll", None)


class Handler:
    """An object with `handle_event`."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def handle_event(self, event: Event) -> None:
        self.heard.append(event)


def kinds(events: list[Event]) -> list[str]:
    return [each.type for each in events]


def texts(events: list[Any]) -> list[Any]:
    return [each.data for each in events]


async def test_the_target_must_say_where_its_listeners_are() -> None:
    bare = EventTarget()
    with pytest.raises(NotImplementedError):
        bare.add_event_listener("open", print)
    with pytest.raises(NotImplementedError):
        _ = bare.close_info


async def test_a119_listeners_get_events() -> None:
    heard: list[Event] = []
    async with PLAIN.serving(echo) as served:
        ws = WebSocket(served.url)
        for kind in ("open", "message", "error", "close"):
            ws.add_event_listener(kind, heard.append)
        await until(lambda: ws.ready_state == State.OPEN)
        ws.send("text")
        ws.send(b"binary")
        await until(lambda: len(heard) == 3)
        await ws.close(4001, "why")
    assert kinds(heard) == ["open", "message", "message", "close"]
    assert {each.target for each in heard} == {ws}
    assert texts(heard[1:3]) == ["text", b"binary"]


async def test_a119_only_four_types_have_listeners() -> None:
    async with PLAIN.pair() as (ws, _):
        for wrong in ("ping", "pong", "upgrade", "mesage"):
            with pytest.raises(
                ValueError, match=f"type='{wrong}': must be one of open, message, error, close"
            ):
                ws.add_event_listener(wrong, print)  # type: ignore[arg-type]
            with pytest.raises(
                ValueError, match=f"type='{wrong}': must be one of open, message, error, close"
            ):
                ws.remove_event_listener(wrong, print)  # type: ignore[arg-type]


async def test_a119_a_listener_may_be_an_object() -> None:
    handler = Handler()
    async with PLAIN.pair() as (ws, server):
        ws.add_event_listener("message", handler)
        ws.add_event_listener("message", handler)
        server.send("1")
        await until(lambda: handler.heard)
        # As in browsers, the method is looked up when it is needed.
        later: list[Event] = []
        handler.handle_event = later.append  # type: ignore[method-assign, assignment]
        server.send("2")
        await until(lambda: later)
        ws.remove_event_listener("message", handler)
        server.send("3")
        assert await ws.recv() == "3"
    assert (texts(handler.heard), texts(later)) == (["1"], ["2"])


@pytest.mark.parametrize("listener", [None, 5, "print", object()])
async def test_a119_what_cannot_be_called_is_refused(listener: Any) -> None:
    async with PLAIN.pair() as (ws, _):
        with pytest.raises(TypeError, match=r"listener=.*: must be callable, or have a method handle_event"):
            ws.add_event_listener("message", listener)


async def test_a119_the_same_listener_counts_once() -> None:
    handler = Handler()
    heard: list[Event] = []
    async with PLAIN.pair() as (ws, server):
        for _ in range(3):
            ws.add_event_listener("message", heard.append)
            ws.add_event_listener("message", handler.handle_event)
        ws.add_event_listener("close", heard.append)
        server.send("x")
        await until(lambda: handler.heard)
        await ws.close()
    assert kinds(heard) == ["message", "close"]
    assert kinds(handler.heard) == ["message"]


async def test_a119_once() -> None:
    heard: list[Event] = []
    async with PLAIN.pair() as (ws, server):
        ws.add_event_listener("message", heard.append, once=True)
        server.send("1")
        await until(lambda: heard)
        server.send("2")
        assert await ws.recv() == "2"
        ws.add_event_listener("message", heard.append, once=True)
        server.send("3")
        await until(lambda: len(heard) == 2)
    assert texts(heard) == ["1", "3"]


async def test_a119_listeners_may_take_nothing_or_be_coroutine_functions() -> None:
    heard: list[Any] = []

    async def later(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(event.type)

    class Patient:
        async def handle_event(self) -> None:
            await asyncio.sleep(0)
            heard.append("patient")

    async with PLAIN.pair() as (ws, server):
        ws.add_event_listener("message", lambda: heard.append("nothing"))
        ws.add_event_listener("message", later)
        ws.add_event_listener("message", Patient())
        server.send("x")
        await until(lambda: len(heard) == 3)
    assert heard[0] == "nothing"
    assert set(heard[1:]) == {"message", "patient"}


async def test_a119_a_listener_that_raises_fails_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(event: Event) -> None:
        raise ZeroDivisionError("on purpose")

    async with PLAIN.pair() as (ws, server):
        ws.add_event_listener("message", fail)
        server.send("x")
        with pytest.raises(ConnectionClosedError):
            await server.recv()
        assert server.close_code == 1011
    assert "exception in a handler" in caplog.text


async def test_a120_only_its_own_listeners_are_removed() -> None:
    heard: list[Any] = []

    def listener(event: Any) -> None:
        heard.append(event)

    async with PLAIN.pair() as (ws, server):
        ws.on("message", listener)
        ws.on_message = listener
        ws.add_event_listener("message", listener)
        ws.remove_event_listener("message", listener)
        ws.remove_event_listener("message", listener)
        server.send("x")
        await until(lambda: len(heard) == 2)
        ws.off("message", listener)
        server.send("y")
        await until(lambda: len(heard) == 3)
    assert heard[0] == "x"
    assert texts(heard[1:]) == ["x", "y"]


@pytest.mark.row("122", "123", "124")
@pytest.mark.parametrize("kind", ["open", "message", "error", "close"])
async def test_a121_a_slot_has_one_function(kind: str) -> None:
    name = f"on_{kind}"

    def first(event: Event) -> None: ...

    def second(event: Event) -> None: ...

    async with PLAIN.pair() as (ws, _):
        assert getattr(ws, name) is None
        setattr(ws, name, first)
        assert getattr(ws, name) is first
        ws.add_event_listener(kind, second)  # type: ignore[arg-type]
        assert getattr(ws, name) is first
        setattr(ws, name, second)
        assert getattr(ws, name) is second
        assert len(ws._events().listeners(kind)) == 2
        setattr(ws, name, None)
        assert getattr(ws, name) is None
        assert len(ws._events().listeners(kind)) == 1
        for wrong in (5, "print", Handler()):
            with pytest.raises(TypeError, match=f"{name}=.*: must be callable or None"):
                setattr(ws, name, wrong)


async def test_a121_on_open() -> None:
    heard: list[Event] = []
    async with PLAIN.serving(echo) as served:
        ws = WebSocket(served.url)
        ws.on_open = heard.append
        await until(lambda: heard)
        await ws.close()
    (event,) = heard
    assert type(event) is Event
    assert (event.type, event.target) == ("open", ws)


@pytest.mark.row("125")
async def test_a122_on_message() -> None:
    heard: list[MessageEvent] = []
    async with PLAIN.pair() as (ws, server):
        ws.on_message = heard.append
        server.send("text")
        server.send(b"binary")
        await until(lambda: len(heard) == 2)
        assert {type(each) for each in heard} == {MessageEvent}
        assert [(each.data, each.type, each.target) for each in heard] == [
            ("text", "message", ws),
            (b"binary", "message", ws),
        ]
        ws.on_message = None
        server.send("for recv")
        assert await ws.recv() == "for recv"


@pytest.mark.row("127")
async def test_a123_on_error() -> None:
    heard: list[ErrorEvent] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.send(3, b"a reserved opcode")
        await peer.reader.read()

    async with PLAIN.raw_server(script) as url:
        ws = await connect(url)
        ws.on_error = heard.append
        async with asyncio.timeout(DEADLINE):
            await ws.wait_closed()
    (event,) = heard
    assert type(event) is ErrorEvent
    assert (event.type, event.target) == ("error", ws)
    assert event.error is ws.close_info.cause
    assert event.message == str(event.error)
    assert "invalid opcode 3" in event.message


@pytest.mark.row("126")
async def test_a124_on_close() -> None:
    heard: list[CloseEvent] = []
    async with PLAIN.pair() as (ws, server):
        ws.on_close = heard.append
        await server.close(4001, "why")
        await until(lambda: heard)
    (event,) = heard
    assert type(event) is CloseEvent
    assert (event.type, event.target) == ("close", ws)
    assert (event.code, event.reason, event.was_clean) == (4001, "why", True)
    assert ws.on_close is None, "after the last event the listeners are gone"


async def test_a126_a_close_that_was_not_clean() -> None:
    heard: list[CloseEvent] = []
    async with PLAIN.pair() as (ws, server):
        ws.on_close = heard.append
        server.terminate()
        await until(lambda: heard)
    assert [(each.code, each.reason, each.was_clean) for each in heard] == [(1006, "", False)]


def test_a125_events_can_be_made_and_shown() -> None:
    assert repr(Event("open")) == "Event(type='open')"
    assert repr(MessageEvent("x")) == "MessageEvent(data='x')"
    event = MessageEvent(b"x", "target", "message")
    assert (event.data, event.target, event.type) == (b"x", "target", "message")
    assert repr(CloseEvent(1000, "bye", True)) == "CloseEvent(code=1000, reason='bye', was_clean=True)"
    error = ValueError("no")
    assert repr(ErrorEvent(error, "no")) == "ErrorEvent(error=ValueError('no'), message='no')"


# -- binary_type

FORMS: dict[str, Any] = {
    "bytes": b"abc",
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "fragments": [b"abc"],
}


@pytest.mark.parametrize("form", FORMS)
async def test_a98_binary_type_says_what_is_received(form: str) -> None:
    expected = FORMS[form]
    heard: list[Any] = []
    async with PLAIN.pair({"binary_type": form}) as (ws, server):
        assert ws.binary_type == form
        assert server.binary_type == "bytes"
        for message in (b"abc", "text", b"abc", b"abc", b"abc"):
            server.send(message)
        received = [await ws.recv(), await ws.recv()]
        async for message in ws:
            received.append(message)
            break
        assert received == [expected, "text", expected]
        assert [type(each) for each in received] == [type(expected), str, type(expected)]
        assert await ws.recv(decode=False) == b"abc"
        assert await ws.recv(decode=True) == "abc"
        ws.on("message", lambda data, is_binary: heard.append((data, is_binary)))
        server.send(b"abc")
        server.send("text")
        await until(lambda: len(heard) == 2)
        assert heard == [(expected, True), ("text", False)]
        assert type(heard[0][0]) is type(expected)


async def test_a98_it_can_be_set_at_any_time() -> None:
    heard: list[Any] = []
    async with PLAIN.pair() as (ws, server):
        server.send(b"abc")
        await server.ping()
        ws.binary_type = "bytearray"
        assert type(await ws.recv()) is bytearray, "what waits already has the form, too"
        ws.on("message", heard.append)
        for form, expected in FORMS.items():
            ws.binary_type = form
            heard.clear()
            server.send(b"abc")
            await until(lambda: heard)
            assert (heard, type(heard[0])) == ([expected], type(expected))
            ws.on_message = lambda event: None
            ws.on_message = None


async def test_a98_fragments_are_not_joined() -> None:
    heard: list[Any] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        for _ in range(4):
            peer.send(BINARY, b"a", fin=False)
            peer.send(0, b"", fin=False)
            peer.send(0, b"bc")
        await peer.reader.read()

    async with PLAIN.raw_server(script) as url:
        async with connect(url, binary_type="fragments") as ws:
            assert await ws.recv() == [b"a", b"", b"bc"]
            assert await ws.recv(decode=False) == b"abc"
            assert await ws.recv(decode=True) == "abc"
            ws.binary_type = "bytes"
            assert await ws.recv() == b"abc"
            ws.terminate()
        async with connect(url, binary_type="fragments") as ws:
            ws.on("message", heard.append)
            await until(lambda: len(heard) == 4)
            ws.terminate()
    assert heard == [[b"a", b"", b"bc"]] * 4


async def test_a98_a_bad_one_is_refused() -> None:
    allowed = "'bytes', 'bytearray', 'memoryview', 'fragments'"
    async with PLAIN.pair() as (ws, _):
        with pytest.raises(ValueError, match=f"binary_type='blob': must be one of {allowed}"):
            ws.binary_type = "blob"
        assert ws.binary_type == "bytes"
        ws.binary_type = "bytes"
        assert ws._session.queue.form is None
    with pytest.raises(ValueError, match=f"binary_type='blob': must be one of {allowed}"):
        connect("ws://127.0.0.1/", binary_type="blob")
