"""The exceptions, and the table of protocol rules that a peer or a caller can break.

WebSocketError
├ HandshakeError            .request .response .hint
│ ├ InvalidURI ├ InvalidUpgrade ├ InvalidHeader ├ NegotiationError ├ HeadError
│ ├ InvalidStatus           .status .headers .body
│ ├ ProxyError              .proxy .target .code
│ ├ NoResponse ├ TooManyRedirects ├ UnsafeRedirect
│ ├ TLSError └ HandshakeTimeout
├ ProtocolError             .violation .code .close_code
│ ├ LocalProtocolError      you broke a rule; nothing was sent
│ └ RemoteProtocolError     the peer broke a rule; the connection was failed
├ ConnectionClosed          .close_info
│ ├ ConnectionClosedOK      1000, 1001 or no code, from both sides
│ └ ConnectionClosedError   chained to its cause
├ InvalidState              not in this state
├ InvalidTopic ├ TooManyTopics ├ BackplaneError: see topic_errors.py
└ ConcurrencyError          two coroutines in a place for one
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from .spec import CloseCode

__all__ = [
    "CloseInfo", "ConcurrencyError", "ConnectionClosed", "ConnectionClosedError", "ConnectionClosedOK",
    "HandshakeError", "HandshakeTimeout", "InvalidHeader", "InvalidState", "InvalidStatus",
    "InvalidURI", "InvalidUpgrade", "KeepaliveTimeout", "LocalProtocolError",
    "NegotiationError", "NoResponse", "ProtocolError", "ProxyError", "RemoteProtocolError",
    "SlowConsumer", "TLSError", "TooManyRedirects", "TruncatedStream", "UnreadPongs",
    "UnsafeRedirect", "Violation", "WebSocketError", "WriteTimeout",
]  # fmt: skip


class WebSocketError(Exception):
    """The base of every exception of this package.

    Attributes:
        limit: the option whose limit or time was exceeded; `None`: none was.
    """

    limit: str | None = None


class HandshakeError(WebSocketError):
    """The opening handshake failed.

    Attributes:
        request: the request that was sent or received, where one was complete; else `None`.
        response: the answer to it (the peer's, or the refusal we sent); else `None`.
        hint: what to do about it, in one sentence, which ends the message too; may be empty.
    """

    def __init__(self, message: str, *, request: Any = None, response: Any = None, hint: str = "") -> None:
        super().__init__(message)
        self.request = request
        self.response = response
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}; {self.hint}" if self.hint else message


class InvalidURI(HandshakeError, ValueError):
    """The URL is not one that a WebSocket client can connect to."""


class InvalidUpgrade(HandshakeError):
    """The Upgrade or Connection header does not ask for, or agree to, a WebSocket."""


class InvalidHeader(HandshakeError):
    """A header of the handshake is missing, repeated or ill-formed."""


class InvalidStatus(HandshakeError):
    """The server answered with another status than 101; `response` is its answer."""

    @property
    def status(self) -> int:
        """The status code of the answer."""
        status: int = self.response.status
        return status

    @property
    def headers(self) -> Any:
        """The headers of the answer, a `Headers`."""
        return self.response.headers

    @property
    def body(self) -> bytes:
        """The body of the answer, up to 64 KiB."""
        body: bytes = self.response.body
        return body


class NoResponse(HandshakeError):
    """The connection ended before the answer of the server was complete."""


class NegotiationError(HandshakeError):
    """The two sides do not agree on a subprotocol or an extension."""


class ProxyError(HandshakeError):
    """No connection came about through the proxy.

    Attributes:
        proxy: the URL of the proxy, without user and password.
        target: host and port of the server.
        code: the status code of an HTTP proxy or the reply code of a SOCKS proxy; `None` without an answer.
    """

    def __init__(
        self,
        message: str,
        *,
        proxy: str = "",
        target: str = "",
        code: int | None = None,
        request: Any = None,
        response: Any = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, request=request, response=response, hint=hint)
        self.proxy = proxy
        self.target = target
        self.code = code


class TooManyRedirects(HandshakeError):
    """The server redirected more often than `max_redirects` allows."""


class TLSError(HandshakeError, OSError):
    """TLS did not come about; the message names the reason, and `__cause__` is the `ssl.SSLError`."""


class UnsafeRedirect(HandshakeError):
    """The server redirected from TLS to plain text, or to a UNIX socket (option `unsafe_redirects`)."""


class HandshakeTimeout(HandshakeError, TimeoutError):
    """The opening handshake took longer than `handshake_timeout`."""

    limit = "handshake_timeout"


class Violation(Enum):
    """The rules of RFC 6455 and 7692 that frames can break: close code, section, sentence.

    Names follow the error codes of `ws` (`WS_ERR_<name>`). Sentences are filled by `error()`.
    """

    EXPECTED_FIN = (CloseCode.PROTOCOL_ERROR, "5.5", "FIN must be set on a control frame")
    EXPECTED_MASK = (CloseCode.PROTOCOL_ERROR, "5.1", "MASK must be set on frames from a client")
    UNEXPECTED_MASK = (CloseCode.PROTOCOL_ERROR, "5.1", "MASK must be clear on frames from a server")
    INVALID_CLOSE_CODE = (CloseCode.PROTOCOL_ERROR, "7.4", "invalid status code {code}")
    INVALID_CONTROL_PAYLOAD_LENGTH = (
        CloseCode.PROTOCOL_ERROR,
        "5.5",
        "invalid payload length {length} of a control frame",
    )
    INVALID_OPCODE = (CloseCode.PROTOCOL_ERROR, "5.2", "invalid opcode {opcode}: {why}")
    INVALID_UTF8 = (CloseCode.INVALID_PAYLOAD, "8.1", "invalid UTF-8 sequence in {where}")
    UNEXPECTED_RSV_1 = (CloseCode.PROTOCOL_ERROR, "5.2", "RSV1 must be clear")
    UNEXPECTED_RSV_2_3 = (CloseCode.PROTOCOL_ERROR, "5.2", "RSV2 and RSV3 must be clear")
    TOO_MANY_BUFFERED_PARTS = (
        CloseCode.POLICY_VIOLATION,
        "10.4",
        "a message in more than {limit} {parts} (option {option})",
    )
    UNSUPPORTED_DATA_PAYLOAD_LENGTH = (
        CloseCode.MESSAGE_TOO_BIG,
        "5.2",
        "payload length {length} is over 2**63 - 1",
    )
    UNSUPPORTED_MESSAGE_LENGTH = (
        CloseCode.MESSAGE_TOO_BIG,
        "10.4",
        "a message of at least {length} bytes is over the limit of {limit} (option max_payload)",
    )
    TOO_MANY_CONTROL_FRAMES = (
        CloseCode.POLICY_VIOLATION,
        "10.4",
        "more than {limit} control frames a second for {seconds} s (option max_control_rate)",
    )
    INVALID_COMPRESSED_DATA = (
        CloseCode.INVALID_PAYLOAD,
        "7.2.2",
        "a compressed message cannot be inflated: {why}",
        7692,
    )
    EMPTY_COMPRESSED_DATA = (
        CloseCode.POLICY_VIOLATION,
        "8",
        "{size} bytes of a compressed message inflate to only {length}",
        7692,
    )

    def __init__(self, close_code: CloseCode, section: str, sentence: str, rfc: int = 6455) -> None:
        self.close_code = close_code
        self.section = section
        self.sentence = sentence
        self.rfc = rfc

    def error(self, **values: object) -> "LocalProtocolError":
        """Build the exception for this rule.

        Args:
            values: what the sentence names (a length, a limit, an opcode).

        Returns:
            A `LocalProtocolError`; `Connection.receive` turns it into a remote one.
        """
        error = LocalProtocolError(self, self.sentence.format(**values))
        option = values.get("option", _LIMITS.get(self))
        error.limit = None if option is None else str(option)
        return error


_LIMITS = {
    Violation.UNSUPPORTED_MESSAGE_LENGTH: "max_payload",
    Violation.TOO_MANY_CONTROL_FRAMES: "max_control_rate",
}


class ProtocolError(WebSocketError):
    """A rule of RFC 6455, or of RFC 7692 (compression), was broken.

    Attributes:
        violation: the rule, a member of `Violation`.
        code: its stable name, for example `"INVALID_UTF8"`.
        close_code: the close code that answers it.
    """

    def __init__(self, violation: Violation, sentence: str) -> None:
        super().__init__(f"Invalid WebSocket frame: {sentence} (RFC {violation.rfc} §{violation.section})")
        self.violation = violation
        self.sentence = sentence
        self.code = violation.name
        self.close_code = violation.close_code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.violation, self.sentence), {"limit": self.limit}


class LocalProtocolError(ProtocolError):
    """This side broke a rule; nothing was sent."""

    def of_peer(self) -> "RemoteProtocolError":
        """Return the same as the fault of the peer."""
        error = RemoteProtocolError(self.violation, self.sentence)
        error.limit = self.limit
        error.__cause__ = self.__cause__
        return error


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule; the connection was failed with `close_code`."""


class KeepaliveTimeout(WebSocketError, TimeoutError):
    """The peer answered no ping and sent nothing else within `ping_timeout`."""

    limit = "ping_timeout"


class WriteTimeout(WebSocketError, TimeoutError):
    """The peer took nothing of what we had to send within `write_timeout`."""

    limit = "write_timeout"


class TruncatedStream(WebSocketError, ConnectionError):
    """TCP ended without the peer's farewell in TLS (close_notify): what it sent last may be missing."""


class SlowConsumer(WebSocketError):
    """The peer reads more slowly than we send: more than `max_buffered` bytes are waiting."""

    limit = "max_buffered"


class UnreadPongs(WebSocketError):
    """The peer sends pings, and reads none of the pongs: more than `max_pending_auto_pongs`."""

    limit = "max_pending_auto_pongs"


class InvalidState(WebSocketError):
    """The call does not fit the state of the connection."""


class ConcurrencyError(WebSocketError):
    """Two coroutines wait where only one can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseInfo:
    """How a connection ended.

    Attributes:
        local_code: the code of the close frame we sent; `None` if we sent none,
            `NO_STATUS_RECEIVED` if it had none.
        local_reason: the reason in it.
        peer_code: the code of the close frame we received; `None` and 1005 as above.
        peer_reason: the reason in it.
        initiator: `"local"` or `"peer"`, whoever's close frame came first; `None` without any.
        was_clean: both close frames were exchanged.
        cause: the exception that ended the connection, if one did: a broken rule, a limit, the error of the
            transport (an `OSError`).
        limit: the option whose limit or time ended it; `None`: none did.
        latency: the last round-trip time of a ping, in seconds; `None`: there was none.
        unsent: how many bytes were not sent any more.
        hint: one sentence on what happened.
    """

    local_code: int | None = None
    local_reason: str = ""
    peer_code: int | None = None
    peer_reason: str = ""
    initiator: str | None = None
    was_clean: bool = False
    cause: BaseException | None = None
    limit: str | None = None
    latency: float | None = None
    unsent: int = 0
    hint: str = ""

    @property
    def code(self) -> int:
        """The code that applications see: the peer's, or 1006 without one (RFC 6455 §7.1.5)."""
        return CloseCode.ABNORMAL_CLOSURE if self.peer_code is None else self.peer_code

    @property
    def reason(self) -> str:
        """The peer's reason (RFC 6455 §7.1.6)."""
        return self.peer_reason

    @property
    def is_ok(self) -> bool:
        """Both sides closed, and neither meant an error (1000, 1001, or no code)."""
        return (
            self.was_clean
            and self.cause is None
            and self.local_code in _OK_CODES
            and self.peer_code in _OK_CODES
        )


_OK_CODES = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RECEIVED)


class ConnectionClosed(WebSocketError):
    """The connection is closed; `close_info` tells how."""

    def __init__(self, close_info: CloseInfo) -> None:
        super().__init__(close_info.hint)
        self.close_info = close_info

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.close_info,)

    @property
    def code(self) -> int:
        """`close_info.code`."""
        return self.close_info.code

    @property
    def reason(self) -> str:
        """`close_info.reason`."""
        return self.close_info.reason


class ConnectionClosedOK(ConnectionClosed):
    """Both sides closed as they should (1000, 1001, or no code)."""


class ConnectionClosedError(ConnectionClosed):
    """The connection was lost, failed, or closed with a code that means an error."""
