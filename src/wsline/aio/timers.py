"""One timer for all deadlines of a loop: thousands of keepalives must not be thousands of timers."""

import asyncio
import time
from typing import Final

from ..agenda import NEVER, Agenda
from .channel import Consumer

__all__ = ["NEVER", "Deadlines", "clock"]

# So many are called in one turn of the loop: a flood of connections comes due all at once, too.
_MOST_DUE: Final = 64

# The time in seconds; finer than the clock of some loops.
clock: Final = time.monotonic


class Deadlines:
    """Calls `on_deadline` of consumers when their time has come: see `Agenda`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._agenda: Agenda[Consumer] = Agenda()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER

    def arm(self, consumer: Consumer, when: float) -> None:
        """Call `consumer.on_deadline` at `when` at the latest.

        Args:
            consumer: who is called; it arms itself anew then.
            when: on `clock`, in seconds.
        """
        self._agenda.add(consumer, when)
        self._follow()

    def _follow(self) -> None:
        when = self._agenda.next
        if when >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_later(max(0.0, when - clock()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = NEVER
        now = clock()
        try:
            for _ in range(_MOST_DUE):
                due = self._agenda.pop(now)
                if due is None:
                    break
                consumer, when = due
                consumer.on_deadline(max(now, when))
        finally:
            self._follow()

    def close(self) -> None:
        """Forget all deadlines."""
        self._agenda.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = NEVER
