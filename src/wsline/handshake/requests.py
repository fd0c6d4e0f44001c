"""The requests of one connection to an HTTP server, one after the other, without I/O (RFC 9112)."""

from enum import Enum
from http import HTTPStatus
from typing import Final

from .bodies import BodyReader, open_body
from .headers import has_token, shown
from .heads import HeadError, is_target
from .http1 import Request, RequestReader, Response, refusal
from .http_options import HTTPOptions

__all__ = ["CONTINUE", "Phase", "RequestStream", "asks_for_websocket", "build_answer"]

# RFC 9110 §15.2.1
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Phase(Enum):
    """What comes next."""

    IDLE = "a request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"


class RequestStream:
    """Cuts what a client sends into requests.

    A door gives all bytes to `feed`, and calls `read` when it has time for the next request. After a
    `HeadError` nothing more can be read: nobody knows where the next request would begin.

    Args:
        options: has the limits.
        secure: the connection is over TLS.

    Attributes:
        phase: a `Phase`; a door has a deadline for each.
        wants_continue: the client waits for a 100 before it sends the body.
    """

    def __init__(self, options: HTTPOptions, *, secure: bool = False) -> None:
        self._options = options
        self._secure = secure
        self._unread = bytearray()
        self._head: RequestReader | None = None
        self._body: BodyReader | None = None
        self._request: Request | None = None
        self.phase = Phase.IDLE
        self.wants_continue = False

    @property
    def unread(self) -> int:
        """How many bytes wait to be read."""
        return len(self._unread)

    def feed(self, data: bytes) -> None:
        """Take bytes as they arrive."""
        self._unread += data

    def take_rest(self) -> bytes:
        """Return what came behind the last request, for whoever takes the connection over."""
        rest = bytes(self._unread)
        self._unread.clear()
        return rest

    def read(self, upgrades: bool) -> Request | None:
        """Read on.

        Args:
            upgrades: a request that asks for a WebSocket is complete with its head.

        Returns:
            The next request, or `None` while it is incomplete.

        Raises:
            HeadError: it is ill-formed, or over a limit; its `response` is the answer.
        """
        try:
            return self._read(upgrades)
        except HeadError as error:
            error.request = self._request
            error.response = refusal(error.status, f"{error}\n")
            raise

    def _read(self, upgrades: bool) -> Request | None:
        if self._request is None:
            request = self._read_head()
            if request is None:
                return None
            self._request = request
            if not (upgrades and asks_for_websocket(request)):
                self._open_body(request)
        return self._read_body(self._request)

    def _read_head(self) -> Request | None:
        if self._head is None:
            if not self._unread:
                return None
            self._head = RequestReader(self._options)
            self.phase = Phase.HEAD
        request = self._head.feed(self.take_rest())
        if request is not None:
            self.feed(self._head.trailing)
            self._head = None
            request.secure = self._secure
        return request

    def _open_body(self, request: Request) -> None:
        _check_target(request)
        self._body = open_body(request, self._options)
        self.phase = Phase.BODY
        expectation = request.headers.get("Expect")
        if expectation is None:
            return
        # RFC 9110 §10.1.1: 417 for another expectation; in HTTP/1.0 it is ignored.
        if expectation.lower() != "100-continue":
            raise HeadError(HTTPStatus.EXPECTATION_FAILED, f"Expect {shown(expectation)}: only 100-continue")
        waits = not (self._body.complete or self._unread)
        self.wants_continue = waits and request.version == "HTTP/1.1"

    def _read_body(self, request: Request) -> Request | None:
        body = self._body
        if body is not None:
            if self._unread:
                self.wants_continue = False
            if not body.complete:
                self.feed(body.feed(self.take_rest()))
            if not body.complete:
                return None
            request.body = bytes(body.body)
        self._request = self._body = None
        self.wants_continue = False
        self.phase = Phase.IDLE
        return request


def _check_target(request: Request) -> None:
    # RFC 9112 §3.2: a path or a whole URL; "*" is for OPTIONS, host and port for CONNECT: of a proxy.
    if request.target == "*" and request.method == "OPTIONS":
        return
    if request.method == "CONNECT":
        raise HeadError(HTTPStatus.NOT_IMPLEMENTED, "CONNECT: this is no proxy")
    if not is_target(request.target, request.headers.get("Host", "")):
        raise HeadError(
            HTTPStatus.BAD_REQUEST,
            f"Invalid request target: {shown(request.target)}; must be a path, or a URL at the Host",
        )


def asks_for_websocket(request: Request) -> bool:
    """Tell whether a request asks for a WebSocket; any other Upgrade is ignored (RFC 9110 §7.8)."""
    return has_token(request.headers.get("Upgrade", ""), "websocket")


def build_answer(
    request: Request, response: Response, *, date: str, closing: bool = False
) -> tuple[bytes, bool]:
    """Build the answer to a request.

    Args:
        request: the request.
        response: the response.
        date: for the header Date, which the response may have already (RFC 9110 §6.6.1).
        closing: the connection is to end with it.

    Returns:
        The answer as it goes on the wire, and whether the connection goes on after it.

    Raises:
        ValueError: the response cannot be sent.
    """
    if response.status < HTTPStatus.OK:
        raise ValueError(f"status={response.status}: a request is answered by a final status, from 200")
    closing = closing or request.version != "HTTP/1.1"
    closing = closing or any(
        has_token(headers.get("Connection", ""), "close") for headers in (request.headers, response.headers)
    )
    dated = Response(response.status, response.headers, response.body, response.reason)
    dated.headers.setdefault("Date", date)
    if closing and not has_token(dated.headers.get("Connection", ""), "close"):
        dated.headers["Connection"] = "close"
    return dated.build(keep_alive=not closing, with_body=request.method != "HEAD"), not closing
