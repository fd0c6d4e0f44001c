"""A peer that speaks bytes: it can say anything, and keep silent."""

import asyncio
import base64
import hashlib
import os
import socket
import struct
from typing import NamedTuple

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


class Frame(NamedTuple):
    """A frame on the wire."""

    opcode: int
    payload: bytes
    fin: bool = True


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = False, rsv: int = 0) -> bytes:
    """Return a frame as it goes on the wire."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    high = 0x80 if mask else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, high | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, high | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, high | 127, len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + masked.to_bytes(len(payload), "big")


def close(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame."""
    return struct.pack("!H", code) + reason.encode()


class Peer:
    """One end of a byte stream, with the words of RFC 6455."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_client: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.is_client = is_client

    # -- opening

    async def open(self, headers: bytes = b"", behind: bytes = b"") -> bytes:
        """Perform the client's handshake, with bytes behind the request; return the response's head."""
        self.writer.write(REQUEST + headers + b"\r\n" + behind)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return head

    async def accept(self, behind: bytes = b"") -> bytes:
        """Perform the server's handshake, with bytes behind the response; return the request's head."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.accept_key(head, behind)
        return head

    async def accept_key(self, head: bytes, behind: bytes = b"") -> None:
        """Accept this request, with bytes behind the response."""
        self.writer.write(self.response(head) + behind)

    def response(self, head: bytes, *lines: bytes, with_accept: bool = True) -> bytes:
        """Return the response that accepts this request, with more lines in its head."""
        fields = [line.partition(b": ") for line in head.split(b"\r\n")]
        key = next(value for name, _, value in fields if name.lower() == b"sec-websocket-key")
        accept = b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key + GUID).digest())
        start = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
        return b"\r\n".join([*start, *([accept] if with_accept else []), *lines, b"", b""])

    # -- frames

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
        """Return a frame as this side sends it."""
        return frame(opcode, payload, fin=fin, mask=self.is_client, rsv=rsv)

    def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        """Send a frame."""
        self.writer.write(self.frame(opcode, payload, fin=fin, rsv=rsv))

    async def receive(self) -> Frame:
        """Receive a frame; its masking must be that of the other side's role."""
        first, second = await self.reader.readexactly(2)
        assert bool(second & 0x80) is not self.is_client
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        key = b"" if self.is_client else await self.reader.readexactly(4)
        payload = await self.reader.readexactly(length)
        if key:
            payload = bytes(each ^ key[i % 4] for i, each in enumerate(payload))
        return Frame(first & 15, payload, bool(first & 0x80))

    async def is_at_end(self) -> bool:
        """Whether the other side sends nothing more, whatever way it ends."""
        try:
            return await self.reader.read(1) == b""
        except OSError:
            return True

    def cut(self) -> None:
        """End the stream with a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
