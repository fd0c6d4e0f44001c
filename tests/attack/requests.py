"""Handshakes that are wrong, or odd but right: what a server must answer."""

from typing import NamedTuple

from tests.attack.wire import KEY

GOOD = {
    b"Host": b"127.0.0.1",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}


class Case(NamedTuple):
    """A request and the statuses that may answer it."""

    name: str
    request: bytes
    allowed: tuple[int, ...]


def request(
    start: bytes = b"GET / HTTP/1.1",
    *more: bytes,
    without: bytes = b"",
    end: bytes = b"\r\n",
    **changed: bytes,
) -> bytes:
    """Return a good request with some changes: `Sec_WebSocket_Key=b"..."`."""
    names = {name.replace("_", "-").encode(): value for name, value in changed.items()}
    fields = {name: value for name, value in (GOOD | names).items() if name != without}
    lines = [start, *(name + b": " + value for name, value in fields.items()), *more]
    return b"".join(line + end for line in lines) + end


BAD = (400,)
OK = (101,)
REDOS = b"a" + b" " * 5000 + b"b"

CASES = [
    Case("good", request(), OK),
    Case("firefox's list", request(Connection=b"keep-alive, Upgrade"), OK),
    Case("lower case", request(Upgrade=b"WebSocket", Connection=b"upgrade"), OK),
    Case("absolute form", request(b"GET http://127.0.0.1/ HTTP/1.1"), OK),
    Case("more headers", request(b"GET / HTTP/1.1", *[b"X: y"] * 90), OK),
    Case("content-length 0", request(b"GET / HTTP/1.1", b"Content-Length: 0"), OK),
    Case("obs-text in a value", request(b"GET / HTTP/1.1", b"X: \xff\xfe"), OK),
    Case("unknown extension", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Extensions: constructor"), OK),
    Case("absolute form elsewhere", request(b"GET http://evil/ HTTP/1.1"), BAD),
    Case("target *", request(b"GET * HTTP/1.1"), BAD),
    Case("target without slash", request(b"GET x HTTP/1.1"), BAD),
    Case("fragment in the target", request(b"GET /#x HTTP/1.1"), BAD),
    Case("control character in the target", request(b"GET /\x01 HTTP/1.1"), BAD),
    Case("space in the target", request(b"GET /a b HTTP/1.1"), BAD),
    Case("HTTP/1.0", request(b"GET / HTTP/1.0"), BAD),
    Case("HTTP/2.0", request(b"GET / HTTP/2.0"), (400, 505)),
    Case("HTTP/0.9", request(b"GET /"), BAD),
    Case("lower-case http", request(b"GET / http/1.1"), BAD),
    Case("two spaces", request(b"GET  / HTTP/1.1"), BAD),
    Case("tab", request(b"GET\t/ HTTP/1.1"), BAD),
    Case("POST", request(b"POST / HTTP/1.1"), (400, 405)),
    Case("CONNECT", request(b"CONNECT 127.0.0.1:80 HTTP/1.1"), (400, 405)),
    Case("no host", request(without=b"Host"), BAD),
    Case("two hosts", request(b"GET / HTTP/1.1", b"Host: 127.0.0.1"), BAD),
    Case("two other hosts", request(b"GET / HTTP/1.1", b"Host: evil"), BAD),
    Case("bad host", request(Host=b"a b"), BAD),
    Case("host with a user", request(Host=b"a@127.0.0.1"), BAD),
    Case("host with a path", request(Host=b"127.0.0.1/x"), BAD),
    Case("no upgrade", request(without=b"Upgrade"), (400, 426)),
    Case("other upgrade", request(Upgrade=b"h2c"), (400, 426)),
    Case("no connection", request(without=b"Connection"), (400, 426)),
    Case("connection without upgrade", request(Connection=b"keep-alive"), (400, 426)),
    Case("no key", request(without=b"Sec-WebSocket-Key"), BAD),
    Case("two keys", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Key: " + KEY), BAD),
    Case("short key", request(Sec_WebSocket_Key=b"dGhlIHNhbXBsZSBub25j"), BAD),
    Case("long key", request(Sec_WebSocket_Key=KEY + KEY), BAD),
    Case("key not of base64", request(Sec_WebSocket_Key=b"!GhlIHNhbXBsZSBub25jZQ=="), BAD),
    Case("no version", request(without=b"Sec-WebSocket-Version"), (400, 426)),
    Case("version 12", request(Sec_WebSocket_Version=b"12"), (426,)),
    Case("version 13, 8", request(Sec_WebSocket_Version=b"13, 8"), (400, 426)),
    Case("a body", request(b"GET / HTTP/1.1", b"Content-Length: 5") + b"hello", BAD),
    Case("a chunked body", request(b"GET / HTTP/1.1", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", BAD),
    Case("both", request(b"GET / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 5"), BAD),
    Case("length +5", request(b"GET / HTTP/1.1", b"Content-Length: +5"), BAD),
    Case("length -1", request(b"GET / HTTP/1.1", b"Content-Length: -1"), BAD),
    Case("two lengths", request(b"GET / HTTP/1.1", b"Content-Length: 0", b"Content-Length: 5"), BAD),
    Case("bare LF", request(end=b"\n") + b"\r\n\r\n", BAD),
    Case("bare CR", request(b"GET / HTTP/1.1", b"X: a\rb"), BAD),
    Case("NUL in a value", request(b"GET / HTTP/1.1", b"X: a\0b"), BAD),
    Case("folded line", request(b"GET / HTTP/1.1", b"X: a", b" b"), BAD),
    Case("space before the colon", request(b"GET / HTTP/1.1", b"X : a"), BAD),
    Case("no colon", request(b"GET / HTTP/1.1", b"nonsense"), BAD),
    Case("empty name", request(b"GET / HTTP/1.1", b": a"), BAD),
    Case("non-ASCII name", request(b"GET / HTTP/1.1", b"\xe9: a"), BAD),
    Case("non-ASCII subprotocol", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Protocol: \xe9"), BAD),
    Case("empty subprotocol", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Protocol: a,,b"), BAD),
    Case("a subprotocol twice", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Protocol: a, a"), BAD),
    Case("a costly subprotocol", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Protocol: " + REDOS), BAD),
    Case("a costly extension", request(b"GET / HTTP/1.1", b"Sec-WebSocket-Extensions: " + REDOS), (101, 400)),
    Case(
        "one header a hundred times",
        request(b"GET / HTTP/1.1", *[b"Sec-WebSocket-Protocol: a"] * 100),
        (400, 431),
    ),
]

# RFC 6455 §10.2: who is asked by a page of somebody else's site must be able to say no.
FOREIGN = [
    b"http://evil.example",
    b"https://evil.example",
    b"http://127.0.0.1.evil.example",
    b"http://evil.example/127.0.0.1",
    b"http://127.0.0.1@evil.example",
    b"null",
    b"file://",
    b"http://127.0.0.2",
    b"chrome-extension://abcdef",
]
OWN = [b"http://127.0.0.1", b"http://127.0.0.1:8080", b"https://127.0.0.1"]
