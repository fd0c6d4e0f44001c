"""`serve` and `WebSocketServer`, for threads."""

import inspect
import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, Final, Unpack

from ..clients import Clients, check_drain, closing_times
from ..errors import ConnectionClosed
from ..keywords import ServerKeywords
from ..listening import check_place
from ..options import ServerOptions
from ..spec import CloseCode, State
from ..states import ServerState
from ..stats import ServerStats
from ..wire.close import check_close
from .channel import Channel
from .listener import Acceptor, open_sockets
from .opening import ServerOpening
from .publishing import Hub, Publishing
from .stream import Stream, TLSStream
from .timeouts import limited
from .websocket import WebSocket

__all__ = ["Handler", "WebSocketServer", "serve"]

logger: Final = logging.getLogger("wsline")

# A wait that signals should end looks up so often, in seconds.
_LOOK_UP: Final = 1.0

Handler = Callable[[WebSocket], object]


def serve(
    handler: Handler, host: str | None = None, port: int | None = None, **options: Unpack[ServerKeywords]
) -> "WebSocketServer":
    """Start a WebSocket server: `with serve(...) as server: server.serve_forever()`.

    Args:
        handler: a function, called with the `WebSocket` of each client in a thread of its own. When it
            returns, the WebSocket is closed with 1000; when it raises, with 1011, and that is logged.
        host, port, options: see `WebSocketServer`.

    Returns:
        A `WebSocketServer`, which has begun to listen; its context manager closes it at the end.

    Raises:
        TypeError, ValueError: bad arguments.
        OSError: the address cannot be listened at.
    """
    return WebSocketServer(handler, host, port, **options).start()


class WebSocketServer(Publishing):
    """A WebSocket server with a thread for each client.

    Args:
        handler: see `serve`.
        host: name or address to listen at; `None`: all interfaces.
        port: TCP port; 0: one that is free, see `address()`.
        options: see `ServerOptions`; functions among them are plain ones, called in the client's thread.
            Exactly one of `port`, `sock` and `unix_path` says where to listen.

    Attributes:
        options: the `ServerOptions`.
        state: a `ServerState`.

    Raises:
        TypeError, ValueError: bad arguments.

    Source: `ws` WebSocketServer.
    """

    def __init__(
        self,
        handler: Handler,
        host: str | None = None,
        port: int | None = None,
        **options: Unpack[ServerKeywords],
    ) -> None:
        self.options = ServerOptions.from_keywords(type(self).__name__, options)
        _check_functions(handler, self.options)
        _check_class(self.options.web_socket)
        places = (port, self.options.sock, self.options.unix_path)
        if sum(each is not None for each in places) != 1:
            raise TypeError(
                'One and only one of the "port", "sock", or "unix_path" options must be specified'
            )
        check_place(host, port)
        self.state = ServerState.NEW
        self._handler = handler
        self._host = host
        self._port = port or 0
        # Whoever holds it takes no lock of a channel; it may be the other way round.
        self._lock = threading.Lock()
        self._closed = threading.Condition(self._lock)
        self._addresses: list[Any] = []
        self._acceptors: list[Acceptor] = []
        self._listening = 0
        self._openings: dict[ServerOpening, None] = {}  # oldest first
        self._threads: set[threading.Thread] = set()
        self._open: Clients[WebSocket] = Clients(self.options)
        self._hub = Hub(self.options, self._lock)
        self._waits_for_threads = True
        self._run_drain = 0.0

    def start(self) -> "WebSocketServer":
        """Begin to listen, and to serve in the background.

        Raises:
            OSError: the address cannot be listened at; the message names it.
            RuntimeError: it was started before.
        """
        if self.state != ServerState.NEW:
            raise RuntimeError(f"the server was started before; it is {self.state.name}")
        sockets = open_sockets(self._host, self._port, self.options)
        self._addresses = [each.getsockname() for each in sockets]
        self.state = ServerState.RUNNING
        self._listening = len(sockets)
        self._acceptors = [Acceptor(each, self._on_accepted, self._on_acceptor_gone) for each in sockets]
        return self

    def serve_forever(self) -> None:
        """Serve until the server is closed; an exception (KeyboardInterrupt) closes it."""
        if self.state == ServerState.NEW:
            self.start()
        try:
            # A signal that comes just before the wait begins does not end it: it is looked for now and then.
            while not self.wait_closed(_LOOK_UP):
                pass
        except BaseException:
            self.shutdown()
            raise

    def run(self, *, drain: float = 0.0) -> None:
        """Serve until SIGINT or SIGTERM, then close gracefully. A second signal waits for no handler.

        Args:
            drain: see `close`.

        Raises:
            OSError: the address cannot be listened at.
            TypeError, ValueError: bad `drain`; or this is not the main thread: only that one gets signals.
        """
        check_drain(drain)
        self._run_drain = drain
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for number in before:
                signal.signal(number, self._on_signal)
            self.serve_forever()
        finally:
            for number, action in before.items():
                signal.signal(number, action)

    def _on_signal(self, number: int, frame: object) -> None:
        # It comes between any two steps of the main thread, which may hold a lock.
        threading.Thread(target=self._obey_signal, name="wsline signal", daemon=True).start()

    def _obey_signal(self) -> None:
        if self.state == ServerState.RUNNING:
            self.close(drain=self._run_drain)
            return
        # Somebody is tired of waiting for handlers and clients.
        with self._lock:
            self._waits_for_threads = False
            clients = tuple(self._open)
            self._check_closed()
        for websocket in clients:
            websocket.terminate()

    def close(
        self,
        code: int = CloseCode.GOING_AWAY,
        reason: str = "",
        *,
        close_clients: bool = True,
        drain: float = 0.0,
    ) -> None:
        """Stop: accept nothing more, answer 503 to handshakes on their way, begin to close the clients.

        Args:
            code, reason: for the clients' close frames.
            close_clients: `False`: leave the clients as they are, as `ws` does.
            drain: so many seconds the closing of the clients is spread over, in the background.

        Raises:
            TypeError, ValueError: bad code, reason or time; nothing was changed.
        """
        check_close(code, reason)
        check_drain(drain)
        with self._lock:
            if self.state != ServerState.RUNNING:
                return
            self.state = ServerState.CLOSING
            openings, clients = tuple(self._openings), tuple(self._open)
        for acceptor in self._acceptors:
            acceptor.close()
        for opening in openings:
            opening.abort()
        if close_clients:
            times = closing_times(len(clients), drain)
            for websocket, seconds in zip(clients, times, strict=True):
                if seconds:
                    later = threading.Timer(seconds, websocket._session.begin_close, (code, reason))
                    later.daemon = True
                    later.start()
                else:
                    websocket._session.begin_close(code, reason)

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the server is closed: its clients are gone and its handlers have returned.

        Args:
            timeout: longest time to wait, in seconds; `None`: no limit.

        Returns:
            Whether it is closed, or was never started.
        """
        with self._lock:
            return self._closed.wait_for(
                lambda: self.state in (ServerState.NEW, ServerState.CLOSED), limited(timeout)
            )

    def shutdown(self, code: int = CloseCode.GOING_AWAY, reason: str = "") -> None:
        """Close, and wait until it is done; arguments and exceptions as `close`."""
        self.close(code, reason)
        self.wait_closed()

    def __enter__(self) -> "WebSocketServer":
        return self.start() if self.state == ServerState.NEW else self

    def __exit__(self, *details: object) -> None:
        self.shutdown()

    # -- what comes, in the loop's thread

    def _on_accepted(self, sock: socket.socket) -> None:
        try:
            if sock.family != getattr(socket, "AF_UNIX", None):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = self.options.ssl
            channel = Channel(Stream(sock) if context is None else TLSStream(sock, context, None))
        except OSError as error:
            # It was broken before we looked at it.
            logger.info("a connection was lost while it was accepted: %s", error)
            sock.close()
            return
        opening = ServerOpening(
            channel, self.options, self._admit, self._spawn, self._handle, self._on_opening_end
        )
        with self._lock:
            full = len(self._openings) >= self.options.max_pending_handshakes
            oldest = next(iter(self._openings)) if full else None
            self._openings[opening] = None
            is_late = self.state != ServerState.RUNNING
        if oldest is not None:
            oldest.abort("too many handshakes (max_pending_handshakes)", "max_pending_handshakes")
        channel.start(opening)
        if is_late:
            opening.abort()

    def _on_acceptor_gone(self) -> None:
        with self._lock:
            self._listening -= 1
            self._check_closed()

    def _on_opening_end(self, opening: ServerOpening) -> None:
        with self._lock:
            self._openings.pop(opening, None)
            if opening.error is not None:
                self._open.refuse(opening.error)
            self._check_closed()

    def _admit(self, websocket: WebSocket) -> tuple[str, str | None] | None:
        address = websocket.remote_address
        ip = address[0] if isinstance(address, tuple) else ""
        with self._lock:
            if self.state != ServerState.RUNNING:
                return "the server is closing", None
            reason = self._open.why_full(ip)
            if reason is None:
                self._open.add(websocket, ip)
                websocket._hub = self._hub
                websocket._session.on_end = lambda: self._on_client_end(websocket, ip)
            return reason

    def _on_client_end(self, websocket: WebSocket, ip: str) -> None:
        with self._lock:
            self._open.discard(websocket, ip)
            self._hub.topics.drop(websocket)
            self._check_closed()

    def _check_closed(self) -> None:
        threads = self._threads if self._waits_for_threads else ()
        is_idle = not (self._listening or self._openings or self._open or threads)
        if self.state == ServerState.CLOSING and is_idle:
            self.state = ServerState.CLOSED
            self._closed.notify_all()

    # -- handlers

    def _spawn(self, function: Callable[[], object]) -> bool:
        def run() -> None:
            try:
                function()
            finally:
                with self._lock:
                    self._threads.discard(thread)
                    self._check_closed()

        # A daemon: the end of the program waits for those only that are waited for.
        thread = threading.Thread(target=run, name="wsline handler", daemon=True)
        with self._lock:
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            logger.error("cannot serve a client: %s (option max_connections)", error)
            with self._lock:
                self._threads.discard(thread)
                self._check_closed()
            return False
        return True

    def _handle(self, websocket: WebSocket) -> None:
        try:
            self._handler(websocket)
        except ConnectionClosed as error:
            # The end of its own connection is how most handlers end.
            if websocket.ready_state is State.OPEN:
                self._on_handler_error(websocket, error)
            elif error.close_info.cause is None:
                logger.debug("a handler ended with its connection: %s", error)
            else:
                logger.info("a handler ended with its connection: %s", error)
        except Exception as error:
            self._on_handler_error(websocket, error)
        websocket.close()

    def _on_handler_error(self, websocket: WebSocket, error: Exception) -> None:
        logger.error("exception in a handler of %s", websocket.remote_address, exc_info=error)
        websocket._session.fail(error, CloseCode.INTERNAL_ERROR, "internal error")

    # -- for users

    @property
    def clients(self) -> set[WebSocket]:
        """The open WebSockets now, those that are closing included; empty without `client_tracking`."""
        with self._lock:
            return set(self._open) if self.options.client_tracking else set()

    @property
    def stats(self) -> ServerStats:
        """What has come to the server, in numbers: see `ServerStats`."""
        with self._lock:
            return self._open.stats(len(self._openings))

    def address(self) -> Any:
        """Return where the server listens: `(host, port, ...)`, or the path of a UNIX socket.

        Raises:
            RuntimeError: it does not listen.
        """
        if self.state != ServerState.RUNNING:
            raise RuntimeError("the server is not running")
        return self._addresses[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.name} {len(self._open)} open>"


def _check_class(chosen: Any) -> None:
    if chosen is not None and not issubclass(chosen, WebSocket):
        raise TypeError(f"web_socket={chosen!r}: must be a subclass of wsline.sync.WebSocket")


def _check_functions(handler: Any, options: ServerOptions) -> None:
    if not callable(handler):
        raise TypeError(f"handler={handler!r}: must be a function that takes a WebSocket")
    names = ("process_request", "verify_client", "handle_protocols")
    for name, function in (("handler", handler), *((name, getattr(options, name)) for name in names)):
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{name}={function!r}: must be a plain function; coroutines need wsline.serve")
