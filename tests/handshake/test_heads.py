"""Heads cut into lines under limits."""

import itertools
from collections.abc import Iterable
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.handshake.heads import (
    HeadError,
    HeadLines,
    check_header_line,
    is_target,
    parse_request_line,
    parse_status_line,
)
from wsline.options import Options

LIMITS = Options(max_head_size=256, max_head_line=64, max_headers=8)


def read(parts: Iterable[bytes], options: Options = LIMITS) -> tuple[list[bytes], bytes | str]:
    """Feed the parts; return the lines, and what follows the head or the error."""
    head = HeadLines(options)
    lines: list[bytes] = []
    try:
        for part in parts:
            lines.extend(head.feed(part))
    except HeadError as error:
        return lines, f"{error.status:d} {error}"
    return lines, head.rest if head.complete else b"incomplete: " + head.rest


def each_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_lines_come_as_they_complete() -> None:
    head = HeadLines(LIMITS)
    assert list(head.feed(b"GET / HTTP/1.1\r")) == []
    assert list(head.feed(b"\nA: 1\r\nB:")) == [b"GET / HTTP/1.1", b"A: 1"]
    assert not head.complete
    assert list(head.feed(b" 2\r\n\r\n\x81\x00\r\n")) == [b"B: 2", b""]
    assert head.complete
    assert head.rest == b"\x81\x00\r\n"
    assert list(head.feed(b"more")) == []
    assert head.rest == b"\x81\x00\r\nmore"


@pytest.mark.parametrize("bad", [*range(9), *range(10, 32), 127])
def test_control_characters_are_refused_at_once(bad: int) -> None:
    lines, error = read([b"a\r\nb" + bytes([bad]) + b"c"])
    assert lines == [b"a"]
    assert error == f"400 byte 0x{bad:02x} in an HTTP head: a line ends in CR LF, and has no control but tab"


def test_a_tab_and_bytes_beyond_ascii_pass() -> None:
    assert read([b"a\tb\xff\r\n\r\n"]) == ([b"a\tb\xff", b""], b"")


@pytest.mark.row(68)
@pytest.mark.parametrize(("size", "accepted"), [(255, True), (256, True), (257, False), (10_000, False)])
@pytest.mark.parametrize("dribbled", [False, True])
def test_the_size_of_the_head_is_limited(size: int, accepted: bool, dribbled: bool) -> None:
    rows = b"".join(b"x" * 58 + b"\r\n" for _ in range(1 + size // 60))[: size - 4].rstrip(b"\r\n")
    data = rows + b"y" * (size - 4 - len(rows)) + b"\r\n\r\n"
    assert len(data) == size
    _, end = read(each_byte(data) if dribbled else [data])
    too_large = "431 HTTP head larger than 256 bytes (option max_head_size)"
    assert end == (b"" if accepted else too_large)


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"", "414 HTTP start line longer than 64 bytes (option max_head_line)"),
        (b"a\r\n", "431 HTTP header line longer than 64 bytes (option max_head_line)"),
    ],
)
@pytest.mark.parametrize("tail", [b"", b"\r\n\r\n", b"x" * 1000])
@pytest.mark.parametrize("cut", [each_byte, lambda data: [data]])
def test_the_length_of_a_line_is_limited(start: bytes, error: str, tail: bytes, cut: object) -> None:
    assert callable(cut)
    assert read(cut(start + b"x" * 64 + b"\r\n"))[1] == b"incomplete: "
    assert read(cut(start + b"x" * 65 + tail))[1] == error


@pytest.mark.parametrize("cut", [each_byte, lambda data: [data]])
def test_the_number_of_headers_is_limited(cut: object) -> None:
    assert callable(cut)
    assert read(cut(b"start\r\n" + b"a: b\r\n" * 8 + b"\r\n"))[1] == b""
    assert read(cut(b"start\r\n" + b"a: b\r\n" * 9))[1] == "431 more than 8 headers (option max_headers)"


def test_it_can_be_fed_after_an_error() -> None:
    head = HeadLines(LIMITS)
    for _ in range(2):
        with pytest.raises(HeadError) as raised:
            list(head.feed(b"\0"))
        assert raised.value.status == HTTPStatus.BAD_REQUEST


@given(
    st.lists(
        st.sampled_from([b"a", b"bb" * 40, b"\r\n", b"\r", b"\n", b"\0", b": c", b"d" * 63]), max_size=30
    ),
    st.lists(st.integers(0, 300)),
)
def test_lines_and_errors_do_not_depend_on_the_cuts(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    places = [0, *sorted(cuts), len(data)]
    parts = [data[start:end] for start, end in itertools.pairwise(places)]
    whole = read([data])
    assert read(parts) == whole
    assert read(each_byte(data)) == whole


def test_request_lines() -> None:
    assert parse_request_line(b"GET /a?b HTTP/1.1") == ("GET", "/a?b", "HTTP/1.1")
    assert parse_request_line(b"GET * HTTP/1.0") == ("GET", "*", "HTTP/1.0")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET /# HTTP/1.1", 400),
        (b"GET /", 400),
        (b"GET / HTTP/2.0", 505),
    ],
)
def test_request_lines_that_are_none(line: bytes, status: int) -> None:
    with pytest.raises(HeadError) as raised:
        parse_request_line(line)
    assert raised.value.status == status


def test_status_lines() -> None:
    assert parse_status_line(b"HTTP/1.1 101 Switching Protocols") == ("HTTP/1.1", 101, "Switching Protocols")
    assert parse_status_line(b"HTTP/1.0 404") == ("HTTP/1.0", 404, "")


@pytest.mark.parametrize("line", [b"", b"HTTP/2.0 200 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 2000 OK"])
def test_status_lines_that_are_none(line: bytes) -> None:
    with pytest.raises(HeadError, match=r"^Invalid HTTP status line: "):
        parse_status_line(line)


@pytest.mark.parametrize("line", [b"A: b", b"A:", b"a-_.!:b", b""])
def test_header_lines(line: bytes) -> None:
    check_header_line(line)


@pytest.mark.parametrize("line", [b"A : b", b" A: b", b"\tb", b": b", b"A", b"\xe9: b", b"A b: c"])
def test_header_lines_that_are_none(line: bytes) -> None:
    with pytest.raises(HeadError, match=r"^Invalid HTTP header line: "):
        check_header_line(line)


@pytest.mark.parametrize(
    ("target", "good"),
    [
        ("/", True),
        ("/a?b", True),
        ("//a/b", True),
        ("http://a", True),
        ("WSS://A/x", True),
        ("http://a?x", True),
        ("http://b/", False),
        ("http://a:80/", False),
        ("http://u@a/", False),
        ("ftp://a/", False),
        ("a", False),
        ("*", False),
        ("a:80", False),
    ],
)
def test_targets(target: str, good: bool) -> None:
    assert is_target(target, "a") is good


def test_trailers_come_without_a_start_line() -> None:
    lines = HeadLines(Options(max_headers=8), start_line=False)
    assert list(lines.feed(b"a: b\r\n" * 8 + b"\r\nrest")) == [b"a: b"] * 8 + [b""]
    assert lines.rest == b"rest"
    lines = HeadLines(Options(max_headers=8), start_line=False)
    with pytest.raises(HeadError, match="more than 8 headers"):
        list(lines.feed(b"a: b\r\n" * 9))
