"""Sequences of frames that are wrong, or odd but right: what a server must answer."""

import struct
import zlib
from typing import NamedTuple

from tests.attack.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

ECHO = "echo"


class Case(NamedTuple):
    """What is sent, and what must come back: the code of a close frame, or "echo"."""

    name: str
    data: bytes
    expected: int | str


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def deflated(data: bytes, wbits: int = -15) -> bytes:
    """Return data as it is sent compressed."""
    squeeze = zlib.compressobj(wbits=wbits)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


X = frame(TEXT, b"x")
BAD_TEXTS = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]

CASES = [
    Case("text", X, ECHO),
    Case("empty text", frame(TEXT), ECHO),
    Case("empty binary", frame(BINARY), ECHO),
    Case("fragments", frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b"), ECHO),
    Case("empty fragments", frame(TEXT, fin=False) + frame(CONTINUATION), ECHO),
    Case("a ping between", frame(TEXT, b"a", fin=False) + frame(PING) + frame(CONTINUATION, b"b"), ECHO),
    Case("a pong between", frame(TEXT, b"a", fin=False) + frame(PONG) + frame(CONTINUATION, b"b"), ECHO),
    Case("unasked pong", frame(PONG, b"x" * 125) + X, ECHO),
    Case("ping of 125", frame(PING, b"x" * 125) + X, ECHO),
    Case(
        "a character in two fragments",
        frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82\xac"),
        ECHO,
    ),
    Case("unmasked", frame(TEXT, b"x", mask=False), 1002),
    Case("unmasked ping", frame(PING, b"x", mask=False), 1002),
    Case("RSV1", frame(TEXT, b"x", rsv=4), 1002),
    Case("RSV2", frame(TEXT, b"x", rsv=2), 1002),
    Case("RSV3", frame(TEXT, b"x", rsv=1), 1002),
    Case("RSV1 on a ping", frame(PING, b"x", rsv=4), 1002),
    *(Case(f"opcode {n}", frame(n, b"x"), 1002) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    Case("continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    Case("a message within a message", frame(TEXT, b"a", fin=False) + X, 1002),
    Case("ping in fragments", frame(PING, b"x", fin=False), 1002),
    Case("close in fragments", frame(CLOSE, b"", fin=False), 1002),
    Case("ping of 126", frame(PING, b"x" * 126), 1002),
    Case("close of 126", frame(CLOSE, struct.pack("!H", 1000) + b"x" * 124), 1002),
    Case("close of 1", frame(CLOSE, b"x"), 1002),
    *(Case(f"close {code}", close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 5000, 65535)),
    *(Case(f"close {code}", close(code), code) for code in (1000, 1001, 3000, 4999)),
    Case("close without a code", frame(CLOSE), 0),
    Case("close with bad UTF-8", close(1000, b"\xff"), 1007),
    *(Case(f"text {text!r}", frame(TEXT, text), 1007) for text in BAD_TEXTS),
    Case("bad UTF-8 in a fragment", frame(TEXT, b"\xff", fin=False), 1007),
    Case("top bit of a length", frame(BINARY, length=1 << 63), 1009),
]

WITH_DEFLATE = [
    Case("compressed", frame(TEXT, deflated(b"x" * 100), rsv=4), ECHO),
    Case("compressed, then not", frame(TEXT, deflated(b"x"), rsv=4) + X, ECHO),
    Case(
        "compressed fragments",
        frame(TEXT, deflated(b"xyz")[:2], fin=False, rsv=4) + frame(CONTINUATION, deflated(b"xyz")[2:]),
        ECHO,
    ),
    Case("RSV1 on a continuation", frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", rsv=4), 1002),
    Case("RSV1 on a ping", frame(PING, b"x", rsv=4), 1002),
    Case("RSV2 beside it", frame(TEXT, deflated(b"x"), rsv=6), 1002),
    Case("no deflate data", frame(TEXT, b"\xff\xff\xff\xff", rsv=4), 1007),
    Case("compressed bad UTF-8", frame(TEXT, deflated(b"\xff"), rsv=4), 1007),
]

LENGTHS = [17 << 20, 1 << 31, (1 << 31) + 1, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63]
