"""Messages: reassembly, limits and text on top of frames (RFC 6455 §5.4, §5.6, §8.1)."""

from collections.abc import Callable
from typing import Any, Final

from ..errors import Violation
from ..options import Options
from ..spec import MAX_CONTROL_PAYLOAD, MAX_FRAME_HEADER, Opcode, Role
from .close import parse_close
from .deflate import PIECE, Inflater
from .fragments import Splitter
from .frames import FrameReader, FrameWriter
from .kernels import Assembly, Output, take_bytes, take_text, unmask, utf8_size, write_bytes

__all__ = ["HEADROOM", "MessageReader", "MessageWriter", "Ping", "Pong"]

HEADROOM: Final = MAX_FRAME_HEADER + MAX_CONTROL_PAYLOAD
"""Free bytes that a buffer passed to `MessageReader.receive` must have before its data."""

_CONTINUATION: Final = 0
_TEXT: Final = 1
_BINARY: Final = 2
_CLOSE: Final = 8
_PING: Final = 9
_FIN: Final = 0x80
_RSV1: Final = 0x40

_UNLIMITED: Final = 0x7FFFFFFFFFFFFFFF


def _limit(option: int | None) -> int:
    return _UNLIMITED if option is None else option


# So much of a frame must be missing before the socket is read straight into its message.
_DIRECT: Final = 16384


class Ping:
    """A ping and its payload."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.payload!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.payload == self.payload

    def __hash__(self) -> int:
        return hash((type(self), self.payload))


class Pong(Ping):
    """A pong and its payload.

    Attributes:
        answered: the waiters of the pings it answers, each with its round-trip time in seconds.
    """

    __slots__ = ("answered",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.answered: list[tuple[Any, float]] = []


class MessageReader:
    """Turns received bytes into events: `str`, `bytes`, `Ping`, `Pong`, `Close`; see also `Splitter`.

    A frame that has arrived whole is decoded where it lies. What is incomplete goes, unmasked and, if
    text, checked, into the message's own memory as it comes.

    Attributes:
        finished: nothing more is read: a close frame came, or `drop` was called.
        saw_control: an event other than a message was added; the caller resets it.
        messages, bytes_read, pings: how many there were.
        splitter: takes messages in fragments, if they are wanted so.
    """

    def __init__(self, role: Role, options: Options) -> None:
        self.frames = FrameReader(role)
        self.finished = False
        self.saw_control = False
        self.messages = self.bytes_read = self.pings = 0
        self.splitter: Splitter | None = None
        self._max_payload = self._max_whole = _limit(options.max_payload)
        self._max_fragments = _limit(options.max_fragments)
        self._max_chunks = _limit(options.max_buffered_chunks)
        self._lenient = options.skip_utf8_validation
        self._opcode = 0  # of the open message; 0: none is open
        self._assembly = Assembly()
        self._fragments = 0
        self._chunks = 0
        self._in_frame = False  # its payload is not complete
        self._missing = 0  # bytes of it
        self._phase = 0
        self._leftover = b""
        self._inflater: Inflater | None = None
        self._is_deflated = False  # the open message is

    def inflate_by(self, inflater: Inflater) -> None:
        """Take compressed messages from now on (RFC 7692)."""
        self._inflater = inflater
        self.frames.allow_rsv1 = True

    def receive(self, buffer: bytearray, start: int, end: int, events: list[Any]) -> None:
        """Read `buffer[start:end]`; the bytes are overwritten.

        Args:
            buffer: holds the bytes, and before `start` at least `HEADROOM` bytes that are free.
            start: where they begin.
            end: where they end.
            events: the list to which the events are added.

        Raises:
            LocalProtocolError: the peer broke a rule. Events before it have been added.
        """
        data = buffer
        at = start
        self.bytes_read += end - start
        if self._leftover:
            at = self._put_back(data, at)
        while at < end and not self.finished:
            if self._in_frame:
                at = self._receive_payload(data, at, end)
                if self._missing:
                    self._count_chunk(events)
                    return
                self._end_frame(events)
                continue
            payload = self.frames.read(data, at, end)
            if payload == 0:
                self._leftover = take_bytes(data, at, end - at)
                return
            if self.frames.opcode > 7:
                if end - payload < self.frames.length:
                    self._leftover = take_bytes(data, at, end - at)
                    return
                at = self._receive_control(data, payload, events)
            elif self._is_whole_message(end - payload):
                at = self._receive_message(data, payload, events)
            else:
                at = payload
                self._begin_frame(end - at)
                if not self._missing:
                    self._end_frame(events)

    def window(self) -> Assembly | None:
        """Return where the next bytes may be received straight to, or `None`.

        They may be written to `assembly.buffer[assembly.length:]`, as many as `window_room()` says; then
        `receive_window(n, events)` counts them in.
        """
        if self._in_frame and self._missing >= _DIRECT and not self._is_deflated:
            return self._assembly
        return None

    def window_room(self) -> int:
        """Return how many bytes fit into the window."""
        return self._assembly.room(min(self._missing, 0x40000000))

    def receive_window(self, n: int, events: list[Any]) -> None:
        """Read `n` bytes that were received into the window.

        Raises:
            LocalProtocolError: the peer broke a rule.
        """
        self.bytes_read += n
        self._assembly.commit(n, self.frames.key, self._phase)
        self._advance(n)
        if self._missing:
            self._count_chunk(events)
        else:
            self._end_frame(events)

    def _put_back(self, data: bytearray, at: int) -> int:
        """Put the leftover before `at`; return where it begins."""
        if at < HEADROOM:
            raise ValueError(f"start={at}: must be at least HEADROOM, which is {HEADROOM}")
        at -= len(self._leftover)
        write_bytes(data, at, self._leftover)
        self._leftover = b""
        return at

    def _is_whole_message(self, available: int) -> bool:
        frames = self.frames
        return (
            frames.fin
            and not self._opcode
            and frames.opcode != _CONTINUATION
            and frames.length <= available
            and frames.length <= self._max_whole
            and not frames.rsv1
        )

    def _receive_message(self, data: bytearray, at: int, events: list[Any]) -> int:
        n = self.frames.length
        self.messages += 1
        unmask(data, at, n, self.frames.key, 0)
        if self.frames.opcode == _TEXT:
            text = take_text(data, at, n, self._lenient)
            if text is None:
                raise Violation.INVALID_UTF8.error(where="a text message")
            events.append(text)
        else:
            events.append(take_bytes(data, at, n))
        return at + n

    def _receive_control(self, data: bytearray, at: int, events: list[Any]) -> int:
        n = self.frames.length
        unmask(data, at, n, self.frames.key, 0)
        payload = take_bytes(data, at, n)
        self.saw_control = True
        if self.frames.opcode == _CLOSE:
            events.append(parse_close(payload, self._lenient))
            # RFC 6455 §5.5.1: after a close frame there is nothing more to read.
            self.finished = True
            self._assembly.clear()
        else:
            self.pings += self.frames.opcode == _PING
            events.append(Ping(payload) if self.frames.opcode == _PING else Pong(payload))
        return at + n

    def _begin_frame(self, available: int) -> None:
        frames = self.frames
        # RFC 6455 §5.4: a message is one unfinished frame, continuations, and a finished one.
        if frames.opcode == _CONTINUATION:
            if not self._opcode:
                raise Violation.INVALID_OPCODE.error(opcode=0, why="no message to continue")
        elif self._opcode:
            raise Violation.INVALID_OPCODE.error(
                opcode=frames.opcode, why="the message before is not finished"
            )
        else:
            self._opcode = frames.opcode
            self._is_deflated = frames.rsv1
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise Violation.TOO_MANY_BUFFERED_PARTS.error(
                limit=self._max_fragments, parts="fragments", option="max_fragments"
            )
        known = self._assembly.length
        if self.splitter is not None:
            known += self.splitter.size
        # Of a compressed message the inflater finds out how long it is.
        if frames.length > self._max_payload - known and not self._is_deflated:
            # The sum, without overflow.
            known += min(frames.length, _UNLIMITED - known)
            raise Violation.UNSUPPORTED_MESSAGE_LENGTH.error(length=known, limit=self._max_payload)
        self._in_frame = True
        self._missing = frames.length
        self._phase = 0
        self._chunks = 0
        if available < self._missing and not self._is_deflated:
            self._assembly.expect(self._missing)

    def _receive_payload(self, data: bytearray, at: int, end: int) -> int:
        n = min(self._missing, end - at)
        if self._is_deflated:
            return self._inflate(data, at, n)
        self._assembly.append(data, at, n, self.frames.key, self._phase)
        self._advance(n)
        return at + n

    def _inflate(self, data: bytearray, at: int, n: int) -> int:
        unmask(data, at, n, self.frames.key, self._phase)
        end = at + n
        while at < end:
            n = min(end - at, PIECE)
            self._inflate_piece(take_bytes(data, at, n), self.frames.fin and n == self._missing)
            self._advance(n)
            at += n
        return at

    def _inflate_piece(self, piece: bytes, last: bool) -> None:
        inflater = self._inflater
        if inflater is not None:
            inflater.inflate(piece, last, self._assembly)

    def _advance(self, n: int) -> None:
        self._phase = (self._phase + n) & 3
        self._missing -= n
        # RFC 6455 §8.1: fail on the first byte that cannot be UTF-8, not at the end of the message.
        if self._opcode == _TEXT and not self._lenient and not self._assembly.is_utf8():
            raise Violation.INVALID_UTF8.error(where="a text message")

    def _count_chunk(self, events: list[Any]) -> None:
        if self.splitter is not None and self.splitter.end_chunk(
            self._assembly, self._opcode == _TEXT, events
        ):
            self._chunks = 0
        self._chunks += 1
        if self._chunks > self._max_chunks:
            raise Violation.TOO_MANY_BUFFERED_PARTS.error(
                limit=self._max_chunks, parts="reads from the socket", option="max_buffered_chunks"
            )

    def _end_frame(self, events: list[Any]) -> None:
        self._in_frame = False
        if self._is_deflated and not self.frames.length and self.frames.fin:
            self._inflate_piece(b"", True)
        is_text = self._opcode == _TEXT
        fin = self.frames.fin
        is_taken = self.splitter is not None and self.splitter.end_frame(self._assembly, is_text, fin, events)
        if not fin:
            return
        self._max_whole = self._max_payload
        self._opcode = 0
        self._fragments = 0
        self.messages += 1
        if is_taken:
            return
        if not is_text:
            events.append(self._assembly.take_bytes())
            return
        text = self._assembly.take_text(self._lenient)
        if text is None:
            # It ends in the middle of a character.
            raise Violation.INVALID_UTF8.error(where="a text message")
        events.append(text)

    def split(self) -> Splitter:
        """Return what takes messages in fragments, from now on."""
        if self.splitter is None:
            self.splitter = Splitter(self._lenient)
        return self.splitter

    def stream_next(self) -> list[Any]:
        """Add the next message, or the one that has begun, as `Fragment`s; return what is there of it."""
        self._max_whole = -1  # no message is whole at once: the splitter sees each
        begun = self._assembly if self._opcode and not self._in_frame else None
        return self.split().stream(begun, self._opcode == _TEXT)

    def drop(self) -> None:
        """Forget what is incomplete, and read nothing more."""
        self.finished = True
        self._in_frame = False
        self._assembly.clear()
        if self.splitter is not None:
            self.splitter.drop()
        self._leftover = b""
        self._inflater = None


class MessageWriter:
    """Turns messages into frames, and the frames into bytes of an `Output`.

    Args:
        role: which end this is.
        output: where the bytes go.
        generate_mask: see `FrameWriter`.

    Attributes:
        is_open: a fragmented message has been begun and not ended.
    """

    def __init__(self, role: Role, output: Output, generate_mask: Callable[[], bytes] | None = None) -> None:
        self.frames = FrameWriter(role, output, generate_mask)
        self.is_open = False

    def write_text(self, text: str, fin: bool) -> None:
        """Write a text message, or a fragment of one.

        Args:
            text: the message or fragment.
            fin: whether it ends the message.

        Raises:
            UnicodeEncodeError: `text` holds a lone surrogate; nothing was written.
        """
        n = utf8_size(text)
        self.frames.write_text(self._first(_TEXT, fin), text, n)
        self.is_open = not fin

    def write_binary(self, data: bytes, fin: bool) -> None:
        """Write a binary message, or a fragment of one; arguments as of `write_text`."""
        self.frames.write(self._first(_BINARY, fin), data)
        self.is_open = not fin

    def write_payload(self, opcode: int, payload: bytes, fin: bool, deflated: bool) -> None:
        """Write a message, or a fragment of one, as it is to go on the wire; `deflated`: it is compressed."""
        first = self._first(opcode, fin)
        if deflated and not self.is_open:
            first |= _RSV1
        self.frames.write(first, payload)
        self.is_open = not fin

    def _first(self, opcode: int, fin: bool) -> int:
        if self.is_open:
            opcode = _CONTINUATION
        return opcode | _FIN if fin else opcode

    def write_control(self, opcode: Opcode, payload: bytes) -> None:
        """Write a control frame; it may stand between the fragments of a message (RFC 6455 §5.4)."""
        self.frames.write_control(opcode, payload)
