"""The client's side of the opening handshake: build the request, judge the response (RFC 6455 §4.1)."""

import base64
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from ..errors import (
    HandshakeError,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    NoResponse,
)
from ..options import ClientOptions
from ..spec import DeflateParameters
from .deflate import build_offer, judge_answer
from .extensions import ExtensionOffer, build_extensions, parse_extensions
from .headers import Headers, has_token, is_token, shown
from .hints import NOT_A_WEBSOCKET, hint_for
from .http1 import Request, Response, ResponseReader
from .key import compute_accept, generate_key
from .uri import URI

__all__ = ["USER_AGENT", "ClientHandshake", "basic_credentials", "is_redirect"]

USER_AGENT: Final = "wsline/0.1.0"

# Headers of the request that the handshake writes itself, whatever `headers` says (as in `ws`).
_OURS: Final = frozenset({"upgrade", "connection", "sec-websocket-key", "sec-websocket-version"})

# Headers that would say something else than the handshake knows: what to do instead.
_REFUSED: Final = {
    "sec-websocket-protocol": "name the subprotocols in `protocols`",
    "sec-websocket-extensions": "the option per_message_deflate decides on it",
    "content-length": "a WebSocket handshake has no body",
    "transfer-encoding": "a WebSocket handshake has no body",
}

# RFC 6455 §4.1: the origin of the page is in Origin; draft 8 has a name of its own for it.
_ORIGIN_HEADER: Final = {13: "Origin", 8: "Sec-WebSocket-Origin"}

_SERVER_IS_WRONG: Final = "the server breaks RFC 6455 §9.1; whoever runs it must mend it"

_NO_ANSWER: Final = "the server may be starting or overloaded, or want TLS: try again, or try wss:"


def is_redirect(response: Response) -> bool:
    """Tell whether an answer names another place to go to, as `ws` takes it: any 3xx with a Location."""
    return response.status // 100 == 3 and "Location" in response.headers


class ClientHandshake:
    """Builds the request and judges the response to it.

    A door sends `build()`, then calls `receive` until there is a response; frames that came with it are
    in `trailing`.

    Args:
        uri: where to connect to.
        options: has the version, the origin, more headers, the credentials and the limits.
        protocols: the subprotocols to offer, the preferred one first; a string is one subprotocol.
        key: the Sec-WebSocket-Key; default: a new one from `os.urandom`.

    Attributes:
        request: what `build` sends.
        protocol: the subprotocol that the server chose; `None` without, and until it answered.
        extensions: the extensions that the server agreed to; empty until it answered.
        deflate: what is agreed on permessage-deflate; `None` without it, and until the server answered.

    Raises:
        TypeError, ValueError: a subprotocol or a header cannot be sent.
    """

    def __init__(
        self,
        uri: URI,
        options: ClientOptions,
        protocols: str | Sequence[str] | None = None,
        key: str | None = None,
    ) -> None:
        self._key = generate_key() if key is None else key
        self._protocols = _check_protocols(protocols)
        self._deflate = options.deflate
        self._follow_redirects = options.follow_redirects
        self._reader = ResponseReader(options)
        self.protocol: str | None = None
        self.extensions: tuple[ExtensionOffer, ...] = ()
        self.deflate: DeflateParameters | None = None
        headers = _merge(self._build_headers(uri, options), Headers(options.headers or ()))
        self.request = Request("GET", uri.target, headers, secure=uri.secure)

    @property
    def response(self) -> Response | None:
        """The response, from when its head is complete."""
        return self._reader.response

    @property
    def trailing(self) -> bytes:
        """The bytes that came after the head of the response: frames."""
        return self._reader.trailing

    def build(self) -> bytes:
        """Return the request as it goes on the wire."""
        return self.request.build()

    def receive(self, data: bytes) -> Response | None:
        """Take bytes as they arrive.

        Returns:
            The 101 that opened the WebSocket, or `None` while the response is incomplete.

        Raises:
            InvalidStatus: the server answered with another status; its body is read, up to 64 KiB.
            InvalidUpgrade, InvalidHeader, NegotiationError: the 101 does not agree to what was asked.
            HeadError: this is not HTTP/1.1, or over a limit.
        """
        try:
            response = self._reader.feed(data)
        except HandshakeError as error:
            error.request, error.hint = self.request, NOT_A_WEBSOCKET
            raise
        if response is None and self._is_followed():
            response = self._reader.response
        if response is not None:
            self._judge(response)
        return response

    def _is_followed(self) -> bool:
        # What a redirect says beside its Location is not waited for.
        head = self._reader.response
        return self._follow_redirects and head is not None and is_redirect(head)

    def receive_eof(self, cause: BaseException | None = None) -> None:
        """Take the end of the connection, or of the time for it; nothing happens after a 101.

        Args:
            cause: what broke the connection, if it did; the exception is chained to it.

        Raises:
            InvalidStatus: the server refused; the body is what came of it.
            NoResponse: the response is incomplete; the message tells how many bytes came.
        """
        try:
            self._judge(self._reader.feed_eof())
        except NoResponse as error:
            error.request, error.hint = self.request, _NO_ANSWER
            raise error from cause
        except HandshakeError as error:
            raise error from cause

    def _build_headers(self, uri: URI, options: ClientOptions) -> Headers:
        headers = Headers(
            {
                "Host": uri.host_header,
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Key": self._key,
                "Sec-WebSocket-Version": str(options.protocol_version),
            }
        )
        if options.origin is not None:
            headers.add(_ORIGIN_HEADER[options.protocol_version], options.origin)
        if self._protocols:
            headers.add("Sec-WebSocket-Protocol", ",".join(self._protocols))
        if self._deflate is not None:
            headers.add("Sec-WebSocket-Extensions", build_extensions([build_offer(self._deflate)]))
        if credentials := uri.userinfo or options.auth:
            headers.add("Authorization", basic_credentials(*credentials))
        headers.add("User-Agent", USER_AGENT)
        return headers

    def _judge(self, response: Response) -> None:
        try:
            self._check_status(response)
            _check_upgrade(response)
            self._check_accept(response.headers)
            self.protocol = self._check_protocol(response.headers)
            self.extensions = self._check_extensions(response.headers)
        except HandshakeError as error:
            error.request, error.response = self.request, response
            raise

    def _check_status(self, response: Response) -> None:
        if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise InvalidStatus(
                f"Unexpected server response: {response.status} {shown(response.reason)[1:-1]}".rstrip(),
                hint=hint_for(response, self._follow_redirects),
            )

    def _check_accept(self, headers: Headers) -> None:
        # RFC 6455 §4.1: fail the connection if it is missing, or is not the hash of the key.
        accepts, expected = headers.get_all("Sec-WebSocket-Accept"), compute_accept(self._key)
        if accepts != [expected]:
            came = shown(", ".join(accepts)) if accepts else "there is none"
            raise InvalidHeader(
                f"Invalid Sec-WebSocket-Accept header: {came}, expected {expected!r}", hint=NOT_A_WEBSOCKET
            )

    def _check_protocol(self, headers: Headers) -> str | None:
        protocol = headers.get("Sec-WebSocket-Protocol")
        if protocol is None and not self._protocols:
            return None
        asked = f"requested: {', '.join(self._protocols)}"
        if protocol is None:
            raise NegotiationError(
                f"Server sent no subprotocol ({asked})", hint="offer one that it speaks, or none"
            )
        if not self._protocols:
            raise NegotiationError(
                f"Server sent a subprotocol but none was requested: {shown(protocol)}",
                hint="offer it with protocols= if you speak it",
            )
        # RFC 6455 §4.1: one of those requested; several are none of them.
        if protocol not in self._protocols:
            raise NegotiationError(
                f"Server sent an invalid subprotocol: {shown(protocol)} ({asked})",
                hint="offer it with protocols= if you speak it",
            )
        return protocol

    def _check_extensions(self, headers: Headers) -> tuple[ExtensionOffer, ...]:
        header = headers.get("Sec-WebSocket-Extensions")
        if header is None:
            return ()
        if self._deflate is None:
            raise NegotiationError(
                "Server sent a Sec-WebSocket-Extensions header but no extension was requested: "
                f"{shown(header)}",
                hint=_SERVER_IS_WRONG,
            )
        try:
            answers = parse_extensions(header)
        except ValueError as error:
            raise NegotiationError(
                f"Invalid Sec-WebSocket-Extensions header: {error}", hint=_SERVER_IS_WRONG
            ) from None
        try:
            self.deflate = judge_answer(answers, self._deflate)
        except NegotiationError as error:
            error.hint = _SERVER_IS_WRONG
            raise
        return tuple(answers)


def _check_protocols(protocols: Any) -> list[str]:
    if protocols is None:
        return []
    listed = list(protocols) if isinstance(protocols, Iterable) else [protocols]
    if isinstance(protocols, str):
        listed = [protocols]
    if not all(isinstance(each, str) for each in listed):
        raise TypeError(f"protocols={protocols!r}: must be a subprotocol, a list of them, or None")
    # RFC 6455 §4.1: each a token, and all of them different.
    for protocol in listed:
        if not is_token(protocol) or listed.count(protocol) > 1:
            raise ValueError(
                f"An invalid or duplicated subprotocol was specified: {shown(protocol)};"
                f" protocols must be tokens, all of them different"
            )
    return listed


def _merge(ours: Headers, theirs: Headers) -> Headers:
    """Replace or extend our headers by those of the caller, where the caller has a say."""
    for name in theirs:
        if instead := _REFUSED.get(name.lower()):
            raise ValueError(f"header {name} cannot be set: {instead}")
    if len(theirs.get_all("Host")) > 1:
        raise ValueError(f"header Host: a request has one, not {len(theirs.get_all('Host'))}")
    merged = Headers()
    for name, value in ours.items():
        replaced = name in theirs and name.lower() not in _OURS
        for each in theirs.get_all(name) if replaced else [value]:
            merged.add(name, each)
    for name, value in theirs.items():
        if name not in ours:
            merged.add(name, value)
    return merged


def basic_credentials(user: str, password: str) -> str:
    """Return the value of an Authorization header for Basic authentication; the user has no colon."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _check_upgrade(response: Response) -> None:
    if response.version != "HTTP/1.1":
        raise InvalidUpgrade(
            f"Invalid HTTP version: {response.version}; a 101 is HTTP/1.1", hint=NOT_A_WEBSOCKET
        )
    upgrade = response.headers.get("Upgrade", "")
    if upgrade.lower() != "websocket":
        raise InvalidUpgrade(f"Invalid Upgrade header: {shown(upgrade)}, not websocket", hint=NOT_A_WEBSOCKET)
    connection = response.headers.get("Connection", "")
    if not has_token(connection, "upgrade"):
        raise InvalidUpgrade(
            f"Invalid Connection header: {shown(connection)} has no Upgrade", hint=NOT_A_WEBSOCKET
        )
