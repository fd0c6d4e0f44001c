"""Work for other threads: zlib lets go of the interpreter's lock while it compresses."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ..wire.deflate import DeflateJob

__all__ = ["run_job"]

# For "no limit": threads are started only when there is work for them.
_MANY: Final = 1024

_executors: dict[int, ThreadPoolExecutor] = {}


def run_job(
    loop: asyncio.AbstractEventLoop, job: DeflateJob, limit: int, on_done: Callable[[DeflateJob], object]
) -> None:
    """Run a job in another thread, and call `on_done` with it from the loop.

    Args:
        loop: the loop; if it is closed meanwhile, nothing is called.
        job: the job.
        limit: most threads of the process that run jobs with this limit; 0: no limit. Others wait, the
            oldest one being the next.
        on_done: called in the loop.
    """

    def work() -> None:
        job.run()
        try:
            loop.call_soon_threadsafe(on_done, job)
        except RuntimeError:  # the loop is closed, and with it all that waited for the job
            pass

    _executor(limit or _MANY).submit(work)


def _executor(threads: int) -> ThreadPoolExecutor:
    # There may be a loop in each of several threads: setdefault lets one of them win.
    if threads not in _executors:
        _executors.setdefault(threads, ThreadPoolExecutor(threads, "wsline-deflate"))
    return _executors[threads]


if hasattr(os, "register_at_fork"):  # pragma: no branch -- not on Windows
    # A forked child has none of the threads.
    os.register_at_fork(after_in_child=_executors.clear)
