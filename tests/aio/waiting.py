"""Tasks, turns of the loop, and calls from outside of all tasks."""

import asyncio
from typing import Any


def start(awaitable: Any) -> "asyncio.Task[Any]":
    """Make a task of what is no coroutine to type checkers."""
    return asyncio.create_task(awaitable)


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


def from_the_loop(function: Any, *arguments: Any) -> "asyncio.Future[Any]":
    """Call a function where no task is running; the future has its result."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)

    loop.call_soon(run)
    return future
