"""The WebSocket in the user's hand: how it opens, its events and its properties."""

import asyncio
from typing import Any

import pytest

from tests.doors.door import Door, until
from tests.doors.peer import CLOSE, PING, TEXT, Peer, close
from wsline import (
    ConnectionClosedOK,
    HandshakeError,
    InvalidState,
    InvalidStatus,
    InvalidURI,
    Response,
    State,
    WebSocket,
    connect,
    serve,
)

PLAIN = Door("epoll", None)
DEADLINE = 10  # seconds, for whatever must come


async def polite(peer: Peer) -> None:
    """Open, and answer the close frame."""
    await peer.accept()
    frame = await peer.receive()
    while frame.opcode != CLOSE:
        frame = await peer.receive()
    peer.send(CLOSE, frame.payload)


def record(ws: WebSocket, *events: str) -> list[tuple[Any, ...]]:
    """Return a list to which the events are added."""
    heard: list[tuple[Any, ...]] = []
    for event in events:
        ws.on(event, lambda *arguments, event=event: heard.append((event, *arguments)))
    return heard


def state(ws: WebSocket) -> State:
    return ws.ready_state


async def test_it_opens_by_itself_and_tells_by_events() -> None:
    async with PLAIN.raw_server(polite) as url:
        ws = WebSocket(url)
        heard = record(ws, "upgrade", "open", "close", "error")
        assert state(ws) == WebSocket.CONNECTING
        with pytest.raises(InvalidState, match=r"readyState 0 \(CONNECTING\)"):
            ws.send("too early")
        await until(lambda: state(ws) == WebSocket.OPEN)
        assert [each[0] for each in heard] == ["upgrade", "open"]
        assert heard[0][1] is ws.response
        closing = ws.close(1000, "bye")
        assert state(ws) == WebSocket.CLOSING
        await closing
        assert state(ws) == WebSocket.CLOSED
        assert heard[2:] == [("close", 1000, "bye")]


async def test_a_failure_to_open_is_told_by_events() -> None:
    async def refuse(request: object) -> Response:
        return Response(418, body="no")

    async with serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        ws = WebSocket(f"ws://127.0.0.1:{server.address()[1]}/")
        heard = record(ws, "open", "close", "error")
        await until(lambda: len(heard) == 2)
    (_, error), closed = heard
    assert type(error) is InvalidStatus
    assert error.response.status == 418
    assert closed == ("close", 1006, "")
    assert ws.close_info.cause is error


@pytest.mark.row("165a")
@pytest.mark.parametrize("how", ["close", "terminate"])
async def test_it_can_be_given_up_while_it_opens(how: str) -> None:
    async def silent(peer: Peer) -> None:
        await peer.reader.read()

    async with PLAIN.raw_server(silent) as url:
        ws = WebSocket(url)
        heard = record(ws, "open", "close", "error")
        await asyncio.sleep(0)
        getattr(ws, how)()
        async with asyncio.timeout(DEADLINE):
            await ws.wait_closed()
        assert state(ws) == State.CLOSED
        (_, error), closed = heard
        assert type(error) is HandshakeError
        assert str(error).startswith(
            "WebSocket was closed before the connection was established; the application"
        )
        assert closed == ("close", 1006, "")


@pytest.mark.row(70)
async def test_it_can_be_given_up_by_the_listener_of_the_upgrade() -> None:
    async with PLAIN.raw_server(lambda peer: peer.accept()) as url:
        ws = WebSocket(url)
        heard = record(ws, "open", "close")
        ws.on("upgrade", lambda response: ws.close())
        await until(lambda: state(ws) == State.CLOSED)
        assert heard == [("close", 1006, "")]


async def test_cancelling_connect_closes_it() -> None:
    async def silent(peer: Peer) -> None:
        await peer.reader.read()

    async with PLAIN.raw_server(silent) as url:
        opening = asyncio.ensure_future(connect(url)._open())
        await asyncio.sleep(0.05)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


def test_it_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        WebSocket("ws://127.0.0.1:1/")


async def test_bad_arguments_fail_at_once() -> None:
    with pytest.raises(InvalidURI):
        WebSocket("ftp://127.0.0.1/")
    wrong: Any = {"max_paylod": 1}
    with pytest.raises(TypeError, match="WebSocket\\(\\) got an unknown option 'max_paylod'; did you mean"):
        WebSocket("ws://127.0.0.1:1/", **wrong)


async def test_leaving_by_an_exception_closes_with_1011() -> None:
    frames = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        frames.append(await peer.receive())
        peer.send(CLOSE, frames[-1].payload)

    async with PLAIN.raw_server(script) as url:
        with pytest.raises(KeyError):
            async with connect(url):
                raise KeyError("something else")
    assert [each.payload for each in frames] == [close(1011)]


@pytest.mark.row(102, 103)
async def test_its_properties() -> None:
    async with PLAIN.raw_server(polite) as url, connect(url + "?q=1") as ws:
        assert ws.url == url + "?q=1"
        assert (ws.protocol, ws.extensions) == (None, ())
        assert ws.buffered_amount == 0
        assert ws.latency is None
        assert ws.request.target == "/?q=1"
        assert ws.response is not None
        assert ws.response.status == 101
        assert ws.remote_address[1] == int(url.rstrip("/").rpartition(":")[2])
        assert ws.local_address[0] == "127.0.0.1"
        assert ws.ssl_object is None
        assert (ws.close_code, ws.close_reason) == (None, None)
        assert repr(ws) == f"<WebSocket OPEN {url}?q=1>"
        await ws.close(4000, "why")
        assert (ws.close_code, ws.close_reason) == (4000, "why")
        assert ws.close_info.initiator == "local"
        assert repr(ws) == f"<WebSocket CLOSED {url}?q=1>"


async def test_one_two_or_no_parameters_and_several_listeners() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        for text in (b"1", b"2", b"3"):
            peer.send(TEXT, text)
            await peer.receive()
        await polite_end(peer)

    async with PLAIN.raw_server(script) as url, connect(url) as ws:
        heard: list[Any] = []

        @ws.once("message")
        def first(data: str) -> None:
            heard.append(("once", data))

        ws.on("message", lambda data, is_binary: heard.append((data, is_binary)))
        ws.on("message", lambda: heard.append(()))
        ws.on("message", ws.send)
        await until(lambda: heard.count(()) == 3)
    assert heard == [("once", "1"), ("1", False), (), ("2", False), (), ("3", False), ()]


async def polite_end(peer: Peer) -> None:
    frame = await peer.receive()
    peer.send(CLOSE, frame.payload)


async def test_a_coroutine_function_listens() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.send(TEXT, b"hello")
        await polite_end(peer)

    async with PLAIN.raw_server(script) as url, connect(url) as ws:
        heard: list[str] = []

        @ws.on("message")
        async def message(data: str) -> None:
            await asyncio.sleep(0)
            heard.append(data)

        await until(lambda: heard == ["hello"])
        ws.off("message", message)
        ws.off("message", message)


async def test_messages_can_be_received_again_when_no_one_listens() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        assert (await peer.receive()).payload == b"go"
        peer.send(TEXT, b"hello")
        await polite_end(peer)

    async with PLAIN.raw_server(script) as url, connect(url) as ws:
        listener = ws.on("message", lambda data: None)
        ws.off("message", listener)
        ws.send("go")
        assert await ws.recv() == "hello"


async def test_control_frames_are_events() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        assert (await peer.receive()).payload == b"go"
        peer.send(PING, b"p")
        frame = await peer.receive()
        assert frame.payload == b"p"
        await polite_end(peer)

    async with PLAIN.raw_server(script) as url, connect(url) as ws:
        heard = record(ws, "ping")
        ws.send("go")
        await until(lambda: heard == [("ping", b"p")])


async def test_an_unknown_event_is_named() -> None:
    async with PLAIN.raw_server(polite) as url, connect(url) as ws:
        with pytest.raises(ValueError, match="event='mesage': must be one of open, message, "):
            ws.on("mesage", print)


async def test_a_close_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with PLAIN.raw_server(polite) as url:
        ws = await connect(url)

        @ws.on("close")
        def fail() -> None:
            raise RuntimeError("a fault of the application")

        await ws.close()
        assert "exception in a 'close' listener" in caplog.text
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()


async def test_pings_that_nobody_listens_to_are_told_to_nobody() -> None:
    """A flood of them must cost little; whoever begins to listen hears the next one."""
    async with Door("epoll", None).pair() as (client, server):
        session = server._session
        assert not session.tells_control
        heard: list[bytes] = []
        for event in ("ping", "pong"):
            server.on(event, heard.append)
            assert session.tells_control
            if event == "ping":
                await client.ping(b"1")
            else:
                client.pong(b"2")
                await client.ping()
            server.off(event, heard.append)
            assert not session.tells_control
        await client.ping(b"3")
        assert heard == [b"1", b"2"]
        server.on("message", heard.append)
        assert not session.tells_control
