"""A client on a blocking socket that can say anything."""

import os
import select
import socket
import struct
import time
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Version: 13\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


class Frame(NamedTuple):
    """A frame."""

    opcode: int
    payload: bytes
    first: int

    @property
    def code(self) -> int:
        """The code of a close frame."""
        return int.from_bytes(self.payload[:2], "big") if self.opcode == CLOSE else 0


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True, length: int = -1
) -> bytes:
    """Return a frame on the wire; `length`: what it claims to be."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(payload) if length < 0 else length
    high = 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", first, high | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, high | 126, size)
    else:
        head = struct.pack("!BBQ", first, high | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + masked.to_bytes(len(payload), "big")


class Peer:
    """A connection to the server under attack."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def open(self, path: bytes = b"/", headers: bytes = b"", behind: bytes = b"") -> bytes:
        """Open a WebSocket; return the answer's head."""
        self.sock.sendall(REQUEST % path + headers + b"\r\n" + behind)
        head = self.head()
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(f"refused: {head[:80]!r}")
        return head

    def head(self, timeout: float = 10) -> bytes:
        """Return the head of the answer; what follows is kept."""
        while b"\r\n\r\n" not in self._buffer:
            self._more(timeout)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def status(self, data: bytes, timeout: float = 10) -> int:
        """Send a request; return the status of the answer; 0: there was none."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # the answer may have come before all was sent
        try:
            return int(self.head(timeout).split(b" ")[1])
        except (OSError, EOFError):
            return 0

    def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        """Send a frame."""
        self.sock.sendall(frame(opcode, payload, fin=fin, rsv=rsv))

    def _more(self, timeout: float) -> None:
        self.sock.settimeout(timeout)
        data = self.sock.recv(1 << 16)
        if not data:
            raise EOFError
        self._buffer += data

    def receive(self, timeout: float = 10) -> Frame:
        """Return the next frame."""
        while True:
            found = self._parse()
            if found is not None:
                return found
            self._more(timeout)

    def _parse(self) -> Frame | None:
        data = self._buffer
        if len(data) < 2:
            return None
        length, at = data[1] & 0x7F, 2
        if length > 125:
            at += 2 if length == 126 else 8
            length = int.from_bytes(data[2:at], "big")
        if len(data) < at + length:
            return None
        self._buffer = data[at + length :]
        return Frame(data[0] & 15, data[at : at + length], data[0])

    def outcome(self, timeout: float = 10) -> str | int:
        """Return the code of the close frame; "cut": there was none; "open": it has not ended in time."""
        end = time.monotonic() + timeout
        try:
            while (left := end - time.monotonic()) > 0:
                found = self.receive(left)
                if found.opcode == CLOSE:
                    return found.code
        except TimeoutError:
            return "open"
        except (OSError, EOFError):
            return "cut"
        return "open"

    def pump(self, data: bytes, most: int, seconds: float, stuck: float = 1.0) -> tuple[int, bool]:
        """Send again and again; return how many bytes went, and whether the server has ended the connection.

        Args:
            data: what is sent.
            most: how many bytes at most.
            seconds: how long at most.
            stuck: so long it may take nothing.
        """
        self.sock.setblocking(False)
        end, sent, view, at = time.monotonic() + seconds, 0, memoryview(data), 0
        try:
            while sent < most and time.monotonic() < end:
                if not select.select([], [self.sock], [], stuck)[1]:
                    break
                n = self.sock.send(view[at:])
                sent += n
                at = (at + n) % len(data)
        except BlockingIOError:
            pass
        except OSError:
            return sent, True
        finally:
            self.sock.setblocking(True)
        return sent, False

    def rest(self, timeout: float = 1) -> bytes:
        """Return all that comes until the end of the connection."""
        try:
            while True:
                self._more(timeout)
        except (OSError, EOFError):
            return self._buffer

    def ended(self) -> bool:
        """Whether the server has ended the connection; what it sent is taken."""
        self.sock.setblocking(False)
        try:
            while self.sock.recv(1 << 16):
                pass
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.sock.setblocking(True)

    def reset(self) -> None:
        """End with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()
