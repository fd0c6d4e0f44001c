"""How long things took: a histogram of bounded size, exact to two per cent."""

import math
from collections.abc import Iterator
from typing import Final

__all__ = ["Histogram", "shown"]

_STEP: Final = math.log(1.02)  # of the upper edges of two neighbouring buckets
_LEAST: Final = 1e-7  # seconds; less counts as this


class Histogram:
    """Counts times, in buckets that grow by two per cent each.

    Attributes:
        count: how many were counted.
        least, most: the shortest and the longest one, in seconds.
    """

    def __init__(self) -> None:
        self.count = 0
        self.least = math.inf
        self.most = 0.0
        self._sum = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count a time."""
        at = int(math.log(max(seconds, _LEAST) / _LEAST) / _STEP)
        self._buckets[at] = self._buckets.get(at, 0) + 1
        self.count += 1
        self._sum += seconds
        if seconds < self.least:
            self.least = seconds
        if seconds > self.most:
            self.most = seconds

    @property
    def mean(self) -> float:
        """The mean, in seconds; 0 without any."""
        return self._sum / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """Return the time, in seconds, that this share of all did not exceed; 0 without any."""
        wanted = self.count * percent / 100
        seen = 0
        for at in sorted(self._buckets):
            seen += self._buckets[at]
            if seen >= wanted:
                return min(_edge(at), self.most)
        return 0.0

    def bars(self, most: int) -> list[tuple[float, float, int]]:
        """Return at most so many bars, as (from, to, count), of the same width on a logarithmic scale.

        They hold all but the slowest thousandth, which would press the others together.
        """
        if not self.count:
            return []
        first, last = min(self._buckets), self._bucket_of(self.percentile(99.9))
        width = max(1, math.ceil((last - first + 1) / most))
        counts = [0] * math.ceil((last - first + 1) / width)
        for at, count in self._buckets.items():
            if at <= last:
                counts[(at - first) // width] += count
        return [
            (_edge(first + n * width - 1), _edge(first + (n + 1) * width - 1), count)
            for n, count in enumerate(counts)
        ]

    def _bucket_of(self, seconds: float) -> int:
        at = int(math.log(max(seconds, _LEAST) / _LEAST) / _STEP)
        return max(min(at, max(self._buckets)), min(self._buckets))

    def __iter__(self) -> Iterator[tuple[float, int]]:
        """Iterate over the upper edges of what was counted, in seconds, and how many it was."""
        return ((_edge(at), self._buckets[at]) for at in sorted(self._buckets))


def _edge(at: int) -> float:
    return _LEAST * math.exp((at + 1) * _STEP)


def shown(seconds: float) -> str:
    """Return a time with its unit, in three digits: `85.2 µs`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError
