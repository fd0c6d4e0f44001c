"""The way in of a WebSocket: what the loop's thread brings, and the thread that waits for it."""

import threading
from collections import deque
from typing import Any, Final

from ..bounds import CLOSING_SIZE, FULL_SIZE, LOW_SIZE, MESSAGE_COST, control_only
from ..connection import Connection
from ..errors import ConcurrencyError
from ..spec import State
from ..wire.fragments import Fragment, KeptFragments, Unpacked
from ..wire.messages import HEADROOM, Pong
from .channel import Channel, Consumer
from .timeouts import limited

__all__ = ["FragmentStream", "Message", "Receiving"]

# A `Fragment` comes only to whoever receives a message as it arrives.
Message = str | bytes | KeptFragments | Fragment

_MESSAGES: Final = (str, bytes, KeptFragments, Fragment)


class FragmentStream:
    """Iterates over the fragments of one message.

    From its first step to the last fragment it is the only receiver.

    Args:
        session: receives them.
        timeout: longest time to wait for each, in seconds; `None`: no limit.
    """

    def __init__(self, session: "Receiving", timeout: float | None) -> None:
        self.message = Unpacked()
        self.timeout = timeout
        self._session = session

    def __iter__(self) -> "FragmentStream":
        return self

    def __next__(self) -> str | bytes:
        message = self.message
        if message.has_ended:
            raise StopIteration
        if not message:
            message.put(self._session.recv_part(self, self.timeout))
        part = message.take()
        if message.has_ended:
            self._session.release(self)
        return part


class Receiving(Consumer):
    """Keeps what is received until somebody takes it.

    Args:
        channel: the byte stream; its lock is held while this is made.
        connection: its protocol state.

    Attributes:
        channel, connection: as above.
        is_paused: the user stopped reading.
        holder: the only one who may receive, until it is done with its message; or `None`.
    """

    def __init__(self, channel: Channel, connection: Connection) -> None:
        self.channel = channel
        self.connection = connection
        self.is_paused = False
        self.holder: FragmentStream | None = None
        self._max_queue = connection.options.max_queue
        self._messages: deque[Message] = deque()
        self._size = 0
        self._is_full = False
        self._has_receiver = False
        self._use(channel.lock)

    def _use(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._arrived = threading.Condition(lock)  # a message, or the end

    def on_change(self) -> None:
        """Deal with a connection that is not open any more."""
        raise NotImplementedError

    # -- in, from the loop's thread

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes from the channel."""
        connection = self.connection
        events = connection.receive(buffer, start, end)
        if connection.state != State.OPEN and self._size >= CLOSING_SIZE and connection.cause is None:
            events = control_only(events)
        for event in events:
            if isinstance(event, _MESSAGES):
                self._put(event)
            elif type(event) is Pong:
                _tell(event.answered)
        if self._messages:
            self._arrived.notify()
            # Of a message in fragments bytes alone count: a fragment may be large.
            is_many = len(self._messages) >= self._max_queue or self.holder is not None
            self._is_full = self._size >= FULL_SIZE and is_many
        connection.acknowledge_close()  # if there was a close frame
        if connection.state != State.OPEN:
            self.on_change()
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

    # -- receiving

    def recv(self, timeout: float | None) -> Any:
        """Wait for the next message, and take it.

        Raises:
            TimeoutError: none came in time.
            ConnectionClosed: none will come.
            ConcurrencyError: another thread waits, or a message is received in fragments.
        """
        with self._lock:
            self._check_free(None)
            self._wait_for_message(timeout)
            return self._take()

    def recv_part(self, stream: FragmentStream, timeout: float | None) -> Message:
        """Wait for a part of a message, and take it; from now on only `stream` may receive.

        Raises what `recv` raises. If nothing of the message has come then, others may receive again.
        """
        with self._lock:
            self._check_free(stream)
            if self.holder is None:
                self.holder = stream
                if not self._messages:
                    # What waits here is whole already.
                    for fragment in self.connection.reader.stream_next():
                        self._put(fragment)
            try:
                self._wait_for_message(timeout)
            except BaseException:
                self._leave(stream)
                raise
            return self._take()

    def release(self, stream: FragmentStream) -> None:
        """Let others receive again."""
        with self._lock:
            if self.holder is stream:
                self.holder = None

    def _leave(self, stream: FragmentStream) -> None:
        splitter = self.connection.reader.split()
        if self.connection.state == State.CLOSED:
            self.holder = None
        elif not (stream.message.has_begun or self._messages or splitter.size):
            splitter.streams = False
            self.holder = None

    def _check_free(self, stream: FragmentStream | None) -> None:
        if self._has_receiver:
            raise ConcurrencyError("another thread is waiting for a message of this WebSocket")
        if self.holder is not None and self.holder is not stream:
            raise ConcurrencyError("a message was begun with recv_streaming(): go on with it to its end")

    def _wait_for_message(self, timeout: float | None) -> None:
        if self._messages:
            return
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

    def _put(self, message: Message) -> None:
        self._messages.append(message)
        self._size += len(message) + MESSAGE_COST

    def _take(self) -> Message:
        message = self._messages.popleft()
        self._size -= len(message) + MESSAGE_COST
        if self._is_full and self._size < LOW_SIZE:
            self._is_full = False
            self._pause_or_resume()
        return message

    def recv_streaming(self, timeout: float | None) -> FragmentStream:
        """Return the stream of the message that was begun, or of the next one."""
        limited(timeout)
        with self._lock:
            if self.holder is None:
                return FragmentStream(self, timeout)
            self.holder.timeout = timeout
            return self.holder

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


def _tell(answered: list[tuple[Any, float]]) -> None:
    for answer, seconds in answered:
        if answer is not None:
            answer.finish(seconds)
