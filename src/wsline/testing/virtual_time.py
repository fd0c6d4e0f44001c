"""Time that passes only where everybody waits, and then at once: an hour of keepalive in a millisecond."""

import asyncio
import selectors
from typing import Any, Final

from ..aio import http_connection, opening, timers, upgrades, websocket

__all__ = ["VirtualTimeLoop"]

# Who reads the time of the deadlines of connections.
_READERS: Final = (timers, websocket, opening, http_connection, upgrades)


class _Selector(selectors.DefaultSelector):
    """Does not wait until something is due: it lets the time come."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop in which sleeping takes no time: when all tasks wait, its clock jumps to what is due next.

    Deadlines of wsline (keepalive, timeouts) follow it, too; so only one such loop can exist at a time, and
    no other loop with open WebSockets beside it. Use it with what is in memory (`pair`, `MemoryServer`):
    the time does not wait for sockets of others, nor for threads.

        asyncio.Runner(loop_factory=VirtualTimeLoop).run(test())
    """

    def __init__(self) -> None:
        self._clock = _Selector()
        asyncio.SelectorEventLoop.__init__(self, self._clock)
        self._real = [module.clock for module in _READERS]
        self._set_clocks([self.time] * len(_READERS))

    def time(self) -> float:
        """Return the time, in seconds since the loop was made."""
        return self._clock.now

    def close(self) -> None:
        """Close the loop; the clock of this machine counts again."""
        if not self.is_closed():
            self._set_clocks(self._real)
        asyncio.SelectorEventLoop.close(self)

    def _set_clocks(self, clocks: list[Any]) -> None:
        for module, clock in zip(_READERS, clocks, strict=True):
            setattr(module, "clock", clock)  # noqa: B010 -- it is final for everybody else
