"""Long messages of the blocking door: compressed in the thread that sends, outside the lock."""

import threading
from typing import Any

import pytest

from wsline.connection import Connection
from wsline.options import Options
from wsline.spec import DeflateParameters, Role, State
from wsline.sync.jobs import run_jobs

LONG = bytes(range(250)) * 1200


def opened() -> Connection:
    connection = Connection(Role.SERVER, Options(per_message_deflate=True), lambda: 0.0)
    connection.open(DeflateParameters())
    return connection


def test_there_may_be_nothing_to_do() -> None:
    connection, lock = opened(), threading.Lock()
    connection.send_text("short", True)
    with lock:
        assert not run_jobs(connection, lock)


def test_jobs_are_run_one_after_the_other() -> None:
    connection, lock = opened(), threading.Lock()
    with lock:
        connection.send_binary(LONG, True)
        connection.send_binary(LONG, True)
        connection.send_text("short", True)
        assert run_jobs(connection, lock)
        assert lock.locked()
    assert not connection.has_job()
    assert connection.pending() == connection.output.pending() > 100


class Job:
    """A job that looks whether the lock is free, and may fail."""

    size = 0
    error: Any = None

    def __init__(self, lock: threading.Lock, failure: BaseException | None = None) -> None:
        self.lock = lock
        self.failure = failure
        self.was_free = False

    def run(self) -> None:
        self.was_free = self.lock.acquire(blocking=False)
        self.lock.release()
        if self.failure is not None:
            raise self.failure


class Connected:
    """A connection that has these jobs."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = list(jobs)
        self.finished: list[Job] = []
        self.failed: list[BaseException] = []

    def take_job(self) -> Job | None:
        return self.jobs.pop(0) if self.jobs else None

    def finish_job(self, job: Job) -> None:
        self.finished.append(job)

    def fail(self, cause: BaseException, code: int, reason: str) -> None:
        self.failed.append(cause)


def test_others_may_use_the_connection_meanwhile() -> None:
    lock = threading.Lock()
    jobs = [Job(lock), Job(lock)]
    connection: Any = Connected(*jobs)
    with lock:
        assert run_jobs(connection, lock)
    assert all(job.was_free for job in jobs)
    assert connection.finished == jobs


def test_an_interrupted_job_fails_the_connection() -> None:
    lock = threading.Lock()
    interrupt = KeyboardInterrupt()
    connection: Any = Connected(Job(lock, interrupt))
    with lock:
        with pytest.raises(KeyboardInterrupt):
            run_jobs(connection, lock)
        assert lock.locked()
    assert connection.failed == [interrupt]
    assert connection.finished == []


def test_a_job_of_a_connection_that_fails_meanwhile_is_forgotten() -> None:
    connection, lock = opened(), threading.Lock()
    with lock:
        connection.send_binary(LONG, True)
        connection.terminate()
        assert not run_jobs(connection, lock)
    assert connection.state == State.CLOSED
