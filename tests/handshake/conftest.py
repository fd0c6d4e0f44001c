"""What the tests of the handshake share."""

import sys
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def cpu_time() -> Callable[[Callable[[], object]], float]:
    """Return a function that tells how many seconds of CPU a call takes, without those of a tracer."""

    def measure(call: Callable[[], object]) -> float:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            start = time.process_time()
            call()
            return time.process_time() - start
        finally:
            sys.settrace(tracer)

    return measure
