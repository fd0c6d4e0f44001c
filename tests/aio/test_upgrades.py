"""A connection that nobody has answered yet, without a socket; and one taken from asyncio."""

import asyncio
from typing import Any

import pytest

from tests.aio.recording import RecordingChannel, give
from tests.doors.door import until
from wsline import Response
from wsline.aio.channel import NOBODY
from wsline.aio.timers import NEVER, Deadlines
from wsline.aio.upgrades import UpgradeSocket, take_transport
from wsline.wire.kernels import Output

DEADLINE = 10  # seconds


class Made:
    """A socket on a recording channel."""

    def __init__(self, timeout: float | None = None) -> None:
        self.channel = RecordingChannel(Output())
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self.ends = 0
        self.socket = UpgradeSocket(self.channel, self.deadlines, self.end, timeout)

    def end(self) -> None:
        self.ends += 1

    @property
    def sent(self) -> bytes:
        self.channel.flush()
        return self.channel.sent


async def test_what_comes_early_is_kept_up_to_a_mark() -> None:
    made = Made()
    give(made.socket, b"x" * 65536)
    assert made.channel.is_reading
    give(made.socket, b"y")
    assert not made.channel.is_reading
    assert not made.socket.is_answered
    channel, early = made.socket.take()
    assert (channel, early, made.ends) == (made.channel, b"x" * 65536 + b"y", 1)
    assert channel.consumer is NOBODY
    assert made.socket.is_answered
    with pytest.raises(RuntimeError, match=r"handle_upgrade\(\) was called more than once"):
        made.socket.take()


async def test_it_is_answered_once() -> None:
    made = Made()
    made.socket.write(b"HTTP/1.1 200 OK\r\n")
    made.socket.end(b"\r\n")
    made.socket.write(b"more")
    made.socket.end(Response(200))
    give(made.socket, b"dropped")
    assert made.sent == b"HTTP/1.1 200 OK\r\n\r\n"
    assert made.channel.ending == 1
    assert made.socket.armed_at < NEVER
    made.socket.receive_eof()
    assert made.ends == 0
    made.socket.on_deadline(0)
    assert (made.channel.closed, made.ends) == (True, 1)
    made.deadlines.close()


async def test_a_response_that_cannot_be_sent_changes_nothing() -> None:
    made = Made()
    with pytest.raises(ValueError, match="204 has no body"):
        made.socket.end(Response(204, body="x"))
    assert not made.socket.is_answered


async def test_one_that_was_answered_cannot_be_taken() -> None:
    made = Made()
    made.socket.end(b"no")
    channel, early = made.socket.take()
    assert (channel.closed, early) == (True, b"")
    made.deadlines.close()


async def test_one_that_is_lost() -> None:
    made = Made(timeout=5)
    assert made.socket.armed_at < NEVER
    made.channel.abort()
    assert (made.socket.is_closed, made.socket.is_answered, made.ends) == (True, True, 1)
    channel, _ = made.socket.take()
    assert channel.closed
    assert made.ends == 1
    made.deadlines.close()


async def test_its_time_ends() -> None:
    made = Made(timeout=0.01)
    await until(lambda: made.channel.closed)
    assert made.ends == 1
    assert UpgradeSocket(made.channel, made.deadlines).is_answered


async def test_it_shows_its_channel() -> None:
    made = Made()
    made.channel.local_address, made.channel.remote_address = ("a", 1), ("b", 2)
    made.channel.secure, made.channel.ssl_object = True, "tls"
    socket = made.socket
    assert (socket.local_address, socket.remote_address) == (("a", 1), ("b", 2))
    assert (socket.secure, socket.ssl_object) == (True, "tls")


class First(asyncio.Protocol):
    """Has a transport before us."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)


async def test_a_transport_is_taken_from_its_protocol() -> None:
    loop = asyncio.get_running_loop()
    first = First()
    server = await loop.create_server(lambda: first, "127.0.0.1", 0)
    async with server, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await until(lambda: first.transport)
        socket = take_transport(first.transport)
        with pytest.raises(RuntimeError, match="more than once"):
            take_transport(first.transport)
        assert first.transport.is_reading()
        assert socket.remote_address == writer.get_extra_info("sockname")
        writer.write(b"early")
        await until(lambda: socket._early == b"early")
        socket.end(b"bye")
        assert await reader.read() == b"bye"
        assert first.lost == []
        writer.close()
        await until(lambda: first.lost)
        assert first.lost == [None]
