"""What can be sent and how it is received: every kind of data, and messages of fragments."""

import array
import asyncio
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from typing import Any

import pytest

from tests.aio.sessions import KeepingChannel, frame, open_session
from wsline.aio.payload import (
    as_bytes,
    as_text,
    frame_message,
    send_fragments,
    to_control_payload,
    to_message,
)
from wsline.aio.session import Session
from wsline.errors import CloseInfo, ConcurrencyError, ConnectionClosed, ConnectionClosedError
from wsline.spec import State


class Text(str):
    """Text that shows itself in another way."""

    def __str__(self) -> str:
        return "shown"

    def encode(self, *arguments: Any, **keywords: Any) -> bytes:
        return b"encoded"


class Colour(str, Enum):  # noqa: UP042 (a StrEnum shows itself as it is)
    """An enum of texts, as there are many."""

    RED = "red"


class Bytes(bytes):
    """Bytes that show themselves in another way."""

    def __bytes__(self) -> bytes:
        return b"shown"


STRIDED = memoryview(b"a-b-c-")[::2]
TABLE = memoryview(bytes(range(6))).cast("B", (2, 3))

TEXTS: list[tuple[Any, str]] = [
    ("text", "text"),
    ("", ""),
    ("žluť 🐎", "žluť 🐎"),
    (Text("as it is"), "as it is"),
    (Colour.RED, "red"),
]
BINARIES: list[tuple[Any, bytes]] = [
    (b"bytes", b"bytes"),
    (b"", b""),
    (Bytes(b"as it is"), b"as it is"),
    (bytearray(b"abc"), b"abc"),
    (memoryview(b"abcdef")[1:4], b"bcd"),
    (memoryview(b""), b""),
    (STRIDED, b"abc"),
    (STRIDED[::-1], b"cba"),
    (TABLE, bytes(range(6))),
    (array.array("B", [1, 2]), b"\1\2"),
    (array.array("i", [7]), array.array("i", [7]).tobytes()),
]


# -- to_message


@pytest.mark.parametrize(("data", "expected"), TEXTS, ids=repr)
def test_text_is_text(data: Any, expected: str) -> None:
    for binary in (None, False):
        message = to_message(data, binary)
        assert type(message) is str
        assert message == expected
    message = to_message(data, True)
    assert type(message) is bytes
    assert message == expected.encode()


@pytest.mark.parametrize(("data", "expected"), BINARIES, ids=lambda each: type(each).__name__)
def test_bytes_are_bytes(data: Any, expected: bytes) -> None:
    for binary in (None, True):
        message = to_message(data, binary)
        assert type(message) is bytes
        assert message == expected
    message = to_message(data, False)
    assert type(message) is str
    assert message == expected.decode()


def test_bytes_are_not_copied() -> None:
    data = bytes(1000)
    assert to_message(data, None) is data
    assert to_message(data, True) is data


def test_a_buffer_may_be_changed_after_the_call() -> None:
    data = bytearray(b"abc")
    message = to_message(data, None)
    data[0] = 0
    data.extend(b"it is not held")
    assert message == b"abc"
    view = memoryview(data)
    to_message(view, None)
    assert view.nbytes == len(data), "a view of the caller is not released"


def test_what_is_not_utf8_is_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        to_message(b"\xff", False)
    with pytest.raises(UnicodeEncodeError):
        to_message("\ud800", True)


def a_generator() -> Iterator[str]:
    yield "a"


async def an_async_generator() -> AsyncIterator[str]:
    yield "a"


@pytest.mark.parametrize(
    "data",
    [["a"], ("a",), set(), a_generator(), an_async_generator(), range(3)],
    ids=lambda each: type(each).__name__,
)
def test_iterables_are_told_apart(data: Any) -> None:
    for binary in (None, True, False):
        assert to_message(data, binary) is None


@pytest.mark.parametrize("data", [None, 7, 1.5, True, {}, {"a": 1}, object(), str, len], ids=repr)
@pytest.mark.parametrize("binary", [None, True, False])
def test_other_types_are_errors(data: Any, binary: bool | None) -> None:
    with pytest.raises(TypeError, match=f"data of type {type(data).__name__}: must be str, bytes, an object"):
        to_message(data, binary)


# -- whole frames, control payloads, conversions


def test_a_message_is_framed_as_a_server_does() -> None:
    assert frame_message("text", None) == frame(0x81, b"text")
    assert frame_message(b"bytes", None) == frame(0x82, b"bytes")
    assert frame_message("text", True) == frame(0x82, b"text")
    assert frame_message(b"bytes", False) == frame(0x81, b"bytes")
    large: Any = memoryview(bytes(70000))
    assert frame_message(large, None) == b"\x82\x7f" + (70000).to_bytes(8, "big") + bytes(70000)


def test_an_iterable_is_not_framed() -> None:
    wrong: Any = ["a"]
    with pytest.raises(TypeError, match="data of type list"):
        frame_message(wrong, None)


@pytest.mark.parametrize(
    ("data", "payload"),
    [("é", "é".encode()), (b"x", b"x"), ("", b""), (bytearray(125), bytes(125)), (STRIDED, b"abc")],
    ids=lambda each: type(each).__name__,
)
def test_control_payloads(data: Any, payload: bytes) -> None:
    assert to_control_payload(data) == payload
    assert type(to_control_payload(data)) is bytes


@pytest.mark.parametrize(
    "data", [None, 7, {}, ["a"], (), a_generator()], ids=lambda each: type(each).__name__
)
def test_control_payloads_of_other_types_are_errors(data: Any) -> None:
    with pytest.raises(TypeError, match=f"data of type {type(data).__name__}: must be str, bytes"):
        to_control_payload(data)


@pytest.mark.parametrize("data", [bytes(126), "x" * 126, "é" * 63])
def test_control_payloads_are_short(data: Any) -> None:
    with pytest.raises(
        ValueError, match="data of 126 bytes: The data size must not be greater than 125 bytes"
    ):
        to_control_payload(data)


def test_messages_are_converted() -> None:
    assert as_text("é") == as_text("é".encode()) == "é"
    assert as_bytes("é") == as_bytes("é".encode()) == "é".encode()
    with pytest.raises(UnicodeDecodeError):
        as_text(b"\xff")


# -- fragments


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
