"""A message that is framed and compressed once, and sent to many."""

from typing import Any, NamedTuple

from ..spec import Opcode, Role
from .data import to_message
from .deflate import Deflater, Settings
from .kernels import Output
from .messages import MessageWriter

__all__ = ["Form", "PreparedMessage"]


class Form(NamedTuple):
    """How a prepared message goes out.

    Attributes:
        payload: of the frame.
        frame: the whole frame, without a mask.
        tail: if it is compressed, what the peer's window holds of it afterwards.
    """

    payload: bytes
    frame: bytes
    tail: bytes | None


class PreparedMessage:
    """A message to be sent to many connections: framed once, and compressed once for all that agree.

    Pass it to `WebSocket.send` or to `WebSocketServer.broadcast`, as often as you like. It keeps the
    message and what was made of it. Below the option `threshold` it is not compressed.

    Args:
        data: `str` is sent as text; `bytes`, `bytearray`, `memoryview` and whatever else has a buffer, as
            binary (it may be changed afterwards).
        binary: send as binary (`True`) or text (`False`), whatever the type.

    Raises:
        TypeError: data of another type.
        UnicodeEncodeError: it is text with a lone surrogate.
        UnicodeDecodeError: `binary=False`, and it is not UTF-8.
    """

    def __init__(self, data: Any, binary: bool | None = None) -> None:
        message = to_message(data, binary)
        if message is None:
            raise TypeError(
                f"data of type {type(data).__name__}: must be str, bytes or an object with a buffer"
            )
        is_text = isinstance(message, str)
        self._opcode = Opcode.TEXT if is_text else Opcode.BINARY
        payload = message.encode() if isinstance(message, str) else message
        self._plain = self._form(payload, None)
        self._deflated: dict[Settings, Form] = {}

    @property
    def opcode(self) -> int:
        """TEXT or BINARY."""
        return self._opcode

    def __len__(self) -> int:
        """How many bytes the message has."""
        return len(self._plain.payload)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._opcode.name} of {len(self)} bytes>"

    def check_use(self, binary: bool | None, whole: bool) -> None:
        """Check what a `send` of it says; `whole`: in one frame, masked as the rule is.

        Raises:
            TypeError: it says something that was decided when the message was made.
        """
        if binary is not None or not whole:
            raise TypeError("a PreparedMessage is sent as it is: whole, and as text or binary as it was made")

    def plain(self) -> Form:
        """Return its form without compression."""
        return self._plain

    def deflated(self, settings: Settings) -> Form:
        """Return its form for connections that compress so; without compression, if that is shorter."""
        form = self._deflated.get(settings)
        if form is None:
            form = self._deflated[settings] = self._deflate(settings)
        return form

    def _deflate(self, settings: Settings) -> Form:
        # With a deflater of its own it refers to nothing that was before.
        data = self._plain.payload
        encoded = Deflater(settings, False, 0, False).deflate(data, True)
        if len(encoded) >= len(data):
            return self._plain
        return self._form(encoded, data[-(1 << settings.window_bits) :])

    def _form(self, payload: bytes, tail: bytes | None) -> Form:
        output = Output()
        MessageWriter(Role.SERVER, output).write_payload(self._opcode, payload, True, tail is not None)
        return Form(payload, output.take(), tail)
