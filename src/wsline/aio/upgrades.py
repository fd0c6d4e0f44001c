"""A connection between two protocols: a request was read from it, and nobody has answered yet."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ..handshake.http1 import Response
from ..states import Exit
from .channel import NOBODY, Channel, Consumer
from .reactor import reactor_of
from .timers import NEVER, Deadlines, clock
from .transport import TransportProtocol

__all__ = ["UpgradeSocket", "take_transport"]

# So long a refused client has to take the answer and close, in seconds.
LINGER: Final = 1.0

# What is kept of a client that sends frames before it is answered.
MOST_EARLY: Final = 1 << 16

_TWICE: Final = (
    "server.handle_upgrade() was called more than once with the same socket,"
    " possibly due to a misconfiguration"
)


class UpgradeSocket(Consumer):
    """The connection of a request that asks for an upgrade, or that was refused.

    `WebSocketServer.handle_upgrade` takes it; else `end` or `destroy` must be called.

    Args:
        channel: the connection.
        deadlines: of the loop.
        on_end: called once, when it is closed, or taken.
        timeout: longest time until it is taken or ended, in seconds; `None`: no limit.

    Attributes:
        is_taken: it belongs to a WebSocket.
    """

    def __init__(
        self,
        channel: Channel,
        deadlines: Deadlines,
        on_end: Callable[[], object] | None = None,
        timeout: float | None = None,
    ) -> None:
        self.armed_at = NEVER
        self._channel = channel
        self._deadlines = deadlines
        self.on_end = on_end
        self._early = b""
        self.is_taken = False
        self._is_over = channel.closed
        channel.consumer = self
        if timeout is not None:
            deadlines.arm(self, clock() + timeout)

    @property
    def is_answered(self) -> bool:
        """Somebody has taken it, ended it, or found it closed."""
        return self.is_taken or self._is_over

    @property
    def is_closed(self) -> bool:
        """The connection is gone."""
        return self._channel.closed

    @property
    def secure(self) -> bool:
        """It is encrypted."""
        return self._channel.secure

    @property
    def ssl_object(self) -> Any:
        """The `ssl.SSLObject`, or `None` without TLS."""
        return self._channel.ssl_object

    @property
    def local_address(self) -> Any:
        """Our end, as `socket.getsockname` gives it."""
        return self._channel.local_address

    @property
    def remote_address(self) -> Any:
        """The peer's end, as `socket.getpeername` gives it."""
        return self._channel.remote_address

    def write(self, data: bytes) -> None:
        """Send bytes; nothing is sent once it is closed or ended.

        Raises:
            RuntimeError: it was taken: what goes over it now are frames.
        """
        self._check_not_taken("write")
        if not self._is_over:
            self._channel.output.put(bytes(data), False, 0)
            self._channel.written()

    def end(self, answer: Response | bytes = b"") -> None:
        """Send the last bytes, and close; a client that does not close its end is cut after a second.

        Args:
            answer: a response, or bytes.

        Raises:
            RuntimeError: it was taken.
            ValueError: the response cannot be sent.
        """
        self._check_not_taken("end")
        data = answer.build() if isinstance(answer, Response) else bytes(answer)
        if self._is_over:
            return
        self._is_over = True
        self._early = b""
        channel = self._channel
        channel.output.put(data, False, 0)
        channel.ending = int(Exit.HALF_CLOSE)
        channel.written()
        self.armed_at = NEVER
        self._deadlines.arm(self, clock() + LINGER)

    def destroy(self) -> None:
        """Close the connection now.

        Raises:
            RuntimeError: it was taken.
        """
        self._check_not_taken("destroy")
        self._is_over = True
        self._channel.abort()

    def _check_not_taken(self, call: str) -> None:
        if self.is_taken:
            raise RuntimeError(f"socket.{call}(): the socket belongs to a WebSocket")

    def take(self) -> tuple[Channel, bytes]:
        """Give it to a WebSocket.

        Returns:
            The channel, which may be closed, and the bytes that have come since the request.

        Raises:
            RuntimeError: it was taken before.
        """
        if self.is_taken:
            raise RuntimeError(_TWICE)
        self.is_taken = True
        self.armed_at = NEVER
        early, self._early = self._early, b""
        if self._is_over:
            self._channel.abort()  # it was answered otherwise
        else:
            self._channel.consumer = NOBODY
        self._finish()
        return self._channel, early

    # -- what the channel calls

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Keep what comes early."""
        if self._is_over:
            return
        self._early += bytes(buffer[start:end])
        if len(self._early) > MOST_EARLY:
            self._channel.pause_reading()

    def receive_eof(self) -> None:
        """Note that the client is gone."""

    def on_lost(self, error: OSError | None) -> None:
        """Note that the channel is closed."""
        self._is_over = True
        self._finish()

    def on_deadline(self, now: float) -> None:
        """Cut who takes too long."""
        self.destroy()

    def _finish(self) -> None:
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end()


class _Takeover(TransportProtocol):
    """The protocol of a transport that was another's, who is told when it is lost."""

    def __init__(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        channels: list[Channel] = []
        TransportProtocol.__init__(self, loop, channels.append)
        self._previous = transport.get_protocol()
        transport.set_protocol(self)
        if not transport.is_reading():
            transport.resume_reading()
        self.connection_made(transport)
        self.socket = UpgradeSocket(channels[0], reactor_of(loop).deadlines)

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on, to the one before us too: it has its own to let go of."""
        TransportProtocol.connection_lost(self, error)
        self._previous.connection_lost(error)


def take_transport(transport: asyncio.Transport) -> UpgradeSocket:
    """Take an asyncio transport from its protocol.

    Raises:
        RuntimeError: it was taken before.
    """
    if isinstance(transport.get_protocol(), _Takeover):
        raise RuntimeError(_TWICE)
    return _Takeover(transport).socket
