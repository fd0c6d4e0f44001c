"""Waiting: the waiter that wakes a task at once, the wait for one outcome, the queue of messages."""

import asyncio
import gc
import warnings
import weakref
from typing import Any

import pytest

from tests.aio.waiting import from_the_loop, start, turn
from wsline.aio.flow import DONE, Done, MessageIterator, Receive, ReceiveQueue, Wait, receive
from wsline.aio.resuming import Waiter
from wsline.bounds import MESSAGE_COST
from wsline.errors import CloseInfo, ConcurrencyError, ConnectionClosedError, ConnectionClosedOK

# -- waits that are over


async def test_done_is_over_any_number_of_times() -> None:
    assert isinstance(DONE, Done)
    for _ in range(3):
        assert await DONE is None
    assert [await start(Done()), await start(Done())] == [None, None]
    with pytest.raises(StopIteration) as caught:
        Done().send(None)
    assert caught.value.value is None
    with pytest.raises(StopIteration):
        next(Done())


# -- the wait for one outcome


def new_wait() -> Wait:
    return Wait(asyncio.get_running_loop())


@pytest.mark.parametrize("result", [None, 1.5, (1, 2), ValueError("a value")], ids=repr)
async def test_a_wait_ends_with_the_result(result: Any) -> None:
    wait = new_wait()
    task = start(wait)
    await turn()
    assert not task.done()
    wait.finish(result)
    assert await task is result
    # One that has ended before it is awaited.
    early = new_wait()
    early.finish(result)
    assert await early is result
    assert await early is result, "the outcome stays"
    for take_step in (lambda each: each.send(None), next):
        with pytest.raises(StopIteration) as caught:
            take_step(early)
        assert caught.value.value is result


async def test_a_wait_ends_with_an_exception_of_its_own() -> None:
    wait = new_wait()
    task = start(wait)
    await turn()
    wait.finish(None, lambda: KeyError("x"))
    with pytest.raises(KeyError) as first:
        await task
    with pytest.raises(KeyError) as second:
        await wait
    assert first.value is not second.value


async def test_the_first_outcome_of_a_wait_counts() -> None:
    wait = new_wait()
    wait.finish(1)
    wait.finish(2)
    wait.finish(None, lambda: KeyError("x"))
    assert await wait == 1


async def test_a_wait_is_for_one() -> None:
    wait = new_wait()
    task = start(wait)
    await turn()
    with pytest.raises(ConcurrencyError, match="only once"):
        await wait
    wait.finish(1)
    assert await task == 1


async def test_a_wait_works_with_gather_wait_for_and_timeout() -> None:
    waits = [new_wait() for _ in range(3)]
    gathered: asyncio.Future[Any] = asyncio.gather(*waits)
    await turn()
    for i in (2, 0, 1):
        waits[i].finish(i)
    assert await gathered == [0, 1, 2]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(new_wait(), 0.001)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await new_wait()


async def test_a_cancelled_wait_can_be_awaited_again() -> None:
    wait = new_wait()
    task = start(wait)
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = start(wait)
    await turn()
    wait.finish("here")
    assert await again == "here"


async def test_a_closed_wait_takes_its_outcome() -> None:
    wait = new_wait()
    assert isinstance(wait.send(None), Waiter)
    wait.close()
    wait.finish(3)
    assert await wait == 3


async def test_nobody_need_await() -> None:
    queue = ReceiveQueue(asyncio.get_running_loop(), 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for wait in (new_wait(), new_wait(), Done(), receive(queue, None, False)):
            if isinstance(wait, Wait):
                wait.finish(None, lambda: KeyError("x"))
            del wait
        gc.collect()
    assert [each for each in caught if "never awaited" in str(each.message)] == []


# -- the queue


def new_queue(most: int = 2) -> ReceiveQueue:
    return ReceiveQueue(asyncio.get_running_loop(), most)


def take(queue: ReceiveQueue) -> Receive:
    return receive(queue, None, False)


def closed_ok() -> ConnectionClosedOK:
    return ConnectionClosedOK(CloseInfo())


def closed_error() -> ConnectionClosedError:
    return ConnectionClosedError(CloseInfo())


async def test_messages_come_in_order() -> None:
    queue = new_queue()
    assert not queue.has_messages()
    for message in ("a", b"bc", ""):
        queue.put(message)
    assert (len(queue), queue.size) == (3, 3 + 3 * MESSAGE_COST)
    assert queue.has_messages()
    assert [queue.get() for _ in range(3)] == ["a", b"bc", ""]
    assert (len(queue), queue.size) == (0, 0)
    assert not queue.has_messages()


class Message:
    """Something with a size that can be seen to go."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


@pytest.mark.parametrize("backlog", [0, 1, 255, 256, 257, 700])
async def test_order_is_kept_over_many_messages(backlog: int) -> None:
    queue = new_queue()
    taken = []
    for i in range(backlog + 1000):
        queue.put(str(i))
        if i >= backlog:
            taken.append(queue.get())
            assert len(queue) == backlog
    taken += [queue.get() for _ in range(backlog)]
    assert taken == [str(i) for i in range(backlog + 1000)]
    assert (len(queue), queue.size) == (0, 0)


async def test_what_was_taken_is_not_kept() -> None:
    queue = new_queue()
    references = []
    for i in range(600):
        message = Message(i)
        references.append(weakref.ref(message))
        queue.put(message)
        del message
    for i in range(599):
        assert len(queue.get()) == i
        assert references[i]() is None
    assert references[599]() is not None


async def test_full_means_many_messages_and_many_bytes() -> None:
    queue = new_queue(most=3)
    length = 65536 - 4 * MESSAGE_COST
    for message, full in [(bytes(length - 1), False), (b"", False), (b"", False), (b"x", True), (b"", True)]:
        queue.put(message)
        assert queue.is_full() is full
    queue.get()
    assert not queue.is_full()
    large = new_queue(most=3)
    large.put(bytes(1 << 20))
    large.put(b"")
    assert not large.is_full(), "large messages, but too few"
    large.put(b"")
    assert large.is_full()


async def test_messages_of_no_bytes_fill_it_and_empty_it() -> None:
    queue = new_queue(most=3)
    told: list[int] = []
    while not queue.is_full():
        assert len(queue) < 65536, "there is no bound"
        queue.put(b"")
    assert len(queue) == 65536 // MESSAGE_COST
    queue.on_low = lambda: told.append(len(queue))
    while len(queue):
        queue.get()
    assert told == [32768 // MESSAGE_COST - 1]
    assert queue.size == 0


async def test_low_is_told_once() -> None:
    queue = new_queue()
    told: list[int] = []
    for _ in range(8):
        queue.put(bytes(8192 - MESSAGE_COST))
    queue.get()
    queue.on_low = lambda: told.append(queue.size)
    for _ in range(3):
        queue.get()
    assert queue.size == 32768
    assert told == [], "half of it is not low yet"
    queue.get()
    assert told == [24576]
    assert queue.on_low is None
    for _ in range(3):
        queue.get()
    assert told == [24576]


async def test_low_may_be_asked_for_again_when_it_is_told() -> None:
    queue = new_queue()
    told: list[int] = []

    def on_low() -> None:
        told.append(len(queue))
        queue.on_low = on_low

    queue.on_low = on_low
    queue.put(b"a")
    queue.put(b"b")
    assert (queue.get(), queue.get()) == (b"a", b"b")
    assert told == [1, 0]


# -- receiving


@pytest.mark.parametrize("message", ["text", b"bytes", ""])
async def test_a_message_that_is_there_needs_no_turn(message: Any) -> None:
    queue = new_queue()
    queue.put(message)
    with pytest.raises(StopIteration) as caught:
        take(queue).send(None)
    assert caught.value.value is message
    queue.put(message)
    with pytest.raises(StopIteration) as caught:
        next(take(queue))
    assert caught.value.value is message
    queue.put(message)
    assert await take(queue) is message
    assert not queue.has_messages()
    assert not queue.has_receiver()


async def test_a_receiver_is_run_at_once() -> None:
    queue = new_queue()
    task = start(take(queue))
    await turn()
    assert queue.has_receiver()

    def deliver() -> bool:
        queue.put("m")
        queue.wake(True)
        return task.done()

    assert await from_the_loop(deliver), "the task ran within `wake`"
    assert await task == "m"
    assert not queue.has_receiver()
    queue.wake(True)  # for nobody


async def test_a_receiver_can_be_woken_in_a_later_turn() -> None:
    queue = new_queue()
    task = start(take(queue))
    await turn()
    queue.put("m")
    queue.wake(False)
    assert not task.done()
    assert await task == "m"


async def test_a_receiver_that_finds_nothing_waits_on() -> None:
    queue = new_queue()
    task = start(take(queue))
    await turn()
    queue.wake(False)
    await turn()
    assert not task.done()
    queue.put("m")
    queue.wake(False)
    assert await task == "m"


async def test_a_message_is_converted() -> None:
    queue = new_queue()
    queue.put("abc")
    assert await receive(queue, str.encode, False) == b"abc"
    queue.put("abc")
    assert await receive(queue, lambda message: (message, 1), False) == ("abc", 1)
    queue.put(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        await receive(queue, bytes.decode, False)


async def test_one_receiver_at_a_time() -> None:
    queue = new_queue()
    first = start(take(queue))
    await turn()
    with pytest.raises(ConcurrencyError, match="another coroutine is waiting"):
        await take(queue)
    queue.put("m")
    with pytest.raises(ConcurrencyError):
        await take(queue)
    queue.wake(False)
    assert await first == "m"
    queue.put("n")
    assert await take(queue) == "n"


async def test_a_receiver_is_awaited_by_one() -> None:
    queue = new_queue()
    wait = take(queue)
    first = start(wait)
    await turn()
    with pytest.raises(ConcurrencyError):
        await wait
    queue.put("m")
    queue.wake(False)
    async with asyncio.timeout(5):
        assert await first == "m"


async def test_a_cancelled_receiver_loses_no_message() -> None:
    queue = new_queue()
    task = start(take(queue))
    await turn()
    task.cancel("enough")
    # The message comes after the cancellation, and before the task has seen it.
    queue.put("m")
    queue.wake(False)
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert not queue.has_receiver()
    assert await take(queue) == "m"


async def test_a_receiver_cancelled_after_the_wake_up_loses_no_message() -> None:
    queue = new_queue()
    task = start(take(queue))
    await turn()
    queue.put("m")
    queue.wake(False)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(take(queue), 5) == "m"


async def test_a_timeout_loses_no_message() -> None:
    queue = new_queue()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(take(queue), 0.001)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await take(queue)
    assert not queue.has_receiver()
    queue.put("m")
    assert await asyncio.wait_for(take(queue), 5) == "m"


async def test_gather_of_two_queues() -> None:
    queues = [new_queue(), new_queue()]
    gathered: asyncio.Future[Any] = asyncio.gather(*[take(queue) for queue in queues])
    await turn()
    for i in (1, 0):
        queues[i].put(str(i))
        queues[i].wake(False)
    assert await gathered == ["0", "1"]


async def test_leave_is_for_the_receiver_that_waits() -> None:
    queue = new_queue()
    waiting, other = take(queue), take(queue)
    assert isinstance(waiting.send(None), Waiter)
    other.close()
    queue.leave(other)
    assert queue.has_receiver()
    waiting.close()
    assert not queue.has_receiver()
    waiting.close()
    queue.put("m")
    assert await other == "m"


async def test_poll_gives_the_waiter_or_nothing() -> None:
    queue = new_queue()
    receiver = take(queue)
    waiter = queue.poll(receiver)
    assert isinstance(waiter, Waiter)
    assert queue.has_receiver()
    queue.put("m")
    queue.wake(False)
    assert waiter.done()
    assert queue.poll(receiver) is None
    assert not queue.has_receiver()
    assert queue.get() == "m"


async def test_the_end_comes_after_the_messages() -> None:
    queue = new_queue()
    queue.put("m")
    queue.finish(closed_error)
    assert await take(queue) == "m"
    errors = []
    for _ in range(2):
        with pytest.raises(ConnectionClosedError) as caught:
            await take(queue)
        errors.append(caught.value)
    assert errors[0] is not errors[1], "a traceback is for one"
    assert not queue.has_receiver()


async def test_the_end_wakes_the_receiver() -> None:
    queue = new_queue()
    task = start(take(queue))
    await turn()
    queue.finish(closed_ok)
    assert not task.done(), "a task may be running: it is woken in a later turn"
    with pytest.raises(ConnectionClosedOK):
        await task


# -- iterating


async def test_iterating_ends_with_a_normal_close() -> None:
    queue = new_queue()
    for message in ("a", b"b"):
        queue.put(message)
    iterator = MessageIterator(queue)
    assert aiter(iterator) is iterator
    received = []
    async for message in iterator:
        received.append(message)
        if len(received) == 2:
            queue.put("c")
            queue.finish(closed_ok)
    assert received == ["a", b"b", "c"]
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)
    assert await anext(iterator, "the default") == "the default"


async def test_iterating_raises_at_another_end() -> None:
    queue = new_queue()
    queue.put("a")
    queue.finish(closed_error)
    received = []
    with pytest.raises(ConnectionClosedError):
        async for message in MessageIterator(queue):
            received.append(message)
    assert received == ["a"]


async def test_iterating_waits() -> None:
    queue = new_queue()

    async def collect() -> list[Any]:
        return [message async for message in MessageIterator(queue)]

    task = start(collect())
    for message in ("a", "b"):
        await turn()
        queue.put(message)
        queue.wake(False)
    await turn()
    queue.finish(closed_ok)
    assert await task == ["a", "b"]


async def test_receiving_raises_also_at_a_normal_end() -> None:
    queue = new_queue()
    queue.finish(closed_ok)
    with pytest.raises(ConnectionClosedOK):
        await take(queue)
