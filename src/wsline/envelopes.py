"""How a message of a topic looks at a broker: the name that it is sent under, and what is around it.

An envelope is one byte that says whether the message is text (1) or binary (2), eight bytes that tell which
process has published it, and the message.
"""

from typing import Final

from .spec import Opcode
from .topic_errors import MalformedEnvelope

__all__ = ["ORIGIN_SIZE", "channel_name", "open_envelope", "seal", "subject_name"]

ORIGIN_SIZE: Final = 8
_HEAD: Final = 1 + ORIGIN_SIZE

_SUBJECT_BYTES: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def channel_name(prefix: str, topic: str) -> bytes:
    """Return the name of a Redis channel: the prefix has no colon, so no topic reaches another prefix."""
    return f"{prefix}:{topic}".encode()


def subject_name(prefix: str, topic: str) -> str:
    """Return the name of a NATS subject: two tokens, without wildcards, blanks and further dots."""
    token = "".join(chr(byte) if byte in _SUBJECT_BYTES else f"={byte:02X}" for byte in topic.encode())
    return f"{prefix}.{token}"


def seal(origin: bytes, opcode: int, payload: bytes) -> bytes:
    """Return the envelope of a message."""
    return b"%c%b%b" % (opcode, origin, payload)


def open_envelope(envelope: bytes) -> tuple[bytes, str | bytes]:
    """Return the origin of a message, and the message.

    Raises:
        MalformedEnvelope: something else has come.
    """
    opcode = envelope[0] if len(envelope) >= _HEAD else 0
    if opcode not in (Opcode.TEXT, Opcode.BINARY):
        raise MalformedEnvelope(
            f"a message of {len(envelope)} bytes from the backplane is not one of wsline's, beginning with"
            f" {envelope[:16]!r}: does another program publish there? (Backplane option prefix)"
        )
    origin, payload = envelope[1:_HEAD], envelope[_HEAD:]
    if opcode == Opcode.BINARY:
        return origin, payload
    try:
        return origin, payload.decode()
    except UnicodeDecodeError as error:
        raise MalformedEnvelope(f"a text message from the backplane is not UTF-8: {error}") from None
