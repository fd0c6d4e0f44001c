"""What it costs to compress a message in another thread, and what that spares the event loop.

    python bench/offload.py

For each size: processor time in the loop, and in a job of another thread, hand-over included (both threads);
and for how long the loop is held up. Medians, in microseconds. The loop has nothing else to do.
"""

import argparse
import asyncio
import time
from statistics import median
from typing import NamedTuple

from zlibs import texts

from wsline.aio.offload import run_job
from wsline.wire.deflate import DeflateJob, Deflater, Settings

KIB = 1024
SIZES = (16, 32, 64, 128, 256, 512)
TEXT = 1
LIMIT = 10


class Figures(NamedTuple):
    """Processor time, and for how long the loop was held up, in microseconds."""

    spent: float
    held: float


def in_the_loop(deflater: Deflater, data: bytes) -> Figures:
    """Compress at once."""
    spent, began = time.process_time(), time.perf_counter()
    deflater.deflate(data, True)
    return Figures((time.process_time() - spent) * 1e6, (time.perf_counter() - began) * 1e6)


async def in_a_thread(deflater: Deflater, data: bytes) -> Figures:
    """Compress in another thread; what the loop's own thread spends is what holds it up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(job: DeflateJob) -> None:
        job.end()
        done.set_result(None)

    spent, held = time.process_time(), time.thread_time()
    run_job(loop, DeflateJob(deflater, TEXT, data, True), LIMIT, finish)
    await done
    return Figures((time.process_time() - spent) * 1e6, (time.thread_time() - held) * 1e6)


async def measure(rounds: int, level: int) -> None:
    """Measure all sizes, the two ways in turn, and print a table."""
    print("| KiB | in the loop | in a thread | more | the loop is held up | instead of |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        messages = texts(size * KIB)
        deflater = Deflater(Settings(12, level, 5, 0), True, 0, False)
        here: list[Figures] = []
        there: list[Figures] = []
        for at in range(rounds):
            data = messages[at % len(messages)]
            here.append(in_the_loop(deflater, data))
            there.append(await in_a_thread(deflater, data))
        ours, theirs = (Figures(*map(median, zip(*each, strict=True))) for each in (here, there))
        print(
            f"| {size} | {ours.spent:.0f} | {theirs.spent:.0f} | {theirs.spent / ours.spent - 1:+.0%}"
            f" | {theirs.held:.0f} | {ours.held:.0f} |",
            flush=True,
        )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--level", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(measure(options.rounds, options.level))


if __name__ == "__main__":
    main()
