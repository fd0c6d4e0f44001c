"""`HTTPServer`: HTTP/1.1 beside WebSockets, on the same port."""

import asyncio
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Final, Protocol, Self, Unpack

from ..errors import HandshakeError
from ..handshake.http1 import Request, Response, refusal
from ..handshake.http_options import HTTPOptions
from ..handshake.judging import expect_response
from ..handshake.server import not_served, upgrade_required
from ..keywords import HTTPKeywords
from ..listening import check_place
from ..states import ServerState
from .asking import settle
from .channel import Channel
from .http_connection import HTTPConnection
from .listener import Listener
from .reactor import reactor_of
from .service import Service
from .upgrades import UpgradeSocket

__all__ = ["Attachment", "HTTPServer"]

logger: Final = logging.getLogger("wsline")

EVENTS: Final = ("request", "upgrade", "listening", "close", "error", "client_error")


class Attachment(Protocol):
    """A WebSocketServer, as the HTTP server sees it."""

    def should_handle(self, request: Request) -> bool:
        """Return whether a handshake is for it."""

    def accept_upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> None:
        """Take a handshake."""

    def close(self) -> None:
        """Begin to stop; it calls `HTTPServer.detach` when it is closed."""

    def _join_relay(self, path: str, number: int) -> None:
        """Join topics with those of the same server in other workers."""


class HTTPServer(Service):
    """An HTTP/1.1 server to attach WebSocketServers to: `WebSocketServer(server=http, path="/chat")`.

    It is small and strict: it serves pages, JSON or a health check beside WebSockets. Requests and
    responses are whole, in memory. For more, attach to aiohttp or to an ASGI server.

    Args:
        host: name or address to listen at; `None`: all interfaces.
        port: TCP port; 0: one that is free, see `address()`; `None`: 443 with `ssl`, else 80.
        options: see `HTTPOptions`. Of `port`, `sock` and `unix_path` at most one says where to listen.

    Attributes:
        options: the `HTTPOptions`.
        state: a `ServerState`.

    Events:
        `request(request)`: a listener, a function or a coroutine function, returns a `Response`, or `None`
            to leave the answer to the next one. Without any: 404, or 426 if there is anybody for WebSockets.
        `upgrade(request, socket, head)`: a request that asks for a WebSocket. A listener gives it to
            `WebSocketServer.handle_upgrade`, returns a `Response` to refuse it, calls `socket.end` or
            `socket.destroy`, or returns `None` to leave it to the next one, and at last to the servers that
            are attached. What nobody takes gets 404.
        `client_error(exception, socket)`: a bad request, or one that did not come in time. A listener
            answers it with `socket.end`, or calls `socket.destroy`; without one the answer is 4xx.
        `listening`, `close`, `error(exception)`.

    Raises:
        TypeError, ValueError: bad arguments.

    Source: `http.Server` of Node.js, as far as `ws` uses it; RFC 9112.
    """

    options: HTTPOptions

    def __init__(
        self, host: str | None = None, port: int | None = None, **options: Unpack[HTTPKeywords]
    ) -> None:
        self.options = HTTPOptions.from_keywords(type(self).__name__, options)
        places = (port, self.options.sock, self.options.unix_path)
        if sum(each is not None for each in places) > 1:
            raise TypeError('Only one of the "port", "sock", or "unix_path" options can be specified')
        check_place(host, port)
        Service.__init__(self, EVENTS)
        self._host = host
        self._port = (443 if self.options.ssl else 80) if port is None else port
        self._listener: Listener = Listener(self.options, self.options.header_timeout, self._on_channel)
        self._connections: set[HTTPConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._attached: list[Attachment] = []

    async def start(self) -> Self:
        """Begin to listen.

        Raises:
            OSError: the address cannot be listened at; the message names it. It is also emitted as
                `error`.
            RuntimeError: it was started before.
        """
        self._check_new()
        try:
            await self._listener.open(self._host, self._port)
        except OSError as error:
            self._tell("error", error)
            raise
        self.state = ServerState.RUNNING
        self._tell("listening")
        return self

    def close(self) -> None:
        """Stop: accept nothing more, answer the requests that have begun, and close what is attached."""
        if self.state != ServerState.RUNNING:
            return
        self.state = ServerState.CLOSING
        self._listener.close()
        for connection in tuple(self._connections):
            connection.close()
        for server in tuple(self._attached):
            server.close()
        self._check_closed()

    def _join_relay(self, path: str, number: int = 0) -> None:
        for each, server in enumerate(self._attached):
            server._join_relay(path, each)

    async def _retire(self) -> None:
        self.close()

    def _cut(self) -> None:
        for task in self._tasks:
            task.cancel()
        for connection in tuple(self._connections):
            connection.cut()

    def address(self) -> Any:
        """Return where the server listens: `(host, port, ...)`, or the path of a UNIX socket.

        Raises:
            RuntimeError: it does not listen.
        """
        if self.state != ServerState.RUNNING:
            raise RuntimeError("the server is not running")
        return self._listener.addresses[0]

    def attach(self, server: Attachment) -> None:
        """Let a WebSocketServer have the handshakes that are for it; called by `WebSocketServer`."""
        self._attached.append(server)

    def detach(self, server: Attachment) -> None:
        """Let go of a WebSocketServer; called by it when it is closed."""
        self._attached.remove(server)
        self._check_closed()

    def _check_closed(self) -> None:
        idle = not self._connections and not self._tasks and not self._attached
        if self.state == ServerState.CLOSING and idle:
            self._end()

    def _on_channel(self, channel: Channel) -> None:
        deadlines = reactor_of(channel.loop).deadlines
        most = self.options.max_connections
        if most is not None and len(self._connections) >= most:
            message = "too many connections (max_connections)\n"
            UpgradeSocket(channel, deadlines).end(refusal(HTTPStatus.SERVICE_UNAVAILABLE, message))
            return
        self._connections.add(HTTPConnection(channel, self, deadlines))

    # -- what the connections call

    @property
    def is_closing(self) -> bool:
        """Connections end with their next answer."""
        return self.state != ServerState.RUNNING

    def takes_upgrades(self) -> bool:
        """Return whether there is anybody to take a WebSocket."""
        return bool(self._attached or self._emitter.listeners("upgrade"))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Make a task that is waited for at the end."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._check_closed()

    def on_connection_end(self, connection: HTTPConnection) -> None:
        """Note the end of a connection."""
        self._connections.discard(connection)
        self._check_closed()

    async def respond(self, request: Request) -> Response:
        """Answer a request by the listeners of `request`."""
        try:
            for listener in self._emitter.take("request"):
                response = await settle(listener.ask(request))
                if response is not None:
                    return expect_response(response, "a 'request' listener")
        except Exception as error:
            self.on_fault(error)
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        if self.takes_upgrades():
            required: Response = upgrade_required(request).response
            return required
        return refusal(HTTPStatus.NOT_FOUND)

    async def upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> Response:
        """Give a handshake to the listeners of `upgrade`, then to the servers that are attached."""
        try:
            for listener in self._emitter.take("upgrade"):
                answer = await settle(listener.ask(request, socket, head))
                if socket.is_answered:
                    break
                if answer is not None:
                    return expect_response(answer, "an 'upgrade' listener")
            if not socket.is_answered:
                self._upgrade_attached(request, socket, head)
        except HandshakeError as error:
            # `handle_upgrade` has answered it, and logged why.
            return error.response or refusal(HTTPStatus.BAD_REQUEST)
        except Exception as error:
            self.on_fault(error)
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        unserved: Response = not_served(request).response
        return unserved

    def _upgrade_attached(self, request: Request, socket: UpgradeSocket, head: bytes) -> None:
        for server in self._attached:
            if server.should_handle(request):
                server.accept_upgrade(request, socket, head)
                return

    def on_fault(self, error: Exception) -> None:
        """Note a fault of the application."""
        self._on_listener_error(error)

    def on_client_error(self, error: HandshakeError, socket: UpgradeSocket) -> bool:
        """Return whether a listener answers a faulty request."""
        try:
            return self._emitter.emit("client_error", error, socket)
        except Exception as fault:
            self._on_listener_error(fault)
            return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.name} {len(self._connections)} open>"
