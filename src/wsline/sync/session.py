"""A `Connection` at work: it joins a channel to the user's `WebSocket`, and is where threads wait.

The loop's thread brings what is received; who calls `recv`, `send`, `ping` or `close` waits on one of the
conditions here, which share the channel's lock. Nothing is decided that `Connection` knows.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from ..backlog import Message
from ..connection import Connection
from ..errors import InvalidState, SlowConsumer
from ..payload import Fragments
from ..spec import CloseCode, DeflateParameters, State
from ..wire.prepared import PreparedMessage
from .channel import Channel
from .jobs import run_jobs
from .receiving import Receiving
from .timeouts import limited

__all__ = ["Session"]


class _Answer:
    """The answer to a ping, and who waits for it."""

    def __init__(self, lock: Any) -> None:
        self.condition = threading.Condition(lock)
        self.seconds: float | None = None
        self.is_over = False

    def finish(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.is_over = True
        self.condition.notify_all()


class Session(Receiving):
    """The inside of one WebSocket.

    Args:
        channel: the byte stream; its lock is held while this is made.
        connection: its protocol state, which is opened.
        deflate: what was agreed on compression.

    Attributes:
        on_end: called once, in the loop's thread, when the socket is closed; set by a server.
        local_address, remote_address, ssl_object: those of the channel.
    """

    def __init__(self, channel: Channel, connection: Connection, deflate: DeflateParameters | None) -> None:
        Receiving.__init__(self, channel, connection)
        self.on_end: Callable[[], object] | None = None
        self.local_address = channel.local_address
        self.remote_address = channel.remote_address
        self.ssl_object = channel.stream.ssl_object
        options = connection.options
        self._high_water = options.high_water
        self._is_gone = False
        self._drained = 0  # how often there was room again
        # The thread that has begun a message, and not finished it: others wait for it.
        self._sender: int | None = None
        self._is_streaming = False
        if options.binary_type == "fragments":
            connection.reader.split().keeps = True
        connection.open(deflate)

    def _use(self, lock: threading.Lock) -> None:
        Receiving._use(self, lock)
        self._room = threading.Condition(lock)  # to send, or the end
        self._gone = threading.Condition(lock)

    @property
    def deadline(self) -> float | None:
        """When `on_deadline` must be called next; `None`: never."""
        return self.connection.deadline

    # -- what the channel tells

    def on_blocked(self) -> None:
        """Note that the socket took not all of the output."""
        self.connection.on_blocked()

    def on_progress(self) -> None:
        """Note that it took some of it, after it had been blocked."""
        self.connection.on_progress()
        self.connection.send_held(self.channel)
        if self._has_room():
            self._drained += 1
            self._room.notify_all()

    def on_deadline(self, now: float) -> None:
        """Do what is due."""
        self.connection.on_deadline(now, self.channel.is_reading)
        self.on_change()

    def on_lost(self, error: BaseException | None) -> None:
        """Wake everyone who waits: nothing more is received or sent."""
        self.connection.end(error)
        for answer in self.connection.pings.drop_all():
            if answer is not None:
                answer.finish(None)
        self._sender = None
        self._arrived.notify_all()
        self._room.notify_all()

    def on_gone(self) -> None:
        """Wake who waits for the end."""
        self._is_gone = True
        self._gone.notify_all()
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            self.channel.later(on_end)

    def on_orphaned(self) -> None:
        """End: in a forked child the connection is the parent's alone."""
        self._use(self.channel.lock)
        self._is_gone = True
        self.on_end = None
        with self._lock:
            self.on_lost(InvalidState("this WebSocket belongs to the process that was forked"))

    # -- sending

    def send(self, data: str | bytes, fin: bool, compress: bool = True) -> None:
        """Send a message or a fragment, and wait for room.

        Raises:
            ConnectionClosed: the closing handshake has begun, or the connection is lost.
        """
        with self._lock:
            self._wait_for_turn()
            if self._is_held_back(data, fin, compress):
                return
            if not compress:
                self.connection.send_uncompressed(data, fin)
            elif isinstance(data, str):
                self.connection.send_text(data, fin)
            else:
                self.connection.send_binary(data, fin)
            if not self._is_streaming:  # else it was sent by the iterable itself, and follows that message
                self._sender = None if fin else threading.get_ident()
                self._room.notify_all()
            self._flush_and_wait()

    def send_fragments(self, items: Iterable[Any], binary: bool | None, compress: bool = True) -> None:
        """Send the items of an iterable as the fragments of one message.

        Raises:
            TypeError: a fragment of another type. The connection is failed: the message cannot be completed.
            ConnectionClosed, ConcurrencyError: as `Connection.begin_stream`.
        """
        fragments, iterator = Fragments(binary), iter(items)
        with self._lock:
            self._wait_for_turn()
            self.connection.begin_stream(compress)
            self._sender = threading.get_ident()
            self._is_streaming = True
        try:
            for item in iterator:
                self._send_fragment(fragments.take(item), False)
            self._send_fragment(fragments.last(), True)
        except BaseException as error:
            self.fail(error, CloseCode.INTERNAL_ERROR, "message not completed")
            raise
        finally:
            with self._lock:
                self._sender = None
                self._is_streaming = False
                self._room.notify_all()

    def _send_fragment(self, fragment: str | bytes, fin: bool) -> None:
        with self._lock:
            self.connection.send_fragment(fragment, fin)
            self._flush_and_wait()

    def send_prepared(self, message: PreparedMessage, compress: bool, waits: bool) -> None:
        """Send a prepared message, raising as `send` does; `waits` for room then, or for nothing."""
        with self._lock:
            if not self._is_held_back(message, True, compress):
                self.connection.send_prepared(message, compress)
            self.channel.flush()
            if waits:
                self._flush_and_wait()

    def _is_held_back(self, message: Message, fin: bool, compress: bool) -> bool:
        """Deal with a slow consumer; returns whether the message need not be sent now."""
        connection = self.connection
        connection.check_open()
        if connection.pending() <= connection.held_above:
            return False
        try:
            return connection.hold_back(message, fin, compress) is not None
        except SlowConsumer as error:
            connection.end(error)
            self.on_change()
            raise connection.closed_error() from error

    def _has_room(self) -> bool:
        return self.connection.queued() <= self._high_water

    def _wait_for_turn(self) -> None:
        me = threading.get_ident()
        while self.connection.state == State.OPEN and not (self._sender in (None, me) and self._has_room()):
            self._room.wait()

    def _flush_and_wait(self) -> None:
        if run_jobs(self.connection, self._lock):
            self.on_change()
        self.channel.flush()
        self.connection.send_held(self.channel)
        # What was taken before the connection ended was sent, though this thread learns it later.
        drained = self._drained
        while not self._has_room() and self._drained == drained:
            self._room.wait()
        if self.connection.state == State.CLOSED and self._drained == drained:
            raise self.connection.closed_error()

    def ping(self, payload: bytes, timeout: float | None) -> float:
        """Send a ping; return its round-trip time in seconds.

        Raises:
            TimeoutError: no pong came in time.
            ConnectionClosed: none will come.
        """
        with self._lock:
            answer = _Answer(self._lock)
            self.connection.send_ping(payload, answer)
            self.channel.flush()
            try:
                if not answer.condition.wait_for(lambda: answer.is_over, limited(timeout)):
                    raise TimeoutError(f"no pong came within {timeout} s (ping timeout)")
            finally:
                self.connection.pings.forget(answer)
            if answer.seconds is None:
                raise self.connection.closed_error()
            return answer.seconds

    def pong(self, payload: bytes) -> None:
        """Send a pong that nobody asked for."""
        with self._lock:
            self.connection.send_pong(payload)
            self.channel.flush()

    # -- the end

    def begin_close(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake, and do not wait for it."""
        with self._lock:
            self.connection.send_close(code, reason)
            self.on_change()

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the connection is closed; return whether it is."""
        with self._lock:
            return self._gone.wait_for(lambda: self._is_gone, limited(timeout))

    def fail(self, cause: BaseException, code: CloseCode, reason: str) -> None:
        """Fail the connection, unless it closes already: see `Connection.fail`."""
        with self._lock:
            # Not if it is closed; another one that is closed may be what the error is about.
            if self.connection.state == State.OPEN:
                self.connection.fail(cause, code, reason)
                self.on_change()

    def terminate(self) -> None:
        """End the connection now, because the application wants it so."""
        with self._lock:
            self.connection.terminate()
            self.on_change()

    def on_change(self) -> None:
        """Let the channel follow the connection's state."""
        if self.connection.state == State.CLOSED:
            self.channel.abort()
            return
        self.channel.ending = self.connection.exit
        self._pause_or_resume()
        self.channel.flush()
        self.channel.attend()
        self._room.notify_all()
