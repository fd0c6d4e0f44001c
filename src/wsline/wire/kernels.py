"""The loops over bytes, in plain Python.

`kernels.pyx` has the same names in C; where it is built, it is what `import` finds. Each function takes
(buffer, position, length), and each class owns one buffer, so that the lines that call them touch no
byte themselves.
"""

import codecs
from collections import deque
from typing import Final

COMPILED: Final = False

_UINT: Final = "big"
_KEY: Final = "little"


def unmask(buffer: bytearray, at: int, n: int, key: int, phase: int) -> None:
    """XOR `buffer[at:at + n]` in place with the masking key, `phase` bytes into it (RFC 6455 §5.3)."""
    if key and n:
        buffer[at : at + n] = masked(buffer, at, n, key, phase)


def masked(buffer: bytes | bytearray | memoryview, at: int, n: int, key: int, phase: int) -> bytes:
    """Return `buffer[at:at + n]` XORed with the masking key, `phase` bytes into it."""
    if not n:
        return b""
    four = key.to_bytes(4, _KEY)
    phase &= 3
    pattern = (four[phase:] + four[:phase]) * ((n + 3) // 4)
    word = int.from_bytes(buffer[at : at + n], _KEY) ^ int.from_bytes(pattern[:n], _KEY)
    return word.to_bytes(n, _KEY)


def read_uint(buffer: bytes | bytearray, at: int, n: int) -> int:
    """Return the unsigned number in network byte order at `at`, `n` bytes wide."""
    return int.from_bytes(buffer[at : at + n], _UINT)


def write_uint(buffer: bytearray, at: int, n: int, value: int) -> None:
    """Write an unsigned number in network byte order at `at`, `n` bytes wide."""
    buffer[at : at + n] = value.to_bytes(n, _UINT)


def read_key(buffer: bytes | bytearray, at: int) -> int:
    """Return the masking key at `at`."""
    return int.from_bytes(buffer[at : at + 4], _KEY)


def write_key(buffer: bytearray, at: int, key: int) -> None:
    """Write a masking key at `at`."""
    buffer[at : at + 4] = key.to_bytes(4, _KEY)


def write_bytes(buffer: bytearray, at: int, data: bytes) -> None:
    """Copy `data` to `at`."""
    buffer[at : at + len(data)] = data


def take_bytes(buffer: bytes | bytearray, at: int, n: int) -> bytes:
    """Return a copy of `buffer[at:at + n]`."""
    return bytes(buffer[at : at + n])


def take_text(buffer: bytes | bytearray, at: int, n: int, lenient: bool) -> str | None:
    """Decode `buffer[at:at + n]` as UTF-8.

    Args:
        lenient: put U+FFFD for what is ill-formed.

    Returns:
        The text, or `None` if it is ill-formed.
    """
    try:
        with memoryview(buffer) as whole, whole[at : at + n] as view:
            return str(view, "utf-8", "replace" if lenient else "strict")
    except UnicodeDecodeError:
        return None


def utf8_size(text: str) -> int:
    """Return how many bytes `text` takes in UTF-8.

    Raises:
        UnicodeEncodeError: it holds a lone surrogate.
    """
    return len(text) if text.isascii() else len(text.encode())


class Assembly:
    """The payload of one message while its bytes arrive, at whatever pace and in however many frames.

    Memory grows with what has arrived, never with what a frame header announces beyond `EAGER` bytes.
    """

    EAGER: Final = 1 << 20
    STEP: Final = 1 << 16

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.length = 0
        self.checked = 0

    def expect(self, n: int) -> None:
        """Prepare for `n` more bytes, which have been announced."""
        self._fit(self.length + min(n, max(self.EAGER, self.length)))

    def room(self, n: int) -> int:
        """Make room for some of `n` more bytes at `buffer[length:]`; return for how many."""
        if self.length == len(self.buffer):
            self.expect(n)
        return min(n, len(self.buffer) - self.length)

    def append(self, buffer: bytes | bytearray, at: int, n: int, key: int, phase: int) -> None:
        """Add `buffer[at:at + n]`, unmasked."""
        end = self.length + n
        # What is beyond its end makes a bytearray grow, by an eighth more than it needs.
        self.buffer[self.length : end] = masked(buffer, at, n, key, phase) if key else buffer[at : at + n]
        self.length = end

    def _fit(self, need: int) -> None:
        # A quarter more than was received: no quadratic copying, and little memory to pin.
        if need > len(self.buffer):
            self.buffer.extend(bytes(need + (self.length >> 2) - len(self.buffer)))

    def commit(self, n: int, key: int, phase: int) -> None:
        """Unmask and count in `n` bytes that were received at `buffer[length:]`."""
        unmask(self.buffer, self.length, n, key, phase)
        self.length += n

    def is_utf8(self) -> bool:
        """Whether what has arrived can be the beginning of well-formed UTF-8; looks at new bytes only."""
        used = -1
        with memoryview(self.buffer) as view:
            # In steps, as the text that decoding makes is thrown away.
            while used and self.checked < self.length:
                step = view[self.checked : min(self.length, self.checked + self.STEP)]
                try:
                    _, used = codecs.utf_8_decode(step, "strict", False)
                except UnicodeDecodeError:
                    return False
                finally:
                    step.release()
                self.checked += used
        # The decoder waits for the third byte of what can only be a surrogate.
        rest = self.buffer[self.checked : self.length]
        return not (len(rest) == 2 and rest[0] == 0xED and rest[1] > 0x9F)

    def take_bytes(self) -> bytes:
        """Return the payload and start anew."""
        del self.buffer[self.length :]
        payload = bytes(self.buffer)
        self.clear()
        return payload

    def take_text(self, lenient: bool) -> str | None:
        """Return the payload decoded as UTF-8, `None` if it is ill-formed, and start anew."""
        text = take_text(self.buffer, 0, self.length, lenient)
        self.clear()
        return text

    def clear(self) -> None:
        """Drop the payload and its memory."""
        self.buffer = bytearray()
        self.length = 0
        self.checked = 0


class Output:
    """Bytes that wait to be sent, in order.

    Small ones are gathered in `block[start:end]`. Before it come `segments`: bytes too large to copy,
    and what was in the block before them. Memory is held only while something waits.

    Attributes:
        blocked: the peer took not all of it; the sender sets and clears this.
        sent: how many bytes were sent.
    """

    SEGMENT: Final = 1 << 15

    def __init__(self) -> None:
        self.block = bytearray()
        self.start = 0
        self.end = 0
        self.segments: deque[bytes] = deque()
        self.offset = 0
        self.segments_size = 0
        self.blocked = False
        self.sent = 0

    def pending(self) -> int:
        """Return how many bytes wait."""
        return self.segments_size + self.end - self.start

    def reserve(self, n: int) -> int:
        """Make room for `n` bytes at `block[end:]`; return `end`."""
        if len(self.block) < self.end + n:
            if self.start > self.end - self.start:
                del self.block[: self.start]
                self.end -= self.start
                self.start = 0
            self.block.extend(bytes(self.end + n - len(self.block)))
        return self.end

    def put(self, data: bytes, masking: bool, key: int) -> None:
        """Add `data`, masked with `key` if `masking`. Large unmasked data is kept, not copied."""
        n = len(data)
        if n >= self.SEGMENT and not masking:
            self.seal()
            self.segments.append(data)
            self.segments_size += n
            return
        at = self.reserve(n)
        self.block[at : at + n] = masked(data, 0, n, key, 0) if masking else data
        self.end = at + n

    def put_text(self, text: str, n: int, masking: bool, key: int) -> None:
        """Add `text` in UTF-8; `n` is its `utf8_size`."""
        self.put(text.encode(), masking, key)

    def seal(self) -> None:
        """Move what the block holds to the segments."""
        if self.end > self.start:
            self.segments.append(bytes(self.block[self.start : self.end]))
            self.segments_size += self.end - self.start
        self.block = bytearray()
        self.start = self.end = 0

    def views(self, most: int) -> list[memoryview]:
        """Return the first segments, at most so many, for one vectored send."""
        self.seal()
        views = [memoryview(segment) for segment, _ in zip(self.segments, range(most), strict=False)]
        if views:
            views[0] = views[0][self.offset :]
        return views

    def consume(self, n: int) -> None:
        """Drop the first `n` bytes: they were sent."""
        self.sent += n
        while self.segments and n:
            left = len(self.segments[0]) - self.offset
            taken = min(n, left)
            n -= taken
            self.segments_size -= taken
            self.offset += taken
            if taken == left:
                self.segments.popleft()
                self.offset = 0
        self.start += n
        if self.start == self.end:
            self.block = bytearray()
            self.start = self.end = 0

    def settle(self) -> None:
        """Shrink to what waits, if that is less than half: the peer is slow."""
        if 0 < 2 * (self.end - self.start) < len(self.block):
            self.block = self.block[self.start : self.end]
            self.end -= self.start
            self.start = 0

    def clear(self) -> None:
        """Drop all that waits, and its memory."""
        self.segments.clear()
        self.offset = self.segments_size = 0
        self.block = bytearray()
        self.start = self.end = 0

    def take(self) -> bytes:
        """Return all that waits, and drop it."""
        data = b"".join(self.views(len(self.segments) + 1))
        self.clear()
        return data
