"""Two asyncio transports that lead to each other, in memory."""

import asyncio
from collections import deque
from typing import Any, Final

__all__ = ["MemoryTransport", "connect_transports"]

_HIGH: Final = 1 << 16  # bytes on their way, above which the protocol is told to wait


class MemoryTransport(asyncio.Transport):
    """One end of a stream; what is written is received at the other end in a later turn of the loop.

    Args:
        loop: the loop of both ends.
        address: what this end calls itself.
        peer_address: what the other end is called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, address: Any, peer_address: Any) -> None:
        asyncio.Transport.__init__(self, {"sockname": address, "peername": peer_address})
        self._loop = loop
        self._protocol: Any = None
        self._peer: MemoryTransport | None = None
        self._incoming: deque[bytes] = deque()  # b"" is the end
        self._size = 0  # of what is incoming
        self._high, self._low = _HIGH, _HIGH // 4
        self._is_paused = self._is_closing = self._is_lost = self._has_ended = False
        self._is_peer_waiting = self._is_due = False

    def lead_to(self, peer: "MemoryTransport", protocol: asyncio.BaseProtocol) -> None:
        """Let a protocol have this end."""
        self._peer = peer
        self._protocol = protocol
        self._protocol.connection_made(self)

    # -- out

    def write(self, data: Any) -> None:
        """Send bytes; after the end they are dropped, as on a socket that the peer has closed."""
        peer = self._peer
        if data and peer is not None and not self._has_ended and not self._is_closing:
            peer._take(bytes(data))
            if peer._size > self._high and not peer._is_peer_waiting:
                peer._is_peer_waiting = True
                self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Return `True`."""
        return True

    def write_eof(self) -> None:
        """Send the end."""
        if not self._has_ended and self._peer is not None:
            self._has_ended = True
            self._peer._take(b"")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is told to wait, and to go on."""
        self._high = _HIGH if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the other end has not received."""
        return 0 if self._peer is None else self._peer._size

    # -- in

    def _take(self, data: bytes) -> None:
        if not self._is_lost:
            self._incoming.append(data)
            self._size += len(data)
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_due and not self._is_paused:
            self._is_due = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        while self._incoming and not self._is_paused and not self._is_lost:
            data = self._incoming.popleft()
            self._size -= len(data)
            if data:
                self._protocol.data_received(data)
            elif not self._is_closing and not self._protocol.eof_received():
                self.close()
        peer = self._peer
        if self._is_peer_waiting and peer is not None and self._size <= peer._low:
            self._is_peer_waiting = False
            if not peer._is_lost:
                peer._protocol.resume_writing()

    def pause_reading(self) -> None:
        """Receive nothing more for now."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Receive again."""
        self._is_paused = False
        if self._incoming:
            self._schedule()

    # -- the end

    def is_closing(self) -> bool:
        """Whether this end is closed, or being closed."""
        return self._is_closing

    def close(self) -> None:
        """Send the end, and be closed."""
        if not self._is_closing:
            self.write_eof()
            self._is_closing = True
            self._loop.call_soon(self._lose)

    def abort(self) -> None:
        """Be closed at once."""
        self.close()

    def _lose(self) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._incoming.clear()
            self._size = 0
            protocol, self._protocol = self._protocol, asyncio.Protocol()
            protocol.connection_lost(None)


def connect_transports(
    loop: asyncio.AbstractEventLoop, client: asyncio.BaseProtocol, server: asyncio.BaseProtocol, address: Any
) -> None:
    """Give two protocols the ends of a new stream.

    Args:
        loop: the loop of both.
        client: gets one end.
        server: gets the other; it is told `address` as that of the client.
        address: host and port.
    """
    here = ("127.0.0.1", 80)
    near, far = MemoryTransport(loop, address, here), MemoryTransport(loop, here, address)
    near._peer, far._peer = far, near
    far.lead_to(near, server)
    near.lead_to(far, client)
