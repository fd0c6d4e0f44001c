"""What an open WebSocket sends: the half of `Connection` that messages go through."""

from typing import Final

from . import closing
from .errors import CloseInfo, ConnectionClosed, InvalidState
from .spec import Role, State
from .wire.close import Close
from .wire.deflate import DeflateJob
from .wire.kernels import Output
from .wire.prepared import PreparedMessage
from .wire.sender import MessageSender

__all__ = ["Sending"]

_OPEN: Final = 1


class Sending:
    """The sending half of a `Connection`, and what that must know: whether it is open, or how it ended.

    Args:
        role: which end.
        output: where the bytes to be sent go.
        sender: writes messages there.
    """

    def __init__(self, role: Role, output: Output, sender: MessageSender) -> None:
        self.role = role
        self.output = output
        self.state = int(State.CONNECTING)
        self.cause: BaseException | None = None
        self.sent_close: Close | None = None
        self.received_close: Close | None = None
        self.initiator: str | None = None
        self._is_terminated = False
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

    def send_prepared(self, message: PreparedMessage, compress: bool) -> None:
        """Write a prepared message; raises as `check_open` does."""
        if self.state != _OPEN:
            self.check_open()
        self.sender.send_prepared(message, compress)

    def begin_stream(self, compress: bool = True) -> None:
        """Begin a message of fragments: see `MessageSender`; raises as `check_open` does."""
        self.check_open()
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

    # -- the end

    @property
    def close_info(self) -> CloseInfo:
        """How the connection ended, as far as it is known."""
        return closing.close_info(
            self.role, self.sent_close, self.received_close, self.initiator, self.cause, self._is_terminated
        )

    def closed_error(self) -> ConnectionClosed:
        """Return the exception for calls that need the connection open."""
        return closing.closed_error(self.close_info)
