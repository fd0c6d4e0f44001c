"""From a URL to an open channel: resolve, connect, TLS, opening handshake. It blocks, within its time."""

import os
import socket
import ssl
import threading
from collections.abc import Callable

from ..errors import HandshakeTimeout, InvalidStatus
from ..handshake.client import ClientHandshake
from ..handshake.proxy import find_proxy
from ..handshake.redirects import Route
from ..handshake.tls import HUNG_UP, tls_error
from ..trust import client_context
from ..wire.kernels import Output
from .channel import NOBODY, Channel, Consumer
from .sockets import TimeLimit, open_socket, open_unix_socket
from .stream import Stream, TLSStream
from .tunnel import open_tunnel

__all__ = ["OnOpen", "dial"]

OnOpen = Callable[[Channel, ClientHandshake], None]


def dial(route: Route, output: Output, on_open: OnOpen) -> None:
    """Connect and perform the opening handshake.

    Args:
        route: where to, how, and what to ask for there.
        output: what the channel sends from.
        on_open: called in the loop's thread, with the channel locked and the handshake, the moment that it
            has succeeded; it gives the channel its consumer, and that the bytes in `handshake.trailing`.

    Raises:
        OSError: no connection came about.
        TLSError: TLS did not.
        ProxyError: none through the proxy.
        ImportError: the proxy needs the extra `wsline[proxy]`.
        HandshakeTimeout: `handshake_timeout` was not enough for all of it, redirects included.
        HandshakeError: the server's answer was another than wished.

    An exception leaves nothing open, KeyboardInterrupt included.
    """
    seconds = route.options.handshake_timeout
    limit = TimeLimit(seconds)
    try:
        while not _try(route, output, on_open, limit):
            pass
    except TimeoutError:
        if not limit.is_over:  # the system has lost patience before us
            raise
        raise HandshakeTimeout(
            f"Opening handshake has timed out: {route.uri.url} was not open after"
            f" {seconds} s (option handshake_timeout)",
            request=route.handshake.request,
            hint="check that a WebSocket server is there, or give it more time",
        ) from None
    except ssl.SSLError as error:
        raise tls_error(error, route.options.server_hostname or route.uri.host) from error


def _try(route: Route, output: Output, on_open: OnOpen, limit: TimeLimit) -> bool:
    """Perform the handshake at one hop; return whether it was the last one."""
    handshake = route.handshake
    if route.options.finish_request is not None:
        route.options.finish_request(handshake.request, None)
    try:
        _shake_hands(_open_channel(route, output, limit), handshake, on_open, limit)
        return True
    except InvalidStatus as error:
        route.follow(error)
    return False


def _open_channel(route: Route, output: Output, limit: TimeLimit) -> Channel:
    uri, options = route.uri, route.options
    sock = _open_socket(route, limit)
    try:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not uri.secure:
            return Channel(Stream(sock), output)
        name = options.server_hostname or uri.host
        return Channel(TLSStream(sock, client_context(options.ssl), name), output)
    except BaseException:
        sock.close()
        raise


def _open_socket(route: Route, limit: TimeLimit) -> socket.socket:
    options = route.options
    if options.sock is not None:
        sock: socket.socket = options.sock
        return sock
    if route.unix_path is not None:
        return open_unix_socket(route.unix_path, limit)
    proxy = find_proxy(route.uri, options.proxy, os.environ)
    if proxy is not None:
        return open_tunnel(proxy, route.uri, options, limit)
    return open_socket(route.uri.host, route.uri.port, options, limit)


def _shake_hands(channel: Channel, handshake: ClientHandshake, on_open: OnOpen, limit: TimeLimit) -> None:
    opening = _Opening(channel, handshake, on_open)
    try:
        channel.output.put(handshake.build(), False, 0)
        channel.start(opening)
        opening.wait(limit)
    finally:
        opening.leave()


class _Opening(Consumer):
    """Takes the server's answer, in the loop's thread, while the caller waits."""

    def __init__(self, channel: Channel, handshake: ClientHandshake, on_open: OnOpen) -> None:
        self._channel = channel
        self._handshake = handshake
        self._on_open = on_open
        self._over = threading.Condition(channel.lock)
        self._is_over = False
        self._error: BaseException | None = None

    def wait(self, limit: TimeLimit) -> None:
        with self._channel.lock:
            while not self._is_over:
                self._over.wait(limit.left())
        if self._error is not None:
            raise self._error

    def leave(self) -> None:
        with self._channel.lock:
            self._is_over = True
            if self._channel.consumer is self:
                self._channel.consumer = NOBODY
                self._channel.abort()

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        self._step(lambda: self._handshake.receive(bytes(buffer[start:end])))

    def receive_eof(self) -> None:
        self._step(self._handshake.receive_eof)

    def _step(self, step: Callable[[], object]) -> None:
        if self._is_over:
            return
        try:
            if step() is not None:
                self._on_open(self._channel, self._handshake)
                self._end(None)
        except Exception as error:
            self._end(error)

    def on_lost(self, error: BaseException | None) -> None:
        if isinstance(error, ssl.SSLError):
            self._end(error)
        elif isinstance(error, OSError) and not self._channel.stream.is_ready:
            told = ssl.SSLEOFError(ssl.SSL_ERROR_EOF, HUNG_UP)
            told.__cause__ = error
            self._end(told)
        else:
            self._step(lambda: self._handshake.receive_eof(error))

    def _end(self, error: BaseException | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._error = error
            self._over.notify_all()
