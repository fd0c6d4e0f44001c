"""Events: who is called, with what, how often, and who is told of failures."""

import asyncio
import functools
import logging
import operator
from collections.abc import Callable
from typing import Any

import pytest

from wsline.aio.emitter import Emitter, EventSource, Listener, count_parameters

EVENTS = ("message", "close", "error")


class Failure(Exception):
    """What a listener raises."""


def emitter_of(
    errors: list[Exception] | None = None, on_change: Callable[[str], object] | None = None
) -> Emitter:
    told: list[Exception] = [] if errors is None else errors
    return Emitter(EVENTS, told.append, on_change)


class Calls:
    """Functions of many shapes that note their arguments."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def nothing(self) -> None:
        self.seen.append(())

    def one(self, first: Any) -> None:
        self.seen.append((first,))

    def two(self, first: Any, second: Any) -> None:
        self.seen.append((first, second))

    def three(self, first: Any, second: Any = "-", third: Any = "-") -> None:
        self.seen.append((first, second, third))

    def keywords(self, first: Any, *, more: Any = "-", **others: Any) -> None:
        self.seen.append((first, more, others))

    def positional(self, first: Any, /) -> None:
        self.seen.append((first,))

    def all(self, *arguments: Any) -> None:
        self.seen.append(arguments)

    def some(self, first: Any, *rest: Any) -> None:
        self.seen.append((first, *rest))

    async def later(self, first: Any) -> None:
        await asyncio.sleep(0)
        self.seen.append((first,))

    def __call__(self, first: Any) -> None:
        self.seen.append((first,))


class AsyncCallable:
    """An object with a coroutine method for a call."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, first: Any) -> None:
        await asyncio.sleep(0)
        self.seen.append(first)


async def finished(seen: list[Any], n: int = 1) -> None:
    async with asyncio.timeout(10):
        while len(seen) < n:
            await asyncio.sleep(0)


# -- arity


SHAPES: list[tuple[str, int, tuple[Any, ...]]] = [
    ("nothing", 0, ()),
    ("one", 1, ("a",)),
    ("two", 2, ("a", "b")),
    ("three", 3, ("a", "b", "-")),
    ("keywords", 1, ("a", "-", {})),
    ("positional", 1, ("a",)),
    ("all", 255, ("a", "b")),
    ("some", 255, ("a", "b")),
]


@pytest.mark.parametrize(("name", "arity", "expected"), SHAPES, ids=str)
def test_a_listener_is_given_what_it_declares(name: str, arity: int, expected: tuple[Any, ...]) -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", getattr(calls, name))
    assert emitter.listeners("message")[0].arity == arity
    assert emitter.emit("message", "a", "b")
    assert calls.seen == [expected]


def test_a_listener_that_wants_more_than_there_is_fails() -> None:
    emitter = emitter_of()
    emitter.on("message", Calls().two)
    with pytest.raises(TypeError, match="second"):
        emitter.emit("message", "a")


def test_objects_and_partials_are_listeners() -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", calls)
    emitter.on("message", functools.partial(calls.two, "bound"))
    emitter.on("message", functools.partial(calls.three, second="by name"))
    emitter.emit("message", "a", "b")
    assert calls.seen == [("a",), ("bound", "a"), ("a", "by name", "-")]


def test_builtins_are_listeners(capsys: pytest.CaptureFixture[str]) -> None:
    emitter = emitter_of()
    seen: list[Any] = []
    emitter.on("message", seen.append)
    emitter.on("message", print)
    emitter.on("message", operator.add)
    emitter.emit("message", "a", "b")
    assert seen == ["a"]
    assert capsys.readouterr().out == "a b\n"


def test_a_builtin_that_does_not_tell_its_parameters_is_given_all() -> None:
    listener = Listener("message", max, False, print)
    assert listener.arity == 255
    listener("a", "b")
    with pytest.raises(TypeError, match="not iterable"):
        listener(1)


def test_what_cannot_be_called_is_no_listener() -> None:
    wrong: Any
    for wrong in (7, "function"):
        with pytest.raises(TypeError, match="must be callable"):
            emitter_of().on("message", wrong)


# -- attaching and detaching


def test_listeners_are_called_in_order() -> None:
    emitter = emitter_of()
    seen: list[str] = []
    for name in "abc":
        emitter.on("message", functools.partial(seen.append, name))
    assert len(emitter.listeners("message")) == 3
    assert emitter.emit("message")
    assert seen == ["a", "b", "c"]


def test_without_a_listener_nothing_happens() -> None:
    emitter = emitter_of()
    assert not emitter.emit("message", "a")
    assert emitter.listeners("message") == []
    emitter.on("message", print)
    emitter.off("message", print)
    assert not emitter.emit("message", "a")


def test_on_returns_the_function_and_is_a_decorator() -> None:
    emitter = emitter_of()
    seen: list[Any] = []

    @emitter.on("message", None)  # type: ignore[untyped-decorator]
    def listener(message: Any) -> None:
        seen.append(message)

    @emitter.on("message", None, once=True)  # type: ignore[untyped-decorator]
    def first(message: Any) -> None:
        seen.append(("first", message))

    assert callable(listener)
    assert emitter.on("close", print) is print
    emitter.emit("message", 1)
    emitter.emit("message", 2)
    assert seen == [1, ("first", 1), 2]


@pytest.mark.parametrize("function", [print, None])
def test_an_unknown_event_is_an_error(function: Callable[..., Any] | None) -> None:
    with pytest.raises(ValueError, match="event='mesage': must be one of message, close, error"):
        emitter_of().on("mesage", function)


def test_off_finds_equal_functions() -> None:
    calls = Calls()
    emitter = emitter_of()
    # Each access makes another bound method, equal to the first.
    emitter.on("message", calls.one)
    emitter.on("message", calls.nothing)
    emitter.off("message", calls.one)
    emitter.emit("message", "a")
    assert calls.seen == [()]


def test_off_detaches_one_at_a_time() -> None:
    calls = Calls()
    emitter = emitter_of()
    for _ in range(3):
        emitter.on("message", calls.one)
    for left in (2, 1, 0):
        emitter.off("message", calls.one)
        assert len(emitter.listeners("message")) == left


def test_off_ignores_what_is_not_attached() -> None:
    changed: list[str] = []
    emitter = emitter_of(on_change=changed.append)
    emitter.on("message", print)
    emitter.off("message", repr)
    emitter.off("close", print)
    emitter.off("no such event", print)
    assert len(emitter.listeners("message")) == 1
    assert changed == ["message"]


def test_changes_are_told() -> None:
    changed: list[str] = []
    emitter = emitter_of(on_change=changed.append)
    emitter.on("message", len, once=True)
    emitter.on("close", repr)
    emitter.emit("message", "a")
    emitter.off("close", repr)
    assert changed == ["message", "close", "message", "close"]


def test_clear_detaches_all() -> None:
    emitter = emitter_of()
    for event in EVENTS:
        emitter.on(event, print)
    emitter.clear()
    assert not any(emitter.emit(event) for event in EVENTS)


# -- once


def test_once_is_once() -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", calls.one, once=True)
    assert emitter.emit("message", "a")
    assert not emitter.emit("message", "b")
    assert calls.seen == [("a",)]


def test_once_is_once_also_within_the_listener() -> None:
    seen: list[str] = []
    emitter = emitter_of()

    def listener(name: str) -> None:
        seen.append(name)
        emitter.emit("message", name + "'")

    emitter.on("message", listener, once=True)
    emitter.emit("message", "a")
    assert seen == ["a"]


def test_a_once_listener_detached_meanwhile_is_not_called() -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", lambda: emitter.off("message", calls.one))
    emitter.on("message", calls.one, once=True)
    emitter.emit("message", "a")
    assert calls.seen == []


def test_of_two_equal_listeners_the_very_one_goes() -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", calls.one)
    emitter.on("message", calls.one, once=True)
    emitter.emit("message", "a")
    emitter.emit("message", "b")
    assert calls.seen == [("a",), ("a",), ("b",)]
    assert [listener.once for listener in emitter.listeners("message")] == [False]


def test_a_listener_attached_meanwhile_waits_for_the_next_event() -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", lambda: emitter.on("message", calls.one), once=True)
    emitter.emit("message", "a")
    assert calls.seen == []
    emitter.emit("message", "b")
    assert calls.seen == [("b",)]


# -- failures and coroutine functions


def test_an_exception_is_raised_by_emit() -> None:
    errors: list[Exception] = []
    emitter = emitter_of(errors)

    def fail() -> None:
        raise Failure

    emitter.on("message", fail)
    with pytest.raises(Failure):
        emitter.emit("message")
    assert errors == []


COROUTINE_FUNCTIONS: list[Callable[[Calls], Callable[..., Any]]] = [
    lambda calls: calls.later,
    lambda calls: functools.partial(Calls.later, calls),
    lambda calls: functools.partial(calls.later),
    lambda calls: functools.partial(functools.partial(calls.later), "a"),
]


@pytest.mark.parametrize("function_of", COROUTINE_FUNCTIONS)
async def test_a_coroutine_function_becomes_a_task(
    function_of: Callable[[Calls], Callable[..., Any]],
) -> None:
    calls = Calls()
    emitter = emitter_of()
    emitter.on("message", function_of(calls))
    assert emitter.listeners("message")[0].is_coroutine
    emitter.emit("message", "a")
    assert calls.seen == [], "it runs later"
    await finished(calls.seen)
    assert calls.seen == [("a",)]


@pytest.mark.parametrize("wrap", [lambda each: each, functools.partial])
async def test_an_object_with_an_async_call_becomes_a_task(wrap: Callable[[Any], Any]) -> None:
    function = AsyncCallable()
    emitter = emitter_of()
    emitter.on("message", wrap(function))
    emitter.emit("message", "a", "b")
    emitter.emit("message", "c", "d")
    await finished(function.seen, 2)
    assert function.seen == ["a", "c"]


def test_the_class_of_such_an_object_is_no_coroutine_function() -> None:
    listener = Listener("message", AsyncCallable, False, print)
    assert not listener.is_coroutine
    listener("a")


async def test_a_failure_of_a_task_is_told() -> None:
    errors: list[Exception] = []
    emitter = emitter_of(errors)

    async def fail(message: str) -> None:
        raise Failure(message)

    emitter.on("message", fail, once=True)
    emitter.emit("message", "a")
    await finished(errors)
    assert [str(error) for error in errors] == ["a"]
    assert not emitter.emit("message", "b")


async def test_a_failure_of_a_task_for_errors_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = []
    emitter = emitter_of(errors)

    async def fail(error: Exception) -> None:
        raise Failure("while told of a failure")

    emitter.on("error", fail)
    with caplog.at_level(logging.ERROR, "wsline"):
        emitter.emit("error", KeyError("x"))
        await finished(caplog.records)
    assert errors == []
    (record,) = caplog.records
    assert record.getMessage() == "exception in an 'error' listener"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], Failure)


async def test_a_cancelled_task_is_no_failure() -> None:
    errors: list[Exception] = []
    emitter = emitter_of(errors)
    tasks: list[asyncio.Task[Any]] = []

    async def wait() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await asyncio.Event().wait()

    emitter.on("message", wait)
    emitter.emit("message")
    await finished(tasks)
    tasks[0].cancel()
    async with asyncio.timeout(10):
        await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert tasks[0].cancelled()
    assert errors == []


class Source(EventSource):
    """A thing with events."""

    def __init__(self) -> None:
        self.emitter = Emitter(("ring", "stop"), lambda error: None)

    def _events(self) -> Emitter:
        return self.emitter


def test_an_event_source_attaches_by_call_and_by_decorator() -> None:
    source = Source()
    heard: list[str] = []

    @source.on("ring")
    def first() -> None:
        heard.append("first")

    @source.once("ring")
    def second() -> None:
        heard.append("second")

    source.on("ring", lambda: heard.append("third"))
    source.emitter.emit("ring")
    source.off("ring", first)
    source.emitter.emit("ring")
    assert heard == ["first", "second", "third", "third"]


def test_what_is_no_event_source_yet_says_so() -> None:
    with pytest.raises(NotImplementedError):
        EventSource().on("ring", print)


def test_what_wraps_a_function_is_asked_by_inspect() -> None:
    def inner(a: Any, b: Any) -> None:
        """Declares two."""

    @functools.wraps(inner)
    def outer(*arguments: Any) -> None:
        """Says that it declares two."""

    assert count_parameters(inner) == 2
    assert count_parameters(outer) == 2
    assert count_parameters(lambda *rest: None) == 255
    assert count_parameters(lambda a, /, b, *, c=1, **more: None) == 2
