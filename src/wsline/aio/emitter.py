"""Events in the style of Node.js: `on`, `once`, `off`, `emit`."""

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, Final, TypeVar, overload

__all__ = ["Emitter", "EventSource", "Listener", "count_parameters", "is_coroutine_function"]

logger: Final = logging.getLogger("wsline")

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MANY = 255


class Listener:
    """A function that is called when an event happens.

    It is called with as many of the event's arguments as it declares: that is looked up once, here.

    Args:
        event: the name of the event.
        function: a function or a coroutine function; each call of the latter becomes a task.
        once: it is called for one event only.
        on_error: called with the exception of a task.
    """

    __slots__ = ("_on_error", "arity", "event", "function", "is_coroutine", "once")

    def __init__(
        self, event: str, function: Callable[..., Any], once: bool, on_error: Callable[[Exception], object]
    ) -> None:
        if not callable(function):
            raise TypeError(f"listener={function!r}: must be callable")
        self.event = event
        self.function = function
        self.once = once
        self.arity = count_parameters(function)
        self.is_coroutine = is_coroutine_function(function)
        self._on_error = on_error

    def ask(self, *arguments: Any) -> Any:
        """Return what the function returns: of a coroutine function the coroutine."""
        return self.function(*arguments[: self.arity])

    def __call__(self, *arguments: Any) -> None:
        result = self.ask(*arguments)
        if self.is_coroutine:
            task = asyncio.ensure_future(result)
            _running.add(task)
            task.add_done_callback(self._report)

    def _report(self, task: "asyncio.Future[Any]") -> None:
        _running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            self._on_error(error)


def _log(error: Exception) -> None:
    logger.error("exception in an 'error' listener", exc_info=error)


# The loop keeps only weak references to tasks.
_running: set["asyncio.Future[Any]"] = set()


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    """Return the code of a function to which nothing was added that `inspect` would see, as `__wrapped__`."""
    return function.__code__ if type(function) is FunctionType and not function.__dict__ else None


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    code = _code_of(function)
    if code is not None:
        return bool(code.co_flags & inspect.CO_COROUTINE)
    # `inspect` sees through a partial of a function, not of a method or of an object with an async call.
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def count_parameters(function: Callable[..., Any]) -> int:
    code = _code_of(function)
    if code is not None:  # `inspect` takes as long as a third of an opening handshake
        return _MANY if code.co_flags & inspect.CO_VARARGS else code.co_argcount
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin that does not tell
        return _MANY
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return _MANY
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)


class Emitter:
    """Who listens to which event.

    Args:
        events: the names of the events there are.
        on_error: called with the exception of a listener that is a coroutine function.
        on_change: called with the name of an event whose listeners have changed.
    """

    __slots__ = ("_events", "_listeners", "_on_change", "_on_error")

    def __init__(
        self,
        events: tuple[str, ...],
        on_error: Callable[[Exception], object],
        on_change: Callable[[str], object] | None = None,
    ) -> None:
        self._events = events
        self._on_error = on_error
        self._on_change = on_change
        # In one list: there are few, and a dict is larger than all of them.
        self._listeners: list[Listener] = []

    def on(self, event: str, function: _Function | None, once: bool = False) -> Any:
        """Attach a listener; without a function, return a decorator that does.

        Raises:
            ValueError: there is no such event.
            TypeError: the listener is not callable.
        """
        if event not in self._events:
            raise ValueError(f"event={event!r}: must be one of {', '.join(self._events)}")
        if function is None:
            return lambda decorated: self.on(event, decorated, once)
        # To report the failure of who is told of failures would go on for ever.
        on_error = _log if event == "error" else self._on_error
        self._listeners.append(Listener(event, function, once, on_error))
        self._changed(event)
        return function

    def off(self, event: str, function: Callable[..., Any]) -> None:
        """Detach a listener; one that is not attached is ignored."""
        for each in self.listeners(event):
            if each.function is function or each.function == function:
                self._remove(event, each)
                return

    def _remove(self, event: str, listener: Listener) -> bool:
        """Detach this very listener; return whether it was attached."""
        left = [each for each in self._listeners if each is not listener]
        if len(left) == len(self._listeners):
            return False
        self._listeners = left
        self._changed(event)
        return True

    def listeners(self, event: str) -> list[Listener]:
        """Return the listeners of an event, in the order in which they were attached."""
        return [each for each in self._listeners if each.event == event]

    def emit(self, event: str, *arguments: Any) -> bool:
        """Call the listeners of an event; an exception of one of them is raised here.

        Returns:
            Whether there was one.
        """
        heard = False
        for each in self.take(event):
            heard = True
            each(*arguments)
        return heard

    def take(self, event: str) -> Iterator[Listener]:
        """Yield the listeners that are due for an event, in their order; those for one event are detached."""
        for each in self.listeners(event):
            if not each.once or self._remove(event, each):
                yield each

    def clear(self) -> None:
        """Detach all listeners."""
        self._listeners.clear()

    def _changed(self, event: str) -> None:
        if self._on_change is not None:
            self._on_change(event)


class EventSource:
    """What has events: `on`, `once` and `off`."""

    __slots__ = ()

    def _events(self) -> Emitter:
        raise NotImplementedError

    @overload
    def on(self, event: str) -> Callable[[_Function], _Function]: ...

    @overload
    def on(self, event: str, listener: _Function) -> _Function: ...

    def on(self, event: str, listener: Callable[..., Any] | None = None) -> Any:
        """Attach a listener: `source.on("message", f)`, or `@source.on("message")` above it.

        Args:
            event: one of those that the class lists.
            listener: a function, which may declare fewer parameters than the event gives, or a coroutine
                function, each call of which becomes a task whose exception is reported.

        Returns:
            The listener, or a decorator.

        Raises:
            ValueError: there is no such event.
            TypeError: the listener cannot be called.
        """
        return self._events().on(event, listener)

    @overload
    def once(self, event: str) -> Callable[[_Function], _Function]: ...

    @overload
    def once(self, event: str, listener: _Function) -> _Function: ...

    def once(self, event: str, listener: Callable[..., Any] | None = None) -> Any:
        """Attach a listener for one event only; as `on`."""
        return self._events().on(event, listener, once=True)

    def off(self, event: str, listener: Callable[..., Any]) -> None:
        """Detach a listener; one that is not attached is ignored."""
        self._events().off(event, listener)
