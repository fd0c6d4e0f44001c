"""The server's side of the opening handshake: judge the request, accept or refuse (RFC 6455 §4.2)."""

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar

from ..errors import HandshakeError, InvalidHeader, InvalidUpgrade, NegotiationError
from ..options import ServerOptions
from ..spec import SUPPORTED_VERSIONS
from .deflate import Verdict, judge_offers
from .extensions import ExtensionOffer, build_extensions, parse_extensions
from .headers import Fields, Headers, has_token, parse_list, shown
from .heads import is_target
from .http1 import Request, RequestReader, Response, refusal
from .key import compute_accept, is_key
from .origins import is_allowed

__all__ = [
    "NotServed",
    "ServerHandshake",
    "VerifyInfo",
    "matches_path",
    "not_served",
    "unavailable",
    "upgrade_required",
]

# When a client that cannot be served now may try again, in seconds (RFC 9110 §10.2.3).
_RETRY_AFTER: Final = 5

# The headers of a 101 that the handshake itself writes, or that a 101 must not have.
_RESERVED: Final = frozenset(
    {
        "upgrade",
        "connection",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "content-length",
        "transfer-encoding",
    }
)

_KNOWN_VERSIONS: Final = tuple(str(each) for each in SUPPORTED_VERSIONS)

# RFC 9110 §15.5.22: a 426 has an Upgrade header; §7.8: which Connection lists. No proxy may keep, after
# an answer of this kind, a connection for something else: so `close` too.
_UPGRADE_REQUIRED: Final = {"Upgrade": "websocket", "Connection": "close, Upgrade"}

_Error = TypeVar("_Error", bound=HandshakeError)


class NotServed(HandshakeError):
    """The request is a WebSocket handshake, but not one for this server."""


class VerifyInfo(NamedTuple):
    """What `verify_client` is called with.

    Attributes:
        origin: the origin of the page that connects; `None` if the client sent none.
        request: the request.
        secure: it came over TLS.
    """

    origin: str | None
    request: Request
    secure: bool


class ServerHandshake:
    """Reads one request, judges it and builds the answer.

    A door calls `receive` until there is a request, then `check`, asks the application, and sends what
    `accept` or `refuse` returns. Each exception has the refusal to send as its `response`.

    Args:
        options: has the limits, the path and the allowed origins.
        secure: the connection is over TLS.
        should_handle: tells whether the request is for this server; default: its path is `options.path`.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        secure: bool = False,
        should_handle: Callable[[Request], bool] | None = None,
    ) -> None:
        self._options = options
        self._secure = secure
        self._should_handle = should_handle or partial(matches_path, options)
        self._reader = RequestReader(options)

    @property
    def trailing(self) -> bytes:
        """The bytes that came after the head of the request: frames that the client did not wait with."""
        return self._reader.trailing

    def receive(self, data: bytes) -> Request | None:
        """Take bytes as they arrive.

        Returns:
            The request, not judged yet, or `None` while its head is incomplete.

        Raises:
            HandshakeError: this is not HTTP/1.1, or over a limit.
        """
        request = self._reader.feed(data)
        if request is not None:
            request.secure = self._secure
        return request

    def check(self, request: Request) -> None:
        """Judge whether the request is a WebSocket handshake that this server accepts.

        Raises:
            InvalidUpgrade: it does not ask for a WebSocket.
            InvalidHeader: a header is missing, repeated, ill-formed or not allowed.
            HandshakeError: another part of it is wrong.
        """
        _check_start_line(request)
        _check_upgrade(request)
        _check_no_body(request)
        _check_key(request)
        _check_version(request)
        self.check_admission(request)
        self.offered_extensions(request)

    def check_admission(self, request: Request) -> None:
        """Judge whether the request, a WebSocket handshake in whatever form, is one for this server.

        Raises:
            NotServed: it is for another path.
            InvalidHeader: its Origin or its subprotocols are not allowed.
        """
        if not self._should_handle(request):
            raise not_served(request)
        self._check_origin(request)
        self.offered_protocols(request)

    def verify_info(self, request: Request) -> VerifyInfo:
        """Return what `verify_client` is called with."""
        return VerifyInfo(_origin(request), request, request.secure)

    def offered_protocols(self, request: Request) -> tuple[str, ...]:
        """Return the subprotocols that the client offers, the preferred one first.

        Raises:
            InvalidHeader: the header is ill-formed, names one twice, or has too many or too long names.
        """
        try:
            names = _parse_protocols(request.headers.get("Sec-WebSocket-Protocol"))
        except ValueError as error:
            message = f"Invalid Sec-WebSocket-Protocol header: {error}"
            raise _refused(InvalidHeader, HTTPStatus.BAD_REQUEST, message, request) from None
        most, length = self._options.max_protocols, self._options.max_protocol_length
        if len(names) > most:
            raise _over(f"{len(names)} names, {most} at most", "max_protocols", request)
        longest = max(names, key=len, default="")
        if len(longest) > length:
            raise _over(f"{shown(longest)} is longer than {length}", "max_protocol_length", request)
        return names

    def check_protocol(self, request: Request, protocol: str) -> None:
        """Check the subprotocol that the application has chosen.

        Raises:
            NegotiationError: it was not offered; the `response` is a 500.
        """
        offered = self.offered_protocols(request)
        if protocol not in offered:
            message = (
                f"subprotocol {protocol!a} was not offered by the client: {', '.join(offered) or 'none'} was"
            )
            response = refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
            raise NegotiationError(message, request=request, response=response)

    def choose_protocol(self, request: Request) -> str | None:
        """Return the subprotocol to use where the application has no say: the first one offered."""
        return next(iter(self.offered_protocols(request)), None)

    def offered_extensions(self, request: Request) -> list[ExtensionOffer]:
        """Return the extensions that the client offers, the preferred one first.

        Raises:
            InvalidHeader: the header is ill-formed.
        """
        header = request.headers.get("Sec-WebSocket-Extensions")
        try:
            options = self._options
            return (
                []
                if header is None
                else parse_extensions(header, options.max_extensions, options.max_extension_parameters)
            )
        except ValueError as error:
            message = f"Invalid Sec-WebSocket-Extensions header: {error}"
            raise _refused(InvalidHeader, HTTPStatus.BAD_REQUEST, message, request) from None

    def choose_deflate(self, request: Request, *, frugal: bool = False) -> Verdict:
        """Return what becomes of the client's offers of permessage-deflate; see `judge_offers`."""
        options = self._options.deflate
        if options is None:
            return Verdict()
        offers = self.offered_extensions(request)
        return judge_offers(offers, options, frugal=frugal)

    def accept(
        self,
        request: Request,
        *,
        protocol: str | None = None,
        headers: Fields | None = None,
        extensions: Iterable[ExtensionOffer] = (),
    ) -> Response:
        """Build the 101 that opens the WebSocket.

        Args:
            request: a request that passed `check`.
            protocol: the chosen subprotocol, one of those offered; `None`: none.
            headers: more headers, such as Set-Cookie.
            extensions: what was agreed to; an offer that is not among them is declined.

        Raises:
            NegotiationError: the subprotocol was not offered; the `response` is a 500.
            ValueError: `headers` has one that the handshake writes itself.
        """
        if protocol is not None:
            self.check_protocol(request, protocol)
        # RFC 6455 §4.2.2: the headers of the server's answer.
        fields = Headers({"Upgrade": "websocket", "Connection": "Upgrade"})
        fields.add("Sec-WebSocket-Accept", compute_accept(request.headers["Sec-WebSocket-Key"]))
        if protocol is not None:
            fields.add("Sec-WebSocket-Protocol", protocol)
        if agreed := build_extensions(extensions):
            fields.add("Sec-WebSocket-Extensions", agreed)
        for name, value in Headers(headers or ()).items():
            if name.lower() in _RESERVED:
                raise ValueError(f"header {name}: the handshake decides on it; leave it out")
            fields.add(name, value)
        return Response(HTTPStatus.SWITCHING_PROTOCOLS, fields)

    def refuse(self, status: int, body: str | bytes | None = None, headers: Fields | None = None) -> Response:
        """Build a refusal.

        Args:
            status: the status code.
            body: its text; default: the reason phrase.
            headers: more headers.
        """
        return refusal(status, body, headers)

    def _check_origin(self, request: Request) -> None:
        origin, host = _origin(request), request.headers.get("Host", "")
        if not is_allowed(self._options.origins, origin, host):
            came = "a request without an Origin" if origin is None else f"the Origin {shown(origin)}"
            message = f"{came} is not allowed at the Host {shown(host)} (option origins)"
            raise _refused(InvalidHeader, HTTPStatus.FORBIDDEN, message, request)


def matches_path(options: ServerOptions, request: Request) -> bool:
    """Tell whether a request is for the option `path`."""
    return options.path is None or request.path == options.path


def not_served(request: Request) -> NotServed:
    """Return the exception for a handshake that no server is there for."""
    # 404 where `ws` answers 400: the request is well-formed, there is only nothing for it.
    message = f"no WebSocket is served at the path {shown(request.path)}"
    return _refused(NotServed, HTTPStatus.NOT_FOUND, message, request)


def _refused(
    kind: type[_Error], status: HTTPStatus, message: str, request: Request, headers: Fields | None = None
) -> _Error:
    return kind(message, request=request, response=refusal(status, f"{message}\n", headers))


def _over(what: str, limit: str, request: Request) -> InvalidHeader:
    message = f"Invalid Sec-WebSocket-Protocol header: {what} (option {limit})"
    error = _refused(InvalidHeader, HTTPStatus.BAD_REQUEST, message, request)
    error.limit = limit
    return error


def unavailable(reason: str) -> Response:
    """Return the refusal of a client that may come again later."""
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n", {"Retry-After": str(_RETRY_AFTER)})


def _check_start_line(request: Request) -> None:
    # RFC 6455 §4.2.1: an HTTP/1.1 or higher GET request; RFC 9110 §7.8: Upgrade means nothing in HTTP/1.0.
    if request.version != "HTTP/1.1":
        message = f"Invalid HTTP version: {request.version}; a WebSocket handshake needs HTTP/1.1"
        raise _refused(HandshakeError, HTTPStatus.BAD_REQUEST, message, request)
    if request.method != "GET":
        message = f"Invalid HTTP method: {shown(request.method)}; a WebSocket handshake is a GET"
        raise _refused(HandshakeError, HTTPStatus.METHOD_NOT_ALLOWED, message, request, {"Allow": "GET"})
    if not is_target(request.target, request.headers.get("Host", "")):
        message = f"Invalid request target: {shown(request.target)}; must be a path, or a URL at the Host"
        raise _refused(HandshakeError, HTTPStatus.BAD_REQUEST, message, request)


def upgrade_required(request: Request) -> InvalidUpgrade:
    """Return the exception for a plain request to a WebSocket server."""
    message = "Invalid Upgrade header: there is none; this is a WebSocket server"
    return _refused(InvalidUpgrade, HTTPStatus.UPGRADE_REQUIRED, message, request, _UPGRADE_REQUIRED)


def _check_upgrade(request: Request) -> None:
    upgrade = request.headers.get("Upgrade")
    if upgrade is None:
        raise upgrade_required(request)
    if upgrade.lower() != "websocket":
        message = f"Invalid Upgrade header: {shown(upgrade)}, not websocket"
        raise _refused(InvalidUpgrade, HTTPStatus.BAD_REQUEST, message, request)
    connection = request.headers.get("Connection", "")
    if not has_token(connection, "upgrade"):
        message = f"Invalid Connection header: {shown(connection)} has no Upgrade; does a proxy remove it?"
        raise _refused(InvalidUpgrade, HTTPStatus.BAD_REQUEST, message, request)


def _check_no_body(request: Request) -> None:
    # What follows the head is frames: a body, or doubt whether there is one, would be read as frames.
    headers = request.headers
    if "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip("0"):
        message = "a WebSocket handshake has no body: no Transfer-Encoding, nor a Content-Length but 0"
        raise _refused(InvalidHeader, HTTPStatus.BAD_REQUEST, message, request)


def _check_key(request: Request) -> None:
    keys = request.headers.get_all("Sec-WebSocket-Key")
    if len(keys) != 1 or not is_key(keys[0]):
        came = shown(", ".join(keys))
        message = f"Missing or invalid Sec-WebSocket-Key header: {came}, not one of 16 bytes in base64"
        raise _refused(InvalidHeader, HTTPStatus.BAD_REQUEST, message, request)


def _check_version(request: Request) -> None:
    # RFC 6455 §4.4: an appropriate status such as 426 (where `ws` answers 400), and the versions we know.
    version = request.headers.get("Sec-WebSocket-Version", "")
    if version not in _KNOWN_VERSIONS:
        came = shown(version)
        message = (
            f"Missing or invalid Sec-WebSocket-Version header: {came}, not {' or '.join(_KNOWN_VERSIONS)}"
        )
        headers = {**_UPGRADE_REQUIRED, "Sec-WebSocket-Version": ", ".join(_KNOWN_VERSIONS)}
        raise _refused(InvalidHeader, HTTPStatus.UPGRADE_REQUIRED, message, request, headers)


def _origin(request: Request) -> str | None:
    # Draft 8 has its own header; a page in a browser can set neither, so whichever is there counts.
    draft = request.headers.get("Sec-WebSocket-Version") == "8"
    names = ("Sec-WebSocket-Origin", "Origin") if draft else ("Origin",)
    return next((request.headers[name] for name in names if name in request.headers), None)


def _parse_protocols(header: str | None) -> tuple[str, ...]:
    if header is None:
        return ()
    names = parse_list(header)
    if len(set(names)) < len(names):
        raise ValueError(f"a name comes twice in {shown(header)}")
    return tuple(names)
