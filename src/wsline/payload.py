"""What is sent in pieces or with a ping, and in what form messages are received."""

from collections.abc import Callable
from typing import Any, Final

from .options import BINARY_TYPES
from .spec import MAX_CONTROL_PAYLOAD
from .wire.data import to_message
from .wire.fragments import KeptFragments

__all__ = ["Fragments", "as_bytes", "as_text", "form_of", "to_control_payload"]


def to_control_payload(data: Any) -> bytes:
    """Return `data` as the payload of a ping or pong.

    Raises:
        TypeError, ValueError: it is of another type, or too long.
    """
    payload = to_message(data, True)
    if not isinstance(payload, bytes):
        raise TypeError(f"data of type {type(data).__name__}: must be str, bytes or an object with a buffer")
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise ValueError(
            f"data of {len(payload)} bytes:"
            f" The data size must not be greater than {MAX_CONTROL_PAYLOAD} bytes"
        )
    return payload


def as_text(message: str | bytes | KeptFragments) -> str:
    """Return a message as text; a binary one must be UTF-8."""
    return message if isinstance(message, str) else str(_join(message), "utf-8")


def as_bytes(message: str | bytes | KeptFragments) -> bytes:
    """Return a message as bytes."""
    return message.encode() if isinstance(message, str) else _join(message)


def form_of(binary_type: str) -> Callable[[Any], Any]:
    """Return what makes of each message what `binary_type` says.

    Raises:
        ValueError: it is none that there is.
    """
    form = _FORMS.get(binary_type)
    if form is None:
        raise ValueError(f"binary_type={binary_type!r}: must be one of {', '.join(map(repr, BINARY_TYPES))}")
    return form


def _join(message: bytes | KeptFragments) -> bytes:
    return b"".join(message.parts) if isinstance(message, KeptFragments) else message


def _of_binary(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda message: message if isinstance(message, str) else make(message)


_FORMS: Final[dict[str, Callable[[Any], Any]]] = {
    "bytes": _of_binary(_join),
    "bytearray": _of_binary(lambda message: bytearray(_join(message))),
    "memoryview": _of_binary(lambda message: memoryview(_join(message))),
    "fragments": _of_binary(
        lambda message: message.parts if isinstance(message, KeptFragments) else [message],
    ),
}


class Fragments:
    """What an iterable sends as the fragments of one message: all of one kind.

    Args:
        binary: send as binary (`True`) or text (`False`), whatever the type; `None`: as the type says.
    """

    def __init__(self, binary: bool | None) -> None:
        self._binary = binary
        self._kind: type | None = None

    def take(self, fragment: Any) -> str | bytes:
        """Return a fragment as `str` or `bytes`.

        Raises:
            TypeError: it is of another type, or of another kind than those before it.
        """
        message = to_message(fragment, self._binary)
        if message is None or (self._kind is not None and type(message) is not self._kind):
            raise TypeError(
                f"a fragment of type {type(fragment).__name__}: fragments must be all text or all binary"
            )
        self._kind = type(message)
        return message

    def last(self) -> str | bytes:
        """Return the empty fragment that ends the message."""
        return b"" if self._kind is bytes or self._binary else ""
