"""One timer for all deadlines of a loop: thousands of keepalives must not be thousands of timers."""

import asyncio
import heapq
import math
import time
import weakref
from typing import Final

from .channel import Consumer

__all__ = ["NEVER", "Deadlines", "clock"]

NEVER: Final = math.inf

# The time in seconds; finer than the clock of some loops.
clock: Final = time.monotonic


class Deadlines:
    """Calls `on_deadline` of consumers when their time has come.

    A consumer that has gone is not kept alive. A deadline that is put off costs nothing: the consumer is
    called at the old time and arms itself anew.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, weakref.ref[Consumer]]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER

    def arm(self, consumer: Consumer, when: float) -> None:
        """Call `consumer.on_deadline` at `when` at the latest.

        Args:
            consumer: who is called; it arms itself anew then.
            when: on `clock`, in seconds.
        """
        if when >= consumer.armed_at:
            return
        consumer.armed_at = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, weakref.ref(consumer)))
        if when < self._timer_at:
            self._start_timer(when)

    def _start_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_later(max(0.0, when - clock()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = NEVER
        now = clock()
        try:
            # Timers may be a little early: what is due within a millisecond is due.
            while self._heap and self._heap[0][0] <= now + 0.001:
                when, _, reference = heapq.heappop(self._heap)
                consumer = reference()
                if consumer is not None and consumer.armed_at == when:
                    consumer.armed_at = NEVER
                    consumer.on_deadline(max(now, when))
        finally:
            if self._heap and self._heap[0][0] < self._timer_at:
                self._start_timer(self._heap[0][0])

    def close(self) -> None:
        """Forget all deadlines."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = NEVER
