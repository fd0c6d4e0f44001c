"""Frames: the base framing of RFC 6455 §5.2.

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-------+-+-------------+-------------------------------+
|F|R|R|R| opcode|M| Payload len |    Extended payload length    |
|I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
|N|V|V|V|       |S|             |   (if payload len==126/127)   |
| |1|2|3|       |K|             |                               |
+-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
|     Extended payload length continued, if payload len == 127  |
+ - - - - - - - - - - - - - - - +-------------------------------+
|                               |Masking-key, if MASK set to 1  |
+-------------------------------+-------------------------------+
| Masking-key (continued)       |          Payload Data         |
+-------------------------------- - - - - - - - - - - - - - - - +
"""

import os
from collections.abc import Callable

from ..errors import Violation
from ..spec import MAX_CONTROL_PAYLOAD, Opcode, Role
from .kernels import Output, read_key, read_uint, write_key, write_uint

__all__ = ["FrameReader", "FrameWriter", "MaskingKeys"]


class FrameReader:
    """Reads frame headers out of a buffer.

    After `read` the fields `fin`, `rsv1`, `opcode`, `length` (of the payload, in bytes) and `key` (the
    masking key, 0 without one) describe the frame.
    """

    def __init__(self, role: Role) -> None:
        # RFC 6455 §5.1: a server takes masked frames only, a client unmasked ones only.
        self.expect_mask = role is Role.SERVER
        self.allow_rsv1 = False
        self.fin = False
        self.rsv1 = False
        self.opcode = 0
        self.length = 0
        self.key = 0

    def read(self, data: bytearray, at: int, end: int) -> int:
        """Read the frame header at `data[at:end]`.

        Args:
            data: the buffer.
            at: where the header begins.
            end: where the buffer's bytes end.

        Returns:
            Where the payload begins, or 0 if the header is not complete.

        Raises:
            LocalProtocolError: the header breaks a rule; found as early as its bytes allow.
        """
        if end - at < 2:
            return 0
        first = data[at]
        second = data[at + 1]
        length = second & 0x7F
        at += 2
        self.fin = (first & 0x80) != 0
        self.rsv1 = (first & 0x40) != 0
        self.opcode = first & 0x0F
        # One look tells most frames from those that may break a rule.
        if first & 0x70 or self.opcode > 2 or self.expect_mask != (second > 0x7F):
            self._check(first, second)
        if length > 125:
            size = 2 if length == 126 else 8
            if end - at < size:
                return 0
            length = read_uint(data, at, size)
            at += size
            # RFC 6455 §5.2: the most significant bit of a 64-bit length is 0.
            if length > 0x7FFFFFFFFFFFFFFF:
                raise Violation.UNSUPPORTED_DATA_PAYLOAD_LENGTH.error(length=length)
        if self.expect_mask:
            if end - at < 4:
                return 0
            self.key = read_key(data, at)
            at += 4
        self.length = length
        return at

    def _check(self, first: int, second: int) -> None:
        """Check what the first two bytes alone can break."""
        if first & 0x30:
            raise Violation.UNEXPECTED_RSV_2_3.error()
        # RFC 7692 §6: only the first frame of a compressed message has RSV1.
        if self.rsv1 and not (self.allow_rsv1 and self.opcode):
            raise Violation.UNEXPECTED_RSV_1.error()
        if self.opcode > 7:
            self._check_control(second & 0x7F)
        elif self.opcode > 2:
            raise Violation.INVALID_OPCODE.error(opcode=self.opcode, why="reserved for data frames")
        if self.expect_mask != (second > 0x7F):
            raise (Violation.EXPECTED_MASK if self.expect_mask else Violation.UNEXPECTED_MASK).error()

    def _check_control(self, length: int) -> None:
        if self.opcode > 10:
            raise Violation.INVALID_OPCODE.error(opcode=self.opcode, why="reserved for control frames")
        if self.rsv1:
            raise Violation.UNEXPECTED_RSV_1.error()
        # RFC 6455 §5.5: control frames are not fragmented and carry at most 125 bytes.
        if not self.fin:
            raise Violation.EXPECTED_FIN.error()
        if length > 125:
            raise Violation.INVALID_CONTROL_PAYLOAD_LENGTH.error(length=length)


class MaskingKeys:
    """Unpredictable masking keys, drawn from the system in large portions (RFC 6455 §5.3, §10.3).

    Args:
        random: returns so many random bytes.
    """

    PORTION = 4096

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._pool = b""
        self._at = 0

    def next(self) -> int:
        """Return a masking key that no one can foresee."""
        # Other threads may be here, too: after one look at each field no key comes from beyond the pool.
        pool, at = self._pool, self._at
        if at >= len(pool):
            pool, at = self._random(self.PORTION), 0
            self._pool = pool
        self._at = at + 4
        return read_key(pool, at)

    def forget(self) -> None:
        """Drop the keys drawn so far: a forked child must not use those of its parent."""
        self._pool = b""
        self._at = 0


masking_keys = MaskingKeys()

if hasattr(os, "register_at_fork"):  # pragma: no branch -- not on Windows
    os.register_at_fork(after_in_child=masking_keys.forget)


class FrameWriter:
    """Writes frames to an `Output`.

    Args:
        role: a client masks every frame (RFC 6455 §5.1).
        output: where the frames go.
        generate_mask: returns the 4-byte masking key of each frame; default: `MaskingKeys`.
    """

    def __init__(self, role: Role, output: Output, generate_mask: Callable[[], bytes] | None = None) -> None:
        self.output = output
        self.masking = role is Role.CLIENT
        self.generate_mask = generate_mask

    def next_key(self) -> int:
        """Return the masking key for the next frame."""
        if self.generate_mask is None:
            return masking_keys.next()
        key = self.generate_mask()
        if not isinstance(key, bytes) or len(key) != 4:
            raise ValueError(f"generate_mask returned {key!r}: must be 4 bytes")
        return read_key(key, 0)

    def header(self, first: int, n: int, masking: bool, key: int) -> None:
        """Write a frame header.

        Args:
            first: the first byte: FIN, RSV1 to RSV3 and the opcode.
            n: length of the payload, in bytes.
            masking: whether the payload is masked.
            key: the masking key then.
        """
        output = self.output
        at = output.reserve(14)
        block = output.block
        bit = 0x80 if masking else 0
        block[at] = first
        # RFC 6455 §5.2: the minimal number of bytes encodes the length.
        if n < 126:
            block[at + 1] = bit | n
            at += 2
        elif n < 0x10000:
            block[at + 1] = bit | 126
            write_uint(block, at + 2, 2, n)
            at += 4
        else:
            block[at + 1] = bit | 127
            write_uint(block, at + 2, 8, n)
            at += 10
        if masking:
            write_key(block, at, key)
            at += 4
        output.end = at

    def write(self, first: int, payload: bytes) -> None:
        """Write a frame."""
        key = self.next_key() if self.masking else 0
        self.header(first, len(payload), self.masking, key)
        self.output.put(payload, self.masking, key)

    def write_text(self, first: int, text: str, n: int) -> None:
        """Write a frame whose payload is `text` in UTF-8, `n` bytes long."""
        key = self.next_key() if self.masking else 0
        self.header(first, n, self.masking, key)
        self.output.put_text(text, n, self.masking, key)

    def write_control(self, opcode: Opcode, payload: bytes) -> None:
        """Write a control frame.

        Raises:
            LocalProtocolError: the payload is longer than 125 bytes; nothing was written.
        """
        if len(payload) > MAX_CONTROL_PAYLOAD:
            raise Violation.INVALID_CONTROL_PAYLOAD_LENGTH.error(length=len(payload))
        self.write(0x80 | opcode, payload)
