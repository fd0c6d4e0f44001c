"""Resuming: the waiter that wakes a task at once, and the coroutine that is resumed without its task."""

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Callable, Generator
from typing import Any

import pytest

from tests.aio.waiting import from_the_loop, start, turn
from wsline.aio.resuming import Resumable, Waiter, resumable

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nowhere")


class Yielding:
    """Awaiting it waits for a future-like object, as hand-made coroutines do."""

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter

    def __await__(self) -> Generator[Any, None, str]:
        yield self.waiter
        return "woken"


def new_waiter() -> Waiter:
    return Waiter(asyncio.get_running_loop())


# -- the waiter


async def test_a_new_waiter_waits() -> None:
    waiter = new_waiter()
    assert waiter.get_loop() is asyncio.get_running_loop()
    assert not waiter.done()
    assert not waiter.cancelled()


async def test_a_task_sleeps_until_it_is_woken() -> None:
    waiter = new_waiter()
    task = asyncio.ensure_future(Yielding(waiter))
    await turn()
    assert not task.done()
    waiter.wake(False)
    assert waiter.done()
    assert not task.done(), "it runs in a later turn"
    assert await task == "woken"
    assert not waiter.cancelled()
    waiter.result()
    waiter.exception()


async def test_a_task_can_be_run_at_once_in_its_own_context() -> None:
    waiter = new_waiter()
    seen: list[str] = []

    async def work() -> None:
        variable.set("in the task")
        await Yielding(waiter)
        seen.append(variable.get())
        variable.set("changed by the task")
        assert asyncio.current_task() is task

    def wake() -> None:
        variable.set("in the loop")
        waiter.wake(True)
        # The task has run before `wake` returned, and left our context as it was.
        seen.append(variable.get())
        assert asyncio.current_task() is None

    task = start(work())
    await turn()
    await from_the_loop(wake)
    assert task.done()
    assert seen == ["in the task", "in the loop"]
    await task


async def test_waking_before_the_task_waits_is_no_loss() -> None:
    for now in (False, True):
        waiter = new_waiter()
        waiter.wake(now)
        assert await Yielding(waiter) == "woken"


async def test_waking_twice_is_waking_once() -> None:
    waiter = new_waiter()
    called: list[Any] = []
    waiter.add_done_callback(called.append)
    waiter.wake(False)
    waiter.wake(False)
    waiter.wake(True)
    await turn()
    assert called == [waiter]


async def test_an_exception_out_of_the_task_is_not_swallowed() -> None:
    waiter = new_waiter()

    def fail(_: Any) -> None:
        raise KeyError("x")

    waiter.add_done_callback(fail)
    with pytest.raises(KeyError):
        await from_the_loop(waiter.wake, True)


async def test_a_waiter_is_cancelled_with_the_task() -> None:
    waiter = new_waiter()
    task = asyncio.ensure_future(Yielding(waiter))
    await turn()
    task.cancel("enough")
    assert waiter.done()
    assert waiter.cancelled()
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    with pytest.raises(asyncio.CancelledError, match="enough"):
        waiter.result()
    with pytest.raises(asyncio.CancelledError, match="enough"):
        waiter.exception()


async def test_a_cancellation_needs_no_message() -> None:
    waiter = new_waiter()
    assert waiter.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        waiter.result()
    assert caught.value.args == ()


async def test_the_first_end_counts() -> None:
    woken = new_waiter()
    woken.wake(False)
    assert not woken.cancel("late")
    assert not woken.cancelled()
    cancelled = new_waiter()
    assert cancelled.cancel("first")
    assert not cancelled.cancel("second")
    cancelled.wake(True)
    assert cancelled.cancelled()
    with pytest.raises(asyncio.CancelledError, match="first"):
        cancelled.result()


async def test_a_task_cancelled_before_it_waits_is_cancelled() -> None:
    waiter = new_waiter()

    async def work() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await Yielding(waiter)

    with pytest.raises(asyncio.CancelledError):
        await start(work())
    assert waiter.cancelled()


async def test_a_late_callback_is_called_in_its_context() -> None:
    waiter = new_waiter()
    waiter.wake(False)
    context = contextvars.copy_context()
    context.run(variable.set, "of the callback")
    seen: list[str] = []
    waiter.add_done_callback(lambda _: seen.append(variable.get()), context=context)
    assert seen == []
    await turn()
    variable.set("of the test")
    waiter.add_done_callback(lambda _: seen.append(variable.get()))
    variable.set("later")
    await turn()
    assert seen == ["of the callback", "of the test"]


async def test_a_removed_callback_is_not_called() -> None:
    waiter = new_waiter()
    called: list[Any] = []
    assert waiter.remove_done_callback(called.append) == 0
    waiter.add_done_callback(called.append)
    assert waiter.remove_done_callback(print) == 0
    assert waiter.remove_done_callback(called.append) == 1
    assert waiter.remove_done_callback(called.append) == 0
    waiter.wake(True)
    await turn()
    assert called == []


# -- the coroutine that is resumed without its task


class Steps:
    """Awaiting it awaits the same as a task would, and counts the steps of the task."""

    def __init__(self, awaitable: Any) -> None:
        self.awaitable = awaitable
        self.count = 0

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> "Steps":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        self.count += 1
        return self.awaitable.send(value)

    def throw(self, error: BaseException) -> Any:
        self.count += 1
        return self.awaitable.throw(error)


class Bell:
    """What the tests wait for: it hands out the same waiter while that can be used, as a queue does."""

    def __init__(self) -> None:
        self.waiter = new_waiter()

    async def wait(self) -> None:
        if self.waiter.done():
            self.waiter = new_waiter()
        await Yielding(self.waiter)

    async def ring(self) -> None:
        await from_the_loop(self.waiter.wake, True)


def begin(coroutine: Any) -> tuple["asyncio.Task[Any]", Steps]:
    """Start a task that awaits a coroutine the resumable way."""

    async def run() -> Any:
        steps.awaitable = resumable(coroutine)
        assert isinstance(steps.awaitable, Resumable)
        return await steps

    steps = Steps(None)
    return start(run()), steps


async def test_the_task_takes_no_step_when_it_waits_for_the_same_again() -> None:
    bell = Bell()
    seen: list[Any] = []

    async def work() -> str:
        variable.set("in the task")
        for n in range(3):
            await bell.wait()
            seen.append((n, variable.get(), asyncio.current_task() is task))
        return "done"

    task, steps = begin(work())
    await turn()
    assert steps.count == 1
    for n in range(3):
        variable.set("in the loop")
        await bell.ring()
        assert seen[n:] == [(n, "in the task", True)], "within `wake`"
        assert variable.get() == "in the loop"
        assert asyncio.current_task() is not task
    assert steps.count == 2, "the second one is the end"
    assert await task == "done"


@pytest.mark.parametrize(
    "result", [None, (1, 2), ValueError("a value"), StopAsyncIteration("a value")], ids=repr
)
async def test_it_returns_what_the_coroutine_returns(result: Any) -> None:
    bell = Bell()

    async def work() -> Any:
        await bell.wait()
        return result

    task, _ = begin(work())
    await turn()
    await bell.ring()
    assert await task is result
    task, _ = begin(at_once(result))
    assert await task is result


async def at_once(result: Any) -> Any:
    return result


@pytest.mark.parametrize(
    "error", [KeyError("x"), asyncio.CancelledError("own"), StopAsyncIteration()], ids=repr
)
async def test_it_raises_what_the_coroutine_raises(error: BaseException) -> None:
    bell = Bell()

    async def work() -> None:
        await bell.wait()
        raise error

    task, _ = begin(work())
    await turn()
    await bell.ring()
    with pytest.raises(type(error)) as caught:
        await task
    assert caught.value.args == error.args


async def test_it_may_go_on_to_wait_for_anything_else() -> None:
    bell, other = Bell(), Bell()
    future = asyncio.get_running_loop().create_future()

    async def work() -> list[Any]:
        await bell.wait()
        seen = [await future]
        await asyncio.sleep(0)
        await other.wait()
        await other.wait()
        seen.append(await asyncio.gather(at_once(1), at_once(2)))
        await bell.wait()
        return seen

    task, steps = begin(work())
    await turn()
    await bell.ring()
    assert not task.done()
    future.set_result("from the future")
    await turn()
    await other.ring()
    taken = steps.count
    await other.ring()
    assert steps.count == taken + 1, "it waits for another thing"
    await turn()
    await bell.ring()
    assert await task == ["from the future", [1, 2]]


async def test_a_waiter_that_is_not_woken_at_once_wakes_the_task() -> None:
    bell = Bell()

    async def work() -> str:
        await bell.wait()
        await bell.wait()
        return "done"

    task, steps = begin(work())
    await turn()
    bell.waiter.wake(False)
    assert steps.count == 1
    await turn()
    assert steps.count == 2
    await bell.ring()
    assert await task == "done"


async def test_it_is_cancelled_while_it_waits() -> None:
    bell = Bell()
    caught: list[Any] = []

    async def work() -> str:
        await bell.wait()
        try:
            await bell.wait()
        except asyncio.CancelledError as error:
            caught.append(error.args)
        await bell.wait()
        await bell.wait()
        return "went on"

    task, _ = begin(work())
    await turn()
    await bell.ring()
    task.cancel("enough")
    await turn()
    assert caught == [("enough",)]
    await bell.ring()
    await bell.ring()
    assert await task == "went on"


class Failure(Exception):
    """What a coroutine raises after it was cancelled."""


async def wait_for_the_bell(bell: Bell) -> str:
    await bell.wait()
    return "not cancelled"


async def wait_for_a_future(bell: Bell) -> None:
    await asyncio.get_running_loop().create_future()


async def wait_for_a_task(bell: Bell) -> None:
    await asyncio.create_task(asyncio.sleep(3600))


async def wait_for_a_finished_future(bell: Bell) -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    future._asyncio_future_blocking = True
    finished: Any = future
    await Yielding(finished)


async def wait_for_a_turn(bell: Bell) -> None:
    await asyncio.sleep(0)


async def return_at_once(bell: Bell) -> None:
    """Returns."""


@pytest.mark.parametrize(
    "then",
    [
        wait_for_the_bell,
        wait_for_a_future,
        wait_for_a_task,
        wait_for_a_finished_future,
        wait_for_a_turn,
        return_at_once,
    ],
)
@pytest.mark.parametrize("resumed", [True, False])
async def test_one_cancelled_while_it_runs_ends_as_under_a_task(then: Any, resumed: bool) -> None:
    bell = Bell()

    async def work() -> Any:
        await bell.wait()
        current = asyncio.current_task()
        assert current is not None
        current.cancel("by itself")
        return await then(bell)

    task, _ = begin(work()) if resumed else (start(work()), None)
    await turn()
    await bell.ring()
    with pytest.raises(asyncio.CancelledError, match="by itself"):
        await asyncio.wait_for(task, 10)
    assert task.cancelled()


@pytest.mark.parametrize("resumed", [True, False])
async def test_an_exception_of_its_own_comes_before_its_cancellation(resumed: bool) -> None:
    bell = Bell()

    async def work() -> None:
        await bell.wait()
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        raise Failure

    task, _ = begin(work()) if resumed else (start(work()), None)
    await turn()
    await bell.ring()
    with pytest.raises(Failure):
        await task


async def test_a_task_it_waits_for_is_cancelled_with_it() -> None:
    bell = Bell()
    children: list[asyncio.Task[Any]] = []

    async def work() -> None:
        await bell.wait()
        children.append(asyncio.create_task(asyncio.sleep(3600)))
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await children[0]

    task, _ = begin(work())
    await turn()
    await bell.ring()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children[0].cancelled()


async def test_timeouts_and_task_groups_work_in_it() -> None:
    bell, timed_out = Bell(), asyncio.Event()

    async def work() -> Any:
        await bell.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await bell.wait()
        timed_out.set()
        async with asyncio.TaskGroup() as group:
            child = group.create_task(at_once("of the child"))
        await asyncio.wait_for(bell.wait(), 10)
        return child.result()

    task, _ = begin(work())
    await turn()
    await bell.ring()
    await asyncio.wait_for(timed_out.wait(), 10)
    ringing = asyncio.create_task(ring_until_done(bell, task))
    assert await asyncio.wait_for(task, 10) == "of the child"
    await ringing


async def ring_until_done(bell: Bell, task: "asyncio.Task[Any]") -> None:
    while not task.done():
        await bell.ring()
        await asyncio.sleep(0)


async def test_its_end_frees_the_coroutine() -> None:
    class Local:
        pass

    bell = Bell()
    references: list[weakref.ref[Local]] = []

    async def work() -> None:
        local = Local()
        references.append(weakref.ref(local))
        await bell.wait()
        await bell.wait()

    task, steps = begin(work())
    await turn()
    await bell.ring()
    gc.collect()
    gc.disable()
    try:
        await bell.ring()
        await task
        del task
        steps.awaitable = None
        assert references[0]() is None
    finally:
        gc.enable()


async def test_what_is_no_coroutine_is_awaited_as_it_is() -> None:
    future = asyncio.get_running_loop().create_future()
    assert resumable(future) is future
    awaitable = Yielding(new_waiter())
    assert resumable(awaitable) is awaitable


async def test_without_a_task_the_coroutine_stays_what_it_is() -> None:
    coroutine = at_once(1)
    assert await from_the_loop(resumable, coroutine) is coroutine
    assert await coroutine == 1


async def test_debuggers_see_through_it() -> None:
    bell = Bell()

    async def work() -> None:
        await bell.wait()

    coroutine: Any = work()
    task, steps = begin(coroutine)
    await turn()
    assert steps.awaitable.cr_frame is coroutine.cr_frame
    assert steps.awaitable.__qualname__ == coroutine.__qualname__
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = steps.awaitable.no_such_thing
    await bell.ring()
    await task


async def test_it_can_be_stepped_thrown_into_and_closed_by_hand() -> None:
    ends: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            ends.append("finally")

    closings: list[Callable[[Any], object]] = [
        lambda each: each.close(),
        lambda each: each.throw(Failure),
        lambda each: each.throw(Failure, Failure("x")),
        lambda each: each.throw(Failure, None, None),
    ]
    for close in closings:
        made: Any = resumable(work())
        assert made.__await__() is made
        assert iter(made) is made
        assert next(made) is None
        assert made.send(None) is None
        try:
            close(made)
        except Failure:
            ends.append("raised")
    assert ends == ["finally", "finally", "raised", "finally", "raised", "finally", "raised"]


async def test_throwing_keeps_the_traceback() -> None:
    try:
        raise Failure
    except Failure as error:
        given, traceback = error, error.__traceback__
    made: Any = resumable(asyncio.sleep(0))
    next(made)
    with pytest.raises(Failure) as caught:
        made.throw(Failure, given, traceback)
    tail = caught.value.__traceback__
    while tail is not None and tail.tb_next is not None:
        tail = tail.tb_next
    assert tail is traceback
