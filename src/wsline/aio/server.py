"""`serve` and `WebSocketServer`."""

import asyncio
from typing import Any, Final, Self, Unpack

from ..checks import FLAG, Check, require
from ..clients import Clients, check_drain, closing_times
from ..errors import HandshakeError
from ..handshake.deflate import Verdict
from ..handshake.http1 import Request
from ..handshake.server import matches_path
from ..keywords import ServerKeywords
from ..listening import check_place
from ..options import ServerOptions
from ..spec import CloseCode
from ..states import ServerState
from ..stats import ServerStats
from ..wire.close import check_close
from .arguments import check_class, check_places
from .channel import Channel
from .handlers import Handler, Handlers
from .http import HTTPServer
from .hub import Hub
from .listener import Listener
from .opening import Hooks
from .openings import Openings
from .publishing import Publishing
from .service import LoopFactory, Service
from .upgrades import UpgradeSocket, take_transport
from .websocket import WebSocket

__all__ = ["Handler", "WebSocketServer", "serve"]

_HANDLER: Final = Check(
    "a coroutine function that takes a WebSocket, or None", (), lambda value: value is None or callable(value)
)

EVENTS: Final = (
    "connection", "listening", "headers", "close", "error", "ws_client_error", "topic_added", "topic_removed",
    "backplane_up", "backplane_down", "backplane_loss",
)  # fmt: skip

# While it retires, it looks so often whether the last handshake is over, in seconds.
_LOOK_UP: Final = 0.02


def serve(
    handler: Handler, host: str | None = None, port: int | None = None, **options: Unpack[ServerKeywords]
) -> "WebSocketServer":
    """Start a WebSocket server: `server = await serve(...)` or `async with serve(...) as server`.

    Args:
        handler: a coroutine function, called with the `WebSocket` of each client. When it returns, the
            WebSocket is closed with 1000; when it raises, with 1011, and the exception is logged.
        host, port, options: see `WebSocketServer`.

    Returns:
        A `WebSocketServer`; its context manager closes it at the end.

    Raises:
        TypeError, ValueError: bad arguments.

    Awaiting it raises:
        OSError: the address cannot be listened at.
    """
    if not callable(handler):
        raise TypeError(f"handler={handler!r}: must be a coroutine function that takes a WebSocket")
    return WebSocketServer(handler, host, port, **options)


class WebSocketServer(Publishing, Service):
    """A WebSocket server.

    Args:
        handler: see `serve`; `None`: use the event `connection`.
        host: name or address to listen at; `None`: all interfaces.
        port: TCP port; 0: one that is free, see `address()`.
        server: an `HTTPServer` to attach to: it gives the handshakes for `path` here. It is started and
            closed by itself, and closes this server too.
        no_server: attach to nothing; whatever has a handshake calls `handle_upgrade`.
        options: see `ServerOptions`. Exactly one of `port`, `sock`, `unix_path`, `server` and `no_server`
            says where the handshakes come from. With the last two the server runs from the beginning.

    Attributes:
        clients: the open WebSockets, those that are closing included; empty without `client_tracking`.
        options: the `ServerOptions`.
        state: a `ServerState`.

    Events:
        `connection(ws, request)`, `listening`, `headers(headers, request)` (of the 101, to be changed in
        place), `close`, `error(exception)`, `ws_client_error(exception, socket, request)`: a faulty
        handshake; a listener answers it with `socket.end`, or calls `socket.destroy`.
        `topic_added(topic)`: somebody follows a topic that nobody followed; `topic_removed(topic)`: nobody
        does any more. `backplane_down(error)`, `backplane_up`: the broker is lost, is there again.
        `backplane_loss(dropped, unconfirmed)`: so many messages were not sent to other processes, so many
        were on their way when the broker was lost.

    Raises:
        TypeError, ValueError: bad arguments.

    Source: `ws` WebSocketServer.
    """

    options: ServerOptions

    def __init__(
        self,
        handler: Handler | None = None,
        host: str | None = None,
        port: int | None = None,
        *,
        server: HTTPServer | None = None,
        no_server: bool = False,
        **options: Unpack[ServerKeywords],
    ) -> None:
        self.options = ServerOptions.from_keywords(type(self).__name__, options)
        require("handler", handler, _HANDLER)
        require("no_server", no_server, FLAG)
        check_place(host, port)
        check_places(port, server, no_server, self.options)
        self._web_socket = check_class(self.options.web_socket)
        Service.__init__(self, EVENTS)
        self.clients: set[WebSocket] = set()
        self._host = host
        self._port = port or 0
        self._server = server
        self._listener: Listener | None = None
        self._handlers = None if handler is None else Handlers(handler, self._check_closed)
        self._open: Clients[WebSocket] = Clients(self.options)
        self._hub = Hub(self.options, self._tell)
        self._client_end = self._on_client_end  # one method object for all clients
        self._openings = Openings(self.options, self._make_hooks())
        if server is None and not no_server:
            self._listener = Listener(self.options, self.options.handshake_timeout, self._openings.begin)
            return
        self.state = ServerState.RUNNING
        if server is not None:
            server.attach(self)
            server.on("listening", self._on_server_listening)
            server.on("error", self._on_server_error)

    async def start(self) -> Self:
        """Connect to the backplane, and begin to listen, but with `server` and `no_server`.

        Raises:
            OSError: the address cannot be listened at; the message names it.
            BackplaneUnavailable: the broker cannot be reached.
            RuntimeError: it was started before.
        """
        if self._listener is None:
            await self._hub.start()
            return self
        self._check_new()
        try:
            await self._hub.start()
            await self._listener.open(self._host, self._port)
        except OSError as error:
            await self._hub.stop()
            self._hub = Hub(self.options, self._tell)
            self._tell("error", error)
            raise
        self.state = ServerState.RUNNING
        self._tell("listening")
        return self

    def run(
        self, *, drain: float = 0.0, loop_factory: LoopFactory | None = None, workers: int | None = None
    ) -> None:
        """Run a loop with this server until SIGINT or SIGTERM, then `close` it: see `Service.run`.

        Args:
            drain: see `close`.
            loop_factory, workers: see `Service.run`.

        Raises:
            RuntimeError: it has no port of its own.
            OSError: the address cannot be listened at.
            TypeError, ValueError: bad `drain`.
        """
        check_drain(drain)
        if self._listener is None:
            raise RuntimeError("this server does not listen: run the HTTP server that it belongs to")
        self._run_drain = drain
        Service.run(self, loop_factory=loop_factory, workers=workers)

    async def _retire(self) -> None:
        if self._listener is not None:
            self._listener.close()
        while self._openings:
            # They have been accepted, so they are served; `handshake_timeout` bounds this.
            await asyncio.sleep(_LOOK_UP)
        self.close(CloseCode.SERVICE_RESTART, drain=self._run_drain)

    def _stop(self) -> None:
        self.close(drain=self._run_drain)

    def close(
        self,
        code: int = CloseCode.GOING_AWAY,
        reason: str = "",
        *,
        close_clients: bool = True,
        drain: float = 0.0,
    ) -> None:
        """Stop: accept nothing more, answer 503 to handshakes on their way, and close the clients.

        Args:
            code, reason: for the clients' close frames.
            close_clients: `False`: leave the clients as they are, as `ws` does.
            drain: so many seconds the closing is spread over, that they do not all come back at once.

        Raises:
            TypeError, ValueError: bad code, reason or time; nothing was changed.
        """
        check_close(code, reason)
        check_drain(drain)
        if self.state != ServerState.RUNNING:
            return
        self.state = ServerState.CLOSING
        if self._listener is not None:
            self._listener.close()
        self._openings.abort()
        if close_clients:
            clients = tuple(self._open)
            for websocket, seconds in zip(clients, closing_times(len(clients), drain), strict=True):
                if seconds:
                    asyncio.get_running_loop().call_later(seconds, websocket.close, code, reason)
                else:
                    websocket.close(code, reason)
        self._check_closed()

    def _cut(self) -> None:
        if self._handlers is not None:
            self._handlers.cancel()
        for websocket in self._open:
            websocket.terminate()

    def _check_closed(self) -> None:
        idle = not self._open and not self._handlers and not self._openings
        # The broker gets what handlers have published to their very end.
        if self.state == ServerState.CLOSING and idle and self._hub.close(self._check_closed):
            self._end()
            if self._server is not None:
                # Until now it was there to answer 503.
                self._server.off("listening", self._on_server_listening)
                self._server.off("error", self._on_server_error)
                self._server.detach(self)

    @property
    def stats(self) -> ServerStats:
        """What has come to the server, in numbers: see `ServerStats`."""
        return self._open.stats(len(self._openings))

    def address(self) -> Any:
        """Return where the server listens: `(host, port, ...)`, or the path of a UNIX socket.

        Raises:
            RuntimeError: it does not listen.
        """
        if self._server is not None:
            return self._server.address()
        if self._listener is None:
            raise RuntimeError('The server is operating in "no_server" mode')
        if self.state != ServerState.RUNNING:
            raise RuntimeError("the server is not running")
        return self._listener.addresses[0]

    # -- handshakes

    def should_handle(self, request: Request) -> bool:
        """Tell whether a handshake is for this server: by the option `path`; to be overridden.

        Source: `ws` shouldHandle.
        """
        return matches_path(self.options, request)

    def handle_upgrade(
        self, request: Request, socket: UpgradeSocket | asyncio.Transport, head: bytes = b""
    ) -> "asyncio.Future[WebSocket]":
        """Answer a handshake that was read elsewhere. It is taken at once, before anything is awaited.

        Args:
            request: the request.
            socket: what a listener of `upgrade` was given; or a transport, whose protocol is exchanged,
                and told when the connection is lost.
            head: the bytes that came behind the request.

        Returns:
            An awaitable of the `WebSocket`. `connection` is not emitted: that is left to you, with
            whatever you know about the client: `server.emit("connection", ws, request, user)`, which also
            starts the handler.

        Raises:
            RuntimeError: the socket was given to a WebSocketServer before.

        Awaiting it raises:
            HandshakeError: the handshake was refused, and answered.

        Cancelling refuses the client.

        Source: `ws` handleUpgrade.
        """
        if not isinstance(socket, UpgradeSocket):
            socket = take_transport(socket)
        return self._openings.upgrade_and_tell(request, socket, head, self._accept)

    def accept_upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> None:
        """Take a handshake from the HTTP server that this server is attached to."""
        self._openings.upgrade(request, socket, head)

    def _make_hooks(self) -> Hooks:
        return Hooks(
            # Looked up each time: `ws` lets it be replaced on the object.
            should_handle=lambda request: self.should_handle(request),  # noqa: PLW0108
            busy=self._why_busy,
            on_headers=lambda headers, request: self._emitter.emit("headers", headers, request),
            on_open=self._on_open,
            on_client_error=self._on_client_error,
            on_fail=self._open.refuse,
            on_end=lambda opening: self._check_closed(),
        )

    def _why_busy(self, channel: Channel) -> tuple[str, str | None] | None:
        if self.state != ServerState.RUNNING:
            return "the server is closing", None
        return self._open.why_full(_ip(channel))

    def _on_client_error(self, error: HandshakeError, socket: UpgradeSocket, request: Request) -> bool:
        try:
            return self._emitter.emit("ws_client_error", error, socket, request)
        except Exception as fault:
            self._on_listener_error(fault)
            return False

    # -- clients

    def _accept(
        self, channel: Channel, request: Request, protocol: str | None, deflate: Verdict, early: bytes
    ) -> WebSocket:
        websocket = self._web_socket._accept(channel, self.options, request, protocol)
        self._open.add(websocket, _ip(channel))
        if self.options.client_tracking:
            self.clients.add(websocket)
        websocket._hub = self._hub
        websocket._on_end(self._client_end)
        websocket._begin(channel, early, deflate.extensions, deflate.parameters)
        return websocket

    def _on_open(
        self, channel: Channel, request: Request, protocol: str | None, deflate: Verdict, early: bytes
    ) -> None:
        self.emit("connection", self._accept(channel, request, protocol, deflate, early), request)

    def emit(self, event: str, *arguments: Any) -> bool:
        """Call the listeners of an event: see `Service.emit`.

        `connection` also starts the handler with the first argument, a `WebSocket`; an exception of a
        listener fails that WebSocket, and is not raised here.
        """
        if event != "connection":
            return Service.emit(self, event, *arguments)
        websocket: WebSocket = arguments[0]
        try:
            heard = Service.emit(self, event, *arguments)
        except Exception as error:
            heard = True
            websocket._session.on_handler_error(error)
        if self._handlers is not None:
            self._handlers.start(websocket)
        return heard or self._handlers is not None

    def _on_client_end(self, websocket: WebSocket) -> None:
        self._open.discard(websocket, _ip(websocket))
        self.clients.discard(websocket)
        self._hub.drop(websocket)
        self._check_closed()

    # -- the HTTP server that it is attached to

    def _on_server_listening(self) -> None:
        self._tell("listening")

    def _on_server_error(self, error: Exception) -> None:
        self._tell("error", error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.name} {len(self._open)} open>"


def _ip(end: Channel | WebSocket) -> str:
    address = end.remote_address
    return address[0] if isinstance(address, tuple) else ""
