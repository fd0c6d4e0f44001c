"""The HTTP server over sockets: order, limits, deadlines, the end."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import wsline.aio.upgrades
from tests.doors.door import DEADLINE, Door, until
from tests.doors.peer import Peer
from wsline import Headers, Request, Response
from wsline.http import HTTPServer

# What the bytes go through is tested elsewhere: with and without TLS will do.
pytestmark = pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def serving(
    door: Door, answer: Callable[[Request], Any] | None = None, **options: Any
) -> AsyncIterator[HTTPServer]:
    """Run an HTTP server; `answer` is its listener."""
    if door.certificate is not None:
        options["ssl"] = door.certificate.server
    server = HTTPServer("127.0.0.1", 0, **options)
    if answer is not None:
        server.on("request", answer)
    try:
        async with server:
            yield server
            server.close()
            async with asyncio.timeout(DEADLINE):
                await server.wait_closed()
    finally:
        assert not server._connections


@asynccontextmanager
async def client_of(door: Door, server: HTTPServer) -> AsyncIterator[Peer]:
    async with asyncio.timeout(DEADLINE), door.raw_client(server.address()[1]) as peer:
        yield peer


async def response(peer: Peer, head_only: bool = False) -> tuple[int, Headers, bytes]:
    """Read one response, as a client does that keeps the connection."""
    head = (await peer.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.split("\r\n")[:-2]
    headers = Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
    size = 0 if head_only else int(headers.get("Content-Length", "0"))
    return int(start.split()[1]), headers, await peer.reader.readexactly(size)


def about(request: Request) -> Response:
    return Response(200, body=f"{request.method} {request.target} {request.body.decode()}")


async def about_later(request: Request) -> Response:
    await asyncio.sleep(0.01 if request.target == "/0" else 0)
    return about(request)


@pytest.mark.parametrize("listener", [about, about_later])
async def test_pipelined_requests_are_answered_in_order(
    door: Door, listener: Callable[[Request], Any]
) -> None:
    async with serving(door, listener) as server, client_of(door, server) as peer:
        peer.writer.write(b"".join(GET % n for n in range(50)))
        for n in range(50):
            status, headers, body = await response(peer)
            assert (status, body) == (200, b"GET /%d " % n)
            assert "Date" in headers
            assert "Connection" not in headers
        peer.writer.write(
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert (await response(peer))[2] == b"POST /x abc"


async def test_many_pipelined_bytes_wait_in_the_socket(door: Door) -> None:
    go_on = asyncio.Event()

    async def answer(request: Request) -> Response:
        await go_on.wait()
        return Response(200, body=str(len(request.body)))

    async with serving(door, answer) as server, client_of(door, server) as peer:
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + bytes(100000)
        for _ in range(20):
            peer.writer.write(post)
        await asyncio.sleep(0.05)
        (connection,) = server._connections
        assert connection._stream.unread < 1 << 20
        go_on.set()
        assert [(await response(peer))[2] for _ in range(20)] == [b"100000"] * 20


async def test_head_and_close(door: Door) -> None:
    async with serving(door, about) as server, client_of(door, server) as peer:
        peer.writer.write(b"HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        status, headers, _ = await response(peer, head_only=True)
        assert (status, headers["Content-Length"]) == (200, "8")
        peer.writer.write(b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET % 3)
        assert (await response(peer))[1]["Connection"] == "close"
        assert await peer.is_at_end()


async def test_http_1_0_gets_one_answer(door: Door) -> None:
    async with serving(door, about) as server, client_of(door, server) as peer:
        peer.writer.write(b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (await response(peer))[1]["Connection"] == "close"
        assert await peer.is_at_end()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, 431),
    ],
)
async def test_bad_requests_end_the_connection_with_one_answer(
    door: Door, request_: bytes, status: int
) -> None:
    async with serving(door, about, max_body=1000) as server, client_of(door, server) as peer:
        peer.writer.write(GET % 1 + request_ + GET % 2)
        assert (await response(peer))[0] == 200
        code, headers, body = await response(peer)
        assert (code, headers["Connection"]) == (status, "close")
        assert body
        assert await peer.is_at_end()


async def test_bodies_up_to_the_limit(door: Door) -> None:
    async with serving(door, about, max_body=5) as server, client_of(door, server) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde")
        assert (await response(peer))[2] == b"POST / abcde"
        peer.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef")
        assert (await response(peer))[0] == 413


async def test_expect_100_continue(door: Door) -> None:
    async with serving(door, about, max_body=5) as server, client_of(door, server) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.writer.write(b"abc")
        assert (await response(peer))[2] == b"POST / abc"
        peer.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        assert (await response(peer))[0] == 413


async def dribble(peer: Peer, data: bytes) -> None:
    try:
        for n in range(len(data)):
            peer.writer.write(data[n : n + 1])
            await peer.writer.drain()
            await asyncio.sleep(0.02)
    except (OSError, ssl.SSLError):
        pass


@pytest.mark.parametrize(
    ("before", "dribbled", "option"),
    [
        (b"", b"", "header_timeout"),
        (b"", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 90, "header_timeout"),
        (GET % 1, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 90, "header_timeout"),
        (b"", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + bytes(900), "body_timeout"),
    ],
)
async def test_dribbling_extends_no_deadline(door: Door, before: bytes, dribbled: bytes, option: str) -> None:
    limits = {"header_timeout": 0.15, "body_timeout": 0.15}
    if option == "body_timeout":
        limits["header_timeout"] = 5.0
        head, _, dribbled = dribbled.partition(b"\r\n\r\n")
        before += head + b"\r\n\r\n"
    async with serving(door, about, **limits) as server, client_of(door, server) as peer:
        peer.writer.write(before)
        if before == GET % 1:
            assert (await response(peer))[0] == 200
        dribbling = asyncio.ensure_future(dribble(peer, dribbled))
        code, _, body = await response(peer)
        assert code == 408
        assert f"after 0.15 s (option {option})".encode() in body
        dribbling.cancel()


async def test_idle_connections_are_closed_in_silence(door: Door) -> None:
    async with serving(door, about, idle_timeout=0.1) as server, client_of(door, server) as peer:
        peer.writer.write(GET % 1)
        await response(peer)
        assert await peer.is_at_end()


async def test_a_client_that_takes_nothing_is_cut(door: Door) -> None:
    def answer(request: Request) -> Response:
        return Response(200, body=bytes(1 << 24))

    async with serving(door, answer, write_timeout=0.2) as server, client_of(door, server) as peer:
        peer.writer.write(GET % 1)
        await until(lambda: server._connections)
        await until(lambda: not server._connections)


async def test_the_next_answer_waits_until_one_is_taken(door: Door) -> None:
    answered: list[str] = []

    def answer(request: Request) -> Response:
        answered.append(request.target)
        return Response(200, body=bytes(1 << 24))

    async with serving(door, answer) as server, client_of(door, server) as peer:
        peer.writer.write(GET % 1 + GET % 2 + GET % 3)
        await until(lambda: answered)
        await asyncio.sleep(0.05)
        assert answered == ["/1"]
        assert [len((await response(peer))[2]) for _ in range(3)] == [1 << 24] * 3
        assert answered == ["/1", "/2", "/3"]


async def test_a_client_that_goes_away_cancels_its_answer(door: Door) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with serving(door, think) as server, client_of(door, server) as peer:
        peer.writer.write(GET % 1)
        await asked.wait()
        peer.writer.transport.abort()
        await cancelled.wait()
        await until(lambda: not server._connections)


async def test_a_close_lets_requests_be_answered(door: Door) -> None:
    go_on, asked = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Response:
        asked.set()
        await go_on.wait()
        return about(request)

    async with (
        serving(door, think) as server,
        client_of(door, server) as idle,
        client_of(door, server) as half,
        client_of(door, server) as peer,
    ):
        half.writer.write((GET % 1)[:8])
        await until(lambda: any(each._phase.name == "HEAD" for each in server._connections))
        peer.writer.write(GET % 1 + GET % 2)
        await asked.wait()
        server.close()
        assert await idle.is_at_end()
        half.writer.write((GET % 1)[8:])
        go_on.set()
        for each in (half, peer):
            code, headers, _ = await response(each)
            assert (code, headers["Connection"]) == (200, "close")
            assert await each.is_at_end()


async def test_who_speaks_no_tls_is_dropped(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "wsline")
    async with serving(door, about, header_timeout=0.2) as server:
        if door.certificate is None:
            return
        for said in (GET % 1, b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.address()[1])
            writer.write(said)
            async with asyncio.timeout(DEADLINE):
                assert b"HTTP/1.1" not in await reader.read()
            writer.close()
        await until(lambda: not server._connections)
    assert "TLS" in caplog.text


async def test_too_many_connections(door: Door) -> None:
    async with serving(door, about, max_connections=1) as server, client_of(door, server) as first:
        await until(lambda: server._connections)
        async with client_of(door, server) as second:
            code, _, body = await response(second)
            assert (code, body) == (503, b"too many connections (max_connections)\n")
        first.writer.write(GET % 1)
        assert (await response(first))[0] == 200


async def test_a_refused_client_that_stays_is_cut(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsline.aio.upgrades, "LINGER", 0.05)
    async with serving(door, about) as server, client_of(door, server) as peer:
        peer.writer.write(b"nonsense\r\n\r\n")
        assert (await response(peer))[0] == 400
        await until(lambda: not server._connections)
