"""The WebSocket that users hold, for threads."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from typing import Any

from ..connection import Connection
from ..errors import ConnectionClosedOK
from ..facts import Facts
from ..handshake.extensions import ExtensionOffer
from ..handshake.http1 import Request, Response
from ..options import ClientOptions, Options
from ..payload import as_bytes, as_text, form_of, to_control_payload
from ..spec import CloseCode, DeflateParameters, Role
from ..wire.data import to_message
from ..wire.kernels import Output
from ..wire.prepared import PreparedMessage
from .channel import Channel
from .loop import clock
from .publishing import Subscribing
from .session import Session

__all__ = ["WebSocket", "begin"]


class WebSocket(Subscribing, Facts):
    """A WebSocket connection, whose methods block.

    `connect` makes it on a client; on a server each handler gets one. Its methods may be called from any
    thread; as a context manager it closes at the end. There are no events and no `CONNECTING` state: see
    `wsline.WebSocket` for these.
    """

    _session: Session

    def __init__(
        self,
        session: Session,
        url: str | None,
        protocol: str | None,
        request: Request,
        response: Response | None,
        extensions: Sequence[ExtensionOffer] = (),
    ) -> None:
        self._session = session
        self._url = url
        self._protocol = protocol
        self._request = request
        self._response = response
        self._extensions = extensions
        self._binary_type = session.connection.options.binary_type
        self._form: Callable[[Any], Any] | None = None
        if self._binary_type != "bytes":
            self._form = form_of(self._binary_type)

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        # 1011 tells the peer that it was not meant to end like this.
        self.close(CloseCode.NORMAL_CLOSURE if kind is None else CloseCode.INTERNAL_ERROR)

    # -- messages

    def send(
        self, data: Any, *, binary: bool | None = None, compress: bool | None = None, fin: bool = True
    ) -> None:
        """Send a message; wait while more than `high_water` bytes wait to be sent.

        Several threads may send at a time. Messages are never mixed: while a thread sends an iterable, or has
        sent a fragment with `fin=False`, others wait until that message is complete.

        Args:
            data: `str` is sent as text; `bytes`, `bytearray`, `memoryview` and whatever else has a
                buffer, as binary. An iterable of these is sent as one fragmented message. A `PreparedMessage`
                is sent as it was prepared.
            binary: send as binary (`True`) or text (`False`), whatever the type.
            compress: `False`: not compressed, whatever was agreed; of a fragmented message the first
                fragment decides. `True` and `None`: compressed where that was agreed, and worth it.
            fin: `False`: the message goes on with the next `send` of this thread.

        Raises:
            TypeError: data of another type.
            ConnectionClosed: the closing handshake has begun, or the connection is lost.
            ConcurrencyError: an iterable, in the middle of a fragmented message of this thread.

        An exception amid an iterable fails the connection, for the message cannot be completed. One while it
        waits (KeyboardInterrupt) changes nothing: the message is sent.

        Source: `ws` send; RFC 6455 §6.1.
        """
        if isinstance(data, PreparedMessage):
            data.check_use(binary, fin)
            self._session.send_prepared(data, compress is not False, True)
            return
        message = to_message(data, binary)
        if message is not None:
            self._session.send(message, fin, compress is not False)
        elif isinstance(data, AsyncIterable) and not isinstance(data, Iterable):
            kind = type(data).__name__
            raise TypeError(f"data of type {kind}: an asynchronous iterable needs an event loop")
        else:
            self._session.send_fragments(data, binary, compress is not False)

    def recv(self, timeout: float | None = None, *, decode: bool | None = None) -> Any:
        """Wait for a message.

        Args:
            timeout: longest time to wait, in seconds; `None`: no limit; 0: only what is there already.
            decode: `True`: always `str`; `False`: always `bytes`; `None`: `str` for text and `bytes` for
                binary messages.

        Returns:
            The message.

        Raises:
            TimeoutError: none came in time; nothing is lost, and the connection goes on.
            ConnectionClosedOK: both sides have closed normally, and all messages were received.
            ConnectionClosedError: the connection ended in another way.
            ConcurrencyError: another thread waits in `recv`.
        """
        message = self._session.recv(timeout)
        if decode is None:
            return message if self._form is None else self._form(message)
        return as_text(message) if decode else as_bytes(message)

    def recv_streaming(self, timeout: float | None = None) -> Iterator[Any]:
        """Receive a message in fragments, while it arrives.

        A fragment is what one frame carries; a large one comes in pieces of 64 KiB or more, so that a
        message need not fit into memory (then set `max_payload=None`). What has arrived whole before this
        is asked for comes as one fragment.

        Args:
            timeout: longest time to wait for each fragment, in seconds; `None`: no limit.

        Returns:
            An iterator over the fragments of the next message: `str` or `bytes`. If another one was left
            before its end, it goes on with that message.

        Iterating raises what `recv` raises, also in the middle of a message; after a `TimeoutError` it can go
        on. Until the message is read to its end, others get a `ConcurrencyError`.
        """
        return self._session.recv_streaming(timeout)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the messages: ends on a normal close (1000, 1001), else raises as `recv`."""
        while True:
            try:
                message = self.recv()
            except ConnectionClosedOK:
                return
            yield message

    def _set_form(self, form: Callable[[Any], Any], keeps_fragments: bool) -> None:
        self._form = form
        self._session.keep_fragments(keeps_fragments)

    # -- control frames

    def ping(self, data: Any = b"", timeout: float | None = None) -> float:
        """Send a ping, and wait for its pong.

        Args:
            data: text, or bytes: at most 125.
            timeout: longest time to wait, in seconds; `None`: no limit.

        Returns:
            The round-trip time in seconds; `latency` keeps it.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            TimeoutError: no pong came in time; the connection goes on.
            ConnectionClosed: as `send`, or no pong will come.

        Source: RFC 6455 §5.5.2.
        """
        return self._session.ping(to_control_payload(data), timeout)

    def pong(self, data: Any = b"") -> None:
        """Send a pong that nobody asked for; argument and exceptions as `ping` (RFC 6455 §5.5.3)."""
        self._session.pong(to_control_payload(data))

    # -- the end

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame at once, and wait until the connection is closed, at most `close_timeout`.

        A `recv` in another thread takes what still comes, and ends then.

        Args:
            code: the close code: 1000 to 1014 except 1004, 1005 and 1006, or 3000 to 4999. `None` sends
                an empty close frame.
            reason: text of at most 123 bytes in UTF-8.

        Raises:
            TypeError, ValueError: bad arguments; the state is unchanged.

        Source: `ws` close; RFC 6455 §7.1.2.
        """
        self._session.begin_close(code, reason)
        self._session.wait_closed()

    def terminate(self) -> None:
        """Cut the connection now, without a closing handshake (`ws` terminate)."""
        self._session.terminate()

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the connection is closed, by whomever, at most so many seconds; return whether it is."""
        return self._session.wait_closed(timeout)

    # -- flow

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

    def __repr__(self) -> str:
        where = self._url or self.remote_address
        return f"<{type(self).__name__} {self.ready_state.name} {where}>"


def begin(
    role: Role,
    options: Options,
    channel: Channel,
    output: Output,
    deflate: DeflateParameters | None,
) -> Session:
    """Return the open session of a channel whose opening handshake has succeeded; the channel is locked."""
    generate_mask = options.generate_mask if isinstance(options, ClientOptions) else None
    return Session(channel, Connection(role, options, clock, output, generate_mask), deflate)
