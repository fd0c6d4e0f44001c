"""The body of a request: how long it is, and reading it (RFC 9112 §6 and §7), strictly.

Where two programs on the way disagree on where a body ends, requests can be smuggled. So there is one
way to say it here, and each doubt is a refusal: both Content-Length and Transfer-Encoding, either of them
twice, another coding than `chunked`, a chunk that does not end where it says.
"""

import re
from http import HTTPStatus
from typing import Final

from .headers import shown
from .heads import HeadError, HeadLines, check_header_line
from .http1 import Request
from .http_options import HTTPOptions

__all__ = ["BodyReader", "ChunkedBody", "SizedBody", "open_body"]

_LENGTH: Final = re.compile(r"[0-9]{1,19}")

# RFC 9112 §7.1: chunk-size, and extensions, which a recipient ignores. Longer ones nobody sends.
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_MAX_CHUNK_LINE: Final = 256

# What chunks may cost on the wire, beside the limit of the body: sizes, extensions, ends of lines.
_MAX_OVERHEAD: Final = 16 * 1024

_CRLF: Final = b"\r\n"


class BodyReader:
    """Reads a body.

    Attributes:
        complete: the last byte of it has arrived.
        body: what has arrived of its content.
    """

    def __init__(self) -> None:
        self.complete = False
        self.body = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they arrive.

        Returns:
            What comes behind the body; empty while it is incomplete.

        Raises:
            HeadError: the body is ill-formed, or over a limit.
        """
        raise NotImplementedError


class SizedBody(BodyReader):
    """A body whose length was announced.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        BodyReader.__init__(self)
        self._left = size
        self.complete = not size

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they arrive: see `BodyReader`."""
        part = data[: self._left]
        self.body += part
        self._left -= len(part)
        self.complete = not self._left
        return data[len(part) :]


class ChunkedBody(BodyReader):
    """A body in chunks. Trailers are checked and dropped.

    Args:
        options: has the limits.
    """

    def __init__(self, options: HTTPOptions) -> None:
        BodyReader.__init__(self)
        self._options = options
        self._overhead = options.max_body + _MAX_OVERHEAD
        self._buffer = bytearray()
        self._left = 0  # of the chunk
        self._ends = False  # the chunk's CRLF is next
        self._trailers: HeadLines | None = None

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they arrive: see `BodyReader`."""
        if self._trailers is None:
            self._buffer += data
            data = b""
            while self._step():
                pass
        if self._trailers is None:
            return b""
        data = bytes(self._buffer) + data
        self._buffer.clear()
        return self._take_trailers(self._trailers, data)

    def _step(self) -> bool:
        """Take what comes next; return whether it was all there, and not the last chunk."""
        if self._left:
            part = self._buffer[: self._left]
            self.body += part
            self._left -= len(part)
            self._ends = not self._left
            del self._buffer[: len(part)]
            return self._ends
        return self._take_end() if self._ends else self._take_size()

    def _take_end(self) -> bool:
        end = bytes(self._buffer[: len(_CRLF)])
        if not _CRLF.startswith(end):
            raise HeadError(HTTPStatus.BAD_REQUEST, "Invalid chunk: it does not end where its size says")
        if len(end) < len(_CRLF):
            return False
        self._ends = False
        self._spend(len(_CRLF))
        return True

    def _take_size(self) -> bool:
        end = self._buffer.find(_CRLF, 0, _MAX_CHUNK_LINE + len(_CRLF))
        if end < 0:
            if len(self._buffer) > _MAX_CHUNK_LINE + 1:
                raise HeadError(HTTPStatus.BAD_REQUEST, f"a chunk's size of over {_MAX_CHUNK_LINE} bytes")
            return False
        line = bytes(self._buffer[:end])
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid chunk size: {shown(line.decode('latin-1'))}")
        self._spend(end + len(_CRLF))
        self._left = int(match[1], 16)
        if self._left > self._options.max_body - len(self.body):
            raise too_large(len(self.body) + self._left, self._options)
        if not self._left:
            self._trailers = HeadLines(self._options, start_line=False)
        return bool(self._left)

    def _spend(self, size: int) -> None:
        del self._buffer[:size]
        self._overhead -= size
        if self._overhead < 0:
            raise HeadError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a body in too many, or too wordy, chunks")

    def _take_trailers(self, trailers: HeadLines, data: bytes) -> bytes:
        for line in trailers.feed(data):
            check_header_line(line)
        self.complete = trailers.complete
        return trailers.rest if self.complete else b""


def too_large(size: int, options: HTTPOptions) -> HeadError:
    """Return the exception for a body over the limit."""
    return HeadError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body of at least {size} bytes is over the limit of {options.max_body} (option max_body)",
    )


def open_body(request: Request, options: HTTPOptions) -> BodyReader:
    """Return the reader for the body of a request.

    Raises:
        HeadError: its length is in doubt, or over the limit.
    """
    codings = request.headers.get_all("Transfer-Encoding")
    lengths = request.headers.get_all("Content-Length")
    if codings:
        _check_coding(request, codings, lengths)
        return ChunkedBody(options)
    if not lengths:
        return SizedBody(0)
    # RFC 9112 §6.3: also two equal ones may be refused.
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise HeadError(HTTPStatus.BAD_REQUEST, f"Invalid Content-Length header: {shown(', '.join(lengths))}")
    size = int(lengths[0])
    if size > options.max_body:
        raise too_large(size, options)
    return SizedBody(size)


def _check_coding(request: Request, codings: list[str], lengths: list[str]) -> None:
    # RFC 9112 §6.1: both together, or Transfer-Encoding in HTTP/1.0, ought to be handled as an error.
    if lengths or request.version != "HTTP/1.1":
        raise HeadError(
            HTTPStatus.BAD_REQUEST,
            "Invalid Transfer-Encoding header: not beside Content-Length, nor in HTTP/1.0",
        )
    if len(codings) > 1 or codings[0].lower() != "chunked":
        # RFC 9112 §6.1: 501 for a transfer coding that is not understood.
        raise HeadError(
            HTTPStatus.NOT_IMPLEMENTED,
            f"Transfer-Encoding {shown(', '.join(codings))}: only chunked is understood",
        )
