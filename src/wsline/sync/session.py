"""A `Connection` at work: it joins a channel to the user's `WebSocket`, and is where threads wait.

The loop's thread brings what is received; who calls `recv`, `send`, `ping` or `close` waits on one of the
conditions here, which share the channel's lock. Nothing is decided that `Connection` knows.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from ..backlog import Message
from ..bounds import CLOSING_SIZE, FULL_SIZE, LOW_SIZE, MESSAGE_COST, control_only
from ..connection import Connection
from ..errors import ConcurrencyError, InvalidState, SlowConsumer
from ..payload import Fragments
from ..spec import CloseCode, DeflateParameters, State
from ..wire.fragments import KeptFragments
from ..wire.messages import HEADROOM, Pong
from ..wire.prepared import PreparedMessage
from .channel import Channel, Consumer
from .jobs import run_jobs
from .timeouts import limited

__all__ = ["Session"]

_NOTHING: Final = bytearray(HEADROOM)


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


class Session(Consumer):
    """The inside of one WebSocket.

    Args:
        channel: the byte stream; its lock is held while this is made.
        connection: its protocol state, which is opened.
        deflate: what was agreed on compression.

    Attributes:
        channel, connection: as above.
        is_paused: the user stopped reading.
        on_end: called once, in the loop's thread, when the socket is closed; set by a server.
        local_address, remote_address, ssl_object: those of the channel.
    """

    def __init__(self, channel: Channel, connection: Connection, deflate: DeflateParameters | None) -> None:
        self.channel = channel
        self.connection = connection
        self.is_paused = False
        self.on_end: Callable[[], object] | None = None
        self.local_address = channel.local_address
        self.remote_address = channel.remote_address
        self.ssl_object = channel.stream.ssl_object
        options = connection.options
        self._high_water = options.high_water
        self._max_queue = options.max_queue
        self._messages: deque[str | bytes | KeptFragments] = deque()
        self._size = 0
        self._is_full = False
        self._has_receiver = False
        self._is_gone = False
        self._drained = 0  # how often there was room again
        # The thread that has begun a message, and not finished it: others wait for it.
        self._sender: int | None = None
        self._is_streaming = False
        self._use(channel.lock)
        if options.binary_type == "fragments":
            connection.reader.split().keeps = True
        connection.open(deflate)

    def _use(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._arrived = threading.Condition(lock)  # a message, or the end
        self._room = threading.Condition(lock)  # to send, or the end
        self._gone = threading.Condition(lock)

    @property
    def deadline(self) -> float | None:
        """When `on_deadline` must be called next; `None`: never."""
        return self.connection.deadline

    # -- in, from the loop's thread

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes from the channel."""
        connection = self.connection
        events = connection.receive(buffer, start, end)
        if connection.state != State.OPEN and self._size >= CLOSING_SIZE and connection.cause is None:
            events = control_only(events)
        for event in events:
            if isinstance(event, str | bytes | KeptFragments):
                self._messages.append(event)
                self._size += len(event) + MESSAGE_COST
            elif type(event) is Pong:
                _tell(event.answered)
        if self._messages:
            self._arrived.notify()
            self._is_full = self._size >= FULL_SIZE and len(self._messages) >= self._max_queue
        connection.acknowledge_close()  # if there was a close frame
        if connection.state != State.OPEN:
            self._on_change()
        self._pause_or_resume()

    def take_early(self, data: bytes) -> None:
        """Take bytes that came together with the opening handshake."""
        if data:
            self.receive(bytearray(HEADROOM) + data, HEADROOM, HEADROOM + len(data))

    def receive_eof(self) -> None:
        """Note that the peer sends nothing more."""
        self.connection.receive_eof()

    def _pause_or_resume(self) -> None:
        # Once the closing handshake has begun, the end is behind what we would not read.
        wanted = self.connection.state != State.OPEN or not (self.is_paused or self._is_full)
        if wanted:
            self.channel.resume_reading()
        else:
            self.channel.pause_reading()

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
        if not self.channel.is_reading:
            # We do not read: what is not heard may well have been said.
            self.connection.receive(_NOTHING, HEADROOM, HEADROOM)
        self.connection.on_deadline(now)
        self._on_change()

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

    # -- receiving

    def recv(self, timeout: float | None) -> str | bytes | KeptFragments:
        """Wait for the next message, and take it.

        Raises:
            TimeoutError: none came in time.
            ConnectionClosed: none will come.
            ConcurrencyError: another thread waits.
        """
        with self._lock:
            if self._has_receiver:
                raise ConcurrencyError("another thread is waiting for a message of this WebSocket")
            if not self._messages:
                self._wait_for_message(timeout)
            message = self._messages.popleft()
            self._size -= len(message) + MESSAGE_COST
            if self._is_full and self._size < LOW_SIZE:
                self._is_full = False
                self._pause_or_resume()
            return message

    def _wait_for_message(self, timeout: float | None) -> None:
        self._has_receiver = True
        try:
            has_come = self._arrived.wait_for(
                lambda: self._messages or self.connection.state == State.CLOSED, limited(timeout)
            )
        finally:
            self._has_receiver = False
        if not has_come:
            raise TimeoutError(f"no message came within {timeout} s (recv timeout)")
        if not self._messages:
            raise self.connection.closed_error()

    def keep_fragments(self, keeps: bool) -> None:
        """Let messages of several frames come as `KeptFragments`, or whole again."""
        with self._lock:
            self.connection.reader.split().keeps = keeps

    def pause(self) -> None:
        """Stop reading."""
        self._set_paused(True)

    def resume(self) -> None:
        """Start reading again."""
        self._set_paused(False)

    def _set_paused(self, is_paused: bool) -> None:
        with self._lock:
            if self.connection.state == State.OPEN:
                self.is_paused = is_paused
                self._pause_or_resume()

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
            self._on_change()
            raise connection.closed_error() from error

    def _has_room(self) -> bool:
        return self.connection.queued() <= self._high_water

    def _wait_for_turn(self) -> None:
        me = threading.get_ident()
        while self.connection.state == State.OPEN and not (self._sender in (None, me) and self._has_room()):
            self._room.wait()

    def _flush_and_wait(self) -> None:
        if run_jobs(self.connection, self._lock):
            self._on_change()
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
            if not answer.condition.wait_for(lambda: answer.is_over, limited(timeout)):
                self.connection.pings.forget(answer)
                raise TimeoutError(f"no pong came within {timeout} s (ping timeout)")
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
            self._on_change()

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
                self._on_change()

    def terminate(self) -> None:
        """End the connection now, because the application wants it so."""
        with self._lock:
            self.connection.terminate()
            self._on_change()

    def _on_change(self) -> None:
        """Let the channel follow the connection's state."""
        if self.connection.state == State.CLOSED:
            self.channel.abort()
            return
        self.channel.ending = self.connection.exit
        self._pause_or_resume()
        self.channel.flush()
        self.channel.attend()
        self._room.notify_all()


def _tell(answered: list[tuple[_Answer | None, float]]) -> None:
    for answer, seconds in answered:
        if answer is not None:
            answer.finish(seconds)
