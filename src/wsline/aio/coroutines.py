"""Hand-made coroutines, in plain Python.

`coroutines.pyx` has the same names in C; where it is built, it is what `import` finds.
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

__all__ = ["Awaitable", "accelerate", "call", "run_in", "step_in"]


class Awaitable:
    """The base of what the public methods return: a coroutine in all but name.

    It can be awaited, given to `asyncio.create_task`, `gather` or `wait_for`, cancelled, or ignored.

    Attributes:
        is_over: what `step` returned last is the result.
    """

    is_over = False

    def step(self) -> Any:
        """Go on: returns a future-like object to wait for; or sets `is_over` and returns the result."""
        raise NotImplementedError

    def __await__(self) -> "Awaitable":
        return self

    def __iter__(self) -> "Awaitable":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Go on, as coroutines do; `StopIteration` carries the result."""
        outcome = self.step()
        if self.is_over:
            raise StopIteration(outcome)
        return outcome

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        """Stop waiting, and raise."""
        self.close()
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        raise value if traceback is None else value.with_traceback(traceback)

    def close(self) -> None:
        """Stop waiting."""


def accelerate(kind: type[Awaitable]) -> None:
    """Let the interpreter call `step` of a subclass directly; in Python there is no such way."""


def call(function: Callable[[Any], object], argument: Any) -> None:
    """Call `function(argument)`."""
    function(argument)


def run_in(context: Context, callback: Callable[[Any], object], argument: Any) -> None:
    """Call `callback(argument)` in a context."""
    context.run(callback, argument)


def step_in(
    context: Context, loop: asyncio.AbstractEventLoop, task: Any, coroutine: Coroutine[Any, Any, Any]
) -> Any:
    """Step a coroutine in a context, as a task that is not running would.

    Args:
        context: the context.
        loop: the loop.
        task: what `asyncio.current_task` is meanwhile.
        coroutine: the coroutine.

    Returns:
        What it yielded.

    Raises:
        StopIteration: with what it returned.
    """
    return context.run(_step, loop, task, coroutine)


def _step(loop: asyncio.AbstractEventLoop, task: Any, coroutine: Coroutine[Any, Any, Any]) -> Any:
    _enter_task(loop, task)
    try:
        return coroutine.send(None)
    finally:
        _leave_task(loop, task)
