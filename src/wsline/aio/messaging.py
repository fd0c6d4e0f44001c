"""The half of a WebSocket that every message passes through: send, receive, ping, close."""

from collections.abc import AsyncIterator
from typing import Any

from ..errors import ConcurrencyError
from ..payload import as_bytes, as_text, to_control_payload
from ..spec import State
from ..wire.data import to_message
from ..wire.prepared import PreparedMessage
from .flow import MessageIterator
from .fragments import send_fragments
from .session import Session
from .streaming import FragmentStream

__all__ = ["Messaging"]


class Messaging:
    """Sends and receives over a `Session`; `WebSocket` is this and all the rest."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def send(
        self,
        data: Any,
        *,
        binary: bool | None = None,
        compress: bool | None = None,
        fin: bool = True,
        mask: bool | None = None,
    ) -> Any:
        """Send a message.

        It is accepted, framed and queued before this returns. Awaiting the result waits only while more
        than `high_water` bytes wait to be sent; not awaiting it is fine.

        Args:
            data: `str` is sent as text; `bytes`, `bytearray`, `memoryview` and whatever else has a
                buffer, as binary (it may be changed right after the call). An iterable or asynchronous
                iterable of these is sent as one fragmented message, while the result is awaited. A
                `PreparedMessage` is sent as it was prepared.
            binary: send as binary (`True`) or text (`False`), whatever the type.
            compress: `False`: not compressed, whatever was agreed; of a fragmented message the first
                fragment decides. `True` and `None`: compressed where that was agreed, and worth it.
            fin: `False`: the message goes on with the next `send`.
            mask: mask the frame, or do not, against the rule: for tests of peers (RFC 6455 §5.1).

        Returns:
            An awaitable.

        Raises:
            TypeError: data of another type.
            InvalidState: the opening handshake is not done.
            ConnectionClosed: the closing handshake has begun, or the connection is lost.

        Cancelling the wait changes nothing: the message is sent. Cancelling while an iterable is sent
        fails the connection, for the message cannot be completed.

        Source: `ws` send; RFC 6455 §6.1.
        """
        is_plain = binary is None and mask is None and compress is None
        if is_plain and (type(data) is str or type(data) is bytes):
            return self._session.send(data, fin)
        if isinstance(data, PreparedMessage):
            data.check_use(binary, fin and mask is None)
            return self._session.send_prepared(data, compress is not False)
        message = to_message(data, binary)
        if message is None:
            return send_fragments(self._session, data, binary, compress is not False)
        if mask is not None:
            return self._session.send_masked(message, fin, mask, compress is not False)
        if compress is False:
            return self._session.send_uncompressed(message, fin)
        return self._session.send(message, fin)

    def recv(self, *, decode: bool | None = None) -> Any:
        """Receive a message.

        Args:
            decode: `True`: always `str`; `False`: always `bytes`; `None`: `str` for text and `bytes` for
                binary messages.

        Returns:
            An awaitable of the message.

        Raises:
            ConnectionClosedOK: both sides have closed normally, and all messages were received.
            ConnectionClosedError: the connection ended in another way.
            ConcurrencyError: another coroutine waits in `recv`, or a `"message"` listener is attached.

        Cancelling loses no message.
        """
        self._check_receiver()
        convert = None if decode is None else as_text if decode else as_bytes
        return self._session.receive_message(convert, False)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the messages: ends on a normal close (1000, 1001), else raises as `recv`."""
        self._check_receiver()
        return MessageIterator(self._session.queue)

    def __anext__(self) -> Any:
        return self._session.receive_message(None, True)

    def recv_streaming(self) -> AsyncIterator[Any]:
        """Receive a message in fragments, while it arrives.

        A fragment is what one frame carries; a large one comes in pieces of 64 KiB or more, so that a
        message need not fit into memory (then set `max_payload=None`). What has arrived whole before this
        is asked for comes as one fragment.

        Returns:
            An asynchronous iterator over the fragments of the next message: `str` or `bytes`. If another
            one was left before its end, it goes on with that message.

        Raises:
            ConcurrencyError: a `"message"` listener is attached. Iterating raises it if another coroutine
                receives; and so do others until the message is read to its end.

        Iterating raises `ConnectionClosedOK` and `ConnectionClosedError` as `recv` does, also in the
        middle of a message. Cancelling loses nothing.
        """
        self._check_receiver()
        holder: FragmentStream | None = self._session.queue.holder
        return FragmentStream(self._session) if holder is None else holder

    def _check_receiver(self) -> None:
        if self._session.has_listener():
            raise ConcurrencyError("messages go to the 'message' listener; detach it to receive them")

    def ping(self, data: Any = b"") -> Any:
        """Send a ping.

        Args:
            data: text, or bytes: at most 125.

        Returns:
            An awaitable of the round-trip time in seconds; it need not be awaited.

        Raises:
            TypeError, ValueError: bad data; nothing was sent.
            InvalidState, ConnectionClosed: as `send`; the former also while 1024 pings are not answered.
                Awaiting raises the latter if no pong came.

        Source: RFC 6455 §5.5.2.
        """
        return self._session.ping(to_control_payload(data))

    def pong(self, data: Any = b"") -> None:
        """Send a pong that nobody asked for; arguments and exceptions as `ping` (RFC 6455 §5.5.3)."""
        self._session.pong(to_control_payload(data))

    def close(self, code: int | None = 1000, reason: str = "") -> Any:
        """Begin the closing handshake: the close frame is sent at once.

        Args:
            code: the close code: 1000 to 1014 except 1004, 1005 and 1006, or 3000 to 4999. `None` sends
                an empty close frame.
            reason: text of at most 123 bytes in UTF-8.

        Returns:
            An awaitable that waits until the connection is closed, at most `close_timeout`. Messages can
            still be received meanwhile.

        Raises:
            TypeError, ValueError: bad arguments; the state is unchanged.

        Source: `ws` close; RFC 6455 §7.1.2.
        """
        session = self._session
        if session.connection.state == State.CONNECTING:
            return session.abandon()
        return session.close(code, reason)

    def terminate(self) -> None:
        """Cut the connection now, without a closing handshake (`ws` terminate)."""
        if self._session.connection.state == State.CONNECTING:
            self._session.abandon()
        else:
            self._session.terminate()

    def wait_closed(self) -> Any:
        """Return an awaitable that waits until the connection is closed, by whomever."""
        return self._session.wait_closed()

    def pause(self) -> None:
        """Stop reading; what has been received already is kept."""
        self._session.pause()

    def resume(self) -> None:
        """Start reading again."""
        self._session.resume()

    @property
    def is_paused(self) -> bool:
        """Whether `pause` is in force."""
        return self._session.is_paused
