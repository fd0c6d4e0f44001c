"""What the tests of the handshake share."""

import sys
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def cpu_time() -> Callable[[Callable[[], object]], float]:
    """Return a function that tells how many seconds of CPU a call takes, without those of a tracer.

    Noise only adds, and so do other threads: the thread's own time counts, the best of three.
    """

    def measure(call: Callable[[], object]) -> float:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return min(seconds(call) for _ in range(3))
        finally:
            sys.settrace(tracer)

    return measure


def seconds(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
