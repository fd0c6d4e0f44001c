"""An inflater (RFC 1951) that is slow and strict: it refuses what looks back further than a window."""

from itertools import accumulate

LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
           195, 227, 258]  # fmt: skip
LENGTH_BITS = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)] + [0]
DISTANCE_BITS = [0, 0, 0, 0] + [bits for bits in range(1, 14) for _ in range(2)]
DISTANCES = list(accumulate((1 << bits for bits in DISTANCE_BITS[:-1]), initial=1))
ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

Codes = dict[tuple[int, int], int]
"""Symbols by the number of bits and the bits of their code."""


class TooFar(Exception):
    """A distance is greater than the window, or than what there is."""


def codes_of(lengths: list[int]) -> Codes:
    """Return the canonical Huffman codes with these lengths (RFC 1951 §3.2.2)."""
    codes: Codes = {}
    code = 0
    for length in range(1, 16):
        for symbol, each in enumerate(lengths):
            if each == length:
                codes[length, code] = symbol
                code += 1
        code <<= 1
    return codes


FIXED = codes_of([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), codes_of([5] * 30)


class StrictInflater:
    """Inflates one message after the other.

    Args:
        window: how far back it can look, in bytes.

    Attributes:
        farthest: the greatest distance that was seen.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.farthest = 0
        self._out = bytearray()
        self._data = b""
        self._at = 0  # bits

    def inflate(self, message: bytes) -> bytes:
        """Inflate a message as RFC 7692 §7.2.2 says; it must end with its last block."""
        self._data = message + b"\x00\x00\xff\xff"
        self._at = 0
        start = len(self._out)
        while self._at < 8 * len(self._data):
            self._block()
        result = bytes(self._out[start:])
        del self._out[: -self.window]
        return result

    def _bits(self, n: int) -> int:
        value = 0
        for i in range(n):
            value |= (self._data[self._at >> 3] >> (self._at & 7) & 1) << i
            self._at += 1
        return value

    def _symbol(self, codes: Codes) -> int:
        code = length = 0
        while (length, code) not in codes:
            assert length < 15, "no code begins so"
            code = code << 1 | self._bits(1)
            length += 1
        return codes[length, code]

    def _block(self) -> None:
        assert self._bits(1) == 0, "a final block"
        kind = self._bits(2)
        if kind == 0:
            self._at = (self._at + 7) & ~7
            n, check = self._bits(16), self._bits(16)
            assert n == check ^ 0xFFFF
            self._out += self._data[self._at >> 3 : (self._at >> 3) + n]
            self._at += 8 * n
            assert self._at <= 8 * len(self._data)
        else:
            assert kind < 3, "a block of an unknown kind"
            self._compressed(*(FIXED if kind == 1 else self._dynamic()))

    def _dynamic(self) -> tuple[Codes, Codes]:
        literals, distances, n = self._bits(5) + 257, self._bits(5) + 1, self._bits(4) + 4
        lengths = [0] * 19
        for place in ORDER[:n]:
            lengths[place] = self._bits(3)
        codes = codes_of(lengths)
        found: list[int] = []
        while len(found) < literals + distances:
            symbol = self._symbol(codes)
            if symbol < 16:
                found.append(symbol)
            elif symbol == 16:
                found += [found[-1]] * (self._bits(2) + 3)
            else:
                found += [0] * (self._bits(3) + 3 if symbol == 17 else self._bits(7) + 11)
        return codes_of(found[:literals]), codes_of(found[literals:])

    def _compressed(self, literals: Codes, distances: Codes) -> None:
        while True:
            symbol = self._symbol(literals)
            if symbol < 256:
                self._out.append(symbol)
            elif symbol == 256:
                return
            else:
                length = LENGTHS[symbol - 257] + self._bits(LENGTH_BITS[symbol - 257])
                symbol = self._symbol(distances)
                self._copy(length, DISTANCES[symbol] + self._bits(DISTANCE_BITS[symbol]))

    def _copy(self, length: int, distance: int) -> None:
        self.farthest = max(self.farthest, distance)
        if distance > min(self.window, len(self._out)):
            raise TooFar(f"{distance} bytes back, in a window of {self.window}")
        for _ in range(length):
            self._out.append(self._out[-distance])
