"""The head of an HTTP/1.1 message, line by line, under the limits of the options.

This is the part of reading a head that no parser does for us: it bounds what is kept before anything
is parsed, whatever the sizes in which bytes arrive, and refuses the lines and characters that parsers
disagree on.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from ..errors import HandshakeError
from ..options import HeadOptions
from .headers import shown

__all__ = [
    "HeadError",
    "HeadLines",
    "check_header_line",
    "is_target",
    "parse_request_line",
    "parse_status_line",
]

# RFC 9112 §2.2: a line ends in CRLF; neither alone, nor another control character but the tab, is
# allowed in it. Where implementations take one of them for a line end, requests can be smuggled.
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# RFC 9112 §3: method SP request-target SP HTTP-version. llhttp takes also more than one space, a
# missing version (HTTP/0.9), an empty line before, and a fragment in the target.
_REQUEST_LINE: Final = re.compile(rb"([!-~]+) ([!\"$-~]+) HTTP/([0-9]\.[0-9])")

# RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ]; many servers leave out the last space.
_STATUS_LINE: Final = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")

# RFC 9112 §5.1, §5.2: a name, and at once its colon; no space before it, and no folded lines. Some
# versions of llhttp take both.
_FIELD_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:")

_CRLF: Final = b"\r\n"

_SCHEMES: Final = ("http", "https", "ws", "wss")

_LONG_START_LINE: Final = (HTTPStatus.REQUEST_URI_TOO_LONG, "HTTP start line")
_LONG_HEADER_LINE: Final = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HTTP header line")


class HeadError(HandshakeError):
    """A head breaks a limit, or the grammar of HTTP/1.1.

    Attributes:
        status: the status code with which a server answers it.
    """

    def __init__(self, status: HTTPStatus, message: str, limit: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.limit = limit


class HeadLines:
    """Cuts a head into lines as its bytes arrive; each byte is looked at once.

    Args:
        options: has the limits `max_head_size`, `max_head_line` and `max_headers`.
        start_line: a start line comes before the headers; it does not before trailers.

    Attributes:
        complete: the empty line that ends the head has arrived.
    """

    def __init__(self, options: HeadOptions, *, start_line: bool = True) -> None:
        self._options = options
        self._buffer = bytearray()
        self._line = 0
        self._checked = 0
        self._count = 0 if start_line else 1
        self.complete = False

    @property
    def rest(self) -> bytes:
        """The bytes after the lines that were returned: once `complete`, what follows the head."""
        return bytes(memoryview(self._buffer)[self._line :])

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes, and return the lines that they complete, without CRLF; the last one is empty.

        Raises:
            HeadError: a limit is broken, or a character is not allowed. Lines before it come first.
        """
        self._buffer += data
        while not self.complete:
            end = self._buffer.find(_CRLF, self._checked)
            if end < 0:
                # A CR that is the last byte may belong to the end of the line.
                self._check(len(self._buffer) - self._buffer.endswith(b"\r"))
                return
            self._check(end)
            yield self._take_line(end)

    def _take_line(self, end: int) -> bytes:
        line = bytes(memoryview(self._buffer)[self._line : end])
        if line and self._count > self._options.max_headers:
            raise HeadError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"more than {self._options.max_headers} headers (option max_headers)",
                "max_headers",
            )
        self._line = self._checked = end + len(_CRLF)
        self._count += 1
        self.complete = not line
        return line

    def _check(self, end: int) -> None:
        """Judge what is new up to `end`; which error is found does not depend on how bytes arrive."""
        line_limit = self._line + self._options.max_head_line
        head_limit = self._options.max_head_size - len(_CRLF)
        self._check_characters(min(end, line_limit, head_limit))
        if end > head_limit and head_limit < line_limit:
            raise HeadError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"HTTP head larger than {self._options.max_head_size} bytes (option max_head_size)",
                "max_head_size",
            )
        if end > line_limit:
            status, name = _LONG_HEADER_LINE if self._count else _LONG_START_LINE
            most = self._options.max_head_line
            raise HeadError(
                status, f"{name} longer than {most} bytes (option max_head_line)", "max_head_line"
            )
        self._checked = end

    def _check_characters(self, end: int) -> None:
        bad = _first_forbidden(self._buffer, self._checked, end)
        if bad is not None:
            raise HeadError(
                HTTPStatus.BAD_REQUEST,
                f"byte 0x{bad:02x} in an HTTP head: a line ends in CR LF, and has no control but tab",
            )


def _first_forbidden(buffer: bytearray, start: int, end: int) -> int | None:
    # In its own function: a match object that outlives it would lock the size of the buffer.
    found = _FORBIDDEN.search(buffer, start, end)
    return None if found is None else found.group()[0]


def parse_request_line(line: bytes) -> tuple[str, str, str]:
    """Return method, target and version of the first line of a request.

    Raises:
        HeadError: it is none, or not of HTTP/1.1 or HTTP/1.0.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        text = shown(line.decode("latin-1"))
        raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid HTTP request line: {text}")
    method, target, version = (each.decode("ascii") for each in match.groups())
    if version not in ("1.0", "1.1"):
        raise HeadError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version}: only HTTP/1.1 is supported")
    return method, target, f"HTTP/{version}"


def parse_status_line(line: bytes) -> tuple[str, int, str]:
    """Return version, status code and reason phrase of the first line of a response.

    Raises:
        HeadError: it is none, or not of HTTP/1.1 or HTTP/1.0.
    """
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        text = shown(line.decode("latin-1"))
        raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid HTTP status line: {text}")
    return match[1].decode("ascii"), int(match[2]), (match[3] or b"").decode("latin-1")


def check_header_line(line: bytes) -> None:
    """Judge how a line after the first one begins; the empty line ends the head.

    Raises:
        HeadError: there is no name, or no colon at once after it.
    """
    if line and _FIELD_NAME.match(line) is None:
        text = shown(line.decode("latin-1"))
        raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid HTTP header line: {text}")


def is_target(target: str, host: str) -> bool:
    """Tell whether a request's target is a path, or a URL at the host that its Host header names."""
    # RFC 9112 §3.2.2: a whole URL must be accepted. Its host outweighs Host; that they differ is refused,
    # because what stands between us and the client may have judged by the other one.
    scheme, _, rest = target.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    return target.startswith("/") or (scheme.lower() in _SCHEMES and authority.lower() == host.lower())
