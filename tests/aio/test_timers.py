"""One timer for all deadlines of a loop, on a clock and a loop of our own; and once on a real loop."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from wsline.aio import timers
from wsline.aio.channel import Consumer
from wsline.aio.timers import NEVER, Deadlines


class FakeTimer:
    """What `call_later` returns."""

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at = at
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """Time that goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[FakeTimer] = []

    def clock(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeTimer:
        assert delay >= 0
        self.timers.append(FakeTimer(self.now + delay, callback))
        return self.timers[-1]

    def pending(self) -> list[float]:
        return [timer.at for timer in self.timers if not timer.cancelled]

    def run_until(self, when: float) -> None:
        while True:
            due = [timer for timer in self.timers if not timer.cancelled and timer.at <= when]
            if not due:
                break
            timer = min(due, key=lambda each: each.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.callback()
        self.now = when


class Recorder(Consumer):
    """Notes when it is called; does something then."""

    def __init__(self, name: str, log: list[tuple[str, float]], act: Callable[[float], object] = abs) -> None:
        self.armed_at = NEVER
        self.name = name
        self.log = log
        self.act = act

    def on_deadline(self, now: float) -> None:
        self.log.append((self.name, now))
        self.act(now)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    fake = FakeLoop()
    monkeypatch.setattr(timers, "clock", fake.clock)
    return fake


@pytest.fixture
def log() -> list[tuple[str, float]]:
    return []


def deadlines_of(loop: Any) -> Deadlines:
    return Deadlines(loop)


Log = list[tuple[str, float]]


def test_the_clock_is_monotonic() -> None:
    assert timers.clock is time.monotonic
    assert NEVER > 1e300


def test_consumers_are_called_in_the_order_of_their_deadlines(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumers = [Recorder(name, log) for name in "abc"]
    for consumer, when in zip(consumers, (103, 101, 102), strict=True):
        deadlines.arm(consumer, when)
        assert consumer.armed_at == when
    loop.run_until(100.9)
    assert log == []
    loop.run_until(102)
    assert log == [("b", 101), ("c", 102)]
    loop.run_until(200)
    assert log == [("b", 101), ("c", 102), ("a", 103)]
    assert loop.pending() == []
    assert {consumer.armed_at for consumer in consumers} == {NEVER}


def test_equal_deadlines_come_in_the_order_of_arming(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumers = [Recorder(str(i), log) for i in range(5)]
    for consumer in consumers:
        deadlines.arm(consumer, 101)
    loop.run_until(101)
    assert log == [(str(i), 101) for i in range(5)]


def test_there_is_one_timer_for_the_earliest(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumers = [Recorder(str(i), log) for i in range(100)]
    for i, consumer in enumerate(consumers):
        deadlines.arm(consumer, 300 - i)
        assert loop.pending() == [300 - i]
    loop.run_until(201.5)
    assert log == [("99", 201)]
    assert loop.pending() == [202]


def test_the_earliest_deadline_of_a_consumer_counts(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumer = Recorder("a", log)
    deadlines.arm(consumer, 105)
    deadlines.arm(consumer, 102)
    assert consumer.armed_at == 102
    loop.run_until(200)
    assert log == [("a", 102)]


def test_a_deadline_that_is_put_off_costs_nothing(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumer = Recorder("a", log)
    deadlines.arm(consumer, 101)
    set_timers = len(loop.timers)
    for when in (101, 102, 150, NEVER):
        deadlines.arm(consumer, when)
    assert len(loop.timers) == set_timers
    assert consumer.armed_at == 101
    loop.run_until(200)
    assert log == [("a", 101)]


def test_what_is_never_due_needs_no_timer(loop: FakeLoop, log: Log) -> None:
    deadlines_of(loop).arm(Recorder("a", log), NEVER)
    assert loop.timers == []


def test_a_consumer_arms_itself_anew(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumer = Recorder("a", log, lambda now: deadlines.arm(consumer, now + 10))
    deadlines.arm(consumer, 101)
    loop.run_until(125)
    assert log == [("a", 101), ("a", 111), ("a", 121)]
    assert loop.pending() == [131]


def test_a_deadline_armed_early_and_again_for_the_old_time_is_called_once(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumer = Recorder("a", log, lambda now: deadlines.arm(consumer, 110))
    deadlines.arm(consumer, 110)
    deadlines.arm(consumer, 105)
    loop.run_until(105)
    consumer.act = abs
    loop.run_until(200)
    assert log == [("a", 105), ("a", 110)]


def test_a_deadline_in_the_past_is_due_at_once(loop: FakeLoop, log: Log) -> None:
    deadlines_of(loop).arm(consumer := Recorder("a", log), 1)
    assert loop.pending() == [100]
    loop.run_until(100)
    assert log == [("a", 100)]
    assert consumer.armed_at == NEVER


def test_a_timer_may_be_a_little_early(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumers = [Recorder(name, log) for name in "ab"]
    deadlines.arm(consumers[0], 101)
    deadlines.arm(consumers[1], 101.5)
    (timer,) = loop.timers
    loop.now = 100.9995
    loop.timers.clear()
    timer.callback()
    # Consumers are told of a time at which they are due.
    assert log == [("a", 101)]
    assert loop.pending() == [101.5]


def test_a_timer_that_is_much_too_early_is_set_again(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    consumer = Recorder("a", log)
    deadlines.arm(consumer, 105)
    (timer,) = loop.timers
    loop.timers.clear()
    timer.callback()
    assert log == []
    assert loop.pending() == [105]


def test_a_consumer_that_has_gone_is_not_kept_alive(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    gone, there = Recorder("gone", log), Recorder("there", log)
    deadlines.arm(gone, 101)
    deadlines.arm(there, 101)
    reference = weakref.ref(gone)
    del gone
    gc.collect()
    assert reference() is None
    loop.run_until(200)
    assert log == [("there", 101)]


def test_an_exception_does_not_lose_the_others(loop: FakeLoop, log: Log) -> None:
    def fail(now: float) -> None:
        raise KeyError(now)

    deadlines = deadlines_of(loop)
    consumers = [Recorder("a", log, fail), Recorder("b", log, fail), Recorder("c", log), Recorder("d", log)]
    for consumer, when in zip(consumers, (101, 101, 101, 105), strict=True):
        deadlines.arm(consumer, when)
    for name in "ab":
        with pytest.raises(KeyError):
            loop.run_until(101)
        assert log[-1] == (name, 101)
    loop.run_until(200)
    assert log == [("a", 101), ("b", 101), ("c", 101), ("d", 105)]


def test_a_timer_set_by_a_consumer_is_kept(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    late, early = Recorder("late", log), Recorder("early", log)
    first = Recorder("first", log, lambda now: deadlines.arm(early, 102))
    deadlines.arm(late, 110)
    deadlines.arm(first, 101)
    loop.run_until(101)
    assert loop.pending() == [102]
    loop.run_until(200)
    assert log == [("first", 101), ("early", 102), ("late", 110)]


def test_close_forgets_all(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    deadlines.close()
    consumers = [Recorder(name, log) for name in "ab"]
    for consumer in consumers:
        deadlines.arm(consumer, 101)
    deadlines.close()
    deadlines.close()
    assert loop.pending() == []
    loop.run_until(200)
    assert log == []


def test_after_close_new_deadlines_are_taken(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    old, new = Recorder("old", log), Recorder("new", log)
    deadlines.arm(old, 101)
    deadlines.close()
    deadlines.arm(new, 150)
    assert loop.pending() == [150]
    loop.run_until(200)
    assert log == [("new", 150)]


def test_a_consumer_may_close(loop: FakeLoop, log: Log) -> None:
    deadlines = deadlines_of(loop)
    closing = Recorder("closing", log, lambda now: deadlines.close())
    other = Recorder("other", log)
    deadlines.arm(closing, 101)
    deadlines.arm(other, 101)
    loop.run_until(200)
    assert log == [("closing", 101)]
    assert loop.pending() == []


async def test_on_a_real_loop() -> None:
    log: Log = []
    finished = asyncio.Event()
    deadlines = Deadlines(asyncio.get_running_loop())
    start = timers.clock()
    first, last = Recorder("first", log), Recorder("last", log, lambda now: finished.set())
    deadlines.arm(last, start + 0.02)
    deadlines.arm(first, start + 0.01)
    async with asyncio.timeout(10):
        await finished.wait()
    assert [name for name, _ in log] == ["first", "last"]
    assert log[0][1] >= start + 0.01
    assert log[1][1] >= start + 0.02
    deadlines.close()


async def test_a_flood_of_deadlines_leaves_the_loop_its_turns() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    log: list[tuple[str, float]] = []
    consumers = [Recorder(str(i), log) for i in range(200)]
    now = timers.clock()
    for each in consumers:
        deadlines.arm(each, now)
    turns: list[int] = []
    async with asyncio.timeout(10):
        while len(log) < 200:
            await asyncio.sleep(0)
            turns.append(len(log))
    assert {64, 128, 192} <= set(turns)
