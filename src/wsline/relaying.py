"""What the relay of a machine and its peers say to each other, over a stream.

A packet is the length of the rest (four bytes), an `Order` (one), the length of a topic (two), the topic in
UTF-8, and a payload. The relay answers a PING by the same packet, after all that came before it.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from .topic_errors import MalformedEnvelope

__all__ = ["LONGEST", "Order", "Packets", "build_packet"]

_HEAD: Final = struct.Struct(">IBH")
_LENGTH: Final = 4

LONGEST: Final = 64 << 20
"""Longest payload, in bytes."""


class Order(IntEnum):
    """What a packet is for."""

    SUBSCRIBE = 1
    UNSUBSCRIBE = 2
    MESSAGE = 3
    PING = 4


def build_packet(order: Order, topic: bytes = b"", payload: bytes = b"") -> bytes:
    """Return a packet."""
    length = _HEAD.size - _LENGTH + len(topic) + len(payload)
    return _HEAD.pack(length, order, len(topic)) + topic + payload


class Packets:
    """Cuts a stream into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Order, bytes, bytes]]:
        """Yield the order, the topic and the payload of each packet that is complete now.

        Raises:
            MalformedEnvelope: this is no packet; nothing behind it can be read.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= _HEAD.size:
                length, order, topic_length = _HEAD.unpack_from(buffer, start)
                end = start + _LENGTH + length
                body = start + _HEAD.size + topic_length
                if not Order.SUBSCRIBE <= order <= Order.PING or body > end or length > LONGEST + (1 << 17):
                    raise MalformedEnvelope(
                        f"no packet of a relay of wsline: {bytes(buffer[start : start + 16])!r}; does another"
                        " program use its socket?"
                    )
                if len(buffer) < end:
                    break
                yield Order(order), bytes(buffer[start + _HEAD.size : body]), bytes(buffer[body:end])
                start = end
        finally:
            del buffer[:start]
