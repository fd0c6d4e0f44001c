"""Frames written and read by hand: a second opinion, which shares no line with the package."""

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

from wsline.errors import ProtocolError
from wsline.spec import Role
from wsline.wire.kernels import Assembly
from wsline.wire.messages import HEADROOM, MessageReader

KEY = b"\x37\xfa\x21\x3d"  # of the examples of RFC 6455 §5.7

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Frame(NamedTuple):
    """A frame, unmasked."""

    opcode: int
    payload: bytes
    fin: bool = True
    masked: bool = False


def mask(payload: bytes, key: bytes) -> bytes:
    """XOR a payload with a masking key."""
    pattern = (key * (len(payload) // 4 + 1))[: len(payload)]
    word = int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")
    return word.to_bytes(len(payload), "big")


def header(opcode: int, length: int, *, fin: bool = True, rsv: int = 0, masked: bool = False) -> bytes:
    """Write the header of a frame, without its masking key."""
    first = fin << 7 | rsv << 4 | opcode
    bit = masked << 7
    if length < 126:
        return bytes([first, bit | length])
    if length < 1 << 16:
        return bytes([first, bit | 126]) + length.to_bytes(2, "big")
    return bytes([first, bit | 127]) + length.to_bytes(8, "big")


def build(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, key: bytes | None = None
) -> bytes:
    """Write a frame, masked if there is a key."""
    head = header(opcode, len(payload), fin=fin, rsv=rsv, masked=key is not None)
    return head + payload if key is None else head + key + mask(payload, key)


def key_from(role: Role) -> bytes | None:
    """Return the key of frames that this end receives: a server receives masked ones."""
    return KEY if role is Role.SERVER else None


def parse(data: bytes, rsv: int = 0) -> list[Frame]:
    """Read the frames in `data`, which must hold whole ones, with lengths in the shortest form.

    RSV bits that are not in `rsv` are a fault.
    """
    frames = []
    at = 0
    while at < len(data):
        first, second = data[at], data[at + 1]
        assert first & 0x70 & ~(rsv << 4) == 0, "an RSV bit is set"
        length, at = second & 0x7F, at + 2
        if length == 126:
            length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
            assert length > 125, "a length longer than need be"
        elif length == 127:
            length, at = int.from_bytes(data[at : at + 8], "big"), at + 8
            assert length > 0xFFFF, "a length longer than need be"
        masked = second > 0x7F
        key, at = (data[at : at + 4], at + 4) if masked else (b"", at)
        payload = data[at : at + length]
        assert len(payload) == length, "the last frame is cut short"
        at += length
        frames.append(Frame(first & 0x0F, mask(payload, key) if masked else payload, first > 0x7F, masked))
    return frames


def chunks(data: bytes, size: int | None) -> Iterator[bytes]:
    """Cut `data` into pieces of so many bytes; `None`: one piece."""
    size = size or len(data) or 1
    return (data[at : at + size] for at in range(0, len(data), size))


def feed(reader: MessageReader, data: bytes, size: int | None = None) -> list[Any]:
    """Give bytes to a reader, in pieces of so many; return the events."""
    events: list[Any] = []
    for chunk in chunks(data, size):
        buffer = bytearray(HEADROOM) + chunk
        reader.receive(buffer, HEADROOM, len(buffer), events)
    return events


def outcome(reader: Any, pieces: Iterator[bytes]) -> tuple[list[Any], str | None]:
    """Give pieces to a reader of either twin; return the events, and the text of the error if one came."""
    events: list[Any] = []
    try:
        for chunk in pieces:
            buffer = bytearray(HEADROOM) + chunk
            reader.receive(buffer, HEADROOM, len(buffer), events)
    except Exception as error:
        # The twins have error classes of their own.
        assert type(error).__name__ == "LocalProtocolError", error
        return events, str(error)
    return events, None


def provoke(reader: MessageReader, data: bytes, size: int | None = None) -> ProtocolError:
    """Give bytes to a reader that must refuse them; return its error."""
    try:
        events = feed(reader, data, size)
    except ProtocolError as error:
        return error
    raise AssertionError(f"accepted: {events!r}")


def put_into_window(window: Assembly, data: bytes) -> None:
    """Write to where the socket is read to: `window.buffer[window.length:]`."""
    buffer = getattr(window, "buffer", None)
    if buffer is not None:
        assert window.length + len(data) <= len(buffer)
        buffer[window.length : window.length + len(data)] = data
        return
    # The compiled twin shows its pointer to C only: it is the first field after the object's head and
    # the table of its methods.
    place = object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    pointer = ctypes.c_void_p.from_address(id(window) + place).value
    assert pointer is not None
    ctypes.memmove(pointer + window.length, data, len(data))
