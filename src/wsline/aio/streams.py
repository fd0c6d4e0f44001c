"""A WebSocket as a pair of asyncio's streams, for code that knows nothing of messages."""

import asyncio
import codecs
from collections.abc import Iterable
from typing import Any, Final, overload

from ..errors import ConnectionClosed, InvalidState
from ..payload import as_bytes
from ..spec import CloseCode, State
from .flow import DONE
from .websocket import WebSocket

__all__ = ["TextReader", "TextWriter", "create_websocket_stream"]

# As asyncio's streams have it, in bytes.
_LIMIT: Final = 1 << 16


@overload
def create_websocket_stream(
    ws: WebSocket, encoding: None = None, *, limit: int = _LIMIT
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]: ...


@overload
def create_websocket_stream(
    ws: WebSocket, encoding: str, *, limit: int = _LIMIT
) -> tuple["TextReader", "TextWriter"]: ...


def create_websocket_stream(ws: WebSocket, encoding: str | None = None, *, limit: int = _LIMIT) -> Any:
    """Return a WebSocket as `(reader, writer)`, so that code for asyncio's streams runs over it.

    Where messages begin and end is lost. What is written is sent as binary messages. Reading pauses while
    `2 * limit` bytes wait to be read, and `drain` waits while more than `high_water` bytes wait to be sent.

    When both sides have closed normally (1000, 1001, or no code), reading ends. Otherwise it raises
    `ConnectionResetError`, chained to the `ConnectionClosedError`, and so does `drain`. `writer.close` and
    `writer.write_eof` begin the closing handshake; `writer.transport.abort` cuts the connection. A
    WebSocket cannot be half-closed: `can_write_eof` says so. After `write_eof` read on: of what the peer
    still sends while nobody reads, no more than 1 MiB is kept. Who writes without `drain` is cut off at
    `max_buffered`, as a slow consumer's sender is.

    Args:
        ws: an open WebSocket, which nobody else receives from.
        encoding: text of this encoding is read and written, as `str`; UTF-8 is sent as text messages.
        limit: longest line, in bytes, as `asyncio.open_connection` has it; also half of what is kept.

    Returns:
        An `asyncio.StreamReader` and `asyncio.StreamWriter`; with `encoding` a `TextReader` and a
        `TextWriter`.

    Raises:
        InvalidState: it is not open yet.
        ConnectionClosed: it is not open any more.
        LookupError: there is no such encoding.

    Source: `ws` createWebSocketStream.
    """
    if encoding is not None:
        codecs.lookup(encoding)
    ws._session.connection.check_open()
    if ws.binary_type != "bytes":
        ws.binary_type = "bytes"
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit, loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = _Transport(ws, protocol)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    protocol.connection_made(transport)
    transport.begin()
    if encoding is None:
        return reader, writer
    return TextReader(reader, encoding, limit), TextWriter(writer, encoding)


class _Transport(asyncio.Transport):
    """A WebSocket as a transport: messages are its bytes."""

    def __init__(self, ws: WebSocket, protocol: asyncio.StreamReaderProtocol) -> None:
        asyncio.Transport.__init__(self)
        self._ws = ws
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._has_eof = False
        self._room: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Take the messages, also those that have come before."""
        self._ws.on("message", self._on_message)
        self._ws.on("close", self._on_close)

    # -- in

    def _on_message(self, message: Any) -> None:
        # Once we have closed, nobody reads: as a socket's transport has it.
        if not self._is_closing and len(message):
            self._protocol.data_received(as_bytes(message))

    def _on_close(self) -> None:
        self._is_closing = True
        info = self._ws.close_info
        if info.is_ok:
            self._protocol.eof_received()
            self._protocol.connection_lost(None)
        else:
            self._protocol.connection_lost(_as_os_error(self._ws._session.connection.closed_error()))

    def is_reading(self) -> bool:
        """Whether reading is not paused."""
        return not self._is_closing and not self._ws.is_paused

    def pause_reading(self) -> None:
        """Stop reading: the reader holds enough."""
        self._ws.pause()

    def resume_reading(self) -> None:
        """Start reading again."""
        self._ws.resume()

    # -- out

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes as a binary message."""
        self.send(data if type(data) is bytes else memoryview(data).tobytes())

    def send(self, message: str | bytes) -> None:
        """Send a message, and let the writer know if it must wait."""
        if self._has_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_closing or not message:
            return
        try:
            wait = self._ws.send(message)
        except ConnectionClosed:
            return  # as with sockets: `drain` tells it
        if wait is not DONE and self._room is None:
            self._protocol.pause_writing()
            self._room = self._loop.create_task(self._wait_for_room(wait))

    async def _wait_for_room(self, wait: Any) -> None:
        try:
            await wait
        except ConnectionClosed:
            return  # `_on_close` tells it
        finally:
            self._room = None
        self._protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._ws.buffered_amount

    def can_write_eof(self) -> bool:
        """A WebSocket cannot be half-closed: the peer answers a close frame at once."""
        return False

    def write_eof(self) -> None:
        """Begin the closing handshake; what the peer sends before its close frame can still be read."""
        self._has_eof = True
        if self._ws.ready_state == State.OPEN:
            self._ws.close()

    # -- the end

    def is_closing(self) -> bool:
        """Whether `close` was called, or the connection is closed."""
        return self._is_closing or self._ws.ready_state in (State.CLOSING, State.CLOSED)

    def close(self) -> None:
        """Send what waits, and close with 1000."""
        self._is_closing = True
        self._ws.close(CloseCode.NORMAL_CLOSURE)

    def abort(self) -> None:
        """Cut the connection now."""
        self._is_closing = True
        self._ws.terminate()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return `"peername"`, `"sockname"`, `"ssl_object"` or `"websocket"`."""
        found = {
            "peername": self._ws.remote_address,
            "sockname": self._ws.local_address,
            "ssl_object": self._ws.ssl_object,
            "websocket": self._ws,
        }.get(name)
        return default if found is None else found

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the stream's protocol."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Refuse: there is nothing that a WebSocket could be turned into."""
        raise InvalidState("a stream over a WebSocket keeps its protocol")


def _as_os_error(error: ConnectionClosed) -> ConnectionResetError:
    """Return what code for asyncio's streams expects of a connection that broke."""
    reset = ConnectionResetError(str(error))
    reset.__cause__ = error
    return reset


class TextReader:
    """Reads text: as `asyncio.StreamReader`, with `str` for `bytes` and characters for bytes.

    Args:
        reader: where the bytes come from.
        encoding: what they are.
        limit: longest line, in characters.

    Each method raises `UnicodeDecodeError` when bytes come that are not of the encoding.
    """

    def __init__(self, reader: asyncio.StreamReader, encoding: str, limit: int) -> None:
        self._reader = reader
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._text = ""
        self._has_ended = False

    async def _fill(self) -> bool:
        """Wait for more text; return whether there can be any."""
        if not self._has_ended:
            data = await self._reader.read(_LIMIT)
            self._has_ended = not data
            self._text += self._decoder.decode(data, final=not data)
        return not self._has_ended

    def _take(self, n: int) -> str:
        taken, self._text = self._text[:n], self._text[n:]
        return taken

    async def read(self, n: int = -1) -> str:
        """Read at most `n` characters, once there is one; `-1`: all until the end."""
        while n < 0 or (n and not self._text):
            if not await self._fill():
                break
        return self._take(len(self._text) if n < 0 else n)

    async def readexactly(self, n: int) -> str:
        """Read `n` characters.

        Raises:
            EOFError: the end came first; what there was can still be read.
        """
        while len(self._text) < n:
            if not await self._fill():
                break
        if len(self._text) < n:
            raise EOFError(f"{len(self._text)} characters read on a total of {n} expected")
        return self._take(n)

    async def readuntil(self, separator: str = "\n") -> str:
        """Read to the end of the separator.

        Raises:
            EOFError: the end came first; what there was can still be read.
            LimitOverrunError: it is too long; it can still be read.
        """
        at = await self._find(separator)
        if at < 0:
            raise EOFError(f"{len(self._text)} characters read, and no {separator!r}")
        return self._take(at + len(separator))

    async def readline(self) -> str:
        """Read a line, with its end; at the end what is left.

        Raises:
            LimitOverrunError: it is too long; it can still be read.
        """
        at = await self._find("\n")
        return self._take(at + 1 if at >= 0 else len(self._text))

    async def _find(self, separator: str) -> int:
        looked = 0
        may_come = True
        while (at := self._text.find(separator, looked)) < 0 and may_come:
            looked = max(0, len(self._text) - len(separator) + 1)
            self._check_limit(separator, looked)
            may_come = await self._fill()
        self._check_limit(separator, at)
        return at

    def _check_limit(self, separator: str, n: int) -> None:
        if n > self._limit:
            raise asyncio.LimitOverrunError(f"no {separator!r} in {n} characters (limit={self._limit})", n)

    def at_eof(self) -> bool:
        """Whether all was read."""
        return not self._text and (self._has_ended or self._reader.at_eof())

    def __aiter__(self) -> "TextReader":
        return self

    async def __anext__(self) -> str:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line


class TextWriter:
    """Writes text: as `asyncio.StreamWriter`, with `str` for `bytes`.

    Args:
        writer: where the bytes go.
        encoding: what they are; UTF-8 goes out as text messages.
    """

    def __init__(self, writer: asyncio.StreamWriter, encoding: str) -> None:
        self._writer = writer
        self._encoding = None if codecs.lookup(encoding).name == "utf-8" else encoding

    @property
    def transport(self) -> Any:
        """The transport, which can be aborted."""
        return self._writer.transport

    def write(self, text: str) -> None:
        """Send text."""
        self.transport.send(text if self._encoding is None else text.encode(self._encoding))

    def writelines(self, lines: Iterable[str]) -> None:
        """Send several pieces of text."""
        self.write("".join(lines))

    async def drain(self) -> None:
        """Wait for room, as `asyncio.StreamWriter` does."""
        await self._writer.drain()

    def can_write_eof(self) -> bool:
        """Return `False`: see `create_websocket_stream`."""
        return self._writer.can_write_eof()

    def write_eof(self) -> None:
        """Begin the closing handshake; what the peer sends before its close frame can still be read."""
        self._writer.write_eof()

    def close(self) -> None:
        """Send what waits, and close with 1000."""
        self._writer.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or being closed."""
        return self._writer.is_closing()

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        await self._writer.wait_closed()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what `asyncio.StreamWriter` would."""
        return self._writer.get_extra_info(name, default)
