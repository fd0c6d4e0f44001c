"""A histogram that is exact to two per cent, and small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.cli.histogram import Histogram, shown

TIMES = st.lists(st.floats(min_value=1e-6, max_value=100), min_size=1, max_size=200)


def counted(times: list[float]) -> Histogram:
    histogram = Histogram()
    for each in times:
        histogram.add(each)
    return histogram


@given(TIMES)
def test_what_is_counted(times: list[float]) -> None:
    histogram = counted(times)
    assert histogram.count == len(times)
    assert (histogram.least, histogram.most) == (min(times), max(times))
    assert histogram.mean == pytest.approx(sum(times) / len(times))
    assert sum(count for _, count in histogram) == len(times)


@given(TIMES, st.sampled_from([1, 50, 90, 99, 99.9, 100]))
def test_percentiles_are_exact_to_two_per_cent(times: list[float], percent: float) -> None:
    ordered = sorted(times)
    wanted = next(each for n, each in enumerate(ordered, 1) if n >= len(ordered) * percent / 100)
    assert wanted * 0.999999 <= counted(times).percentile(percent) <= wanted * 1.0201


@given(TIMES, st.integers(1, 40))
def test_bars_hold_nearly_all(times: list[float], most: int) -> None:
    bars = counted(times).bars(most)
    assert 1 <= len(bars) <= most
    assert all(first < to for first, to, _ in bars)
    assert [to for _, to, _ in bars][:-1] == pytest.approx([first for first, _, _ in bars][1:])
    assert len(times) * 0.999 - 1 <= sum(count for _, _, count in bars) <= len(times)


def test_it_stays_small() -> None:
    histogram = counted([1e-6 * 1.001**n for n in range(18_000)])
    assert sum(1 for _ in histogram) < 950


def test_none_and_nearly_none() -> None:
    empty = Histogram()
    assert (empty.mean, empty.percentile(99), empty.bars(10)) == (0.0, 0.0, [])
    assert counted([0.0]).percentile(50) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 µs"), (8.52e-5, "85.2 µs"), (1e-3, "1 ms"), (0.01234, "12.3 ms"), (1, "1 s"), (2.5, "2.5 s")],
)
def test_times_have_units(seconds: float, text: str) -> None:
    assert shown(seconds) == text
