"""Events in the style of browsers: `add_event_listener`, the slots `on_message` and others, `Event`."""

from collections.abc import Callable
from typing import Any, Final, Literal

from ..errors import CloseInfo
from .emitter import Emitter, count_parameters, is_coroutine_function

__all__ = ["CloseEvent", "ErrorEvent", "Event", "EventTarget", "MessageEvent"]

EventType = Literal["open", "message", "error", "close"]

_TYPES: Final = ("open", "message", "error", "close")


class Event:
    """Something that has happened to a WebSocket (DOM: Event).

    Attributes:
        type: `"open"`, `"message"`, `"error"` or `"close"`.
        target: the `WebSocket`.
    """

    __slots__ = ("target", "type")

    def __init__(self, type: str, target: Any = None) -> None:
        self.type = type
        self.target = target

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in type(self).__slots__ if name != "target"]
        return f"{type(self).__name__}({', '.join(shown)})"


class MessageEvent(Event):
    """A message has come (HTML: MessageEvent).

    Attributes:
        data: `str` for a text message; for a binary one what `binary_type` says.
        target: the `WebSocket`.
        type: `"message"`.
    """

    __slots__ = ("data",)

    def __init__(self, data: Any, target: Any = None, type: str = "message") -> None:
        Event.__init__(self, type, target)
        self.data = data


class CloseEvent(Event):
    """The connection is closed (WebSockets Standard: CloseEvent).

    Attributes:
        code: the peer's close code; 1005 if its close frame had none, 1006 if there was no close frame.
        reason: the peer's close reason.
        was_clean: both sides sent a close frame.
        target: the `WebSocket`.
    """

    __slots__ = ("code", "reason", "was_clean")

    def __init__(self, code: int, reason: str, was_clean: bool, target: Any = None) -> None:
        Event.__init__(self, "close", target)
        self.code = code
        self.reason = reason
        self.was_clean = was_clean


class ErrorEvent(Event):
    """The connection failed (HTML: ErrorEvent).

    Attributes:
        error: the exception.
        message: its text.
        target: the `WebSocket`.
    """

    __slots__ = ("error", "message")

    def __init__(self, error: BaseException, message: str, target: Any = None) -> None:
        Event.__init__(self, "error", target)
        self.error = error
        self.message = message


class _Adapter:
    """Takes the arguments of our events, and calls a listener with an `Event`."""

    def __init__(self, type: str, listener: Any, target: "EventTarget", is_slot: bool) -> None:
        self.listener = listener
        self.is_slot = is_slot
        self._type = type
        self._target = target
        self._takes_event = count_parameters(_function_of(listener)) > 0

    def __call__(self, *arguments: Any) -> Any:
        function = _function_of(self.listener)
        if not self._takes_event:
            return function()
        return function(self._event(*arguments))

    def _event(self, *arguments: Any) -> Event:
        target = self._target
        if self._type == "message":
            return MessageEvent(arguments[0], target)
        if self._type == "close":
            return CloseEvent(arguments[0], arguments[1], target.close_info.was_clean, target)
        if self._type == "error":
            return ErrorEvent(arguments[0], str(arguments[0]), target)
        return Event(self._type, target)


class _CoroutineAdapter(_Adapter):
    """The same for a coroutine function, which its `__call__` shows to be one."""

    async def __call__(self, *arguments: Any) -> None:
        await _Adapter.__call__(self, *arguments)


def _function_of(listener: Any) -> Callable[..., Any]:
    """Return what is to be called: the listener, or its method `handle_event`, which may change."""
    function: Callable[..., Any] = listener if callable(listener) else listener.handle_event
    return function


def _check_type(type: str) -> None:
    if type not in _TYPES:
        raise ValueError(f"type={type!r}: must be one of {', '.join(_TYPES)}")


def _slot(type: str) -> Any:
    def get(self: "EventTarget") -> Callable[..., Any] | None:
        return self._get_slot(type)

    def put(self: "EventTarget", function: Callable[..., Any] | None) -> None:
        self._set_slot(type, function)

    return property(get, put, doc=f"The one function that is called with the event {type!r}, or `None`.")


class EventTarget:
    """What has the events of a browser's WebSocket, beside `on`, `once` and `off`."""

    __slots__ = ()

    on_open = _slot("open")
    on_message = _slot("message")
    on_error = _slot("error")
    on_close = _slot("close")

    def _events(self) -> Emitter:
        raise NotImplementedError

    @property
    def close_info(self) -> CloseInfo:
        """How the connection ended."""
        raise NotImplementedError

    def add_event_listener(self, type: EventType, listener: Any, once: bool = False) -> None:
        """Attach a listener that is called with an `Event`, as in browsers.

        Args:
            type: `"open"`, `"message"`, `"error"` or `"close"`.
            listener: a function or coroutine function of the event, or an object with such a method
                `handle_event`. One that is attached already is not attached again.
            once: it is called for one event only.

        Raises:
            ValueError: there is no such event.
            TypeError: the listener cannot be called.

        Source: `ws` addEventListener.
        """
        _check_type(type)
        if not callable(listener) and not callable(getattr(listener, "handle_event", None)):
            raise TypeError(f"listener={listener!r}: must be callable, or have a method handle_event")
        if self._find(type, listener) is None:
            self._attach(type, listener, once, is_slot=False)

    def remove_event_listener(self, type: EventType, listener: Any) -> None:
        """Detach a listener that `add_event_listener` attached; others are left alone.

        Raises:
            ValueError: there is no such event.

        Source: `ws` removeEventListener.
        """
        _check_type(type)
        found = self._find(type, listener)
        if found is not None:
            self._events().off(type, found)

    def _attach(self, type: str, listener: Any, once: bool, is_slot: bool) -> None:
        kind = _CoroutineAdapter if is_coroutine_function(_function_of(listener)) else _Adapter
        self._events().on(type, kind(type, listener, self, is_slot), once)

    def _adapters(self, type: str, is_slot: bool) -> list[_Adapter]:
        attached = [each.function for each in self._events().listeners(type)]
        return [each for each in attached if isinstance(each, _Adapter) and each.is_slot is is_slot]

    def _find(self, type: str, listener: Any) -> _Adapter | None:
        # Methods are made anew each time they are looked up, but are equal.
        return next((each for each in self._adapters(type, False) if each.listener == listener), None)

    def _get_slot(self, type: str) -> Callable[..., Any] | None:
        return next((each.listener for each in self._adapters(type, True)), None)

    def _set_slot(self, type: str, function: Callable[..., Any] | None) -> None:
        if function is not None and not callable(function):
            raise TypeError(f"on_{type}={function!r}: must be callable or None")
        for each in self._adapters(type, True):
            self._events().off(type, each)
        if function is not None:
            self._attach(type, function, once=False, is_slot=True)
