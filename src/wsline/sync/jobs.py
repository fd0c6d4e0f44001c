"""Work outside the lock of a connection: long messages are compressed in the thread that sends them."""

import threading

from ..connection import Connection
from ..spec import CloseCode
from ..wire.deflate import DeflateJob

__all__ = ["run_jobs"]


def run_jobs(connection: Connection, lock: threading.Lock) -> bool:
    """Run the jobs of a connection, one after the other; return whether there were any.

    What other threads send meanwhile waits its turn. An exception that is not of the job (KeyboardInterrupt)
    fails the connection: nobody else can complete the message.

    Args:
        connection: the connection.
        lock: its lock, which is held, and let go of while a job runs.
    """
    has_run = False
    while (job := connection.take_job()) is not None:
        try:
            _run(job, lock)
        except BaseException as error:
            connection.fail(error, CloseCode.INTERNAL_ERROR, "internal error")
            raise
        connection.finish_job(job)
        has_run = True
    return has_run


def _run(job: DeflateJob, lock: threading.Lock) -> None:
    lock.release()
    try:
        job.run()
    finally:
        lock.acquire()
