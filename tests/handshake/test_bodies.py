"""The bodies of requests: sizes, chunks, limits, and what could be read in two ways."""

from collections.abc import Iterable
from typing import Any

import pytest

from wsline import Headers, Request
from wsline.handshake.bodies import BodyReader, open_body
from wsline.handshake.heads import HeadError
from wsline.handshake.http_options import HTTPOptions

CHUNKED = [("Transfer-Encoding", "chunked")]


def post(headers: Iterable[tuple[str, str]], version: str = "HTTP/1.1") -> Request:
    return Request("POST", "/", Headers(headers), version)


def read(
    data: bytes, headers: Iterable[tuple[str, str]] = CHUNKED, at_once: bool = True, **options: Any
) -> tuple[bytes, bytes]:
    """Return the body, and what comes behind it."""
    reader = open_body(post(headers), HTTPOptions(**options))
    rest = b""
    for part in [data] if at_once else [data[n : n + 1] for n in range(len(data))]:
        rest += part if reader.complete else reader.feed(part)
    assert reader.complete
    return bytes(reader.body), rest


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"3\r\nabc\r\n00002\r\nde\r\n000\r\n\r\n", b"abcde"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"a;name=value;x\r\n0123456789\r\n0;last\r\n\r\n", b"0123456789"),
        (b'1 ; quoted="\xe9"\r\n\n\r\n0\r\n\r\n', b"\n"),
        (b"3\r\nabc\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", b"abc"),
    ],
)
def test_chunks(data: bytes, body: bytes, at_once: bool) -> None:
    assert read(data + b"GET / HTTP/1.1", at_once=at_once) == (body, b"GET / HTTP/1.1")


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+3\r\nabc",
        b"0x3\r\nabc",
        b" 3\r\nabc",
        b"3 \r\nabc",
        b"3_0\r\n",
        "٣\r\nabc".encode(),
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\r0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3\rX\nabc\r\n",
        b"3;a\x00b\r\nabc",
        b"3;a\nb\r\nabc",
        b"3,4\r\nabc",
        b"f" * 17 + b"\r\n",
        b"3" + b";x" * 200,
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n folded: x\r\n\r\n",
        b"0\r\nname : x\r\n\r\n",
        b"0\r\na: b\nc: d\r\n\r\n",
        b"0\r\nX\r\n\r\n",
    ],
)
def test_chunks_that_could_be_read_in_two_ways_are_refused(data: bytes, at_once: bool) -> None:
    with pytest.raises(HeadError) as caught:
        read(data, at_once=at_once)
    assert caught.value.status == 400


def test_trailers_have_the_limits_of_headers() -> None:
    with pytest.raises(HeadError) as caught:
        read(b"0\r\n" + b"a: b\r\n" * 9 + b"\r\n", max_headers=8)
    assert caught.value.status == 431
    assert read(b"0\r\n" + b"a: b\r\n" * 8 + b"\r\n", max_headers=8) == (b"", b"")
    with pytest.raises(HeadError, match="header line longer than 64 bytes"):
        read(b"0\r\na: " + b"b" * 64 + b"\r\n\r\n", max_head_line=64)


@pytest.mark.parametrize("at_once", [True, False])
def test_the_limit_of_chunks_is_exact(at_once: bool) -> None:
    assert read(b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", max_body=10, at_once=at_once)[0] == b"0123456789"
    with pytest.raises(
        HeadError, match=r"at least 11 bytes is over the limit of 10 \(option max_body\)"
    ) as caught:
        read(b"5\r\n01234\r\n6\r\n", max_body=10, at_once=at_once)
    assert caught.value.status == 413
    with pytest.raises(HeadError):
        read(b"ffffffffffffffff\r\n", at_once=at_once)


def test_the_line_of_a_chunk_has_a_limit() -> None:
    for ending in (b"\r\na\r\n0\r\n\r\n", b""):
        if ending:
            assert read(b"1;" + b"x" * 254 + ending)[0] == b"a"
        with pytest.raises(HeadError, match="a chunk's size of over 256 bytes"):
            read(b"1;" + b"x" * 256 + ending)
    with pytest.raises(HeadError, match="a chunk's size of over 256 bytes"):
        read(b"1;" + b"x" * 255 + b"\r\na\r\n0\r\n\r\n")


def test_chunks_may_not_cost_much_more_than_they_carry() -> None:
    wordy = b"1;" + b"x" * 250 + b"\r\na\r\n"
    assert len(read(wordy * 60 + b"0\r\n\r\n", max_body=100)[0]) == 60
    with pytest.raises(HeadError, match="too wordy") as caught:
        read(wordy * 90 + b"0\r\n\r\n", max_body=100)
    assert caught.value.status == 413


def test_every_kind_of_body_reads_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        BodyReader().feed(b"")


def test_a_size() -> None:
    assert read(b"abcdef", [("Content-Length", "3")]) == (b"abc", b"def")
    assert read(b"abcdef", [("Content-Length", "003")], at_once=False) == (b"abc", b"def")
    assert read(b"", [("Content-Length", "0")]) == (b"", b"")
    assert read(b"GET", []) == (b"", b"GET")
    assert read(b"x" * 10, [("Content-Length", "10")], max_body=10)[0] == b"x" * 10


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Content-Length", "11")], 413),
        ([("Content-Length", "9" * 19)], 413),
        ([("Content-Length", "9" * 20)], 400),
        ([("Content-Length", "")], 400),
        ([("Content-Length", "-1")], 400),
        ([("Content-Length", "+1")], 400),
        ([("Content-Length", "1 ")], 400),
        ([("Content-Length", "0x1")], 400),
        ([("Content-Length", "1_0")], 400),
        ([("Content-Length", "\xb2")], 400),
        ([("Content-Length", "1, 1")], 400),
        ([("Content-Length", "1"), ("Content-Length", "1")], 400),
        ([("Content-Length", "1"), ("Content-Length", "2")], 400),
        ([*CHUNKED, ("Content-Length", "1")], 400),
        ([*CHUNKED, *CHUNKED], 501),
        ([("Transfer-Encoding", "gzip, chunked")], 501),
        ([("Transfer-Encoding", "chunked, identity")], 501),
        ([("Transfer-Encoding", "identity")], 501),
        ([("Transfer-Encoding", "xchunked")], 501),
        ([("Transfer-Encoding", "\x0bchunked".replace("\x0b", "\t"))], 501),
        ([("Transfer-Encoding", "")], 501),
    ],
)
def test_a_length_in_doubt_is_refused(headers: list[tuple[str, str]], status: int) -> None:
    with pytest.raises(HeadError) as caught:
        open_body(post(headers), HTTPOptions(max_body=10))
    assert caught.value.status == status


def test_the_coding_has_any_case_but_not_in_http_1_0() -> None:
    assert read(b"1\r\na\r\n0\r\n\r\n", [("transfer-encoding", "Chunked")]) == (b"a", b"")
    with pytest.raises(HeadError, match=r"nor in HTTP/1\.0"):
        open_body(post(CHUNKED, "HTTP/1.0"), HTTPOptions())
