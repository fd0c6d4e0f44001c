"""The end: from both sides, in order and out of order; what is told of it is true."""

import asyncio
import time
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, until
from tests.doors.peer import BINARY, CLOSE, TEXT, Peer, close
from wsline import (
    CloseInfo,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    RemoteProtocolError,
    State,
    Violation,
    WebSocket,
)


def told(info: CloseInfo) -> tuple[int | None, str, int | None, str, str | None, bool]:
    return (
        info.local_code,
        info.local_reason,
        info.peer_code,
        info.peer_reason,
        info.initiator,
        info.was_clean,
    )


@pytest.mark.row(88, 114, 116)
@pytest.mark.parametrize("closer", ["client", "server"])
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4999, "ü" * 61)])
async def test_a_close_is_answered(door: Door, closer: str, code: int, reason: str) -> None:
    async with door.pair() as (client, server):
        one, other = (client, server) if closer == "client" else (server, client)
        await one.close(code, reason)
        await other.wait_closed()
        for ws, initiator in ((one, "local"), (other, "peer")):
            assert told(ws.close_info) == (code, reason, code, reason, initiator, True)
            assert ws.close_info.cause is None
            assert (ws.close_code, ws.close_reason) == (code, reason)
            assert ws.ready_state == State.CLOSED
            assert ws.buffered_amount == 0
            with pytest.raises(ConnectionClosedOK if code == 1000 else ConnectionClosedError):
                await ws.recv()


@pytest.mark.row(114, 116)
@pytest.mark.parametrize("closer", ["client", "server"])
async def test_a_close_without_a_code(door: Door, closer: str) -> None:
    async with door.pair() as (client, server):
        one, other = (client, server) if closer == "client" else (server, client)
        await one.close(None)
        await other.wait_closed()
        assert (one.close_code, other.close_code) == (1005, 1005)
        assert [message async for message in other] == []


async def test_both_close_at_once(door: Door) -> None:
    async with door.pair() as (client, server):
        ours, theirs = client.close(4001), server.close(4002)
        await asyncio.gather(ours, theirs)
        assert (client.close_code, server.close_code) == (4002, 4001)
        assert client.close_info.was_clean
        assert server.close_info.was_clean


BAD_ARGUMENTS: list[tuple[tuple[Any, ...], type[Exception]]] = [
    ((999,), ValueError),
    ((1004,), ValueError),
    ((1005,), ValueError),
    ((1006,), ValueError),
    ((1015,), ValueError),
    ((2999,), ValueError),
    ((5000,), ValueError),
    ((1000, "x" * 124), ValueError),
    ((1000, "ü" * 62), ValueError),
    ((None, "why"), ValueError),
    (("1000",), TypeError),
    ((1000, b"why"), TypeError),
]


@pytest.mark.row(114)
async def test_bad_arguments_change_nothing(door: Door) -> None:
    async with door.pair() as (client, server):
        for arguments, error in BAD_ARGUMENTS:
            with pytest.raises(error):
                client.close(*arguments)
        assert client.ready_state == State.OPEN
        await client.send("still open")
        assert await server.recv() == "still open"


@pytest.mark.row(115)
async def test_closing_again_means_nothing(door: Door) -> None:
    async with door.pair() as (client, server):
        await asyncio.gather(client.close(4000), client.close(4001), client.close(4002))
        assert client.close_info.local_code == 4000
        await client.close(4003)
        await client.wait_closed()
        client.terminate()
        assert client.close_info.local_code == 4000
        await server.wait_closed()
        assert server.close_code == 4000


@pytest.mark.row(118)
async def test_what_was_sent_before_the_close_arrives(door: Door) -> None:
    async with door.pair() as (client, server):
        for i in range(100):
            server.send(b"%d" % i * 1000)
        server.close()
        assert [await client.recv() for _ in range(100)] == [b"%d" % i * 1000 for i in range(100)]
        with pytest.raises(ConnectionClosedOK):
            await client.recv()


async def test_before_the_end_nothing_is_told(door: Door) -> None:
    async with door.pair() as (client, _):
        assert client.close_code is None
        assert client.close_reason is None
        assert told(client.close_info) == (None, "", None, "", None, False)
        assert "OPEN" in repr(client)


@pytest.mark.row(117)
async def test_terminate(door: Door) -> None:
    async with door.pair() as (client, server):
        pong = client.ping()
        client.terminate()
        assert client.ready_state == State.CLOSED
        await client.wait_closed()
        await server.wait_closed()
        assert (client.close_code, server.close_code) == (1006, 1006)
        assert client.close_info.hint == "we cut the connection (terminate)"
        with pytest.raises(ConnectionClosedError, match="we cut the connection"):
            await client.recv()
        with pytest.raises(ConnectionClosedError):
            await pong
        with pytest.raises(ConnectionClosedError):
            await server.recv()


async def test_terminate_in_the_middle_of_a_batch(door: Door) -> None:
    async with door.pair() as (client, server):
        received = []

        async def receive() -> None:
            try:
                while True:
                    received.append(await client.recv())
                    if len(received) == 2:
                        client.terminate()
            except ConnectionClosedError:
                received.append("closed")

        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        for i in range(4):
            server.send(f"{i}")
        await asyncio.wait_for(task, DEADLINE)
        assert received == ["0", "1", "2", "3", "closed"]


async def test_a_body_that_raises_closes_with_1011(door: Door) -> None:
    async with door.pair() as (_, server):
        pass
    assert server.close_code == 1000
    with pytest.raises(ZeroDivisionError):
        async with door.pair() as (_, server):
            raise ZeroDivisionError
    assert server.close_code == 1011


# -- peers that do not do their part


@pytest.mark.row(19, "53c")
@pytest.mark.parametrize(("role", "reads"), [("client", True), ("server", False)])
async def test_a_peer_that_never_answers_the_close(door: Door, role: str, reads: bool) -> None:
    """`close_timeout` holds, whether the peer takes what is sent or not."""
    over = asyncio.Event()
    options = {"close_timeout": 0.1}

    async def keep_silent(peer: Peer) -> None:
        if not reads:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await over.wait()

    async def script(peer: Peer) -> None:
        await peer.accept()
        await keep_silent(peer)

    async def end(ws: WebSocket) -> None:
        if not reads:
            ws.send(b"x" * (1 << 23))
        started = time.monotonic()
        async with asyncio.timeout(DEADLINE):
            await ws.close()
        assert 0.08 < time.monotonic() - started < 3
        assert told(ws.close_info) == (1000, "", None, "", "local", False)
        assert "has not answered" in ws.close_info.hint
        assert ws.close_code == 1006
        over.set()

    if role == "client":
        async with door.raw_server(script) as url, door.connect(url, **options) as ws:
            await end(ws)
    else:
        async with door.serving(end, **options) as served, door.raw_client(served.port) as peer:
            await peer.open()
            await keep_silent(peer)


@pytest.mark.parametrize("closer", ["server", "peer"])
async def test_a_close_frame_behind_what_the_peer_does_not_take(door: Door, closer: str) -> None:
    """Also when all of it has been given to a transport, which would wait for ever."""

    async def handler(ws: WebSocket) -> None:
        while not ws.buffered_amount and not is_held_up(ws):
            ws.send(b"x" * 60_000)
            await asyncio.sleep(0)
        held_up.set()
        async with asyncio.timeout(DEADLINE):
            await (ws.close() if closer == "server" else ws.wait_closed())
        over.set()

    def is_held_up(ws: WebSocket) -> bool:
        transport = getattr(ws._session.channel, "_transport", None)
        return transport is not None and transport.get_write_buffer_size() > 0

    held_up, over = asyncio.Event(), asyncio.Event()
    async with (
        door.serving(handler, close_timeout=0.1) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open()
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await held_up.wait()
        if closer == "peer":
            peer.send(CLOSE, close(1000))
        await asyncio.wait_for(over.wait(), DEADLINE)


@pytest.mark.parametrize("door", ["direct", "tls"], indirect=True)
async def test_a_server_that_keeps_the_connection_open(door: Door) -> None:
    """RFC 6455 §7.1.1: the client waits for the server to close TCP, but not for ever."""
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        assert await peer.receive() == (CLOSE, close(1000), True)
        peer.send(CLOSE, close(1000))
        await over.wait()

    async with door.raw_server(script) as url, door.connect(url) as ws:
        started = time.monotonic()
        await ws.close()
        # Over TLS it says farewell itself, and need not wait so long.
        assert (0.5 if door.name == "direct" else 0) < time.monotonic() - started < 5
        assert ws.close_info.is_ok
        over.set()


async def test_a_client_that_keeps_the_connection_open(door: Door) -> None:
    async with door.serving(lambda ws: ws.wait_closed()) as served, door.raw_client(served.port) as peer:
        await peer.open()
        peer.send(CLOSE, close(1000))
        assert await peer.receive() == (CLOSE, close(1000), True)
        assert await peer.is_at_end()
        await until(lambda: not served.server.clients)


HALF = b"\x82\x7e\xff\xff" + b"x" * 100


@pytest.mark.row(178)
@pytest.mark.parametrize("how", ["reset", "end"])
@pytest.mark.parametrize("amid", ["frame", "large frame", "nothing"])
async def test_a_peer_that_is_gone(door: Door, how: str, amid: str) -> None:
    begun = {
        "frame": HALF,
        "large frame": b"\x82\x7f" + (1 << 22).to_bytes(8, "big") + b"x" * 300_000,
        "nothing": b"",
    }[amid]
    open_, ready = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.send(TEXT, b"whole")
        peer.writer.write(begun)
        await peer.writer.drain()
        open_.set()
        await ready.wait()
        if how == "reset":
            peer.cut()

    async with door.raw_server(script) as url, door.connect(url) as ws:
        await open_.wait()
        assert await ws.recv() == "whole"
        receiving = asyncio.ensure_future(ws.recv())
        pong = asyncio.ensure_future(ws.ping())
        await asyncio.sleep(0)
        started = time.monotonic()
        ready.set()
        with pytest.raises(ConnectionClosedError) as caught:
            await asyncio.wait_for(receiving, DEADLINE)
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(pong, DEADLINE)
        assert time.monotonic() - started < 2
        assert caught.value.code == 1006
        assert told(ws.close_info) == (None, "", None, "", None, False)
        await ws.wait_closed()


@pytest.mark.parametrize("door", ["epoll", "direct", "transport"], indirect=True)  # TLS cannot half-close
async def test_a_half_closed_peer_gets_the_answer_to_its_last_message(door: Door) -> None:
    async def handler(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async with door.serving(handler) as served, door.raw_client(served.port) as peer:
        await peer.open()
        peer.send(TEXT, b"last")
        peer.writer.write_eof()
        assert (await peer.receive()).payload == b"last"
        assert await peer.is_at_end()


# -- peers that break the rules


@pytest.mark.row(164)
@pytest.mark.parametrize(
    ("opcode", "payload", "rsv", "violation", "code"),
    [
        (3, b"", 0, Violation.INVALID_OPCODE, 1002),
        (TEXT, b"", 4, Violation.UNEXPECTED_RSV_1, 1002),
        (TEXT, b"\xff", 0, Violation.INVALID_UTF8, 1007),
        (BINARY, b"x" * 2001, 0, Violation.UNSUPPORTED_MESSAGE_LENGTH, 1009),
    ],
    ids=lambda value: value.name if isinstance(value, Violation) else "",
)
@pytest.mark.parametrize("role", ["client", "server"])
async def test_a_broken_rule_fails_the_connection(
    door: Door, role: str, opcode: int, payload: bytes, rsv: int, violation: Violation, code: int
) -> None:
    async def break_it(peer: Peer) -> None:
        peer.send(TEXT, b"good")
        peer.send(opcode, payload, rsv=rsv)
        peer.send(TEXT, b"not to be seen")
        last = await peer.receive()
        assert (last.opcode, last.payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
        peer.send(CLOSE, last.payload[:2])
        if door.name != "tls":  # TLS cannot half-close: there the peer ends it
            assert await peer.is_at_end()

    async def script(peer: Peer) -> None:
        await peer.accept()
        await break_it(peer)

    async def suffer(ws: WebSocket) -> None:
        assert await ws.recv() == "good"
        with pytest.raises(ConnectionClosedError) as caught:
            await ws.recv()
        cause = caught.value.__cause__
        assert isinstance(cause, RemoteProtocolError)
        assert (cause.violation, cause.close_code) == (violation, code)
        assert ws.close_info.local_code == code
        assert ws.close_info.initiator == "local"
        assert ws.close_info.cause is cause
        ended.set_result(None)

    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if role == "client":
        async with door.raw_server(script) as url, door.connect(url, max_payload=2000) as ws:
            await suffer(ws)
    else:
        async with door.serving(suffer, max_payload=2000) as served:
            async with door.raw_client(served.port) as peer:
                await peer.open()
                await break_it(peer)
            await ended


async def test_a_client_that_does_not_mask(door: Door) -> None:
    async with door.serving(lambda ws: ws.wait_closed()) as served, door.raw_client(served.port) as peer:
        await peer.open()
        (ws,) = served.server.clients
        peer.writer.write(b"\x81\x01x")
        assert (await peer.receive()).payload[:2] == close(1002)
        await until(lambda: ws.ready_state == State.CLOSED or ws.close_info.cause)
        assert isinstance(ws.close_info.cause, RemoteProtocolError)
        assert ws.close_info.cause.code == "EXPECTED_MASK"


async def test_the_end_of_another_connection_is_an_error_in_a_handler(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that is a client elsewhere, and lost that: its own client is told so."""
    async with door.serving(lambda ws: ws.close(4000)) as backend:

        async def handler(ws: WebSocket) -> None:
            async with door.connect(backend.url) as other:
                await ws.send(await other.recv())

        async with door.serving(handler) as served, door.connect(served.url) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1011
    assert "exception in a handler" in caplog.text
