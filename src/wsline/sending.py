"""What an open WebSocket sends: the half of `Connection` that messages go through."""

from dataclasses import replace
from typing import Final, Protocol

from . import closing
from .backlog import Backlog, Message
from .bounds import too_slow
from .errors import CloseInfo, ConnectionClosed, InvalidState
from .liveness import PingLedger
from .options import Options
from .spec import Role, State
from .wire.close import Close
from .wire.deflate import DeflateJob
from .wire.kernels import Output
from .wire.prepared import PreparedMessage
from .wire.sender import MessageSender

__all__ = ["Sending"]

_OPEN: Final = 1

_NO_LIMIT: Final = 0x7FFFFFFFFFFFFFFF

# Longer ones are compressed in another thread; what was kept back is written where there is none.
_LONG: Final = 1 << 18


class Flushed(Protocol):
    """What sends the output."""

    def flush(self) -> None:
        """Send it, as far as the peer takes it."""


class Sending:
    """The sending half of a `Connection`, and what that must know: whether it is open, or how it ended.

    Args:
        role: which end.
        options: say what becomes of messages to a slow consumer.
        output: where the bytes to be sent go.
        sender: writes messages there.

    Attributes:
        held_above: while more bytes than this are `pending`, a door asks `hold_back` before it sends.
    """

    def __init__(self, role: Role, options: Options, output: Output, sender: MessageSender) -> None:
        self.role = role
        self.options = options
        self.held_above = _NO_LIMIT if options.held_above is None else options.held_above
        self.pings = PingLedger()
        self._backlog: Backlog | None = None
        self.output = output
        self.state = int(State.CONNECTING)
        self.cause: BaseException | None = None
        self.sent_close: Close | None = None
        self.received_close: Close | None = None
        self.initiator: str | None = None
        self._is_terminated = self._is_overdue = False
        self._unsent = 0
        self.sender = sender

    def check_open(self) -> None:
        """Check that messages can be sent.

        Raises:
            InvalidState: the opening handshake is not done.
            ConnectionClosed: the closing handshake has begun.
        """
        if self.state == _OPEN:
            return
        if self.state == State.CONNECTING:
            raise InvalidState("WebSocket is not open: readyState 0 (CONNECTING)")
        raise self.closed_error()

    def send_text(self, text: str, fin: bool) -> None:
        """Write a text message, or a fragment of one; raises as `check_open` does."""
        if self.state != _OPEN:
            self.check_open()
        self.sender.send_text(text, fin)

    def send_binary(self, data: bytes, fin: bool) -> None:
        """Write a binary message, or a fragment of one; raises as `check_open` does."""
        if self.state != _OPEN:
            self.check_open()
        self.sender.send_binary(data, fin)

    def send_uncompressed(self, data: str | bytes, fin: bool) -> None:
        """Write a message, or a fragment of one, that is not compressed; raises as `check_open` does."""
        self.check_open()
        self.sender.send_uncompressed(data, fin)

    def send_masked(self, data: str | bytes, fin: bool, mask: bool, compress: bool) -> None:
        """Write a message, or a fragment of one, masked or not; raises as `check_open` does."""
        self.check_open()
        self.sender.send_masked(data, fin, mask, compress)

    def send_prepared(self, message: PreparedMessage, compress: bool) -> None:
        """Write a prepared message; raises as `check_open` does."""
        if self.state != _OPEN:
            self.check_open()
        self.sender.send_prepared(message, compress)

    def begin_stream(self, compress: bool = True) -> None:
        """Begin a message of fragments: see `MessageSender`; raises as `check_open` does."""
        self.check_open()
        self._release(_NO_LIMIT)
        self.sender.begin_stream(compress)

    def send_fragment(self, fragment: str | bytes, fin: bool) -> None:
        """Write a fragment of it: see `MessageSender`; raises as `check_open` does."""
        self.check_open()
        self.sender.send_fragment(fragment, fin)

    def has_job(self) -> bool:
        """Whether `take_job` has one to give."""
        return self.sender.job is not None

    def take_job(self) -> DeflateJob | None:
        """Return the work that waits for another thread, to be `run` there and passed to `finish_job`."""
        return self.sender.take_job()

    def queued(self) -> int:
        """Return how many bytes wait for the socket, or for a job."""
        return self.output.pending() + self.sender.waiting

    def pending(self) -> int:
        """Return how many bytes wait to be sent, those set aside by a fragmented message included."""
        return self.output.pending() + self.sender.waiting + self.sender.aside

    # -- slow consumers

    def hold_back(self, message: Message, fin: bool, compress: bool) -> list[str | bytes] | None:
        """Keep a message back from a slow consumer, as the option `slow_consumer` says.

        Args:
            message: what is to be sent.
            fin: whether it ends there; fragments can neither be dropped nor kept back.
            compress: whether it may be compressed.

        Returns:
            The messages that were dropped; `None`: this one is to be sent now.

        Raises:
            SlowConsumer: the peer is to be cut off.
        """
        if not fin or self.options.slow_consumer == "disconnect" or self.sender.is_fragmented():
            self._release(_NO_LIMIT)
            most = self.options.max_buffered
            if most is not None and self.pending() > most:
                raise too_slow(self.pending(), most)
            return None
        if self.pending() <= self.held_above:
            return None
        if self._backlog is None:
            self._backlog = Backlog(self.options)
        return self._backlog.put(message, compress, self.pending())

    def _release(self, limit: int) -> None:
        """Write what was kept back, until more than `limit` bytes wait."""
        backlog = self._backlog
        while backlog and self.pending() <= limit:
            message, compress, size = backlog.take()
            if isinstance(message, PreparedMessage):
                self.sender.send_prepared(message, compress)
            elif not compress or size >= _LONG:
                self.sender.send_uncompressed(message, True)
            elif isinstance(message, str):
                self.sender.send_text(message, True)
            else:
                self.sender.send_binary(message, True)

    def send_held(self, channel: Flushed) -> None:
        """Send what was kept back, as far as the peer takes it.

        A door calls this when the socket is not blocked any more, when a job is done, and behind a stream.

        Args:
            channel: what sends the output.
        """
        while self._backlog and not self.output.blocked and self.pending() <= self.held_above:
            self._release(self.held_above)
            channel.flush()

    def _forget_held(self) -> None:
        if self._backlog is not None:
            self._backlog.clear()

    def buffered(self) -> int:
        """Return how many bytes wait to be sent, those kept back included."""
        return self.pending() + (0 if self._backlog is None else self._backlog.size)

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the peer is slow."""
        return 0 if self._backlog is None else self._backlog.dropped

    # -- the end

    @property
    def close_info(self) -> CloseInfo:
        """How the connection ended, as far as it is known."""
        is_terminated, overdue = self._is_terminated, self.options.close_timeout if self._is_overdue else None
        info = closing.close_info(
            self.role,
            self.sent_close,
            self.received_close,
            self.initiator,
            self.cause,
            is_terminated,
            overdue,
        )
        return replace(info, latency=self.pings.latency, unsent=self._unsent)

    def _note_unsent(self, is_end: bool) -> None:
        """Count what will not be sent any more: what is kept back or waits for its turn; at the end all."""
        if self.state != State.CONNECTING:
            self._unsent += self.buffered() - (0 if is_end else self.output.pending())

    def closed_error(self) -> ConnectionClosed:
        """Return the exception for calls that need the connection open."""
        return closing.closed_error(self.close_info)
