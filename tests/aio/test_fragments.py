"""Messages of fragments: from iterables of all kinds, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.aio.sessions import KeepingChannel, frame, open_session
from wsline.aio.fragments import send_fragments
from wsline.aio.session import Session
from wsline.errors import CloseInfo, ConcurrencyError, ConnectionClosed, ConnectionClosedError
from wsline.spec import State

STRIDED = memoryview(b"a-b-c-")[::2]


async def agen(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item


def gen(*items: Any) -> Iterator[Any]:
    yield from items


FRAGMENTS: list[tuple[list[Any], bool | None, list[tuple[int, bytes]]]] = [
    (["a", "bc"], None, [(0x01, b"a"), (0x00, b"bc"), (0x80, b"")]),
    ([b"a", bytearray(b"b"), STRIDED], None, [(0x02, b"a"), (0x00, b"b"), (0x00, b"abc"), (0x80, b"")]),
    (["a", b"b"], True, [(0x02, b"a"), (0x00, b"b"), (0x80, b"")]),
    (["a", b"b"], False, [(0x01, b"a"), (0x00, b"b"), (0x80, b"")]),
    ([""], None, [(0x01, b""), (0x80, b"")]),
    ([], None, [(0x81, b"")]),
    ([], True, [(0x82, b"")]),
    ([], False, [(0x81, b"")]),
]


@pytest.mark.parametrize("source", [list, lambda items: gen(*items), lambda items: agen(*items)])
@pytest.mark.parametrize(("items", "binary", "frames"), FRAGMENTS, ids=lambda each: str(each)[:30])
async def test_an_iterable_is_one_message(
    source: Any, items: list[Any], binary: bool | None, frames: list[tuple[int, bytes]]
) -> None:
    session, channel = open_session()
    await send_fragments(session, source(items), binary)
    assert channel.take() == b"".join(frame(first, payload) for first, payload in frames)
    assert session.connection.state == State.OPEN


async def test_it_waits_for_room() -> None:
    session, channel = open_session(stuck=True, high_water=1)
    taken = []

    def source() -> Iterator[str]:
        for item in "abc":
            taken.append(item)
            yield item

    task = asyncio.create_task(send_fragments(session, source(), None))
    for _ in range(5):
        await asyncio.sleep(0)
    assert taken == ["a"], "no more is asked for than can be sent"
    channel.unstick()
    await task
    assert taken == ["a", "b", "c"]
    assert channel.take() == frame(1, b"a") + frame(0, b"b") + frame(0, b"c") + frame(0x80, b"")


CLOSE = frame(0x88, (1011).to_bytes(2, "big") + b"message not completed")


def assert_failed(session: Session, channel: KeepingChannel, sent: bytes, cause: BaseException) -> None:
    assert channel.take() == sent + CLOSE
    assert session.connection.state == State.CLOSING
    assert session.connection.cause is cause


@pytest.mark.parametrize(
    ("items", "sent"),
    [
        (["a", b"b"], frame(1, b"a")),
        ([b"a", "b"], frame(2, b"a")),
        (["a", ["b"]], frame(1, b"a")),
        (["a", 7], frame(1, b"a")),
        ([None], b""),
    ],
)
async def test_a_wrong_fragment_fails_the_connection(items: list[Any], sent: bytes) -> None:
    session, channel = open_session()
    with pytest.raises(TypeError, match="type") as caught:
        await send_fragments(session, items, None)
    assert_failed(session, channel, sent, caught.value)


async def test_a_source_that_fails_fails_the_connection() -> None:
    session, channel = open_session()
    error = KeyError("x")

    async def source() -> AsyncIterator[str]:
        yield "a"
        raise error

    with pytest.raises(KeyError):
        await send_fragments(session, source(), None)
    assert_failed(session, channel, frame(1, b"a"), error)


async def test_a_source_that_is_a_closed_connection_fails_this_one() -> None:
    session, channel = open_session()
    error = ConnectionClosedError(CloseInfo(hint="the other one"))

    async def source() -> AsyncIterator[str]:
        yield "a"
        raise error

    with pytest.raises(ConnectionClosedError, match="the other one"):
        await send_fragments(session, source(), None)
    assert_failed(session, channel, frame(1, b"a"), error)


async def test_cancelling_fails_the_connection() -> None:
    session, channel = open_session()
    reached = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        yield "a"
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(send_fragments(session, source(), None))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert channel.take() == frame(1, b"a") + CLOSE
    assert isinstance(session.connection.cause, asyncio.CancelledError)


async def test_a_connection_that_closes_meanwhile_is_not_failed() -> None:
    session, channel = open_session()

    async def source() -> AsyncIterator[str]:
        yield "a"
        session.close(1000, "")
        yield "b"

    with pytest.raises(ConnectionClosed):
        await send_fragments(session, source(), None)
    assert channel.take() == frame(1, b"a") + frame(0x88, (1000).to_bytes(2, "big"))
    assert session.connection.state == State.CLOSING
    assert session.connection.cause is None


async def test_a_connection_that_is_lost_meanwhile() -> None:
    session, channel = open_session(stuck=True, high_water=1)
    task = asyncio.create_task(send_fragments(session, ["a", "b"], None))
    for _ in range(5):
        await asyncio.sleep(0)
    channel.abort()
    with pytest.raises(ConnectionClosedError):
        await task
    assert session.connection.state == State.CLOSED


async def test_one_such_message_at_a_time() -> None:
    session, channel = open_session()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncIterator[str]:
        yield "a"
        reached.set()
        await go_on.wait()

    task = asyncio.create_task(send_fragments(session, source(), None))
    await reached.wait()
    with pytest.raises(ConcurrencyError, match="another fragmented message"):
        await send_fragments(session, ["b"], None)
    session.send("aside", True)
    go_on.set()
    await task
    assert channel.take() == frame(1, b"a") + frame(0x80, b"") + frame(0x81, b"aside")
    assert session.connection.state == State.OPEN
