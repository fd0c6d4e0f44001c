"""A byte stream to the peer that one thread serves and all may use: the lock of a connection is here."""

import threading
from typing import Any, Final

from ..agenda import NEVER
from ..states import Exit
from ..wire.kernels import Output
from ..wire.messages import HEADROOM
from . import loop
from .loop import READ, RECEIVE_SIZE, WRITE, Served
from .stream import Stream

__all__ = ["NOBODY", "Channel", "Consumer"]

# In a row from one socket: a flooding peer must not starve the others.
_MOST_READS: Final = 4


class Consumer:
    """Takes what a channel receives: first the opening handshake, then a `WebSocket`.

    Each method is called with the channel's lock held, and must neither block nor call the application.
    """

    @property
    def deadline(self) -> float | None:
        """When `on_deadline` must be called next; `None`: never."""
        return None

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take `buffer[start:end]`, which may be overwritten; `HEADROOM` bytes before it are free."""
        raise NotImplementedError

    def receive_eof(self) -> None:
        """Note that the peer sends nothing more."""

    def on_blocked(self) -> None:
        """Note that the socket took not all of the output."""

    def on_progress(self) -> None:
        """Note that it took some of it, after it had been blocked."""

    def on_lost(self, error: BaseException | None) -> None:
        """Note that nothing more is sent or received; called once.

        Args:
            error: what broke the stream, or `None` if it was closed as it should.
        """

    def on_gone(self) -> None:
        """Note that the socket is closed; called once, after `on_lost`."""

    def on_deadline(self, now: float) -> None:
        """Do what is due."""

    def on_orphaned(self) -> None:
        """Note that this is a forked child, and the channel has a new lock."""


NOBODY: Final = Consumer()


class Channel(Served):
    """A byte stream to the peer.

    Whoever uses it holds its `lock`, from whatever thread, but for `start`.

    Args:
        stream: the stream; the channel owns it from now on.
        output: where to find the bytes to send; default: a new one.

    Attributes:
        lock: the one lock of a connection.
        output: bytes to be sent; whoever adds some calls `flush` then.
        consumer: who takes what is received.
        ending: a `states.Exit`; what to do when the output is empty.
        closed: nothing more is sent or received.
        is_reading: reading is not paused.
        local_address, remote_address: as `socket.getsockname` and `getpeername` give them.
    """

    def __init__(self, stream: Stream, output: Output | None = None) -> None:
        Served.__init__(self)
        self.lock = threading.Lock()
        self.stream = stream
        self.output = Output() if output is None else output
        self.output.blocked = False  # by this stream; another one may have had it before
        self.consumer: Consumer = NOBODY
        self.ending = int(Exit.NONE)
        self.closed = False
        self.is_reading = True
        self.local_address = _address(stream.sock.getsockname)
        self.remote_address = _address(stream.sock.getpeername)
        self._has_said_farewell = False
        self._is_half_closed = False
        self._loop = loop.enter()

    def start(self, consumer: Consumer) -> None:
        """Begin: let `consumer` have what comes. The lock must not be held."""
        with self.lock:
            self.consumer = consumer
            self.flush()
            self.attend()

    def attend(self) -> None:
        """Let the loop follow what has changed."""
        self._loop.attend(self)

    def later(self, function: Any) -> None:
        """Call a function in the loop's thread, soon, without the lock."""
        self._loop.call(function)

    # -- what the loop calls

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.stream.sock.fileno()

    def wishes(self) -> tuple[int, float] | None:
        """Return the events to wait for, and the next deadline; `None`: it is closed."""
        with self.lock:
            if self.closed:
                return None
            events = READ if self.is_reading else 0
            if self.output.blocked:
                events |= self.stream.awaits
            deadline = self.consumer.deadline
            return events, NEVER if deadline is None else deadline

    def on_events(self, events: int) -> None:
        """Receive, have it parsed, and send what can be sent."""
        with self.lock:
            if events & WRITE:
                self.flush()
            if events & READ:
                self._receive()

    def on_deadline(self, now: float) -> None:
        """Let the consumer do what is due."""
        with self.lock:
            if not self.closed:
                self.consumer.on_deadline(now)

    def break_off(self) -> None:
        """End the connection."""
        with self.lock:
            self.abort()

    def let_go(self) -> None:
        """Close the socket."""
        with self.lock:
            self.stream.close()
            consumer, self.consumer = self.consumer, NOBODY
            consumer.on_gone()
        self._loop.leave()

    def orphan(self) -> None:
        """Close the socket in a forked child; the parent's is another descriptor of it."""
        # The thread that may have held the old one is not here.
        self.lock = threading.Lock()
        self.closed = True
        self.stream.close()
        self.consumer.on_orphaned()

    # -- in

    def _receive(self) -> None:
        try:
            for _ in range(_MOST_READS):
                if self.closed or not self._receive_once():
                    break
            else:
                if self.stream.has_buffered:
                    self.later(self._receive_more)
        except OSError as error:
            self.abort(error)
        if self.output.pending() or self.stream.holds or self.ending:
            self.flush()

    def _receive_once(self) -> bool:
        """Receive and have it parsed; return whether there may be more."""
        buffer = self._loop.buffer
        n = self.stream.receive(buffer, HEADROOM, RECEIVE_SIZE)
        if n > 0:
            self.consumer.receive(buffer, HEADROOM, HEADROOM + n)
        elif n == 0:
            self.consumer.receive_eof()
            self.abort()
        # A socket that gave less than it could is empty. A record of TLS is short anyway.
        return self.is_reading and (n == RECEIVE_SIZE or (n > 0 and self.stream.secure))

    def _receive_more(self) -> None:
        with self.lock:
            if self.is_reading and not self.closed:
                self._receive()

    def pause_reading(self) -> None:
        """Stop receiving."""
        if self.is_reading:
            self.is_reading = False
            self.attend()

    def resume_reading(self) -> None:
        """Receive again."""
        if not self.is_reading:
            self.is_reading = True
            self.attend()
            if self.stream.has_buffered:
                self.later(self._receive_more)

    # -- out

    def flush(self) -> None:
        """Send the output, as far as the socket takes it."""
        progress = False
        try:
            while not self.closed and (self.output.pending() or self.stream.holds):
                if self.stream.send(self.output) < 0:
                    self._on_blocked(progress)
                    return
                progress = True
        except OSError as error:
            self.abort(error)
        if self.closed:
            return
        if self.output.blocked:
            self._on_drained()
        if self.ending:
            self._leave()

    def _on_blocked(self, progress: bool) -> None:
        output = self.output
        output.settle()
        if not output.blocked:
            output.blocked = True
            self.consumer.on_blocked()
            self.attend()
        elif progress:
            self.consumer.on_progress()

    def _on_drained(self) -> None:
        self.output.blocked = False
        self.consumer.on_progress()
        self.attend()
        if self.output.pending():
            self.flush()

    def _leave(self) -> None:
        if not self._has_said_farewell:
            self._has_said_farewell = True
            self.resume_reading()
            self.stream.say_farewell()
            if self.stream.holds:
                self.flush()  # and comes back here
                return
        if self.ending == Exit.CLOSE:
            self.abort()
        elif not self._is_half_closed:
            self._is_half_closed = True
            try:
                self.stream.end_writing()
            except OSError as error:
                self.abort(error)

    def abort(self, error: BaseException | None = None) -> None:
        """Close the socket, as soon as the loop does not watch it any more."""
        if self.closed:
            return
        self.closed = True
        self.output.clear()
        self.attend()
        self.consumer.on_lost(error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.remote_address}>"


def _address(get: Any) -> Any:
    try:
        return get()
    except OSError:  # the peer has gone already
        return None
