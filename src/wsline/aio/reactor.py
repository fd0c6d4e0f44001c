"""The reactor: many sockets behind one callback of the loop.

asyncio wakes Python once for each ready socket. The reactor watches all server-side sockets with one
epoll descriptor, and the loop watches that. On wake-up it receives from each ready socket into one
buffer, has all frames of the batch parsed and delivered, and sends with one call what the consumers
wrote meanwhile. The sends for a few sockets follow each other.

Client sockets are few and want the lowest latency: the loop watches each of them directly, as it does
all sockets where there is no epoll.
"""

import asyncio
import logging
import os
import socket
from typing import Any, Final

from ..states import Exit
from ..wire.kernels import Output
from ..wire.messages import HEADROOM
from .channel import NOBODY, Channel
from .syscalls import HAS_EPOLL, READABLE, WOULD_BLOCK, WRITABLE, Poller, receive, send
from .timers import Deadlines

__all__ = ["Reactor", "SocketChannel", "reactor_of"]

# Whether sockets can be watched here; else everything goes over asyncio's transports. A Windows loop
# that can (the selector one) is served by them too: `os.readv` is not to be had there.
AVAILABLE = os.name == "posix"

logger: Final = logging.getLogger("wsline")

RECEIVE_SIZE: Final = 1 << 18

# Sockets served in one wake-up, and reads in a row from one of them: a flooding peer must starve
# neither the others nor the loop's timers.
_MOST_READY: Final = 256
_MOST_READS: Final = 4

# So many at once are much.
_FEW: Final = 16

# So many sockets, as many as `Output` has spare blocks, are read before the answers to them leave: sends that
# follow each other closely wake a peer on this machine, or the driver of a network card, once.
GROUP: Final = 16

# More than this is not kept for the end of the loop's turn.
_FLUSH_SIZE: Final = 1 << 16

_MOST_SEGMENTS: Final = 16

# Numbers of the hot path; the .pxd makes them C's.
_HEADROOM: Final = HEADROOM
_SIZE: Final = RECEIVE_SIZE
_GROUP: Final = GROUP
_READABLE: Final = READABLE
_WRITABLE: Final = WRITABLE


class Reactor:
    """Readiness, the shared receive buffer, deferred sends and deadlines of one loop.

    Attributes:
        loop: the loop.
        buffer: what sockets receive into; free again when `Consumer.receive` returns.
        deadlines: the loop's `Deadlines`.
        tls: what its TLS channels share; the first one makes it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.buffer = bytearray(_HEADROOM + _SIZE)
        self.deadlines = Deadlines(loop)
        self.tls: Any = None
        self._poller: Poller | None = None
        self._channels: list[SocketChannel | None] = []
        self._written: list[SocketChannel] = []
        self._users = 0

    def enter(self) -> None:
        """Count a channel in."""
        self._users += 1

    def leave(self) -> None:
        """Count a channel out; the last one closes the reactor."""
        self._users -= 1
        if self._users == 0:
            self.close()

    def close(self) -> None:
        """Give the loop back what was taken from it."""
        _reactors.pop(self.loop, None)
        self.deadlines.close()
        if self._poller is not None:
            if not self.loop.is_closed():
                self.loop.remove_reader(self._poller.fileno())
            self._poller.close()
            self._poller = None

    def watch(self, channel: "SocketChannel", events: int) -> None:
        """Call the channel at these events, and when its socket is broken."""
        if self._poller is None:
            self._poller = Poller()
            self.loop.add_reader(self._poller.fileno(), self.on_ready)
        while len(self._channels) <= channel.fd:
            self._channels.append(None)
        self._channels[channel.fd] = channel
        self._poller.add(channel.fd, events)

    def change(self, channel: "SocketChannel", events: int) -> None:
        """Watch for other events."""
        if self._poller is not None:
            self._poller.change(channel.fd, events)

    def unwatch(self, channel: "SocketChannel") -> None:
        """Forget the channel; events that are still to be dispatched find nothing."""
        self._channels[channel.fd] = None
        if self._poller is not None:
            self._poller.remove(channel.fd)

    def on_ready(self) -> None:
        """Serve the sockets that are ready."""
        poller = self._poller
        channels = self._channels
        answered: list[SocketChannel] = []
        served = 0
        # With much to do, asking again here is cheaper than by way of the loop. With little, that way lets
        # more arrive, and one question serves them all.
        while poller is not None and served < _MOST_READY:
            count = poller.wait(_MOST_READY)
            for i in range(count):
                channel = channels[poller.fd_at(i)]
                if channel is not None:
                    channel.on_events(poller.events_at(i))
                    if channel.has_output():
                        answered.append(channel)
                        if len(answered) == _GROUP:
                            self._flush_all(answered)
                if self._poller is None:
                    return
            self._flush_all(answered)
            if count < _FEW or self._poller is None:
                return
            served += count

    def _flush_all(self, channels: "list[SocketChannel]") -> None:
        for channel in channels:
            try:
                channel.flush()
            except Exception as error:
                channel.fail(error)
        channels.clear()

    def flush_later(self, channel: "SocketChannel") -> None:
        """Flush the channel at the end of the loop's turn."""
        if not self._written:
            self.loop.call_soon(self._flush_written)
        self._written.append(channel)

    def _flush_written(self) -> None:
        written, self._written = self._written, []
        for channel in written:
            channel.end_turn()


_reactors: dict[asyncio.AbstractEventLoop, Reactor] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reactors.clear)


def reactor_of(loop: asyncio.AbstractEventLoop) -> Reactor:
    """Return the loop's reactor, made on first use and closed with its last channel."""
    reactor = _reactors.get(loop)
    if reactor is None:
        for closed in [each for each in _reactors if each.is_closed()]:
            _reactors.pop(closed).close()
        reactor = _reactors[loop] = Reactor(loop)
    return reactor


class SocketChannel(Channel):
    """A channel over a non-blocking stream socket.

    Args:
        reactor: the loop's reactor.
        sock: the socket, connected; the channel owns it from now on.
        output: where to find the bytes to send; default: a new one.
        direct: let the loop watch the socket, not the reactor.
    """

    def __init__(
        self, reactor: Reactor, sock: socket.socket, output: Output | None = None, direct: bool = False
    ) -> None:
        Channel.__init__(self, reactor.loop, Output() if output is None else output)
        sock.setblocking(False)
        self.fd = sock.fileno()
        self._reactor = reactor
        self._sock = sock
        self._direct = direct or not HAS_EPOLL
        self._in_turn = False
        self._half_closed = False
        self._events = _READABLE
        self.local_address = _address(sock.getsockname)
        self.remote_address = _address(sock.getpeername)
        if HAS_EPOLL:
            # libuv drops a socket that was reset from its watch, and tells nobody: epoll does, unasked.
            reactor.watch(self, 0 if direct else _READABLE)
        if self._direct:
            self.loop.add_reader(self.fd, self.on_readable)
        reactor.enter()

    def on_events(self, events: int) -> None:
        """Serve the socket."""
        if events & _WRITABLE and self.output.blocked:
            self.flush()
        # Whatever else epoll says (an error, a hang-up) shows when the socket is read.
        if not self.closed and (events & ~_WRITABLE) != 0:
            self._serve()

    def on_readable(self) -> None:
        """Receive, have it parsed and delivered, and send what was written meanwhile."""
        self._serve()
        if self.has_output():
            self.flush()

    def has_output(self) -> bool:
        """Whether there is something to do for `flush`."""
        return (self.output.pending() > 0 or self.ending != 0) and not self.output.blocked

    def _serve(self) -> None:
        self.corked = True
        try:
            self._receive()
        except OSError as error:
            self._close(error)
        except Exception as error:
            self.fail(error)
        finally:
            self.corked = False

    def fail(self, error: Exception) -> None:
        """Close the socket for an error of ours: it is the end of this connection only."""
        logger.error("error while serving %s", self.remote_address, exc_info=error)
        self._close(None)

    def _receive(self) -> None:
        consumer = self.consumer
        for _ in range(_MOST_READS):
            window = consumer.window()
            if window is None:
                room = _SIZE
                n = receive(self.fd, self._reactor.buffer, _HEADROOM, room)
                if n > 0:
                    consumer.receive(self._reactor.buffer, _HEADROOM, _HEADROOM + n)
            else:
                room = consumer.window_room()
                n = receive(self.fd, window.buffer, window.length, room)
                if n > 0:
                    consumer.receive_window(n)
            if n == 0:
                self._receive_eof()
            if n < room or self.closed or not self._events & _READABLE:
                return
            consumer = self.consumer

    def _receive_eof(self) -> None:
        self.consumer.receive_eof()
        self.abort()

    def written(self) -> None:
        """Send the output when the batch ends; else now, or at the turn's end if some was sent in it."""
        if self.corked or self.output.blocked:
            return
        if self._in_turn:
            if self.output.pending() > _FLUSH_SIZE:
                self.flush()
            return
        self._in_turn = True
        self._reactor.flush_later(self)
        self.flush()

    def end_turn(self) -> None:
        """Send what was written in this turn of the loop."""
        self._in_turn = False
        if not self.output.blocked:
            self.flush()

    def flush(self) -> None:
        """Send the output, as far as the socket takes it."""
        if self.closed:
            return
        output = self.output
        progress = False
        try:
            while output.pending():
                size = output.pending()
                n = self._send(output)
                if n > 0:
                    output.consume(n)
                    progress = True
                if n < size and (n < 0 or not output.segments_size):
                    self._on_blocked(progress)
                    return
        except OSError as error:
            self._close(error)
            return
        if output.blocked:
            self._on_drained()
        if self.ending:
            self._leave()

    def _send(self, output: Output) -> int:
        if output.segments_size:
            try:
                return os.writev(self.fd, output.views(_MOST_SEGMENTS))
            except (BlockingIOError, InterruptedError):
                return WOULD_BLOCK
        return send(self.fd, output.block, output.start, output.end - output.start)

    def _on_blocked(self, progress: bool) -> None:
        output = self.output
        output.settle()
        if not output.blocked:
            output.blocked = True
            self._watch(self._events | _WRITABLE)
            self.consumer.on_blocked()
        elif progress:
            self.consumer.on_progress()

    def _on_drained(self) -> None:
        self.output.blocked = False
        self._watch(self._events & ~_WRITABLE)
        self.consumer.on_progress()
        if self.output.pending():
            self.written()

    def _leave(self) -> None:
        if self.ending == Exit.CLOSE:
            self.abort()
        elif not self._half_closed:
            self._half_closed = True
            self.resume_reading()
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._close(error)

    def pause_reading(self) -> None:
        """Stop receiving."""
        if not self.closed and self._events & _READABLE:
            self._watch(self._events & ~_READABLE)

    def resume_reading(self) -> None:
        """Receive again."""
        if not self.closed and not self._events & _READABLE:
            self._watch(self._events | _READABLE)

    def _watch(self, events: int) -> None:
        if self._direct:
            changed = events ^ self._events
            if changed & _READABLE:
                if events & _READABLE:
                    self.loop.add_reader(self.fd, self.on_readable)
                else:
                    self.loop.remove_reader(self.fd)
            if changed & _WRITABLE:
                if events & _WRITABLE:
                    self.loop.add_writer(self.fd, self.flush)
                else:
                    self.loop.remove_writer(self.fd)
        elif events != self._events:
            self._reactor.change(self, events)
        self._events = events

    def abort(self) -> None:
        """Close the socket now."""
        self._close(None)

    def _close(self, error: OSError | None) -> None:
        if self.closed:
            return
        if self._direct:
            self._watch(0)
        if HAS_EPOLL:
            self._reactor.unwatch(self)
        self.closed = True
        self._sock.close()
        self.output.clear()
        consumer, self.consumer = self.consumer, NOBODY
        self._reactor.leave()
        consumer.on_lost(error)


def _address(get: Any) -> Any:
    try:
        return get()
    except OSError:  # the peer has gone already
        return None
