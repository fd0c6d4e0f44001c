"""What work costs in time and memory."""

import gc
import resource
import time
from collections.abc import Callable
from pathlib import Path

STATM = Path("/proc/self/statm")


def resident() -> int:
    """Return how much memory this process has (without `/proc`: the most it ever had), in bytes."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def grown(work: Callable[[], object]) -> int:
    """Return by how much the memory of this process grows through some work, in bytes."""
    gc.collect()
    before = resident()
    kept = work()
    after = resident()
    del kept
    return after - before


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that some work takes in this thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def ratio(small: Callable[[], object], large: Callable[[], object], enough: float) -> float:
    """Return how many times longer the large work takes.

    Noise only adds: of several rounds the best times count, and no more are run than it takes to find
    the ratio below `enough`.
    """
    smalls, larges = [], []
    for _ in range(5):
        smalls.append(seconds(small))
        larges.append(seconds(large))
        if min(larges) / max(min(smalls), 1e-4) < enough:
            break
    return min(larges) / max(min(smalls), 1e-4)
