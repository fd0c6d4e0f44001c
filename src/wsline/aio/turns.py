"""One event in each turn of the loop, as browsers have it (option `allow_synchronous_events`)."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from .receiving import Receiving

__all__ = ["Turns"]

# The last events: they come even if a listener of one before has failed.
_LAST: Final = ("error", "close")


class Turns:
    """Events that wait for a turn of the loop each. While some wait, nothing is read.

    Args:
        session: where they come from.
        emit: called with the name and the arguments of each.
    """

    def __init__(self, session: Receiving, emit: Callable[..., object]) -> None:
        self._session = session
        self._emit = emit
        self._events: deque[tuple[str, tuple[Any, ...]]] = deque()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Let an event happen when those before it have happened."""
        self._events.append((event, arguments))
        self._session.hold()
        if len(self._events) == 1:
            self._session.loop.call_soon(self._turn)

    def _turn(self) -> None:
        event, arguments = self._events[0]
        try:
            self._emit(event, *arguments)
        except Exception as error:
            self._session.on_handler_error(error)
            self._drop()
        # Not before: what is added meanwhile must not find an empty queue.
        self._events.popleft()
        if self._events:
            self._session.loop.call_soon(self._turn)
        else:
            self._session.release()

    def _drop(self) -> None:
        first, *others = self._events
        self._events = deque([first, *(each for each in others if each[0] in _LAST)])
