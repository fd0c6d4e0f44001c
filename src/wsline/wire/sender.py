"""Whose turn it is to send (RFC 6455 §5.4).

The fragments of one message must not be mixed with those of another. While a message is sent from an
iterable, which may take its time, others are written aside and follow it; messages that are framed
already wait for the end of a fragmented one.
"""

from collections.abc import Callable

from ..errors import ConcurrencyError, InvalidState
from ..spec import Opcode, Role
from .kernels import Output
from .messages import MessageWriter

__all__ = ["MessageSender"]


class MessageSender:
    """Writes messages to an `Output`, each at its turn.

    Args:
        role: which end this is.
        output: where the bytes go.
        generate_mask: see `FrameWriter`.

    Attributes:
        aside: how many bytes wait for the end of a fragmented message.
        messages: how many messages were written.
    """

    def __init__(self, role: Role, output: Output, generate_mask: Callable[[], bytes] | None = None) -> None:
        self.aside = 0
        self.messages = 0
        self._role = role
        self._output = output
        self._writer = MessageWriter(role, output, generate_mask)
        self._later: MessageWriter | None = None  # while a stream goes on
        self._frames: list[bytes] | None = None

    def send_text(self, text: str, fin: bool) -> None:
        """Write a text message, or a fragment of one.

        Raises:
            UnicodeEncodeError: `text` holds a lone surrogate; nothing was written.
        """
        self._current().write_text(text, fin)
        self.messages += fin
        if self.aside or self._later is not None:
            self._settle()

    def send_binary(self, data: bytes, fin: bool) -> None:
        """Write a binary message, or a fragment of one."""
        self._current().write_binary(data, fin)
        self.messages += fin
        if self.aside or self._later is not None:
            self._settle()

    def send_control(self, opcode: Opcode, payload: bytes) -> None:
        """Write a control frame; it may stand between the fragments of a message."""
        self._writer.write_control(opcode, payload)

    def send_frame(self, frame: bytes) -> None:
        """Write a whole message that is framed already."""
        self.messages += 1
        writer = self._current()
        if not writer.is_open:
            writer.frames.output.put(frame, False, 0)
        elif self._frames is None:
            self._frames = [frame]
        else:
            self._frames.append(frame)
        self._count()

    def begin_stream(self) -> None:
        """Begin a message whose fragments come by `send_fragment`, while others are set aside.

        Raises:
            ConcurrencyError: a fragmented message is being sent.
        """
        if self._writer.is_open or self._later is not None:
            raise ConcurrencyError("another fragmented message is being sent; await it first")
        self._later = MessageWriter(self._role, Output(), self._writer.frames.generate_mask)

    def send_fragment(self, fragment: str | bytes, fin: bool) -> None:
        """Write a fragment of the message begun by `begin_stream`; the last one lets the others follow.

        Raises:
            InvalidState: no message was begun.
        """
        if self._later is None:
            raise InvalidState("no fragmented message was begun (begin_stream)")
        if isinstance(fragment, str):
            self._writer.write_text(fragment, fin)
        else:
            self._writer.write_binary(fragment, fin)
        if fin:
            self.messages += 1
            self._output.put(self._later.frames.output.take(), False, 0)
            self._writer.is_open = self._later.is_open
            self._later = None
            self._count()

    def set_masking(self, masking: bool) -> None:
        """Mask the frames of the messages that follow, or do not."""
        self._current().frames.masking = masking

    def drop(self) -> None:
        """Forget what was set aside: the connection is closed."""
        self._later = self._frames = None
        self.aside = 0

    def _current(self) -> MessageWriter:
        return self._writer if self._later is None else self._later

    def _settle(self) -> None:
        writer = self._current()
        if self._frames is not None and not writer.is_open:
            writer.frames.output.put(b"".join(self._frames), False, 0)
            self._frames = None
        self._count()

    def _count(self) -> None:
        self.aside = 0 if self._later is None else self._later.frames.output.pending()
        if self._frames is not None:
            self.aside += sum(len(frame) for frame in self._frames)
