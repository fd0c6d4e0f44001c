"""A WebSocket as a pair of asyncio's streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, until
from wsline import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidState,
    SlowConsumer,
    State,
    WebSocket,
)
from wsline.aio.streams import TextReader, TextWriter, create_websocket_stream

PLAIN = Door("epoll", None)
MIB = 1 << 20

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def stream(
    **options: Any,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, WebSocket]]:
    """Yield a client's streams, and the server's WebSocket."""
    async with PLAIN.pair(options) as (ws, server), asyncio.timeout(DEADLINE):
        yield *create_websocket_stream(ws), server


@asynccontextmanager
async def text_stream(
    encoding: str = "utf-8", **settings: Any
) -> AsyncIterator[tuple[TextReader, TextWriter, WebSocket]]:
    async with PLAIN.pair() as (ws, server), asyncio.timeout(DEADLINE):
        yield *create_websocket_stream(ws, encoding, **settings), server


def send_all(server: WebSocket, *messages: str | bytes) -> None:
    for message in messages:
        server.send(message)
    server.close()


async def until_lost(writer: asyncio.StreamWriter | TextWriter) -> None:
    ws = writer.get_extra_info("websocket")
    await until(lambda: ws.ready_state == State.CLOSED)


# -- reading


async def test_a143_the_boundaries_of_messages_are_lost() -> None:
    async with stream() as (reader, _, server):
        send_all(server, b"one\ntw", b"", "o\nthr\u00fc", b"ee")
        assert await reader.readline() == b"one\n"
        assert await reader.readuntil(b"w") == b"tw"
        assert await reader.readexactly(3) == b"o\nt"
        assert not reader.at_eof()
        assert await reader.read(2) == b"hr"
        assert await reader.read() == "ü".encode() + b"ee"
        assert reader.at_eof()
        assert await reader.read(1) == b""


async def test_a143_lines_can_be_iterated_over() -> None:
    async with stream() as (reader, _, server):
        send_all(server, b"a\nb", b"\nc")
        assert [line async for line in reader] == [b"a\n", b"b\n", b"c"]


async def test_a143_the_end_may_come_too_early() -> None:
    async with stream() as (reader, _, server):
        send_all(server, b"abc")
        with pytest.raises(asyncio.IncompleteReadError, match="3 bytes read on a total of 5"):
            await reader.readexactly(5)


async def test_a143_what_came_before_is_read_first() -> None:
    async with PLAIN.pair() as (ws, server), asyncio.timeout(DEADLINE):
        server.send(b"early")
        await server.ping()
        reader, _ = create_websocket_stream(ws)
        assert await reader.readexactly(5) == b"early"


async def test_a143_a_line_has_a_limit() -> None:
    async with PLAIN.pair() as (ws, server), asyncio.timeout(DEADLINE):
        reader, _ = create_websocket_stream(ws, limit=10)
        server.send(b"0123456789abc\n")
        with pytest.raises(asyncio.LimitOverrunError):
            await reader.readuntil()


@pytest.mark.parametrize("form", ["fragments", "memoryview", "bytearray"])
async def test_a143_the_form_of_binary_messages_does_not_matter(form: str) -> None:
    async with stream(binary_type=form) as (reader, _, server):
        send_all(server, b"ab", b"c")
        assert await reader.read() == b"abc"


async def test_a143_reading_pauses_while_nobody_reads() -> None:
    async with stream() as (reader, writer, server):
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(600):
                await server.send(bytes(20_000))
                sent += 20_000
            await server.close()

        sending = asyncio.ensure_future(send())
        transport: Any = writer.transport
        await until(lambda: not transport.is_reading())
        held = 0
        while held != sent:
            held = sent
            await asyncio.sleep(0.1)  # until the system's buffers are full, too
        assert sent < 12 * MIB
        assert len(reader._buffer) < 1 * MIB  # type: ignore[attr-defined]
        assert len(await reader.read()) == 12_000_000
        await sending


# -- writing


async def test_a143_what_is_written_is_sent_as_it_is() -> None:
    async with stream() as (_, writer, server):
        writer.write(b"abc")
        writer.write(bytearray(b"def"))
        writer.write(memoryview(b"ghi")[1:])
        writer.write(b"")
        writer.writelines([b"j", b"k"])
        await writer.drain()
        received = [await server.recv() for _ in range(3)]
        while sum(map(len, received)) < 10:
            received.append(await server.recv())
        assert b"".join(received) == b"abcdefhijk"
        for wrong in ("text", 5, None):
            with pytest.raises(TypeError):
                writer.write(wrong)  # type: ignore[arg-type]


async def test_a143_drain_waits_for_the_peer() -> None:
    async with stream(high_water=1000) as (_, writer, server):
        server.pause()
        written = 0

        async def write() -> None:
            nonlocal written
            for _ in range(1000):
                writer.write(bytes(100_000))
                await writer.drain()
                written += 1

        writing = asyncio.ensure_future(write())
        await until(lambda: writer.transport.get_write_buffer_size() > 1000)
        held = -1
        while held != written:
            held = written
            await asyncio.sleep(0.1)  # until nothing moves any more
        assert written < 900
        assert writer.transport.get_write_buffer_size() < 300_000
        server.resume()
        received = 0
        while received < 1000 * 100_000:
            received += len(await server.recv())
        await writing


async def test_a143_writing_without_drain_has_a_limit() -> None:
    async with stream(max_buffered=100_000) as (reader, writer, server):
        server.pause()
        for _ in range(200):
            writer.write(bytes(100_000))
        await until_lost(writer)
        with pytest.raises(ConnectionResetError, match="the peer reads too slowly") as raised:
            await reader.read()
        assert isinstance(raised.value.__cause__, ConnectionClosedError)
        assert isinstance(raised.value.__cause__.__cause__, SlowConsumer)


async def test_a143_a_waiting_drain_ends_with_the_connection() -> None:
    async with stream(high_water=0) as (_, writer, server):
        server.pause()
        writer.write(bytes(10 * MIB))
        draining = asyncio.ensure_future(writer.drain())
        await asyncio.sleep(0.01)
        assert not draining.done()
        server.terminate()
        with pytest.raises(ConnectionResetError):
            await draining


# -- the end


async def test_a143_close_sends_what_waits_and_says_1000() -> None:
    async with stream() as (reader, writer, server):
        writer.write(bytes(3 * MIB))
        writer.close()
        assert writer.is_closing()
        writer.write(b"too late")
        server.send(b"nobody reads this")
        assert len(await server.recv()) == 3 * MIB
        with pytest.raises(ConnectionClosedOK):
            await server.recv()
        await writer.wait_closed()
        assert server.close_code == 1000
        assert await reader.read() == b""


async def test_a143_the_peers_close_is_the_end() -> None:
    async with stream() as (reader, writer, server):
        await server.close(1001)
        assert await reader.read() == b""
        await until_lost(writer)
        assert writer.is_closing()
        writer.write(b"too late")
        with pytest.raises(ConnectionResetError):
            await writer.drain()
        await writer.wait_closed()


async def test_a143_write_eof_lets_read_what_was_on_its_way() -> None:
    async with stream() as (reader, writer, server):
        assert not writer.can_write_eof()
        server.send(b"on its way")
        writer.write(b"last")
        writer.write_eof()
        writer.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
            writer.write(b"x")
        assert await server.recv() == b"last"
        assert await reader.read() == b"on its way"
        assert server.close_code == 1000


ENDS: dict[str, tuple[Callable[[WebSocket], object], str]] = {
    "cut": (lambda server: server.terminate(), "without a close frame"),
    "error": (lambda server: server.close(1011, "no"), "1011"),
}


@pytest.mark.parametrize("how", ENDS)
async def test_a143_another_end_is_an_error(how: str) -> None:
    end, text = ENDS[how]
    async with stream() as (reader, writer, server):
        server.send(b"before")
        await server.ping()
        end(server)
        await until_lost(writer)
        for call in (reader.read, writer.drain, writer.wait_closed):
            with pytest.raises(ConnectionResetError, match=text) as raised:
                await call()
            assert isinstance(raised.value.__cause__, ConnectionClosedError)


async def test_a143_abort_cuts() -> None:
    async with stream() as (reader, writer, server):
        writer.transport.abort()
        with pytest.raises(ConnectionClosedError):
            await server.recv()
        assert server.close_code == 1006
        with pytest.raises(ConnectionResetError, match="we cut the connection"):
            await reader.read()


async def test_a143_it_must_be_open() -> None:
    async with PLAIN.serving(lambda ws: ws.wait_closed()) as served:
        ws = WebSocket(served.url)
        with pytest.raises(InvalidState):
            create_websocket_stream(ws)
        await until(lambda: ws.ready_state == State.OPEN)
        await ws.close()
        with pytest.raises(ConnectionClosed):
            create_websocket_stream(ws)


async def test_a143_what_the_transport_tells() -> None:
    async with stream() as (_, writer, server):
        ws = writer.get_extra_info("websocket")
        assert writer.get_extra_info("peername") == server.local_address
        assert writer.get_extra_info("sockname") == server.remote_address
        assert writer.get_extra_info("ssl_object", "none") == "none"
        assert writer.get_extra_info("socket") is None
        assert type(ws) is WebSocket
        transport: Any = writer.transport
        assert isinstance(transport.get_protocol(), asyncio.StreamReaderProtocol)
        with pytest.raises(InvalidState, match="keeps its protocol"):
            transport.set_protocol(asyncio.Protocol())
        assert transport.is_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        transport.resume_reading()
        assert transport.is_reading()
        assert not transport.is_closing()


# -- text


async def test_a143_text_is_read_in_characters() -> None:
    async with text_stream() as (reader, _, server):
        send_all(server, "ein\nzw\u00fc", "i\ndrei", "\u20ac".encode()[:1], "\u20ac".encode()[1:], "\nvier")
        assert await reader.readline() == "ein\n"
        assert await reader.readuntil("\u00fc") == "zw\u00fc"
        assert await reader.readexactly(3) == "i\nd"
        assert not reader.at_eof()
        assert await reader.read(3) in ("r", "re", "rei")
        assert (await reader.read()).endswith("\u20ac\nvier")
        assert reader.at_eof()
        assert await reader.read(5) == await reader.readline() == ""


async def test_a143_text_can_be_iterated_over() -> None:
    async with text_stream() as (reader, _, server):
        send_all(server, "a\nb", "\nc")
        assert [line async for line in reader] == ["a\n", "b\n", "c"]


async def test_a143_text_that_is_too_short() -> None:
    async with text_stream() as (reader, _, server):
        send_all(server, "abc")
        with pytest.raises(EOFError, match="3 characters read on a total of 5 expected"):
            await reader.readexactly(5)
        with pytest.raises(EOFError, match="3 characters read, and no"):
            await reader.readuntil("--")
        assert await reader.read() == "abc"


async def test_a143_a_separator_may_come_in_two_messages() -> None:
    async with text_stream() as (reader, _, server):
        send_all(server, "a-", "-b-")
        assert await reader.readuntil("--") == "a--"


async def test_a143_a_line_of_text_has_a_limit() -> None:
    async with text_stream(limit=10) as (reader, _, server):
        send_all(server, "0123456789abc", "d\n")
        with pytest.raises(asyncio.LimitOverrunError, match=r"in 1[34] characters \(limit=10\)"):
            await reader.readline()
        assert await reader.read() == "0123456789abcd\n"


async def test_a143_bytes_that_are_no_text() -> None:
    async with text_stream("ascii") as (reader, _, server):
        send_all(server, b"\xff")
        with pytest.raises(UnicodeDecodeError):
            await reader.read(1)


@pytest.mark.parametrize(
    ("encoding", "messages"),
    [("UTF8", ["\u00fc", "ab"]), ("latin-1", [b"\xfc", b"ab"])],
)
async def test_a143_text_is_written(encoding: str, messages: list[Any]) -> None:
    async with text_stream(encoding) as (reader, writer, server):
        writer.write("\u00fc")
        writer.writelines(["a", "b"])
        await writer.drain()
        assert [await server.recv() for _ in messages] == messages
        assert writer.get_extra_info("peername") == server.local_address
        assert not writer.can_write_eof()
        assert not writer.is_closing()
        writer.write_eof()
        assert await reader.read() == ""
        writer.close()
        assert writer.is_closing()
        await writer.wait_closed()


async def test_a143_an_unknown_encoding() -> None:
    async with PLAIN.pair() as (ws, _):
        with pytest.raises(LookupError, match="unknown encoding: utf-9"):
            create_websocket_stream(ws, "utf-9")
        assert not ws._session.has_listener()
