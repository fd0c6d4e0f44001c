"""Payloads of pings, what is made of received messages, and fragments of one kind."""

from collections.abc import Iterator
from typing import Any

import pytest

from wsline.payload import Fragments, as_bytes, as_text, to_control_payload

STRIDED = memoryview(b"a-b-c-")[::2]


def a_generator() -> Iterator[str]:
    yield "a"


# -- control payloads, conversions


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
        (["a", "b"], None, ["a", "b"], ""),
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
