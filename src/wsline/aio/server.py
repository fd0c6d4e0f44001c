"""`serve` and `WebSocketServer`."""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Any, Final, Unpack

from ..clients import Clients
from ..errors import ConnectionClosed
from ..handshake.headers import Headers
from ..handshake.http1 import Request
from ..keywords import ServerKeywords
from ..options import ServerOptions
from ..payload import frame_message
from ..spec import CloseCode
from ..states import ServerState
from ..wire.close import check_close
from . import reactor
from .channel import Channel
from .emitter import Emitter, EventSource
from .listener import Acceptor, open_sockets
from .opening import ServerOpening
from .reactor import SocketChannel, reactor_of
from .tls import TLSChannel
from .transport import TransportProtocol
from .websocket import WebSocket

__all__ = ["Handler", "WebSocketServer", "serve"]

logger: Final = logging.getLogger("wsline")

Handler = Callable[[WebSocket], Awaitable[object]]

EVENTS: Final = ("connection", "listening", "headers", "close", "error")


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


class WebSocketServer(EventSource):
    """A WebSocket server.

    Args:
        handler: see `serve`; `None`: use the event `connection`.
        host: name or address to listen at; `None`: all interfaces.
        port: TCP port; 0: one that is free, see `address()`.
        options: see `ServerOptions`. Exactly one of `port`, `sock` and `unix_path` says where to listen.

    Attributes:
        clients: the open WebSockets, those that are closing included; empty without `client_tracking`.
        options: the `ServerOptions`.
        state: a `ServerState`.

    Events:
        `connection(ws, request)`, `listening`, `headers(headers, request)` (of the 101, to be changed in
        place), `close`, `error(exception)`.

    Raises:
        TypeError, ValueError: bad arguments.

    Source: `ws` WebSocketServer.
    """

    def __init__(
        self,
        handler: Handler | None = None,
        host: str | None = None,
        port: int | None = None,
        **options: Unpack[ServerKeywords],
    ) -> None:
        self.options = ServerOptions.from_keywords(type(self).__name__, options)
        places = (port, self.options.sock, self.options.unix_path)
        if sum(each is not None for each in places) != 1:
            raise TypeError(
                'One and only one of the "port", "sock", or "unix_path" options must be specified'
            )
        if port is not None and not (isinstance(port, int) and 0 <= port <= 65535):
            raise ValueError(f"port={port!r}: must be 0 to 65535")
        self.state = ServerState.NEW
        self.clients: set[WebSocket] = set()
        self._handler = handler
        self._host = host
        self._port = port or 0
        self._emitter = Emitter(EVENTS, self._on_listener_error)
        self._addresses: list[Any] = []
        self._acceptors: list[Acceptor] = []
        self._transport_servers: list[asyncio.Server] = []
        self._openings: set[ServerOpening] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: Clients[WebSocket] = Clients(self.options)
        self._closed = asyncio.Event()

    async def start(self) -> "WebSocketServer":
        """Begin to listen.

        Raises:
            OSError: the address cannot be listened at; the message names it.
            RuntimeError: it was started before.
        """
        if self.state != ServerState.NEW:
            raise RuntimeError(f"the server was started before; it is {self.state.name}")
        loop = asyncio.get_running_loop()
        sockets = await open_sockets(self._host, self._port, self.options)
        self._addresses = [each.getsockname() for each in sockets]
        for sock in sockets:
            if reactor.AVAILABLE:
                self._acceptors.append(Acceptor(loop, sock, self._on_accepted))
            else:
                self._transport_servers.append(await self._serve_transports(loop, sock))
        self.state = ServerState.RUNNING
        self._emit("listening")
        return self

    async def _serve_transports(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> asyncio.Server:
        def protocol() -> TransportProtocol:
            return TransportProtocol(loop, self._on_channel)

        return await loop.create_server(
            protocol,
            sock=sock,
            ssl=self.options.ssl,
            ssl_handshake_timeout=self.options.handshake_timeout if self.options.ssl else None,
            backlog=self.options.backlog,
        )

    async def serve_forever(self) -> None:
        """Serve until the server is closed; cancelling closes it."""
        if self.state == ServerState.NEW:
            await self.start()
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise

    def run(self, *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        """Run a loop with this server until SIGINT or SIGTERM, then close it gracefully.

        Args:
            loop_factory: makes the loop, for example `uvloop.new_event_loop`; default: asyncio's.

        Raises:
            OSError: the address cannot be listened at.
        """
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await self.start()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self._on_signal)
            except (NotImplementedError, RuntimeError):
                # No loop signals on Windows, nor outside the main thread: KeyboardInterrupt does it.
                break
        await self.serve_forever()

    def _on_signal(self) -> None:
        if self.state == ServerState.RUNNING:
            self.close()
            return
        # Somebody is tired of waiting for handlers and clients.
        for task in self._tasks:
            task.cancel()
        for websocket in self._open:
            websocket.terminate()

    def close(
        self, code: int = CloseCode.GOING_AWAY, reason: str = "", *, close_clients: bool = True
    ) -> None:
        """Stop: accept nothing more, answer 503 to handshakes on their way, and close the clients.

        Args:
            code, reason: for the clients' close frames.
            close_clients: `False`: leave the clients as they are, as `ws` does.

        Raises:
            TypeError, ValueError: bad code or reason; nothing was changed.
        """
        check_close(code, reason)
        if self.state != ServerState.RUNNING:
            return
        self.state = ServerState.CLOSING
        for acceptor in self._acceptors:
            acceptor.close()
        for server in self._transport_servers:
            server.close()
        for opening in tuple(self._openings):
            opening.abort()
        if close_clients:
            for websocket in self._open:
                websocket.close(code, reason)
        self._check_closed()

    async def wait_closed(self) -> None:
        """Wait until the server is closed: its clients are gone and its handlers have returned."""
        if self.state != ServerState.NEW:
            await self._closed.wait()

    async def __aenter__(self) -> "WebSocketServer":
        return await self.start()

    async def __aexit__(self, *details: object) -> None:
        self.close()
        await self.wait_closed()

    def __await__(self) -> Generator[Any, None, "WebSocketServer"]:
        return self.start().__await__()

    def _check_closed(self) -> None:
        idle = not self._open and not self._tasks and not self._openings
        if self.state == ServerState.CLOSING and idle:
            self.state = ServerState.CLOSED
            self._closed.set()
            self._emit("close")

    def _on_accepted(self, sock: socket.socket) -> None:
        try:
            if sock.family != getattr(socket, "AF_UNIX", None):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._on_channel(self._open_channel(sock))
        except OSError as error:
            # It was broken before we looked at it.
            logger.info("a connection was lost while it was accepted: %s", error)
            sock.close()

    def _open_channel(self, sock: socket.socket) -> Channel:
        context, of_loop = self.options.ssl, reactor_of(asyncio.get_running_loop())
        if context is None:
            return SocketChannel(of_loop, sock)
        return TLSChannel(of_loop, sock, context, server_side=True)

    def _on_channel(self, channel: Channel) -> None:
        address = channel.remote_address
        ip = address[0] if isinstance(address, tuple) else ""
        self._openings.add(
            ServerOpening(
                channel,
                self.options,
                reactor_of(channel.loop).deadlines,
                lambda: self._is_busy(ip),
                self._on_headers,
                lambda *opened: self._on_open(ip, *opened),
                self._on_opening_end,
            )
        )

    def _on_opening_end(self, opening: ServerOpening) -> None:
        self._openings.discard(opening)
        self._check_closed()

    def _is_busy(self, ip: str) -> str | None:
        if self.state != ServerState.RUNNING:
            return "the server is closing"
        return self._open.why_full(ip)

    def _on_headers(self, headers: Headers, request: Request) -> None:
        self._emitter.emit("headers", headers, request)

    def _on_open(
        self, ip: str, channel: Channel, request: Request, protocol: str | None, early: bytes
    ) -> None:
        websocket = WebSocket._accept(channel, self.options, request, protocol)
        self._open.add(websocket, ip)
        if self.options.client_tracking:
            self.clients.add(websocket)
        websocket._on_end(lambda: self._on_client_end(websocket, ip))
        websocket._begin(channel, early)
        try:
            self._emitter.emit("connection", websocket, request)
        except Exception as error:
            websocket._session.on_handler_error(error)
        if self._handler is not None:
            task = channel.loop.create_task(self._handle(self._handler, websocket))
            self._tasks.add(task)
            task.add_done_callback(self._on_task_done)

    async def _handle(self, handler: Handler, websocket: WebSocket) -> None:
        try:
            await handler(websocket)
        except ConnectionClosed as error:
            # The end of its own connection is how most handlers end.
            if websocket.ready_state == WebSocket.OPEN:
                websocket._session.on_handler_error(error)
            elif error.close_info.cause is None:
                logger.debug("a handler ended with its connection: %s", error)
            else:
                logger.info("a handler ended with its connection: %s", error)
        except Exception as error:
            websocket._session.on_handler_error(error)
        await websocket.close()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._check_closed()

    def _on_client_end(self, websocket: WebSocket, ip: str) -> None:
        self._open.discard(websocket, ip)
        self.clients.discard(websocket)
        self._check_closed()

    def address(self) -> Any:
        """Return where the server listens: `(host, port, ...)`, or the path of a UNIX socket.

        Raises:
            RuntimeError: it does not listen.
        """
        if self.state != ServerState.RUNNING:
            raise RuntimeError("the server is not running")
        return self._addresses[0]

    def broadcast(
        self, data: str | bytes, *, exclude: Iterable[WebSocket] = (), binary: bool | None = None
    ) -> None:
        """Send a message to all clients; it is framed once, and a slow client holds up nobody.

        Args:
            data: see `WebSocket.send`.
            exclude: who does not get it.
            binary: see `WebSocket.send`.

        Raises:
            TypeError: data of another type.
        """
        frame = frame_message(data, binary)
        excluded = set(exclude)
        for websocket in self._open:
            if websocket not in excluded and websocket.ready_state == WebSocket.OPEN:
                try:
                    websocket._session.send_frame(frame)
                except ConnectionClosed as error:
                    logger.info("a client was left out of a broadcast: %s", error)

    def _events(self) -> Emitter:
        return self._emitter

    def _emit(self, event: str) -> None:
        try:
            self._emitter.emit(event)
        except Exception as error:
            self._on_listener_error(error)

    def _on_listener_error(self, error: Exception) -> None:
        logger.error("exception in a listener of the server", exc_info=error)
        try:
            self._emitter.emit("error", error)
        except Exception as second:
            logger.error("exception in an 'error' listener", exc_info=second)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.name} {len(self._open)} open>"
