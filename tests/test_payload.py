"""What can be sent and how it is received: every kind of data."""

import array
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from typing import Any

import pytest

from wsline.payload import Fragments, as_bytes, as_text, frame_message, to_control_payload, to_message


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
    assert frame_message("text", None) == b"\x81\x04text"
    assert frame_message(b"bytes", None) == b"\x82\x05bytes"
    assert frame_message("text", True) == b"\x82\x04text"
    assert frame_message(b"bytes", False) == b"\x81\x05bytes"
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


@pytest.mark.parametrize(
    ("items", "binary", "taken", "last"),
    [
        (["a", Text("b")], None, ["a", "b"], ""),
        ([bytearray(b"a"), STRIDED], None, [b"a", b"abc"], b""),
        (["é", b"b"], True, ["é".encode(), b"b"], b""),
        (["a", b"b"], False, ["a", "b"], ""),
        ([], None, [], ""),
        ([], True, [], b""),
        ([], False, [], ""),
    ],
)
def test_fragments_are_of_one_kind(
    items: list[Any], binary: bool | None, taken: list[Any], last: Any
) -> None:
    fragments = Fragments(binary)
    assert [fragments.take(each) for each in items] == taken
    assert fragments.last() == last


@pytest.mark.parametrize("items", [["a", b"b"], [b"a", "b"], [["a"]], ["a", ["b"]], [7]])
def test_fragments_of_another_kind_are_errors(items: list[Any]) -> None:
    fragments = Fragments(None)
    for each in items[:-1]:
        fragments.take(each)
    with pytest.raises(TypeError, match=f"of type {type(items[-1]).__name__}"):
        fragments.take(items[-1])
