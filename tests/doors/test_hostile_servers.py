"""Servers that mean harm to a client that opens a WebSocket: one named exception, soon, in little memory."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.doors.door import DEADLINE, Door
from tests.doors.peer import Peer
from wsline import (
    HandshakeError,
    HandshakeTimeout,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    TooManyRedirects,
)

pytestmark = pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)

MOST = 1_000_000  # bytes that a client may take of what never ends
SOON = 5  # seconds; what is measured takes a hundredth of it
SECRETS = [
    ("Authorization", "secret-1"),
    ("authorization", "secret-2"),
    ("Cookie", "secret=3"),
    ("cookie", "secret=4"),
    ("Proxy-Authorization", "secret-5"),
]


class Flood:
    """Says a beginning, and the same again and again until the client is gone."""

    def __init__(self, beginning: bytes, again: bytes) -> None:
        self.beginning, self.again = beginning, again
        self.written = 0
        self.left_at = 0.0

    async def __call__(self, peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.set_write_buffer_limits(high=1)
        peer.writer.write(self.beginning)
        try:
            while not peer.writer.is_closing():
                peer.writer.write(self.again)
                await peer.writer.drain()
                await asyncio.sleep(0)  # `drain` lets nobody else run while there is room
                self.written += len(self.again)
        except OSError:
            pass  # it has gone
        self.left_at = time.monotonic()


@pytest.mark.parametrize(
    ("beginning", "again", "error"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n", b"X-More: of it\r\n" * 50, "max_headers"),
        (b"HTTP/1.1 101 Switching Protocols\r\nX: ", b"x" * 1000, "max_head_line"),
        (b"HTTP/1.1 101 ", b"x" * 1000, "max_head_line"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", "interim responses"),
        (b"", b"x" * 1000, "max_head_line"),
    ],
    ids=["endless-head", "endless-line", "endless-reason", "endless-interim", "endless-nonsense"],
)
async def test_an_endless_head_is_cut(door: Door, beginning: bytes, again: bytes, error: str) -> None:
    flood = Flood(beginning, again)
    begun = time.monotonic()
    async with asyncio.timeout(DEADLINE), door.raw_server(flood) as url:
        with pytest.raises(HandshakeError, match=error) as raised:
            await door.connect(url)
    assert raised.value.hint
    assert flood.left_at - begun < SOON
    assert flood.written < MOST


@pytest.mark.parametrize(
    "framing", [b"", b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n"], ids=repr
)
async def test_an_endless_refusal_is_read_up_to_64_kib(door: Door, framing: bytes) -> None:
    part = b"x" * 1000
    chunk = b"3e8\r\n" + part + b"\r\n" if b"chunked" in framing else part
    flood = Flood(b"HTTP/1.1 403 Forbidden\r\n" + framing + b"\r\n", chunk)
    begun = time.monotonic()
    async with asyncio.timeout(DEADLINE), door.raw_server(flood) as url:
        with pytest.raises(InvalidStatus) as raised:
            await door.connect(url)
    assert raised.value.status == 403
    assert 60_000 < len(raised.value.body) <= 65536
    assert set(raised.value.body) == {ord("x")}
    assert flood.left_at - begun < SOON
    assert flood.written < MOST


def answering(*lines: bytes, with_accept: bool = True) -> Callable[[Peer], Awaitable[object]]:
    """Return a script that opens, with more lines in the head."""

    async def script(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write(peer.response(head, *lines, with_accept=with_accept))
        await peer.is_at_end()

    return script


ACCEPT = b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    ("lines", "with_accept", "kind", "text"),
    [
        ([ACCEPT], False, InvalidHeader, "Invalid Sec-WebSocket-Accept header: 'AAAA"),
        ([], False, InvalidHeader, "Invalid Sec-WebSocket-Accept header: there is none"),
        ([ACCEPT], True, InvalidHeader, "Invalid Sec-WebSocket-Accept header: '"),
        ([b"Upgrade: h2c"], True, InvalidUpgrade, "Invalid Upgrade header"),
        (
            [b"Sec-WebSocket-Extensions: permessage-bogus"],
            True,
            NegotiationError,
            "Server (sent a Sec-WebSocket-Extensions header but|indicated an extension)",
        ),
        (
            [b"Sec-WebSocket-Protocol: chat"],
            True,
            NegotiationError,
            "Server sent a subprotocol but none was requested: 'chat'",
        ),
        ([b"X: a\0b"], True, HandshakeError, "byte 0x00 in an HTTP head"),
    ],
    ids=[
        "a165f-wrong-accept",
        "a165f-no-accept",
        "a165f-two-accepts",
        "a165e-other-upgrade",
        "a165j-unoffered-extension",
        "a165g-unoffered-subprotocol",
        "nul",
    ],
)
async def test_a71_a_101_that_does_not_agree_is_refused(
    door: Door, lines: list[bytes], with_accept: bool, kind: type[HandshakeError], text: str
) -> None:
    async with asyncio.timeout(DEADLINE), door.raw_server(answering(*lines, with_accept=with_accept)) as url:
        with pytest.raises(kind, match=text) as raised:
            await door.connect(url)
    assert raised.value.hint
    assert raised.value.request.target == "/"


async def test_a165b_a_head_that_dribbles_is_cut_by_the_total_deadline(door: Door) -> None:
    async def dribble(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        try:
            for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 8000:
                peer.writer.write(bytes([byte]))
                await peer.writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            return
        raise AssertionError("the client has read all of it")

    begun = time.monotonic()
    async with asyncio.timeout(DEADLINE), door.raw_server(dribble) as url:
        with pytest.raises(HandshakeTimeout):
            await door.connect(url, handshake_timeout=0.2)
        assert 0.15 < time.monotonic() - begun < SOON


async def test_a165c_a_redirect_loop_ends(door: Door) -> None:
    hops = 0

    async def script(peer: Peer) -> None:
        nonlocal hops
        hops += 1
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
        await peer.is_at_end()

    async with asyncio.timeout(DEADLINE), door.raw_server(script) as url:
        with pytest.raises(TooManyRedirects) as raised:
            await door.connect(url, follow_redirects=True)
    assert hops == 11
    assert raised.value.hint


async def test_a79_a_redirect_across_origins_carries_0_of_3_secrets(door: Door) -> None:
    heads: list[bytes] = []

    async def target(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        await peer.accept_key(head)
        await peer.is_at_end()

    async with asyncio.timeout(DEADLINE), door.raw_server(target) as second:

        async def script(peer: Peer) -> None:
            heads.append(await peer.reader.readuntil(b"\r\n\r\n"))
            location = second.replace("://", "://user:secret-6@").encode()
            peer.writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n\r\n")
            await peer.is_at_end()

        async with door.raw_server(script) as first:
            url = first.replace("://", "://user:secret-7@")
            ws = await door.connect(url, follow_redirects=True, headers=SECRETS, auth=("u", "secret-8"))
            ws.terminate()
    assert heads[0].count(b"secret") == 5
    assert b"secret" not in heads[1].lower()
    assert b"authorization" not in heads[1].lower()
    assert b"cookie" not in heads[1].lower()
