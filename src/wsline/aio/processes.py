"""The processes that a supervisor has, each in its place."""

import os
import signal
import socket
import time
from typing import Final

from ..backoff import Backoff
from ..options import ClientOptions

__all__ = ["Process", "Slot", "close_all", "describe"]

_DELAYS: Final = ClientOptions(reconnect_delay=0.5, reconnect_max_delay=30.0)


class Process:
    """One child.

    Attributes:
        pid: its number; `None`: it has ended.
        is_ready: it serves.
    """

    def __init__(self, pid: int, ready: int) -> None:
        self.pid: int | None = pid
        self.is_ready = False
        self.ready: int | None = ready
        self.began = time.monotonic()

    def note_ready(self) -> None:
        """Look at what has come through the pipe: a byte if it serves, nothing if it is gone."""
        if self.ready is not None:
            self.is_ready = os.read(self.ready, 1) == b"!"
            self.forget_pipe()

    def forget_pipe(self) -> None:
        if self.ready is not None:
            os.close(self.ready)
            self.ready = None

    def signal(self, number: int) -> None:
        if self.pid is not None:
            os.kill(self.pid, number)


class Slot:
    """The place of one worker, or of the relay: who has it now, and when it is filled again."""

    def __init__(self, number: int | None, sockets: list[socket.socket]) -> None:
        self.number = number
        self.sockets = sockets
        self.process: Process | None = None
        self.retired: list[Process] = []
        self.backoff = Backoff(_DELAYS)
        self.deaths = 0
        self.restart_at: float | None = None

    @property
    def processes(self) -> list[Process]:
        return [*self.retired, *([self.process] if self.process else [])]

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return "the relay" if self.number is None else f"worker {self.number}"


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for sock in sockets:
        sock.close()


def describe(status: int) -> str:
    """Return how a process has ended, by what `os.waitpid` tells."""
    if os.WIFSIGNALED(status):
        return f"by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"with status {os.WEXITSTATUS(status)}"
