"""Resuming a coroutine at once, where asyncio's future would let it wait for a turn of the loop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from types import CoroutineType
from typing import Any, Final, cast

from .coroutines import run_in, step_in

__all__ = ["Resumable", "Waiter", "resumable"]


class _NoLoop:
    """The loop of a future that needs none."""

    def get_debug(self) -> bool:
        return False


# A task asks the future that wakes it for its result, and a real future answers much faster than ours.
_FINISHED: Final[asyncio.Future[None]] = asyncio.Future(loop=cast(Any, _NoLoop()))
_FINISHED.set_result(None)


class Waiter:
    """What a task waits on: the few parts of `asyncio.Future` that tasks use.

    `wake(True)` runs the waiting task at once, which a future cannot: it saves a turn of the loop for
    each message. It may be called only where no task is running.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Tasks read and clear this to recognise a future.
        self._asyncio_future_blocking = True
        self._loop = loop
        self._callback: Callable[[Any], object] | None = None
        self._context: Context | None = None
        self._resumable: Resumable | None = None
        self._is_done = False
        self._cancel_message: Any = None
        self._is_cancelled = False

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Take the task's wake-up call."""
        self._callback = callback
        self._context = copy_context() if context is None else context
        if self._is_done:
            self._call_soon()

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        """Forget the wake-up call."""
        removed = self._callback is not None and self._callback == callback
        if removed:
            self._callback = None
        return int(removed)

    def done(self) -> bool:
        """Whether the wait is over."""
        return self._is_done

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._is_cancelled

    def result(self) -> None:
        """Return `None`, or raise `CancelledError`."""
        if self._is_cancelled:
            raise self._cancelled_error()

    def exception(self) -> None:
        """Return `None`, or raise `CancelledError`."""
        self.result()

    def _cancelled_error(self) -> asyncio.CancelledError:
        message = self._cancel_message
        return asyncio.CancelledError() if message is None else asyncio.CancelledError(message)

    def cancel(self, msg: Any = None) -> bool:
        """End the wait with `CancelledError`, unless it is over."""
        if self._is_done:
            return False
        self._is_done = self._is_cancelled = True
        self._cancel_message = msg
        self._call_soon()
        return True

    def wake(self, now: bool) -> None:
        """End the wait.

        Args:
            now: run the task before returning; only where no task is running.
        """
        if not self._is_done:
            if now and self._callback is not None:
                self._step()
            else:
                self._is_done = True
                self._call_soon()

    def _step(self) -> None:
        resumable = self._resumable
        context: Any = self._context
        if resumable is None or not resumable.resume(self, context):
            callback = self._callback
            if callback is not None:
                # The task holds on to it no longer: it is as new, for the next wait.
                self._callback = self._context = self._resumable = None
                self._asyncio_future_blocking = True
                run_in(context, callback, _FINISHED)

    def set_resumable(self, resumable: "Resumable") -> None:
        """Let `wake(True)` resume this coroutine, whose task is about to wait."""
        self._resumable = resumable

    def _call_soon(self) -> None:
        if self._callback is not None:
            self._loop.call_soon(self._callback, self, context=self._context)
        self._callback = self._resumable = None


class Resumable:
    """Awaiting it awaits a coroutine, which a `Waiter` can resume without the task.

    A step of a task costs more than a small message. When what the coroutine waits for has come, the waiter
    steps it directly, as the task would; and if it waits for the same waiter then, there is nothing that
    the task must know. All else, it learns in a step of its own, at once: what the coroutine waits for
    now, what it returned or raised.

    Args:
        coroutine: the coroutine.
        loop: the loop.
        task: the task that will await this.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]
    ) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._task = task
        # What the task must know still.
        self._has_news = False
        self._yielded: Any = None
        self._raised: BaseException | None = None

    def __getattr__(self, name: str) -> Any:
        # `cr_await`, `cr_frame` and the like, by which debuggers follow a coroutine.
        return getattr(self._coroutine, name)

    def resume(self, waiter: Waiter, context: Context) -> bool:
        """Step the coroutine, where no task is running.

        Args:
            waiter: what it waits for.
            context: its context.

        Returns:
            Whether it waits for the same again. If not, its task is to take a step.
        """
        try:
            yielded = step_in(context, self._loop, self._task, self._coroutine)
        except BaseException as error:  # StopIteration is one
            self._raised = error
            self._has_news = True
            return False
        if yielded is waiter:
            return True
        self._yielded = yielded
        self._has_news = True
        return False

    def __await__(self) -> "Resumable":
        return self

    def __iter__(self) -> "Resumable":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Take a step of the task."""
        if self._has_news:
            yielded, raised = self._take_news()
            if raised is not None:
                raise raised
            return self._expect(yielded)
        return self._expect(self._coroutine.send(value))

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        """Take a step of the task that raises."""
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        error = value if traceback is None else value.with_traceback(traceback)
        if self._has_news:
            # It was cancelled while it was resumed. What follows is what tasks do then.
            yielded, raised = self._take_news()
            if raised is not None:
                raise error if isinstance(raised, StopIteration) else raised
            if asyncio.isfuture(yielded) and yielded.cancel(*error.args):
                return self._expect(yielded)
        return self._expect(self._coroutine.throw(error))

    def close(self) -> None:
        """Close the coroutine."""
        self._take_news()
        self._coroutine.close()

    def _take_news(self) -> tuple[Any, BaseException | None]:
        news = self._yielded, self._raised
        self._has_news, self._yielded, self._raised = False, None, None
        return news

    def _expect(self, yielded: Any) -> Any:
        if type(yielded) is Waiter:
            yielded.set_resumable(self)
        return yielded


def resumable(awaitable: Awaitable[Any]) -> Awaitable[Any]:
    """Return what the running task should await instead: a `Resumable` of a coroutine, else the same."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    if task is None or not isinstance(awaitable, CoroutineType):
        return awaitable
    return Resumable(awaitable, loop, task)
