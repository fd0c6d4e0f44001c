"""What this process uses: memory, and how late its loop is."""

import asyncio
import mmap
import time
from pathlib import Path
from typing import Final

__all__ = ["memory", "sleep_late"]

_STATM: Final = Path("/proc/self/statm")


def memory(statm: Path = _STATM) -> int | None:
    """Return the resident memory of this process, in bytes; `None` where the system does not tell.

    Args:
        statm: where Linux tells it.
    """
    try:
        pages = int(statm.read_text().split()[1])
    except (OSError, ValueError, IndexError):  # no /proc
        return None
    return pages * mmap.PAGESIZE


async def sleep_late(interval: float) -> float:
    """Sleep; return by how much longer than asked, in seconds: time in which the loop was busy."""
    due = time.monotonic() + interval
    await asyncio.sleep(interval)
    return max(0.0, time.monotonic() - due)
