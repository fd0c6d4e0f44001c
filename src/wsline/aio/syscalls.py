"""The three system calls of the hot path, in plain Python: receive, send, and wait for readiness.

`syscalls.pyx` has the same names over the C library; where it is built, it is what `import` finds.
"""

import os
import select
from typing import Final

HAS_EPOLL: Final = hasattr(select, "epoll")

WOULD_BLOCK: Final = -1

READABLE: Final = 0x001  # EPOLLIN
WRITABLE: Final = 0x004  # EPOLLOUT


def receive(fd: int, buffer: bytearray, at: int, n: int) -> int:
    """Receive at most `n` bytes to `buffer[at:]`.

    Returns:
        How many came, 0 at the end of the stream, or `WOULD_BLOCK`.

    Raises:
        OSError: the connection is broken.
    """
    try:
        with memoryview(buffer) as view, view[at : at + n] as part:
            return os.readv(fd, [part])
    except (BlockingIOError, InterruptedError):
        return WOULD_BLOCK


def send(fd: int, buffer: bytes | bytearray, at: int, n: int) -> int:
    """Send at most `n` bytes of `buffer[at:]`.

    Returns:
        How many were taken, or `WOULD_BLOCK`.

    Raises:
        OSError: the connection is broken.
    """
    try:
        with memoryview(buffer) as view, view[at : at + n] as part:
            return os.write(fd, part)
    except (BlockingIOError, InterruptedError):
        return WOULD_BLOCK


class Poller:
    """Readiness of many descriptors behind one (epoll, level-triggered).

    After `wait` has returned n, `fd_at(i)` and `events_at(i)` tell of the i-th ready one.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: list[tuple[int, int]] = []

    def fileno(self) -> int:
        """Return the one descriptor."""
        return self._epoll.fileno()

    def add(self, fd: int, events: int) -> None:
        """Begin to watch a descriptor."""
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch a descriptor for other events."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching a descriptor."""
        self._epoll.unregister(fd)

    def wait(self, most: int) -> int:
        """Return how many descriptors are ready now, at most so many; never blocks."""
        self._ready = self._epoll.poll(0, most)
        return len(self._ready)

    def fd_at(self, i: int) -> int:
        """Return a ready descriptor."""
        return self._ready[i][0]

    def events_at(self, i: int) -> int:
        """Return what it is ready for; an error or a hang-up counts as readable."""
        return self._ready[i][1]

    def close(self) -> None:
        """Close the one descriptor."""
        self._epoll.close()
