"""Hand-made coroutines: driven by `await`, by tasks, and by hand."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

import pytest

from wsline.aio.coroutines import Awaitable, accelerate, call, run_in


class Countdown(Awaitable):
    """Yields the waits, then ends with the result, or raises it."""

    def __init__(self, waits: list[Any], result: Any, error: BaseException | None = None) -> None:
        self.waits = list(waits)
        self.result = result
        self.error = error
        self.closed = 0

    def step(self) -> Any:
        if self.waits:
            return self.waits.pop(0)
        if self.error is not None:
            raise self.error
        self.is_over = True
        return self.result

    def close(self) -> None:
        self.closed += 1


class Accelerated(Countdown):
    """The same by the other slots, where there are others."""


accelerate(Accelerated)

both = pytest.mark.parametrize("kind", [Countdown, Accelerated])

# `StopIteration(value)` is not made of these as of others: a tuple would be taken for its arguments.
RESULTS = [None, 7, "text", (), (1,), (1, 2), ValueError("a value"), StopIteration("a value"), KeyError]


def start(awaitable: Any) -> "asyncio.Task[Any]":
    """Make a task of what is no coroutine to type checkers."""
    return asyncio.create_task(awaitable)


def end_of(take_step: Callable[[], Any]) -> Any:
    with pytest.raises(StopIteration) as caught:
        take_step()
    return caught.value.value


@both
@pytest.mark.parametrize("result", RESULTS, ids=repr)
def test_the_end_carries_the_result(kind: type[Countdown], result: Any) -> None:
    assert end_of(lambda: kind([], result).send(None)) is result
    assert end_of(lambda: next(kind([], result))) is result
    assert end_of(lambda: kind([], result).__next__()) is result


@both
@pytest.mark.parametrize("result", RESULTS, ids=repr)
async def test_await_gives_the_result(kind: type[Countdown], result: Any) -> None:
    assert await kind([], result) is result
    assert await start(kind([None], result)) is result


@both
def test_each_step_gives_what_to_wait_for(kind: type[Countdown]) -> None:
    awaitable = kind(["a", "b", "c"], "end")
    assert awaitable.send(None) == "a"
    assert next(awaitable) == "b"
    assert not awaitable.is_over
    assert awaitable.send("ignored") == "c"
    assert end_of(lambda: next(awaitable)) == "end"
    assert awaitable.is_over


@both
def test_it_is_its_own_iterator(kind: type[Countdown]) -> None:
    awaitable = kind([1, 2], None)
    assert awaitable.__await__() is awaitable
    assert iter(awaitable) is awaitable
    assert list(awaitable) == [1, 2]


@both
def test_asyncio_takes_it_for_a_coroutine(kind: type[Countdown]) -> None:
    awaitable = kind([], None)
    assert asyncio.iscoroutine(awaitable)
    assert isinstance(awaitable, Coroutine)


@both
def test_an_exception_of_a_step_passes(kind: type[Countdown]) -> None:
    error = KeyError("x")
    for take_step in (lambda each: each.send(None), next):
        awaitable = kind([], None, error)
        with pytest.raises(KeyError) as caught:
            take_step(awaitable)
        assert caught.value is error
        assert not awaitable.is_over


@both
async def test_an_exception_of_a_step_is_raised_by_await(kind: type[Countdown]) -> None:
    with pytest.raises(KeyError, match="x"):
        await kind([None], None, KeyError("x"))


@both
async def test_it_works_in_gather_wait_for_and_under_a_timeout(kind: type[Countdown]) -> None:
    awaitables: list[Any] = [kind([None], 1), kind([], (2,)), kind([None, None], 3)]
    outcomes: list[Any] = await asyncio.gather(*awaitables)
    assert outcomes == [1, (2,), 3]
    assert await asyncio.wait_for(kind([None], 4), 5) == 4
    async with asyncio.timeout(5):
        assert await kind([None], 5) == 5


@both
async def test_cancelling_the_task_closes_it(kind: type[Countdown]) -> None:
    awaitable = kind([asyncio.get_running_loop().create_future()], 1)
    awaitable.waits[0]._asyncio_future_blocking = True
    task = start(awaitable)
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert awaitable.closed == 1


@both
async def test_a_task_of_it_can_be_shown(kind: type[Countdown]) -> None:
    task = start(kind([None], 1))
    assert "Task" in repr(task)
    assert task.get_stack() == []
    assert await task == 1


@both
def test_a_coroutine_around_it_closes_it(kind: type[Countdown]) -> None:
    async def wait(awaitable: Awaitable) -> Any:
        return await awaitable

    awaitable = kind([1], 2)
    around = wait(awaitable)
    assert around.send(None) == 1
    around.close()
    assert awaitable.closed == 1


class Caught(Exception):
    """What is thrown in."""


def a_traceback() -> TracebackType:
    try:
        raise Caught
    except Caught as error:
        assert error.__traceback__ is not None
        return error.__traceback__


@both
def test_throw_closes_and_raises(kind: type[Countdown]) -> None:
    error, traceback = Caught("x"), a_traceback()
    for arguments in [(error,), (Caught, error), (Caught, error, traceback), (Caught, error, None)]:
        awaitable = kind([1], 2)
        awaitable.send(None)
        with pytest.raises(Caught) as caught:
            awaitable.throw(*arguments)
        assert caught.value is error
        assert awaitable.closed == 1
    with pytest.raises(Caught) as caught:
        kind([1], 2).throw(Caught)
    assert caught.value.args == ()


def test_throw_keeps_the_traceback() -> None:
    traceback = a_traceback()
    with pytest.raises(Caught) as caught:
        Countdown([], None).throw(Caught, None, traceback)
    tail = caught.value.__traceback__
    while tail is not None and tail.tb_next is not None:
        tail = tail.tb_next
    assert tail is traceback


def test_the_base_has_no_step_and_nothing_to_close() -> None:
    awaitable = Awaitable()
    awaitable.close()
    assert not awaitable.is_over
    for name in ("step", "__next__"):
        with pytest.raises(NotImplementedError):
            getattr(awaitable, name)()
    with pytest.raises(NotImplementedError):
        awaitable.send(None)


# -- calls


def test_call_calls() -> None:
    seen: list[object] = []
    call(seen.append, "a")
    assert seen == ["a"]

    def fail(argument: Any) -> None:
        raise Caught(argument)

    with pytest.raises(Caught, match="b"):
        call(fail, "b")


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")


def test_run_in_calls_in_the_context() -> None:
    context = contextvars.copy_context()
    context.run(variable.set, "inside")
    seen: list[str] = []

    def look(argument: str) -> None:
        seen.append(f"{argument} {variable.get()}")
        variable.set("changed")

    run_in(context, look, "first")
    run_in(context, look, "second")
    assert seen == ["first inside", "second changed"]
    assert variable.get() == "outside"


def test_run_in_leaves_the_context_after_an_exception() -> None:
    context = contextvars.copy_context()
    context.run(variable.set, "inside")

    def fail(argument: Any) -> None:
        raise Caught(argument)

    with pytest.raises(Caught, match="x"):
        run_in(context, fail, "x")
    assert variable.get() == "outside"
    # It could not be entered if it had not been left.
    assert context.run(variable.get) == "inside"


def test_run_in_does_not_enter_a_context_twice() -> None:
    context = contextvars.copy_context()
    seen: list[object] = []
    with pytest.raises(RuntimeError, match="already entered"):
        context.run(run_in, context, seen.append, 1)
    assert seen == []
