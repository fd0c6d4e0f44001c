"""The thread that serves the sockets of all blocking WebSockets of a process.

Who calls `recv` or `send` waits on a lock, not on a socket. So pings are answered, deadlines kept and
close frames noticed also while the application computes; and a connection costs no thread of its own.
The thread begins with the first socket and ends with the last one.
"""

import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ..agenda import NEVER, Agenda
from ..wire.messages import HEADROOM

__all__ = ["READ", "RECEIVE_SIZE", "WRITE", "Loop", "Served", "clock", "enter"]

logger: Final = logging.getLogger("wsline")

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

RECEIVE_SIZE: Final = 1 << 18

# The time in seconds.
clock: Final = time.monotonic


class Served:
    """What the loop serves. Each method is called in its thread.

    Attributes:
        armed_at: the agenda's to keep.
        watched: the events that the selector waits for; the loop's to keep.
        is_served: it was not let go of yet; the loop's to keep.
    """

    def __init__(self) -> None:
        self.armed_at = NEVER
        self.watched = 0
        self.is_served = True

    def fileno(self) -> int:
        """Return the descriptor."""
        raise NotImplementedError

    def wishes(self) -> tuple[int, float] | None:
        """Return the events to wait for, and the next deadline; `None`: it is over."""
        raise NotImplementedError

    def on_events(self, events: int) -> None:
        """Do what can be done now."""
        raise NotImplementedError

    def on_deadline(self, now: float) -> None:
        """Do what is due; the wishes are asked for anew then."""
        raise NotImplementedError

    def break_off(self) -> None:
        """End, for an exception that nobody expected; the wishes are asked for then."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Close the descriptor: it is over, and not watched any more. Called once."""
        raise NotImplementedError

    def orphan(self) -> None:
        """Close the descriptor in a forked child, where nobody serves it."""
        raise NotImplementedError


class Loop:
    """Readiness, the shared receive buffer and deadlines of one thread.

    Attributes:
        buffer: what sockets receive into; free again when a consumer's `receive` returns.
        users: how many are served, or are about to be.
    """

    def __init__(self) -> None:
        self.buffer = bytearray(HEADROOM + RECEIVE_SIZE)
        self.users = 0
        self._is_retired = False
        self._selector = selectors.DefaultSelector()
        self._wakes, self._waker = socket.socketpair()
        for each in (self._wakes, self._waker):
            each.setblocking(False)
        self._selector.register(self._wakes, READ)
        self._is_woken = False
        self._calls: deque[Callable[[], object]] = deque()
        self._served: set[Served] = set()
        self._agenda: Agenda[Served] = Agenda()
        # A daemon: a program that ends without closing its WebSockets is not held up.
        self.thread = threading.Thread(target=self._run, name="wsline", daemon=True)

    # -- from any thread

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread, soon, with no lock held."""
        self._calls.append(function)
        if threading.get_ident() != self.thread.ident:
            self._wake()

    def attend(self, served: Served) -> None:
        """Ask for the wishes of `served`, for they have changed."""
        self.call(lambda: self._follow(served))

    def leave(self) -> None:
        """Count one out; the last one ends the thread."""
        if _count_out(self):
            self._is_retired = True
            if threading.get_ident() != self.thread.ident:
                self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            try:
                self._waker.send(b"\0")
            except OSError:  # it is full, and wakes anyway; or the loop has ended
                pass

    # -- in its own

    def _run(self) -> None:
        try:
            while not self._is_retired or self._calls:
                self._serve(self._selector.select(self._seconds_to_wait()))
        finally:
            self.close()

    def _seconds_to_wait(self) -> float | None:
        if self._calls:
            return 0
        return None if self._agenda.next == NEVER else max(0.0, self._agenda.next - clock())

    def _serve(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, events in ready:
            served = key.data
            if served is None:
                self._wakes.recv(4096)
                # Whoever calls after this line wakes again; who called before it is in the list.
                self._is_woken = False
            elif served.is_served:
                self._guard(served, served.on_events, events)
        now = clock()
        # What was received comes first: a pong that is there, though late, is no silence.
        while (due := self._agenda.pop(now)) is not None:
            served, when = due
            self._guard(served, served.on_deadline, max(now, when))
            self._follow(served)
        for _ in range(len(self._calls)):
            self._run_call(self._calls.popleft())

    def _run_call(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            logger.exception("error in the thread of the blocking WebSockets")

    def _guard(self, served: Served, function: Callable[..., object], *arguments: object) -> None:
        try:
            function(*arguments)
        except Exception:
            # Whatever it is, it is the end of this one only.
            logger.exception("error while serving %r", served)
            served.break_off()
            self._follow(served)

    def _follow(self, served: Served) -> None:
        if not served.is_served:
            return
        self._served.add(served)
        wishes = served.wishes()
        if wishes is None:
            self._watch(served, 0)
            served.is_served = False
            self._served.discard(served)
            served.let_go()
            return
        events, deadline = wishes
        self._watch(served, events)
        self._agenda.add(served, deadline)

    def _watch(self, served: Served, events: int) -> None:
        if events == served.watched:
            return
        if not events:
            self._selector.unregister(served)
        elif not served.watched:
            self._selector.register(served, events, served)
        else:
            self._selector.modify(served, events, served)
        served.watched = events

    def close(self) -> None:
        """Close the descriptors."""
        self._selector.close()
        self._wakes.close()
        self._waker.close()

    def orphan(self) -> None:
        """Close all descriptors in a forked child, where this thread is not."""
        for served in self._served:
            served.orphan()
        self.close()


_lock = threading.Lock()
_current: Loop | None = None


def enter() -> Loop:
    """Return the loop of the process, with one user more: who must call `leave`."""
    global _current  # noqa: PLW0603 (the one loop)
    with _lock:
        if _current is None:
            loop = Loop()
            try:
                loop.thread.start()
            except BaseException:
                loop.close()
                raise
            _current = loop
        _current.users += 1
        return _current


def _count_out(loop: Loop) -> bool:
    global _current  # noqa: PLW0603
    with _lock:
        loop.users -= 1
        if loop.users or _current is not loop:
            return False
        _current = None
        return True


def _after_fork() -> None:
    global _current, _lock  # noqa: PLW0603
    _lock = threading.Lock()
    loop, _current = _current, None
    if loop is not None:
        loop.orphan()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
