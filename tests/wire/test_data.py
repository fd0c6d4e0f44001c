"""What can be sent: every kind of data."""

import array
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from typing import Any

import pytest

from wsline.wire.data import to_message


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


@pytest.mark.parametrize(
    "data", [None, 7, 1.5, True, {}, {"a": 1}, pytest.param(object(), id="object"), str, len], ids=repr
)
@pytest.mark.parametrize("binary", [None, True, False])
def test_other_types_are_errors(data: Any, binary: bool | None) -> None:
    with pytest.raises(TypeError, match=f"data of type {type(data).__name__}: must be str, bytes, an object"):
        to_message(data, binary)
