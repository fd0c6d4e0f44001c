"""HTTP/1.1 requests and responses: the messages, and readers of their heads over llhttp.

`heads.py` bounds a head, cuts it into lines and refuses what llhttp, the parser of Node, would let
pass; llhttp parses them.
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from ..errors import NoResponse
from ..options import HeadOptions, Options
from .headers import Fields, Headers, is_token, parse_host, shown
from .heads import HeadError, HeadLines, check_header_line, parse_request_line, parse_status_line

__all__ = ["MAX_BODY", "Request", "RequestReader", "Response", "ResponseReader", "refusal"]

# The most bytes read after the head of a refusal, in bytes on the wire.
MAX_BODY: Final = 64 * 1024

# RFC 9110 §15.2: interim responses come before the final one. This many is more than any server sends.
_MAX_INTERIM: Final = 8

_TARGET: Final = re.compile(r"[!\"$-~]+")
_BAD_IN_REASON: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


@dataclass(slots=True)
class Request:
    """An HTTP request, received or to be sent.

    Attributes:
        method: in capitals.
        target: what stands in the request line: path and query, or a whole URL.
        headers: the header fields.
        version: `"HTTP/1.1"` or `"HTTP/1.0"`.
        body: its content, as an HTTP server received it.
        secure: it came over TLS.
        remote_address: the address of the peer, as its socket tells it; `None` if nobody set it.
        attributes: for the application: what it finds out about the request, such as the user.
    """

    method: str
    target: str
    headers: Headers
    version: str = "HTTP/1.1"
    body: bytes = b""
    secure: bool = False
    remote_address: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The target up to "?", as it was sent (not percent-decoded), without scheme and host."""
        path = self.target.partition("?")[0]
        if path.startswith("/") or "://" not in path:
            return path
        return "/" + path.partition("://")[2].partition("/")[2]

    def build(self) -> bytes:
        """Return the head as it goes on the wire.

        Raises:
            ValueError: the method or the target has a character that would end or split it.
        """
        if not is_token(self.method):
            raise ValueError(f"request method {shown(self.method)}: must be a token")
        if _TARGET.fullmatch(self.target) is None:
            raise ValueError(f"request target {shown(self.target)}: must be visible ASCII; percent-encode it")
        start = f"{self.method} {self.target} {self.version}\r\n"
        return start.encode("ascii") + self.headers.build() + b"\r\n"


@dataclass(slots=True, init=False)
class Response:
    """An HTTP response, received or to be sent.

    Args:
        status: the status code, 100 to 999.
        headers: header fields: a mapping, pairs, or `Headers`.
        body: bytes, or text that is sent as UTF-8.
        reason: the reason phrase; default: the usual one of the status code.
        version: of HTTP, as received.

    Raises:
        ValueError: a status, a header or a reason that cannot be sent.
    """

    status: int
    headers: Headers
    body: bytes
    reason: str
    version: str

    def __init__(
        self,
        status: int,
        headers: Fields | None = None,
        body: bytes | str = b"",
        reason: str | None = None,
        *,
        version: str = "HTTP/1.1",
    ) -> None:
        if not 100 <= status <= 999:
            raise ValueError(f"status={status!r}: must be a number from 100 to 999")
        self.status = int(status)
        self.headers = Headers(headers or ())
        self.body = body.encode() if isinstance(body, str) else body
        self.reason = _phrase(status) if reason is None else reason
        self.version = version
        if _BAD_IN_REASON.search(self.reason) is not None:
            raise ValueError(
                f"reason={shown(self.reason)}: no control characters, and nothing beyond ISO-8859-1"
            )

    def build(self, *, keep_alive: bool = False, with_body: bool = True) -> bytes:
        """Return the response as it goes on the wire.

        Where the headers do not say otherwise, it is the last one of its connection
        (`Connection: close`), and a body is plain text. `Content-Length` is always that of the body.

        Args:
            keep_alive: the connection goes on after it.
            with_body: send the body; the answer to HEAD only tells how long it would be.

        Raises:
            ValueError: a header would contradict the body.
        """
        headers = Headers(self.headers)
        if _has_content(self.status):
            if "Transfer-Encoding" in headers:
                raise ValueError("header Transfer-Encoding: a response is sent in one piece; leave it out")
            if self.body:
                headers.setdefault("Content-Type", "text/plain; charset=utf-8")
            headers["Content-Length"] = str(len(self.body))
        elif self.body:
            raise ValueError(f"a response with status {self.status} has no body")
        if _is_final(self.status) and not keep_alive:
            headers.setdefault("Connection", "close")
        start = f"HTTP/1.1 {self.status} {self.reason}\r\n".encode("latin-1")
        return start + headers.build() + b"\r\n" + (self.body if with_body else b"")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _has_content(status: int) -> bool:
    # RFC 9110 §6.4.1: 1xx, 204 and 304 have no content; §8.6: nor, but for 304, a Content-Length.
    return _is_final(status) and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def _is_final(status: int) -> bool:
    # RFC 9110 §15.2: 1xx is interim; the connection goes on after it, as WebSocket after a 101.
    return status >= HTTPStatus.OK


def refusal(status: int, message: str | bytes | None = None, headers: Fields | None = None) -> Response:
    """Return the response that refuses a request.

    Args:
        status: the status code.
        message: the body; default: the reason phrase.
        headers: more headers; `Connection: close` and those of the body are added when it is built.
    """
    return Response(status, headers, f"{_phrase(status)}\n" if message is None else message)


def build_last(response: Response) -> tuple[bytes, Exception | None]:
    """Return the last response of a connection as it goes on the wire.

    Returns:
        The bytes, and what is wrong with a response that cannot be sent: the bytes are a 500 then.
    """
    try:
        return response.build(), None
    except Exception as error:  # whatever the application has put into it
        return refusal(HTTPStatus.INTERNAL_SERVER_ERROR).build(), error


class _Sink:
    """What llhttp found in a message; httptools looks for methods of these names."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.body = bytearray()
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode("ascii"), value.strip(b" \t").decode("latin-1")))

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


class RequestReader:
    """Reads the head of one request.

    Args:
        options: has the limits.

    Attributes:
        request: the request, once its head is complete.
        trailing: the bytes that came after the head.
    """

    def __init__(self, options: HeadOptions) -> None:
        self._lines = HeadLines(options)
        self._sink = _Sink()
        self._parser = HttpRequestParser(self._sink)
        self._start: tuple[str, str, str] | None = None
        self.request: Request | None = None
        self.trailing = b""

    def feed(self, data: bytes) -> Request | None:
        """Take bytes as they arrive.

        Args:
            data: what was received. Once the head is complete it is kept in `trailing`.

        Returns:
            The request, or `None` while its head is incomplete.

        Raises:
            HeadError: this is no HTTP/1.1 request, or one over a limit. Its `response` is the answer.
        """
        if self.request is not None:
            self.trailing += data
            return self.request
        try:
            for line in self._lines.feed(data):
                self._take_line(line)
        except HeadError as error:
            error.response = refusal(error.status, f"{error}\n")
            raise
        return self.request

    def _take_line(self, line: bytes) -> None:
        start = self._start
        if start is None:
            start = self._start = parse_request_line(line)
        else:
            check_header_line(line)
        _parse_line(self._parser, line)
        if self._lines.complete:
            method, target, version = start
            request = Request(method, target, Headers.of_parsed(self._sink.fields), version)
            _check_host(request)
            self.request, self.trailing = request, self._lines.rest


def _parse_line(parser: HttpRequestParser | HttpResponseParser, line: bytes) -> None:
    try:
        parser.feed_data(line + b"\r\n")
    except HttpParserUpgrade:
        # llhttp stops at the end of the head of an upgrade: what follows is not HTTP.
        pass
    except HttpParserError as error:
        text = shown(line.decode("latin-1"))
        raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid HTTP head: {error}, at the line {text}") from None


def _check_host(request: Request) -> None:
    # RFC 9112 §3.2: 400 for an HTTP/1.1 request without, and for any with several or invalid Host.
    hosts = request.headers.get_all("Host")
    if len(hosts) > 1 or (not hosts and request.version == "HTTP/1.1"):
        raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid Host header: one is needed, {len(hosts)} came")
    for host in hosts:
        try:
            parse_host(host)
        except ValueError as error:
            raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid Host header: {error}") from None


class ResponseReader:
    """Reads one response: its head and, unless it is a 101, its body up to `MAX_BODY`.

    Args:
        options: has the limits of the head.
        is_tunnel: it answers a CONNECT, so that a 2xx has no body.

    Attributes:
        received: bytes that arrived so far.
        response: the response, from when its head is complete; its body may still grow.
        trailing: the bytes that came after the head of a 101, or of a 2xx that opens a tunnel.
    """

    def __init__(self, options: Options, *, is_tunnel: bool = False) -> None:
        self._options = options
        self._is_tunnel = is_tunnel
        self._interim = 0
        self._body_left = MAX_BODY
        self.received = 0
        self.response: Response | None = None
        self.trailing = b""
        self._begin()

    def _begin(self) -> None:
        self._lines = HeadLines(self._options)
        self._sink = _Sink()
        self._parser = HttpResponseParser(self._sink)
        self._start: tuple[str, int, str] | None = None

    def feed(self, data: bytes) -> Response | None:
        """Take bytes as they arrive.

        Returns:
            The response, or `None` while it is incomplete.

        Raises:
            HeadError: this is no HTTP/1.1 response, or its head is over a limit.
        """
        self.received += len(data)
        while self.response is None:
            lines = self._lines
            for line in lines.feed(data):
                self._take_line(line)
            if not lines.complete:
                return None
            data = lines.rest
        if self._is_switched(self.response.status):
            self.trailing += data
            return self.response
        return self.response if self._take_body(self.response, data) else None

    def _is_switched(self, status: int) -> bool:
        # RFC 9110 §9.3.6: whatever the head of a 2xx to CONNECT says, what follows it is the tunnel's.
        return status == HTTPStatus.SWITCHING_PROTOCOLS or (self._is_tunnel and status // 100 == 2)

    def feed_eof(self) -> Response:
        """Take the end of the connection, which may cut the body, or be its end.

        Raises:
            NoResponse: the head is incomplete.
        """
        if self.response is None:
            raise NoResponse(
                f"the connection was closed after {self.received} bytes of the server's answer, "
                "before its head was complete"
            )
        self.response.body = bytes(self._sink.body)
        return self.response

    def _take_line(self, line: bytes) -> None:
        start = self._start
        if start is None:
            start = self._start = parse_status_line(line)
        else:
            check_header_line(line)
        try:
            _parse_line(self._parser, line)
        except HeadError:
            # llhttp refuses a 101 without Upgrade; the judge of the handshake says it better.
            if line or start[1] != HTTPStatus.SWITCHING_PROTOCOLS:
                raise
        if self._lines.complete:
            self._take_head(*start)

    def _take_head(self, version: str, status: int, reason: str) -> None:
        if _is_final(status) or status == HTTPStatus.SWITCHING_PROTOCOLS:
            self.response = Response(status, self._sink.fields, reason=reason, version=version)
            return
        self._interim += 1
        if self._interim > _MAX_INTERIM:
            raise HeadError(
                HTTPStatus.BAD_GATEWAY, f"the server sent more than {_MAX_INTERIM} interim responses (1xx)"
            )
        self._begin()

    def _take_body(self, response: Response, data: bytes) -> bool:
        """Take a part of the body, and tell whether it is as complete as it gets."""
        part = data[: self._body_left]
        self._body_left -= len(part)
        if not self._sink.complete:
            try:
                self._parser.feed_data(part)
            except (HttpParserError, HttpParserUpgrade):
                # The status of the refusal says what matters: what could be read of its body will do.
                self._body_left = 0
        complete = self._sink.complete or not self._body_left
        if complete:
            response.body = bytes(self._sink.body)
        return complete
