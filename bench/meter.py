"""What the clients of `callers/` do alike: they count round trips, and report them."""

import json
import time
from resource import RUSAGE_SELF, getrusage


class Meter:
    """Counts round trips, of which those of the warm-up are forgotten."""

    def __init__(self, warmup: float, seconds: float) -> None:
        self._seconds = seconds
        self._counting = False
        self._end = time.perf_counter() + warmup
        self._messages = 0

    def count(self) -> bool:
        """Count one round trip; returns False once the time is over."""
        self._messages += 1
        return time.perf_counter() < self._end or self._turn()

    def _turn(self) -> bool:
        if self._counting:
            self._report()
            return False
        self._counting = True
        self._messages = 0
        self._start, self._used = time.perf_counter(), getrusage(RUSAGE_SELF)
        self._end = self._start + self._seconds
        return True

    def _report(self) -> None:
        seconds, used = time.perf_counter() - self._start, getrusage(RUSAGE_SELF)
        cpu = {"user": used.ru_utime - self._used.ru_utime, "system": used.ru_stime - self._used.ru_stime}
        rate = self._messages / seconds
        report = {"messages": self._messages, "messages_per_second": rate, "seconds": seconds}
        print(json.dumps(report | {"cpu_s": cpu}))


def check(message: bytes, echo: object) -> None:
    """End the program if an echo is not what was sent."""
    if echo != message:
        raise SystemExit("an echo is not what was sent")
