"""Each way in which a client can fail: one named exception, the peer's answer, and a hint of what to do."""

import asyncio
import inspect
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

import wsline
from tests.doors.door import DEADLINE, Door, echo
from tests.doors.peer import Peer
from wsline import (
    HandshakeError,
    HandshakeTimeout,
    HeadError,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    NoResponse,
    ProxyError,
    TLSError,
    TooManyRedirects,
    UnsafeRedirect,
)

pytestmark = pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)


def say(answer: bytes) -> Callable[[Peer], Awaitable[object]]:
    """Return a script that answers the request, and closes."""

    async def script(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        if b"%s" in answer:
            peer.writer.write(answer % peer.response(head).partition(b"Accept: ")[2].partition(b"\r\n")[0])
        else:
            peer.writer.write(answer)

    return script


def say_at_once(answer: bytes) -> Callable[[Peer], Awaitable[object]]:
    async def script(peer: Peer) -> None:
        peer.writer.write(answer)
        await peer.is_at_end()

    return script


class Case(NamedTuple):
    """What a server answers, how it is asked, and what is raised."""

    error: type[HandshakeError]
    answer: bytes
    text: str
    hint: str
    status: int | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 -- read only


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
AGREES = SWITCH + b"Sec-WebSocket-Accept: %s\r\n"
FOLLOW = {"follow_redirects": True}

CASES = {
    "401": Case(
        InvalidStatus, b"HTTP/1.1 401 No\r\n\r\nwho?", "Unexpected server response: 401 No", "auth=", 401
    ),
    "500": Case(
        InvalidStatus, b"HTTP/1.1 500 Oh\r\n\r\nwhy", "Unexpected server response: 500 Oh", "again", 500
    ),
    "200": Case(
        InvalidStatus, b"HTTP/1.1 200 OK\r\n\r\n", "Unexpected server response: 200 OK", "WebSocket", 200
    ),
    "302": Case(
        InvalidStatus,
        b"HTTP/1.1 302 Go\r\nLocation: /x\r\n\r\n",
        "Unexpected server response: 302",
        "follow_redirects=True",
        302,
    ),
    "no upgrade": Case(
        InvalidUpgrade, b"HTTP/1.1 101 X\r\n\r\n", "Invalid Upgrade header", "proxies before it", 101
    ),
    "accept": Case(InvalidHeader, SWITCH + b"\r\n", "Invalid Sec-WebSocket-Accept", "WebSocket server", 101),
    "subprotocol": Case(
        NegotiationError,
        AGREES + b"Sec-WebSocket-Protocol: x\r\n\r\n",
        "Server sent a subprotocol but none was requested",
        "protocols=",
        101,
    ),
    "no subprotocol": Case(
        NegotiationError, AGREES + b"\r\n", "Server sent no subprotocol", "offer one", 101, {"protocols": "a"}
    ),
    "extension": Case(
        NegotiationError,
        AGREES + b"Sec-WebSocket-Extensions: x\r\n\r\n",
        "Server indicated an extension that was not requested",
        "whoever runs it",
        101,
    ),
    "bad extension": Case(
        NegotiationError,
        AGREES + b"Sec-WebSocket-Extensions: ;\r\n\r\n",
        "Invalid Sec-WebSocket-Extensions header",
        "whoever runs it",
        101,
    ),
    "nothing": Case(NoResponse, b"", "the connection was closed after 0 bytes", "try wss:"),
    "half a head": Case(NoResponse, b"HTTP/1.1 101 X\r\n", "after 16 bytes of the server's ans", "try again"),
    "no HTTP": Case(HeadError, b"SSH-2.0-x\r\n\r\n", "HTTP", "check that a WebSocket server is at"),
    "circle": Case(
        TooManyRedirects,
        b"HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n",
        "Maximum redirects exceeded: 2 (option max_redirects)",
        "in a circle",
        302,
        {**FOLLOW, "max_redirects": 2},
    ),
    "location": Case(
        InvalidURI,
        b"HTTP/1.1 302 Go\r\nLocation: ftp://x/\r\n\r\n",
        "Invalid URL 'ftp://x/'",
        "whoever runs it",
        302,
        FOLLOW,
    ),
    "locations": Case(
        InvalidHeader,
        b"HTTP/1.1 302 Go\r\nLocation: /a\r\nLocation: /b\r\n\r\n",
        "Invalid Location header: a redirect has one, 2 came",
        "whoever runs it",
        302,
        FOLLOW,
    ),
    "unix": Case(
        UnsafeRedirect,
        b"HTTP/1.1 302 Go\r\nLocation: ws+unix:/s:/\r\n\r\n",
        "from the network to a UNIX socket is refused",
        "unsafe_redirects=True",
        302,
        FOLLOW,
    ),
}


def judge(error: HandshakeError, case: Case) -> None:
    assert type(error) is case.error
    assert case.text in str(error)
    assert case.hint in error.hint
    assert str(error).endswith(f"; {error.hint}")
    assert error.hint.count(". ") == 0, "one sentence"
    assert error.request.method in ("GET", "CONNECT")
    if case.status is None:
        assert error.response is None
    else:
        assert error.response.status == case.status


@pytest.mark.parametrize("name", CASES)
async def test_each_answer_has_its_exception(door: Door, name: str) -> None:
    case = CASES[name]
    async with asyncio.timeout(DEADLINE), door.raw_server(say(case.answer)) as url:
        with pytest.raises(HandshakeError) as raised:
            await door.connect(url, **case.options)
    judge(raised.value, case)
    if isinstance(raised.value, InvalidStatus):
        body = case.answer.partition(b"\r\n\r\n")[2]
        assert (raised.value.status, raised.value.body) == (case.status, body)
        assert raised.value.headers is raised.value.response.headers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"HTTP/1.1 403 No\r\n\r\nwhy", InvalidStatus), (b"HTTP/1.1 403 No\r\n", NoResponse), (b"", NoResponse)],
)
async def test_what_came_counts_though_the_connection_breaks(
    door: Door, answer: bytes, kind: type[HandshakeError]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write(answer)
        sock = peer.writer.get_extra_info("socket")
        await asyncio.sleep(0.05)  # what was sent is lost with a reset that overtakes it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()

    async with asyncio.timeout(DEADLINE), door.raw_server(script) as url:
        with pytest.raises(kind) as raised:
            await door.connect(url)
    assert isinstance(raised.value.__cause__, ConnectionError)
    assert raised.value.hint
    if kind is InvalidStatus:
        assert (raised.value.response.status, raised.value.response.body) == (403, b"why")


async def test_a_proxy_that_refuses(door: Door) -> None:
    case = Case(ProxyError, b"HTTP/1.1 407 No\r\nX: y\r\n\r\n", "407 No", "user and the password", 407)
    plain = Door("epoll", None)
    async with asyncio.timeout(DEADLINE), plain.raw_server(say(case.answer)) as url:
        proxy = url.replace("ws://", "http://").rstrip("/")
        with pytest.raises(HandshakeError) as raised:
            await door.connect(f"{door.scheme}://127.0.0.1:1/", proxy=proxy)
    judge(raised.value, case)


async def test_a_server_that_says_nothing(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{door.scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(HandshakeError) as raised:
            await door.connect(url, handshake_timeout=0.05)
    text = "was not open after 0.05 s (option handshake_timeout)"
    judge(raised.value, Case(HandshakeTimeout, b"", text, "give it more time"))


async def test_tls_that_does_not_come_about(door: Door) -> None:
    if door.certificate is None:
        async with door.raw_server(say_at_once(b"HTTP/1.1 400 Bad\r\n\r\n")) as url:
            await refused(door, url.replace("ws:", "wss:"), "does not speak TLS", "use ws:")
    else:
        async with door.serving(echo) as served:
            await refused(door, served.url, "it is self-signed", "cafile=", ssl=True)
            name = {"server_hostname": "other.example"}
            await refused(door, served.url, "it is for other names than", "option server_hostname", **name)


async def refused(door: Door, url: str, text: str, hint: str, **options: Any) -> None:
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(TLSError, match=text) as raised:
            await door.connect(url, **options)
    assert hint in raised.value.hint
    assert isinstance(raised.value.__cause__, OSError)


def test_all_of_them_are_here(door: Door) -> None:
    """A new exception of a client belongs into the table."""
    every = {
        each for _, each in inspect.getmembers(wsline, inspect.isclass) if issubclass(each, HandshakeError)
    }
    shown = {case.error for case in CASES.values()} | {ProxyError, HandshakeTimeout, TLSError}
    assert every == shown | {HandshakeError}
