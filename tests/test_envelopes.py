"""Names and envelopes: there and back, and nothing that does not belong there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.envelopes import channel_name, open_envelope, seal, subject_name
from wsline.spec import Opcode
from wsline.topic_errors import MalformedEnvelope

ORIGIN = b"8 bytes."
TOPICS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


def test_envelopes() -> None:
    assert seal(ORIGIN, Opcode.TEXT, b"x") == b"\x018 bytes.x"
    assert open_envelope(b"\x018 bytes." + "ä".encode()) == (ORIGIN, "ä")
    assert open_envelope(b"\x028 bytes.\xff") == (ORIGIN, b"\xff")
    assert open_envelope(seal(ORIGIN, Opcode.TEXT, b"")) == (ORIGIN, "")


@pytest.mark.parametrize(
    "data", [b"", b"\x01short..", b"\x038 bytes.x", b"\x008 bytes.x", b"hello from elsewhere"]
)
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises(
        MalformedEnvelope, match=rf"a message of {len(data)} bytes .* \(Backplane option prefix\)"
    ):
        open_envelope(data)


def test_text_that_is_none() -> None:
    with pytest.raises(MalformedEnvelope, match="not UTF-8"):
        open_envelope(b"\x018 bytes.\xff")


@given(st.binary())
def test_anything_may_come(data: bytes) -> None:
    try:
        origin, message = open_envelope(data)
    except MalformedEnvelope:
        return
    assert len(origin) == 8
    assert isinstance(message, str | bytes)


@pytest.mark.parametrize(
    ("topic", "subject"),
    [
        ("news-1_A", "p.news-1_A"),
        ("a.b", "p.a=2Eb"),
        ("*", "p.=2A"),
        (">", "p.=3E"),
        ("ä b", "p.=C3=A4=20b"),
        ("=", "p.=3D"),
    ],
)
def test_subjects(topic: str, subject: str) -> None:
    assert subject_name("p", topic) == subject


@given(TOPICS)
def test_subjects_are_two_tokens(topic: str) -> None:
    """No wildcard, no blank, no third token, nothing that ends a line."""
    assert re.fullmatch(r"p\.[A-Za-z0-9_=-]+", subject_name("p", topic))


@given(TOPICS, TOPICS)
def test_names_are_as_different_as_topics(one: str, other: str) -> None:
    for name in (channel_name, subject_name):
        assert (name("p", one) == name("p", other)) == (one == other)
        assert name("p", one) != name("q", other)


def test_channels() -> None:
    assert channel_name("p", "a:ä") == "p:a:ä".encode()
