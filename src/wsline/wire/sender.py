"""Whose turn it is to send (RFC 6455 §5.4).

The fragments of one message must not be mixed with those of another, and what is compressed with context
takeover must be compressed in the order in which it goes out. So messages wait in line: behind a job, until
another thread has compressed a long message; and behind a stream, a message that is sent from an iterable,
which may take its time. A prepared message also waits for the end of a fragmented one.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from ..errors import ConcurrencyError, InvalidState
from ..spec import Opcode, Role
from .deflate import DeflateJob, Deflater
from .kernels import Output
from .messages import MessageWriter
from .prepared import PreparedMessage

__all__ = ["MessageSender"]

_TEXT: Final = 1
_BINARY: Final = 2
_PREPARED: Final = 16

# So many bytes take zlib milliseconds, and handing them to another thread a twentieth of that
# (docs/deflate.md, "Order, and long messages").
_JOB_SIZE: Final = 1 << 18


class Piece(NamedTuple):
    """What waits for its turn.

    Attributes:
        opcode: of a message, a fragment or a control frame; or `_PREPARED`.
        payload: the bytes, not compressed.
        fin: whether they end a message.
        compress: whether they may be compressed.
        prepared: the prepared message.
        mask: whether the frame is masked; `None`: as the role demands.
    """

    opcode: int
    payload: bytes
    fin: bool = True
    compress: bool = True
    prepared: PreparedMessage | None = None
    mask: bool | None = None


def _piece(data: str | bytes, fin: bool, compress: bool) -> Piece:
    if isinstance(data, str):
        return Piece(_TEXT, data.encode(), fin, compress)
    return Piece(_BINARY, data, fin, compress)


# Most connections never let anything wait, and an empty deque is larger than all else they need to send.
_EMPTY: Final[deque[Piece]] = deque(maxlen=0)


def _appended(pieces: deque[Piece], piece: Piece) -> deque[Piece]:
    if pieces is _EMPTY:
        return deque([piece])
    pieces.append(piece)
    return pieces


class MessageSender:
    """Writes messages to an `Output`, each at its turn.

    Args:
        role: which end this is.
        output: where the bytes go.
        generate_mask: see `FrameWriter`.

    Attributes:
        waiting: how many bytes wait for a job.
        aside: how many bytes wait for the end of a fragmented message.
        messages: how many messages were written.
        job: a job that waits for somebody to take it.
    """

    def __init__(self, role: Role, output: Output, generate_mask: Callable[[], bytes] | None = None) -> None:
        self.waiting = 0
        self.aside = 0
        self.messages = 0
        self.job: DeflateJob | None = None
        self._output = output
        self._writer = MessageWriter(role, output, generate_mask)
        self._is_direct = True  # nothing waits, and nothing is compressed
        self._masking = self._job_masking = self._writer.frames.masking
        self._deflater: Deflater | None = None
        self._deflates = False  # the fragmented message being written is compressed
        self._is_open = False  # a fragmented message, but no stream, was begun; as `send` sees it
        self._has_stream = False
        self._stream_compress = True
        self._running: DeflateJob | None = None
        self._queue = _EMPTY  # behind the job
        self._later = _EMPTY  # behind the stream
        self._held = _EMPTY  # prepared messages behind a fragmented one

    def deflate_by(self, deflater: Deflater) -> None:
        """Compress messages from now on."""
        self._deflater = deflater
        self._is_direct = False

    def send_text(self, text: str, fin: bool) -> None:
        """Write a text message, or a fragment of one.

        Raises:
            UnicodeEncodeError: `text` holds a lone surrogate; nothing was written.
        """
        if self._is_direct:
            self._writer.write_text(text, fin)
            self.messages += fin
        else:
            self._send(_TEXT, text.encode(), fin)

    def send_binary(self, data: bytes, fin: bool) -> None:
        """Write a binary message, or a fragment of one."""
        if self._is_direct:
            self._writer.write_binary(data, fin)
            self.messages += fin
        else:
            self._send(_BINARY, data, fin)

    def send_uncompressed(self, data: str | bytes, fin: bool) -> None:
        """Write a message, or a fragment of one; the message is not compressed."""
        self._send_piece(_piece(data, fin, False))

    def send_masked(self, data: str | bytes, fin: bool, mask: bool, compress: bool) -> None:
        """Write a message, or a fragment of one, masked or not, whatever the role demands."""
        self._send_piece(_piece(data, fin, compress)._replace(mask=mask))

    def _send_piece(self, piece: Piece) -> None:
        self._leave_direct()
        self._is_open = not piece.fin
        if self._has_stream:
            self._put_later(piece)
        else:
            self._put(piece)
        self._settle()

    def send_prepared(self, message: PreparedMessage, compress: bool) -> None:
        """Write a prepared message."""
        form = message.plain()
        if self._is_direct and not self._writer.is_open and not self._writer.frames.masking:
            # As to most of those that a broadcast goes to.
            self.messages += 1
            self._output.put(form.frame, False, 0)
        else:
            self._leave_direct()
            piece = Piece(_PREPARED, form.payload, True, compress, message)
            if self._has_stream:
                self._put_later(piece)
            else:
                self._put(piece)
            self._settle()

    def send_control(self, opcode: Opcode, payload: bytes) -> None:
        """Write a control frame at once; it may stand between the fragments of a message."""
        self._writer.write_control(opcode, payload)

    def send_control_in_turn(self, opcode: Opcode, payload: bytes) -> None:
        """Write a control frame behind the messages that wait for a job."""
        if self._running is None:
            self._writer.write_control(opcode, payload)
        else:
            self._put(Piece(opcode, payload))

    def begin_stream(self, compress: bool = True) -> None:
        """Begin a message whose fragments come by `send_fragment`, while others are set aside.

        Args:
            compress: whether it may be compressed.

        Raises:
            ConcurrencyError: a fragmented message is being sent.
        """
        self._leave_direct()
        if self._is_open or self._has_stream:
            self._settle()
            raise ConcurrencyError("another fragmented message is being sent; await it first")
        self._has_stream = True
        self._stream_compress = compress

    def send_fragment(self, fragment: str | bytes, fin: bool) -> None:
        """Write a fragment of the message begun by `begin_stream`; the last one lets the others follow.

        Raises:
            InvalidState: no message was begun.
        """
        if not self._has_stream:
            raise InvalidState("no fragmented message was begun (begin_stream)")
        if isinstance(fragment, str):
            self._put(Piece(_TEXT, fragment.encode(), fin, self._stream_compress))
        else:
            self._put(Piece(_BINARY, fragment, fin, self._stream_compress))
        if fin:
            self._end_stream()

    def take_job(self) -> DeflateJob | None:
        """Return the job that waits, if one does, to have it run and then passed to `finish_job`."""
        job, self.job = self.job, None
        return job

    def finish_job(self, job: DeflateJob) -> None:
        """Write what a job has compressed, and what waited for it."""
        if job is not self._running:
            return  # dropped meanwhile
        self._running = None
        self.waiting -= job.size
        frames = self._writer.frames
        frames.masking = self._job_masking
        try:
            self._writer.write_payload(job.opcode, job.result, job.fin, True)
        finally:
            frames.masking = self._masking
        self.messages += job.fin
        if job.fin:
            job.end()
            self._release()
        while self._queue and self._running is None:
            piece = self._queue.popleft()
            self.waiting -= len(piece.payload)
            self._write(piece)
        self._settle()

    def is_idle(self) -> bool:
        """Whether no job is to be waited for."""
        return self._running is None

    def is_fragmented(self) -> bool:
        """Whether a message in fragments was begun by `send`, and the next one is a fragment of it."""
        return self._writer.is_open if self._is_direct else self._is_open

    def drop(self) -> None:
        """Forget what waits: the connection is closed, or nothing more is sent."""
        self._queue = self._later = self._held = _EMPTY
        self._has_stream = False
        self._running = self.job = None
        self._deflater = None
        self._is_open = self._writer.is_open
        self.waiting = self.aside = 0
        self._is_direct = True

    def _leave_direct(self) -> None:
        if self._is_direct:
            self._is_direct = False
            self._is_open = self._writer.is_open

    def _settle(self) -> None:
        self._is_direct = (
            self._deflater is None and not self._has_stream and not self._held and self._running is None
        )

    def _end_stream(self) -> None:
        self._has_stream = False
        later, self._later = self._later, _EMPTY
        for piece in later:
            self.aside -= len(piece.payload)
            self._put(piece)
        self._settle()

    def _send(self, opcode: int, payload: bytes, fin: bool) -> None:
        self._is_open = not fin
        if self._has_stream:
            self._put_later(Piece(opcode, payload, fin))
        elif self._running is None:
            self._write_message(opcode, payload, fin, True)
        else:
            self._put(Piece(opcode, payload, fin))

    def _put_later(self, piece: Piece) -> None:
        self._later = _appended(self._later, piece)
        self.aside += len(piece.payload)

    def _put(self, piece: Piece) -> None:
        if self._running is None:
            self._write(piece)
        else:
            self._queue = _appended(self._queue, piece)
            self.waiting += len(piece.payload)

    def _write(self, piece: Piece) -> None:
        """Write what has its turn."""
        if piece.opcode == _PREPARED:
            self._write_prepared(piece)
        elif piece.opcode > _BINARY:
            self._writer.write_control(Opcode(piece.opcode), piece.payload)
        else:
            frames = self._writer.frames
            frames.masking = self._masking if piece.mask is None else piece.mask
            try:
                self._write_message(piece.opcode, piece.payload, piece.fin, piece.compress)
            finally:
                frames.masking = self._masking

    def _write_message(self, opcode: int, payload: bytes, fin: bool, compress: bool) -> None:
        writer = self._writer
        deflater = self._deflater
        n = len(payload)
        # As in `ws`, the first fragment decides for the message.
        if not writer.is_open:
            self._deflates = compress and deflater is not None and deflater.wants(n)
        if deflater is None or not self._deflates:
            writer.write_payload(opcode, payload, fin, False)
        elif n >= _JOB_SIZE:
            self.job = self._running = DeflateJob(deflater, opcode, payload, fin)
            self._job_masking = writer.frames.masking
            self.waiting += n
            return
        else:
            writer.write_payload(opcode, deflater.deflate(payload, fin), fin, True)
        self.messages += fin
        if fin and self._held:
            self._release()

    def _release(self) -> None:
        """Write the prepared messages that waited for the end of a fragmented one."""
        held, self._held = self._held, _EMPTY
        for piece in held:
            self.aside -= len(piece.payload)
            self._write_prepared(piece)

    def _write_prepared(self, piece: Piece) -> None:
        message = piece.prepared
        if message is None:
            return
        if self._writer.is_open:
            self._held = _appended(self._held, piece)
            self.aside += len(piece.payload)
            return
        self.messages += 1
        form = message.plain()
        deflater = self._deflater
        if deflater is not None and piece.compress and len(piece.payload) >= deflater.threshold:
            form = message.deflated(deflater.settings)
        if self._writer.frames.masking:
            self._writer.write_payload(message.opcode, form.payload, True, form.tail is not None)
        else:
            self._output.put(form.frame, False, 0)
        if deflater is not None and form.tail is not None:
            deflater.follow(form.tail)
