"""Jobs in other threads."""

import asyncio
import os
import threading
import warnings

import pytest

import wsline.aio.offload
from wsline.aio.offload import run_job
from wsline.wire.deflate import DeflateJob, Deflater, Settings


def new_job(data: bytes = b"Hello") -> DeflateJob:
    return DeflateJob(Deflater(Settings(12, 1, 5, 0), True, 0, False), 1, data, True)


async def test_a_job_is_run_elsewhere_and_reported_in_the_loop() -> None:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[DeflateJob, int]] = loop.create_future()
    job = new_job()
    run_job(loop, job, 2, lambda each: done.set_result((each, threading.get_ident())))
    reported, thread = await asyncio.wait_for(done, 10)
    assert reported is job
    assert thread == threading.get_ident()
    assert job.result == bytes.fromhex("f248cdc9c90700")


class Blocking:
    """A job that runs until it is told to end."""

    def __init__(self, running: list["Blocking"]) -> None:
        self.running = running
        self.most = 0
        self.go_on = threading.Event()

    def run(self) -> None:
        self.running.append(self)
        self.most = len(self.running)
        self.go_on.wait(10)
        self.running.remove(self)


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (0, 5)])
async def test_a133_no_more_run_at_once_than_allowed(limit: int, most: int) -> None:
    loop = asyncio.get_running_loop()
    running: list[Blocking] = []
    jobs = [Blocking(running) for _ in range(5)]
    done: list[object] = []
    for job in jobs:
        run_job(loop, job, limit, done.append)  # type: ignore[arg-type]
    await until(lambda: len(running) == most)
    assert running == jobs[:most], "the oldest first"
    for job in jobs:
        job.go_on.set()
    await until(lambda: len(done) == 5)
    assert max(job.most for job in jobs) <= most


def test_a_loop_that_is_closed_meanwhile_is_not_called() -> None:
    running: list[Blocking] = []
    job = Blocking(running)
    done: list[object] = []

    async def main() -> None:
        run_job(asyncio.get_running_loop(), job, 4, done.append)  # type: ignore[arg-type]
        await until(lambda: running)

    asyncio.run(main())
    job.go_on.set()
    # The next job of this executor is run after the end of this one.
    executor = wsline.aio.offload._executors[4]
    executor.submit(lambda: None).result(10)
    for _ in range(1000):
        if not running:
            break
        threading.Event().wait(0.001)
    assert (running, done) == ([], [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="machine: no fork")
def test_a_forked_child_starts_threads_of_its_own() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        run_job(loop, new_job(), 1, done.set_result)
        await asyncio.wait_for(done, 5)

    asyncio.run(main())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: the parent has threads
        child = os.fork()
    if not child:  # pragma: no cover -- another process
        status = 1
        try:
            asyncio.run(main())
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
