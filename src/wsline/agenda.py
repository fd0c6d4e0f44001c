"""Who is to be called when: the deadlines of many, for a door that has one timer for all of them."""

import heapq
import math
import weakref
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["NEVER", "Agenda"]

NEVER: Final = math.inf


class Armed(Protocol):
    """What can have a deadline; it must take weak references.

    Attributes:
        armed_at: when the agenda has it next; the agenda's to keep, at first `NEVER`.
    """

    armed_at: float


_Armed = TypeVar("_Armed", bound=Armed)


class Agenda(Generic[_Armed]):
    """The deadlines of consumers.

    A consumer that has gone is not kept alive. A deadline that is put off costs nothing: the consumer comes
    due at the old time and is added anew.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, weakref.ref[_Armed]]] = []
        self._count = 0

    @property
    def next(self) -> float:
        """When somebody is due next, or `NEVER`."""
        return self._heap[0][0] if self._heap else NEVER

    def add(self, consumer: _Armed, when: float) -> None:
        """Let `consumer` come due at `when` at the latest.

        Args:
            consumer: who is added anew when it has come due.
            when: the time, in seconds.
        """
        if when >= consumer.armed_at:
            return
        consumer.armed_at = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, weakref.ref(consumer)))

    def pop(self, now: float) -> tuple[_Armed, float] | None:
        """Return a consumer that is due, and when it was; `None` if nobody is."""
        # Timers may be a little early: what is due within a millisecond is due.
        while self._heap and self._heap[0][0] <= now + 0.001:
            when, _, reference = heapq.heappop(self._heap)
            consumer = reference()
            if consumer is not None and consumer.armed_at == when:
                consumer.armed_at = NEVER
                return consumer, when
        return None

    def clear(self) -> None:
        """Forget all deadlines."""
        self._heap.clear()
