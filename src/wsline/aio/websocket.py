"""The WebSocket that users hold: coroutines and events on one object."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..closing import given_up
from ..connection import Connection
from ..errors import InvalidStatus
from ..facts import Facts
from ..handshake.client import ClientHandshake
from ..handshake.extensions import ExtensionOffer
from ..handshake.http1 import Request
from ..handshake.redirects import Route
from ..handshake.uri import parse_uri
from ..options import ClientOptions, Options
from ..spec import CloseCode, DeflateParameters, Role, State
from .channel import Channel
from .dial import Caller, dial
from .dom import EventTarget
from .emitter import Emitter, EventSource
from .hub import Subscribing
from .messaging import Messaging
from .reactor import reactor_of
from .session import Session
from .timers import clock
from .turns import Turns

__all__ = ["EVENTS", "WebSocket"]

EVENTS: Final = (
    "open", "message", "ping", "pong", "close", "error", "upgrade", "redirect", "unexpected_response", "drop",
)  # fmt: skip


# Those that `allow_synchronous_events=False` gives a turn of the loop each.
_ONE_BY_ONE: Final = ("message", "ping", "pong")


class WebSocket(Messaging, Subscribing, Facts, EventTarget, EventSource):
    """A WebSocket connection.

    `WebSocket(url)` begins to connect at once, on the running loop: attach listeners and wait for
    `"open"`. To wait with `await`, use `connect(url)`. On a server, handlers get one for each client.

    Args:
        url: see `connect`.
        protocols: see `connect`.
        options: see `connect`.

    Raises:
        InvalidURI, TypeError, ValueError: bad arguments.
        RuntimeError: no loop is running.

    Events:
        `open`, `message(data, is_binary)`, `ping(data)`, `pong(data)`, `close(code, reason)`,
        `error(exception)`, `drop(data)`: a message was dropped, as the option `slow_consumer` says; and on
        a client, while it opens:
        `upgrade(response)`: the server's 101, before the WebSocket is open.
        `redirect(url, request)`: a redirect is followed; a listener may change the headers of the request,
        from which all that is secret was taken if it goes to another origin.
        `unexpected_response(request, response)`: the server answered with another status than 101, which is
        no redirect to follow. With a listener the failure is left to it: there is no `error`, only `close`;
        an awaited `connect()` raises `InvalidStatus` all the same.

        Listeners of `add_event_listener` and of the slots `on_open`, `on_message`, `on_error`, `on_close` get
        an `Event`, as in browsers.
    """

    # The attributes of each have fixed places; a dict comes about only if a user sets one of his own.
    __slots__ = (
        "__dict__", "__weakref__", "_binary_type", "_emitter", "_end_callback", "_extensions", "_hub",
        "_left_to_listeners", "_protocol", "_request", "_response", "_turns", "_url",
    )  # fmt: skip

    _emitter: Emitter | None
    _turns: Turns | None
    _end_callback: Callable[["WebSocket"], object] | None
    _left_to_listeners: BaseException | None

    def __init__(self, url: str, protocols: str | Sequence[str] | None = None, **options: Any) -> None:
        opening = self._prepare(url, protocols, ClientOptions.from_keywords(type(self).__name__, options))
        # The reference keeps the task alive.
        self._session.opening = asyncio.ensure_future(opening)
        self._session.opening.add_done_callback(_forget)

    # How an instance comes about: on a client by `_prepare`, on a server by `_accept`.

    def _prepare(self, url: str, protocols: str | Sequence[str] | None, options: ClientOptions) -> Any:
        """Set up a client; return the coroutine that opens it."""
        route = Route(parse_uri(url), options, protocols)
        self._set_up(Role.CLIENT, options, None, route.handshake.request)
        self._url = route.uri.url
        return _Opening(self, route).run()

    @classmethod
    def _connect(
        cls, url: str, protocols: str | Sequence[str] | None, options: ClientOptions
    ) -> tuple["WebSocket", Any]:
        websocket = cls.__new__(cls)
        return websocket, websocket._prepare(url, protocols, options)

    @classmethod
    def _accept(
        cls, channel: Channel, options: Options, request: Request, protocol: str | None
    ) -> "WebSocket":
        websocket = cls.__new__(cls)
        websocket._set_up(Role.SERVER, options, channel, request)
        websocket._protocol = protocol
        return websocket

    def _set_up(self, role: Role, options: Options, channel: Channel | None, request: Request) -> None:
        loop = asyncio.get_running_loop()
        connection = Connection(
            role,
            options,
            clock,
            None if channel is None else channel.output,
            options.generate_mask if isinstance(options, ClientOptions) else None,
        )
        Messaging.__init__(self, Session(loop, connection, self._emit))
        self._session.tells_control = False
        self._emitter = None
        self._turns = None if options.allow_synchronous_events else Turns(self._session, self._emit_now)
        self._binary_type = "bytes"
        if options.binary_type != "bytes":
            self.binary_type = options.binary_type
        self._request = request
        self._response = None
        self._protocol = None
        self._url = None
        self._end_callback = None
        self._extensions = ()
        self._hub = None
        self._left_to_listeners = None

    def _begin(
        self,
        channel: Channel,
        trailing: bytes,
        extensions: Sequence[ExtensionOffer] = (),
        deflate: DeflateParameters | None = None,
    ) -> None:
        session = self._session
        self._extensions = extensions
        session.attach(channel, reactor_of(session.loop).deadlines, deflate)
        session.emit("open")
        session.take_early(trailing)

    def _on_end(self, callback: Callable[["WebSocket"], object]) -> None:
        """Call `callback(self)` once, when the connection is closed, before the event `close`."""
        self._end_callback = callback

    async def __aenter__(self) -> "WebSocket":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *details: object) -> None:
        # 1011 tells the peer that it was not meant to end like this.
        code = CloseCode.NORMAL_CLOSURE if kind is None else CloseCode.INTERNAL_ERROR
        await self.close(code)

    # -- events

    def _events(self) -> Emitter:
        if self._emitter is None:
            self._emitter = Emitter(EVENTS, self._session.on_handler_error, self._on_listeners_changed)
        return self._emitter

    def _emit(self, event: str, *arguments: Any) -> None:
        if event == "error" and arguments[0] is self._left_to_listeners:
            return
        if event == "close":
            # Those who keep a list of open WebSockets come first.
            callback, self._end_callback = self._end_callback, None
            if callback is not None:
                callback(self)
        turns = self._turns
        if turns is not None and (event in _ONE_BY_ONE or turns):
            turns.add(event, arguments)
        else:
            self._emit_now(event, *arguments)

    def _emit_now(self, event: str, *arguments: Any) -> None:
        emitter = self._emitter
        try:
            if emitter is not None:
                emitter.emit(event, *arguments)
        finally:
            if event == "close" and emitter is not None:
                # The last event: let go of what the listeners hold, and of the emitter, which holds us.
                emitter.clear()
                self._emitter = None

    def _on_listeners_changed(self, event: str) -> None:
        if self._emitter is None:
            return
        if event in ("ping", "pong"):
            heard = self._emitter.listeners("ping") or self._emitter.listeners("pong")
            self._session.tells_control = bool(heard)
        if event != "message":
            return
        listeners = self._emitter.listeners("message")
        is_plain = self._turns is None and self._session.queue.form is None
        if len(listeners) == 1 and not listeners[0].once and not listeners[0].is_coroutine and is_plain:
            # The hot path: the session calls the function itself.
            self._session.set_listener(listeners[0].function, listeners[0].arity)
        elif listeners:
            self._session.set_listener(self._emit_message, 2)
        else:
            self._session.set_listener(None, 0)

    def _emit_message(self, data: Any, is_binary: bool) -> None:
        form = self._session.queue.form
        self._emit("message", data if form is None else form(data), is_binary)

    def _set_form(self, form: Callable[[Any], Any], keeps_fragments: bool) -> None:
        self._session.set_form(form, keeps_fragments)
        self._on_listeners_changed("message")

    def __repr__(self) -> str:
        where = self._url or self.remote_address
        return f"<{type(self).__name__} {self.ready_state.name} {where}>"


class _Opening(Caller):
    """Opens a client's WebSocket, and tells its listeners how it goes."""

    def __init__(self, websocket: WebSocket, route: Route) -> None:
        self._websocket = websocket
        self._session = websocket._session
        self._route = route

    async def run(self) -> None:
        session = self._session
        try:
            await dial(self._route, session.connection.output, self)
        except asyncio.CancelledError:
            session.give_up(given_up())
            raise
        except Exception as error:
            if isinstance(error, InvalidStatus):
                self._offer(error)
            session.give_up(error)
            raise
        finally:
            session.opening = None

    def _offer(self, error: InvalidStatus) -> None:
        emitter = self._websocket._emitter
        if emitter is not None and emitter.listeners("unexpected_response"):
            self._websocket._left_to_listeners = error
            self._session.emit("unexpected_response", error.request, error.response)

    async def on_request(self, request: Request) -> None:
        finish = self._route.options.finish_request
        done = None if finish is None else finish(request, self._websocket)
        if inspect.isawaitable(done):
            await done

    def on_redirect(self) -> None:
        websocket, route = self._websocket, self._route
        websocket._request = route.handshake.request
        websocket._url = route.uri.url
        self._session.emit("redirect", route.uri.url, websocket._request)
        if self._session.connection.state != State.CONNECTING:  # a listener has given it up, or failed
            raise self._session.connection.cause or given_up()

    def on_open(self, channel: Channel, handshake: ClientHandshake) -> None:
        websocket, session = self._websocket, self._session
        websocket._protocol = handshake.protocol
        websocket._response = handshake.response
        session.emit("upgrade", handshake.response)
        if session.connection.state == State.CONNECTING:  # no listener has given it up
            websocket._begin(channel, handshake.trailing, handshake.extensions, handshake.deflate)


def _forget(opening: "asyncio.Future[None]") -> None:
    # "error" and "close" have told its outcome already.
    if not opening.cancelled():
        opening.exception()
