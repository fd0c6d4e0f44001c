"""The same channel over an asyncio transport: TLS, proactor loops, and other people's transports."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final

from ..handshake.tls import truncated
from ..states import Exit
from ..wire.kernels import Output
from ..wire.messages import HEADROOM
from .channel import NOBODY, Channel
from .reactor import Reactor, reactor_of

__all__ = ["TransportChannel", "TransportProtocol"]

# Given to the transport in pieces, so that it can say when it has enough.
_PIECE: Final = 1 << 18


class TransportChannel(Channel):
    """A channel over an asyncio transport; made by `TransportProtocol`."""

    def __init__(self, reactor: Reactor, transport: Any, output: Output | None = None) -> None:
        Channel.__init__(self, reactor.loop, Output() if output is None else output)
        self._reactor = reactor
        self._transport = transport
        self._flush_due = False
        self._half_closed = False
        self._is_aborted = False
        self._paused = False
        self.local_address = transport.get_extra_info("sockname")
        self.remote_address = transport.get_extra_info("peername")
        self.ssl_object = transport.get_extra_info("ssl_object")
        self.secure = self.ssl_object is not None
        # The output is where data waits; the transport must say early that it takes no more.
        transport.set_write_buffer_limits(high=_PIECE, low=0)
        reactor.enter()

    def data_received(self, data: bytes) -> None:
        """Hand received bytes on, through the reactor's buffer, which has room before them."""
        buffer = self._reactor.buffer
        room = len(buffer) - HEADROOM
        self.corked = True
        try:
            for at in range(0, len(data), room):
                if self.closed:
                    return
                part = data[at : at + room]
                buffer[HEADROOM : HEADROOM + len(part)] = part
                self.consumer.receive(buffer, HEADROOM, HEADROOM + len(part))
        finally:
            self.corked = False
        if self.output.pending() or self.ending:
            self.flush()

    def eof_received(self) -> None:
        """Hand the end of the stream on."""
        if _is_truncated(self.ssl_object):
            self._transport.abort()  # `connection_lost` tells it
            return
        self.consumer.receive_eof()
        if self.ending and not self._transport.get_write_buffer_size():
            # All is said; TLS says farewell.
            self._transport.close()
        else:
            self.abort()

    def written(self) -> None:
        """Send the output when the batch ends, or at the end of the loop's turn."""
        if not self.corked and not self.output.blocked and not self._flush_due:
            self._flush_due = True
            self.loop.call_soon(self._flush_at_end_of_turn)

    def _flush_at_end_of_turn(self) -> None:
        self._flush_due = False
        self.flush()

    def flush(self) -> None:
        """Give the output to the transport, as far as it takes it."""
        output = self.output
        while not self.closed and not output.blocked and output.pending():
            (first,) = output.views(1)
            part = bytes(first[:_PIECE])
            output.consume(len(part))
            self._transport.write(part)
        if not self.closed and self.ending and not output.pending():
            self._leave()

    def pause_writing(self) -> None:
        """Note that the transport takes no more."""
        if not self.output.blocked:
            self.output.blocked = True
            self.consumer.on_blocked()

    def resume_writing(self) -> None:
        """Note that the transport takes more."""
        self.output.blocked = False
        self.flush()
        self.consumer.on_progress()
        self.flush()

    def _leave(self) -> None:
        if self.ending == Exit.CLOSE:
            # The transport sends what it holds, and then closes.
            self._transport.close()
        elif not self._half_closed:
            self._half_closed = True
            self.resume_reading()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                # TLS: says farewell, drops what still comes, and ends with the peer's farewell.
                self._transport.close()

    def pause_reading(self) -> None:
        """Stop receiving."""
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close the transport now."""
        self._is_aborted = True
        # Its `close` would wait until the peer has taken what it still holds.
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the transport is closed."""
        if self.closed:
            return
        self.closed = True
        self.output.clear()
        consumer, self.consumer = self.consumer, NOBODY
        self._reactor.leave()
        if error is None and not self._is_aborted and _is_truncated(self.ssl_object):
            error = truncated()
        consumer.on_lost(error if isinstance(error, OSError) else None)


def _is_truncated(ssl_object: Any) -> bool:
    """Tell whether TCP has ended while TLS has not: the loop, which has read all there was, does not tell."""
    if ssl_object is None:
        return False
    try:
        ssl_object.read(1)
    except (ssl.SSLWantReadError, ssl.SSLEOFError):
        return True
    except (ssl.SSLError, AttributeError):  # both sides have said farewell; an object of another kind
        return False
    return False


class TransportProtocol(asyncio.Protocol):
    """What the loop calls; it makes the channel and passes everything on to it.

    Args:
        loop: the loop.
        on_connected: called with the channel, to give it a consumer.
        output: what the channel sends from; default: a new one.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_connected: Callable[[TransportChannel], None],
        output: Output | None = None,
    ) -> None:
        self._loop = loop
        self._on_connected = on_connected
        self._output = output
        self.channel: TransportChannel | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make the channel."""
        # Not before: a TLS handshake takes time, in which a reactor can go with its last channel.
        self.channel = TransportChannel(reactor_of(self._loop), transport, self._output)
        self._on_connected(self.channel)

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.channel is not None:
            self.channel.data_received(data)

    def eof_received(self) -> None:
        """Pass on; the channel closes the transport itself."""
        if self.channel is not None:
            self.channel.eof_received()

    def pause_writing(self) -> None:
        """Pass on."""
        if self.channel is not None:
            self.channel.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        if self.channel is not None:
            self.channel.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on, and let go."""
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.connection_lost(error)
