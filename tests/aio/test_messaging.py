"""What users call for every message: over a real session, without a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.aio.sessions import KeepingChannel, feed, frame, new_session, open_session
from tests.doors.door import Door
from wsline.aio.messaging import Messaging
from wsline.errors import ConcurrencyError, ConnectionClosedError, ConnectionClosedOK, InvalidState
from wsline.spec import State
from wsline.wire.prepared import PreparedMessage


class OwnFormat(Messaging):
    """It can be inherited from."""


def open_pair(kind: type[Messaging] = Messaging, **options: Any) -> tuple[Messaging, KeepingChannel, Any]:
    session, channel = open_session(**options)
    return kind(session), channel, session


def text(payload: str) -> bytes:
    return frame(0x81, payload.encode(), mask=True)


def binary(payload: bytes) -> bytes:
    return frame(0x82, payload, mask=True)


def close(code: int) -> bytes:
    return frame(0x88, code.to_bytes(2, "big"), mask=True)


async def soon(function: Any, *arguments: Any) -> None:
    """Call a function in a later turn, where no task is running, and wait for it."""
    called = asyncio.Event()

    def run() -> None:
        function(*arguments)
        called.set()

    asyncio.get_running_loop().call_soon(run)
    await called.wait()


# -- send


SENT: list[tuple[Any, dict[str, Any], bytes]] = [
    ("text", {}, frame(0x81, b"text")),
    (b"bytes", {}, frame(0x82, b"bytes")),
    ("text", {"binary": True}, frame(0x82, b"text")),
    (b"bytes", {"binary": False}, frame(0x81, b"bytes")),
    ("text", {"binary": False}, frame(0x81, b"text")),
    (bytearray(b"abc"), {}, frame(0x82, b"abc")),
    (memoryview(b"a-b-c-")[::2], {}, frame(0x82, b"abc")),
    ("part", {"fin": False}, frame(0x01, b"part")),
    (bytearray(b"part"), {"fin": False}, frame(0x02, b"part")),
    ("text", {"compress": True}, frame(0x81, b"text")),
]


def name_of(value: Any) -> str:
    return "memoryview" if isinstance(value, memoryview) else str(value)[:30]


@pytest.mark.parametrize(("data", "keywords", "sent"), SENT, ids=name_of)
@pytest.mark.parametrize("kind", [Messaging, OwnFormat])
async def test_send(kind: type[Messaging], data: Any, keywords: dict[str, Any], sent: bytes) -> None:
    ws, channel, _ = open_pair(kind)
    wait = ws.send(data, **keywords)
    assert channel.take() == sent, "it need not be awaited"
    assert await wait is None


async def test_fragments_by_fin() -> None:
    ws, channel, _ = open_pair()
    ws.send("a", fin=False)
    ws.send("b", fin=False)
    ws.send("c")
    assert channel.take() == frame(0x01, b"a") + frame(0x00, b"b") + frame(0x80, b"c")


async def items() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


@pytest.mark.parametrize("source", [lambda: [b"a", b"b"], lambda: iter((b"a", b"b")), items])
async def test_an_iterable_is_sent_while_it_is_awaited(source: Any) -> None:
    ws, channel, _ = open_pair()
    wait = ws.send(source())
    assert channel.take() == b""
    await wait
    assert channel.take() == frame(0x02, b"a") + frame(0x00, b"b") + frame(0x80, b"")


@pytest.mark.parametrize("data", [None, 7, {}])
async def test_other_types_are_not_sent(data: Any) -> None:
    ws, channel, session = open_pair()
    with pytest.raises(TypeError, match="must be str, bytes"):
        ws.send(data)
    assert channel.take() == b""
    assert session.connection.state == State.OPEN


async def test_send_waits_for_room() -> None:
    ws, channel, _ = open_pair(stuck=True, high_water=10)
    await ws.send("a")
    task = asyncio.create_task(ws.send("b" * 20))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    channel.unstick()
    assert await task is None
    assert channel.take() == frame(0x81, b"a") + frame(0x81, b"b" * 20)


async def test_before_the_handshake_nothing_is_sent() -> None:
    ws = Messaging(new_session())
    for call in (lambda: ws.send("a"), lambda: ws.send(bytearray()), ws.ping, ws.pong):
        with pytest.raises(InvalidState, match="CONNECTING"):
            call()
    with pytest.raises(InvalidState, match="CONNECTING"):
        await ws.send(["a"])


# -- recv


async def test_recv_gives_messages_in_order() -> None:
    ws, _, session = open_pair()
    feed(session, text("é"), binary(b"\xff"), text(""))
    assert [await ws.recv() for _ in range(3)] == ["é", b"\xff", ""]


async def test_recv_waits() -> None:
    ws, _, session = open_pair()
    task = asyncio.create_task(ws.recv())
    await asyncio.sleep(0)
    await soon(feed, session, text("a"))
    assert task.done()
    assert await task == "a"


async def test_recv_converts() -> None:
    ws, _, session = open_pair()
    feed(session, text("é"), text("é"), binary(b"x"), binary(b"x"), binary(b"\xff"), text("next"))
    assert await ws.recv(decode=True) == "é"
    assert await ws.recv(decode=False) == "é".encode()
    assert await ws.recv(decode=True) == "x"
    assert await ws.recv(decode=False) == b"x"
    with pytest.raises(UnicodeDecodeError):
        await ws.recv(decode=True)
    assert await ws.recv() == "next"


async def test_one_coroutine_receives_at_a_time() -> None:
    ws, _, session = open_pair()
    task = asyncio.create_task(ws.recv())
    await asyncio.sleep(0)
    with pytest.raises(ConcurrencyError, match="another coroutine"):
        await ws.recv()
    await soon(feed, session, text("a"))
    assert await task == "a"


async def test_recv_is_not_for_those_who_listen() -> None:
    ws, _, session = open_pair()
    session.set_listener(print, 1)
    for call in (ws.recv, ws.__aiter__):
        with pytest.raises(ConcurrencyError, match="messages go to the 'message' listener"):
            call()
    session.set_listener(None, 0)
    feed(session, text("a"))
    assert await ws.recv() == "a"


async def test_iterating_ends_with_a_normal_close() -> None:
    ws, channel, session = open_pair()
    feed(session, text("a"), binary(b"b"), close(1000))
    channel.abort()
    assert [message async for message in ws] == ["a", b"b"]
    with pytest.raises(ConnectionClosedOK):
        await ws.recv()
    with pytest.raises(StopAsyncIteration):
        await ws.__anext__()


async def test_iterating_raises_at_another_end() -> None:
    ws, channel, session = open_pair()
    feed(session, text("a"))
    channel.abort()
    received = []
    with pytest.raises(ConnectionClosedError):
        async for message in ws:
            received.append(message)
    assert received == ["a"]


async def test_anext_takes_one() -> None:
    ws, _, session = open_pair()
    feed(session, text("a"), text("b"))
    assert await ws.__anext__() == "a"
    assert await anext(aiter(ws)) == "b"


# -- ping and pong


async def test_ping_gives_the_round_trip_time() -> None:
    ws, channel, session = open_pair()
    wait = ws.ping("é")
    assert channel.take() == frame(0x89, "é".encode())
    feed(session, frame(0x8A, "é".encode(), mask=True))
    assert 0 <= await wait < 60
    ws.ping()
    assert channel.take() == frame(0x89, b"")


async def test_ping_fails_with_the_connection() -> None:
    ws, channel, _ = open_pair()
    wait = ws.ping(b"x")
    channel.abort()
    with pytest.raises(ConnectionClosedError):
        await wait


async def test_pings_that_were_given_up_do_not_count() -> None:
    ws, _, session = open_pair()
    for _ in range(1024):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await ws.ping(b"x")
    last = ws.ping(b"y")
    feed(session, frame(0x8A, b"y", mask=True))
    assert 0 <= await last < 60


async def test_pings_that_nobody_awaits_any_more_do_not_count() -> None:
    ws, _, _ = open_pair()
    tasks = [asyncio.ensure_future(ws.ping(b"x")) for _ in range(1024)]
    await asyncio.sleep(0)
    with pytest.raises(InvalidState, match="1024 pings wait"):
        ws.ping()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ws.ping()


async def test_pong() -> None:
    ws, channel, _ = open_pair()
    ws.pong(memoryview(b"x"))
    ws.pong()
    assert channel.take() == frame(0x8A, b"x") + frame(0x8A, b"")


async def test_bad_control_payloads_are_not_sent() -> None:
    ws, channel, _ = open_pair()
    for call in (ws.ping, ws.pong):
        with pytest.raises(TypeError, match="data of type int"):
            call(7)
        with pytest.raises(ValueError, match="data of 126 bytes"):
            call(bytes(126))
    assert channel.take() == b""


# -- the end


async def test_close_is_sent_at_once_and_waits_for_the_end() -> None:
    ws, channel, session = open_pair()
    task = asyncio.ensure_future(ws.close(1001, "bye"))
    assert channel.take() == frame(0x88, b"\x03\xe9bye")
    assert session.connection.state == State.CLOSING
    with pytest.raises(ConnectionClosedError):
        ws.send("late")
    feed(session, text("still comes"), close(1001))
    await asyncio.sleep(0)
    assert not task.done()
    channel.abort()
    assert await task is None
    assert await ws.recv() == "still comes"
    assert await ws.close() is None
    assert await ws.wait_closed() is None


async def test_close_without_arguments_and_without_a_code() -> None:
    ws, channel, _ = open_pair()
    ws.close()
    assert channel.take() == frame(0x88, b"\x03\xe8")
    ws, channel, _ = open_pair()
    ws.close(None)
    assert channel.take() == frame(0x88, b"")


@pytest.mark.parametrize(("code", "reason"), [(1005, ""), (5000, ""), (1000, "x" * 124), (None, "y")])
async def test_bad_close_arguments_change_nothing(code: int | None, reason: str) -> None:
    ws, channel, session = open_pair()
    with pytest.raises(ValueError, match=r"must be (1000|at most|empty)"):
        ws.close(code, reason)
    assert channel.take() == b""
    assert session.connection.state == State.OPEN


async def test_close_before_the_handshake_gives_up() -> None:
    session = new_session()
    ws = Messaging(session)
    waiting = asyncio.ensure_future(ws.wait_closed())
    await ws.close()
    await waiting
    assert session.connection.state == State.CLOSED
    assert "closed before the connection was established" in str(session.connection.cause)


async def test_terminate_cuts_the_connection() -> None:
    ws, channel, session = open_pair()
    waiting = asyncio.ensure_future(ws.wait_closed())
    ws.terminate()
    assert channel.closed
    assert channel.take() == b""
    assert session.connection.state == State.CLOSED
    await waiting
    with pytest.raises(ConnectionClosedError):
        await ws.recv()
    ws.terminate()


async def test_terminate_before_the_handshake_gives_up() -> None:
    session = new_session()
    ws = Messaging(session)
    ws.terminate()
    assert session.connection.state == State.CLOSED
    await ws.wait_closed()


# -- pausing


async def test_pause_and_resume() -> None:
    ws, channel, session = open_pair()
    assert not ws.is_paused
    ws.pause()
    ws.pause()
    assert ws.is_paused
    assert channel.log == ["pause"]
    feed(session, text("was on its way"))
    assert await ws.recv() == "was on its way"
    ws.resume()
    ws.resume()
    assert not ws.is_paused
    assert channel.log == ["pause", "resume"]


# -- against the rule, for tests of peers


@pytest.mark.parametrize(("fin", "head"), [(True, 0x82), (False, 0x02)])
async def test_a110_a_server_can_mask(fin: bool, head: int) -> None:
    session, channel = open_session()
    messaging = Messaging(session)
    messaging.send(b"abc", fin=fin, mask=True)
    sent = channel.take()
    assert sent[:2] == bytes([head, 0x83])
    key = sent[2:6]
    assert bytes(each ^ mask for each, mask in zip(sent[6:], key, strict=False)) == b"abc"
    messaging.send("as ever")
    assert channel.take()[1] == 7
    messaging.send("said twice", mask=False)
    assert channel.take()[1] == 10


async def test_a110_a_peer_that_is_not_masked_as_it_should_be_is_refused() -> None:
    plain = Door("epoll", None)
    async with plain.pair() as (client, server):
        client.send("plain", mask=False)
        with pytest.raises(ConnectionClosedError, match="MASK must be set"):
            await server.recv()
    async with plain.pair() as (client, server):
        server.send("masked", mask=True)
        with pytest.raises(ConnectionClosedError, match="MASK must be clear"):
            await client.recv()


async def test_a110_a_prepared_message_is_sent_by_the_rule() -> None:
    session, channel = open_session()
    with pytest.raises(TypeError, match="a PreparedMessage is sent as it is"):
        Messaging(session).send(PreparedMessage("x"), mask=True)
    assert channel.take() == b""


async def test_a110_a_bad_message_leaves_the_rule_in_force() -> None:
    session, channel = open_session()
    messaging = Messaging(session)
    with pytest.raises(UnicodeEncodeError):
        messaging.send("\ud800", mask=True)
    messaging.send("x")
    assert channel.take() == b"\x81\x01x"
