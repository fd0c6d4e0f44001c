"""A listening socket for the tests of those who accept."""

import errno
import socket
from typing import Any


class FakeListening:
    """It is always ready, and accepts as told.

    Args:
        outcomes: what `accept` returns or raises, one after the other; then there is nobody.
    """

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.accepts = 0
        self.closed = False
        # What is at its end is readable.
        self._ready, other = socket.socketpair()
        other.close()

    def fileno(self) -> int:
        return self._ready.fileno()

    def accept(self) -> tuple[Any, None]:
        assert not self.closed
        self.accepts += 1
        outcome = self.outcomes.pop(0) if self.outcomes else BlockingIOError(errno.EAGAIN, "later")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome, None

    def close(self) -> None:
        self.closed = True
        self._ready.close()
