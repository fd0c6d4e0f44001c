"""Waiting: for a message, and for room to send. Both end without a turn of the loop where that is safe.

What `recv()` and `send()` return are coroutines in all but name: they can be awaited, given to
`asyncio.create_task`, `gather` or `wait_for`, cancelled, or ignored.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ..bounds import FULL_SIZE, LOW_SIZE, MESSAGE_COST
from ..errors import ConcurrencyError, ConnectionClosedOK
from ..liveness import PingLedger
from .coroutines import Awaitable, accelerate
from .resuming import Waiter

__all__ = ["DONE", "Done", "MessageIterator", "PingWait", "Receive", "ReceiveQueue", "Wait", "receive"]

# Numbers of the hot path; the .pxd makes them C's.
_FULL_SIZE: Final = FULL_SIZE
_LOW_SIZE: Final = LOW_SIZE
_MESSAGE_COST: Final = MESSAGE_COST


class Done(Awaitable):
    """A wait that is over before it began."""

    def step(self) -> None:
        """End with `None`."""
        self.is_over = True


DONE: Final = Done()


class Wait(Awaitable):
    """A wait for one outcome. If nobody awaits it, nothing is lost and nothing is reported."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: Waiter | None = None
        self._is_done = False
        self._result: Any = None
        self._error: Callable[[], BaseException] | None = None

    def finish(self, result: Any, error: Callable[[], BaseException] | None = None) -> None:
        """End the wait, unless it is over.

        Args:
            result: what awaiting it returns.
            error: returns what awaiting it raises instead.
        """
        if self._is_done:
            return
        self._is_done = True
        self._result = result
        self._error = error
        if self._waiter is not None:
            self._waiter.wake(False)

    def step(self) -> Any:
        """Go on: yields the waiter, or ends with the outcome."""
        if not self._is_done:
            if self._waiter is not None:
                raise ConcurrencyError("this can be awaited only once")
            self._waiter = Waiter(self._loop)
            return self._waiter
        if self._error is not None:
            raise self._error()
        self.is_over = True
        return self._result

    def close(self) -> None:
        """Stop waiting."""
        self._waiter = None


class PingWait(Wait):
    """The wait for a pong. Given up, it takes no place among the pings that are awaited.

    Args:
        loop: the loop.
        pings: where the ping is noted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pings: PingLedger) -> None:
        Wait.__init__(self, loop)
        self._pings = pings

    def close(self) -> None:
        """Stop waiting."""
        Wait.close(self)
        self._pings.forget(self)


class ReceiveQueue:
    """Messages that have arrived and were not yet taken.

    Args:
        loop: the loop.
        most: so many messages, which are 64 KiB or more, make it full.

    Attributes:
        size: bytes (of text: characters) in it, and 64 more for each message.
        on_low: called once when the queue has run low; set by whoever stopped filling it.
        form: what to make of each message, unless its receiver says; `None`: nothing.
        holder: the only receiver there may be, until it is done with its message; or `None`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self.size = 0
        self.on_low: Callable[[], object] | None = None
        self.form: Callable[[Any], Any] | None = None
        self.holder: Any = None
        self._loop = loop
        self._most = most
        self._items: list[Any] = []
        self._head = 0
        self._end: Callable[[], BaseException] | None = None
        self._receiver: Any = None
        self._waiter: Waiter | None = None
        self._last: Waiter | None = None  # may be used again

    def __len__(self) -> int:
        return len(self._items) - self._head

    def put(self, message: Any) -> None:
        """Add a message."""
        self._items.append(message)
        self.size += len(message) + _MESSAGE_COST

    def has_messages(self) -> bool:
        """Whether there is a message to take."""
        return len(self._items) > self._head

    def is_full(self) -> bool:
        """Whether no more should be received for now."""
        # Of a message in fragments bytes alone count: a fragment may be large.
        return self.size >= _FULL_SIZE and (
            len(self._items) - self._head >= self._most or self.holder is not None
        )

    def get(self) -> Any:
        """Take the oldest message; there must be one."""
        items = self._items
        head = self._head
        message = items[head]
        items[head] = None
        head += 1
        if head == len(items):
            items.clear()
            head = 0
        elif head == 256:
            del items[:256]
            head = 0
        self._head = head
        self.size -= len(message) + _MESSAGE_COST
        if self.on_low is not None and self.size < _LOW_SIZE:
            on_low, self.on_low = self.on_low, None
            on_low()
        return message

    def finish(self, error: Callable[[], BaseException]) -> None:
        """Note that no message will come.

        Args:
            error: returns the exception for those who ask for one.
        """
        self._end = error
        self.wake(False)

    def wake(self, now: bool) -> None:
        """Run the task that waits for a message, if one does: see `Waiter.wake`."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._last = waiter
            waiter.wake(now)

    def has_receiver(self) -> bool:
        """Whether a task waits for a message."""
        return self._receiver is not None

    def poll(self, receiver: Any) -> Waiter | None:
        """Return `None` if `get` will do, or the waiter for `receiver`.

        Raises:
            ConcurrencyError: another one waits, or `receiver` does already.
            ConnectionClosed: nothing more will come.
        """
        # Whoever was woken has no waiter any more.
        if self._receiver is not None and (self._receiver is not receiver or self._waiter is not None):
            raise ConcurrencyError(
                "another coroutine is waiting for a message of this WebSocket"
                if self.holder is None
                else "a message was begun with recv_streaming(): go on with it to its end"
            )
        if len(self._items) > self._head:
            self._receiver = self.holder
            return None
        if self._end is not None:
            self._receiver = self.holder
            raise self._end()
        self._receiver = receiver
        waiter, self._last = self._last, None
        if waiter is None or waiter.done():
            waiter = Waiter(self._loop)
        self._waiter = waiter
        return waiter

    def leave(self, receiver: Any) -> None:
        """Note that `receiver` waits no longer."""
        if self._receiver is receiver:
            self._receiver = self.holder
            self._waiter = None

    def hold(self, holder: Any) -> None:
        """Let only `holder` receive; `None`: everyone again."""
        self.holder = self._receiver = holder


def receive(queue: ReceiveQueue, convert: Callable[[Any], Any] | None, ends: bool) -> "Receive":
    """Return the wait for a message.

    Args:
        queue: where it comes from.
        convert: what to make of it, or `None`.
        ends: turn a normal close into `StopAsyncIteration`.
    """
    # A call of the class would pass its arguments in a tuple.
    wait = Receive.__new__(Receive)
    wait._queue = queue
    wait._convert = convert
    wait._ends = ends
    return wait


class Receive(Awaitable):
    """The wait for a message; `receive` makes it."""

    _queue: ReceiveQueue
    _convert: Callable[[Any], Any] | None
    _ends: bool

    def step(self) -> Any:
        """Go on: yields the waiter, or ends with the message."""
        try:
            waiter = self._queue.poll(self)
        except ConnectionClosedOK:
            if self._ends:
                raise StopAsyncIteration from None
            raise
        if waiter is not None:
            return waiter
        message = self._queue.get()
        self.is_over = True
        convert = self._queue.form if self._convert is None else self._convert
        return message if convert is None else convert(message)

    def close(self) -> None:
        """Stop waiting; a message that comes stays in the queue."""
        self._queue.leave(self)


class MessageIterator:
    """Iterates over the messages of a queue, until it ends normally.

    Args:
        queue: the queue.
    """

    def __init__(self, queue: ReceiveQueue) -> None:
        self._queue = queue

    def __aiter__(self) -> "MessageIterator":
        return self

    def __anext__(self) -> Receive:
        return receive(self._queue, None, True)


for each in (Done, Wait, PingWait, Receive):
    accelerate(each)
