"""What can be told of a WebSocket, through whatever door it came: its properties."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from .errors import CloseInfo
from .handshake.extensions import ExtensionOffer, build_extensions
from .handshake.http1 import Request, Response
from .payload import form_of
from .spec import State
from .stats import Stats

__all__ = ["Facts"]

_STATES: Final = tuple(State)


class Facts:
    """The properties of a WebSocket; its door sets the attributes."""

    __slots__ = ()

    CONNECTING = State.CONNECTING
    OPEN = State.OPEN
    CLOSING = State.CLOSING
    CLOSED = State.CLOSED

    # The door's session: it has the `connection`, the addresses and the `ssl_object`.
    _session: Any
    _request: Request
    _response: Response | None
    _protocol: str | None
    _url: str | None
    _extensions: Sequence[ExtensionOffer]
    _binary_type: str

    def _set_form(self, form: Callable[[Any], Any], keeps_fragments: bool) -> None:
        """Let `form` make something of each message; `keeps_fragments`: it wants `KeptFragments`."""
        raise NotImplementedError

    @property
    def binary_type(self) -> str:
        """What binary messages are received as, in whatever way.

        `"bytes"`, `"bytearray"`, `"memoryview"`, or `"fragments"`: a list of the payloads of the
        message's frames, which are not joined. It can be changed at any time.

        Raises:
            ValueError: another value is set.
        """
        return self._binary_type

    @binary_type.setter
    def binary_type(self, value: str) -> None:
        form = form_of(value)
        if value != self._binary_type:  # what was never changed costs nothing
            self._binary_type = value  # type: ignore[misc]  # a slot of the door's class
            self._set_form(form, value == "fragments")

    @property
    def stats(self) -> Stats:
        """What has passed since the connection was open, in numbers: see `Stats`."""
        connection = self._session.connection
        reader, pings = connection.reader, connection.pings
        return Stats(
            messages_received=reader.messages,
            messages_sent=connection.sender.messages,
            bytes_received=reader.bytes_read,
            bytes_sent=max(0, connection.output.sent - connection.opening_size),
            pings_received=reader.pings,
            pings_sent=pings.pings_sent,
            pongs_received=pings.pongs_received,
            messages_dropped=connection.dropped,
        )

    @property
    def ready_state(self) -> State:
        """The `State`."""
        state: int = self._session.connection.state
        return _STATES[state]

    @property
    def url(self) -> str | None:
        """The URL without user info; on a server `None`."""
        return self._url

    @property
    def protocol(self) -> str | None:
        """The subprotocol that was agreed on, or `None`."""
        return self._protocol

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions that were agreed on, each with its parameters, as in the header."""
        return tuple(build_extensions([each]) for each in self._extensions)

    @property
    def buffered_amount(self) -> int:
        """How many bytes wait to be sent, frame headers included."""
        buffered: int = self._session.connection.buffered()
        return buffered

    @property
    def latency(self) -> float | None:
        """The last round-trip time of a ping, in seconds; `None` before the first."""
        latency: float | None = self._session.connection.pings.latency
        return latency

    @property
    def request(self) -> Request:
        """The request of the opening handshake."""
        return self._request

    @property
    def response(self) -> Response | None:
        """The response to it; on a server `None`."""
        return self._response

    @property
    def local_address(self) -> Any:
        """Our end of the connection, as `socket.getsockname` gives it."""
        return self._session.local_address

    @property
    def remote_address(self) -> Any:
        """The peer's end, as `socket.getpeername` gives it."""
        return self._session.remote_address

    @property
    def ssl_object(self) -> Any:
        """The `ssl.SSLObject`, or `None` without TLS."""
        return self._session.ssl_object

    @property
    def close_code(self) -> int | None:
        """The code of the peer's close frame, 1005 if it had none, 1006 if there was none; `None` before."""
        return self.close_info.code if self.ready_state is State.CLOSED else None

    @property
    def close_reason(self) -> str | None:
        """The reason of the peer's close frame; `None` before the connection is closed."""
        return self.close_info.reason if self.ready_state is State.CLOSED else None

    @property
    def close_info(self) -> CloseInfo:
        """How the connection ended, as far as it is known: see `CloseInfo`."""
        info: CloseInfo = self._session.connection.close_info
        return info
