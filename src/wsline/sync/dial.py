"""From a URL to an open channel: resolve, connect, TLS, opening handshake. It blocks, within its time."""

import socket
import ssl
import threading
from collections.abc import Callable

from ..errors import HandshakeError, HandshakeTimeout
from ..handshake.client import ClientHandshake
from ..handshake.tls import tls_error
from ..handshake.uri import URI
from ..options import ClientOptions
from ..trust import client_context
from ..wire.kernels import Output
from .channel import NOBODY, Channel, Consumer
from .sockets import TimeLimit, open_socket, open_unix_socket
from .stream import Stream, TLSStream

__all__ = ["OnOpen", "dial"]

OnOpen = Callable[[Channel, ClientHandshake], None]


def dial(
    uri: URI, options: ClientOptions, handshake: ClientHandshake, output: Output, on_open: OnOpen
) -> None:
    """Connect and perform the opening handshake.

    Args:
        uri: where to.
        options: how.
        handshake: the handshake to perform.
        output: what the channel sends from.
        on_open: called in the loop's thread, with the channel locked and the handshake, the moment that it
            has succeeded; it gives the channel its consumer, and that the bytes in `handshake.trailing`.

    Raises:
        OSError: no connection came about.
        TLSError: TLS did not.
        HandshakeTimeout: `handshake_timeout` was not enough for all of it.
        HandshakeError: the server's answer was another than wished.

    An exception leaves nothing open, KeyboardInterrupt included.
    """
    limit = TimeLimit(options.handshake_timeout)
    try:
        channel = _open_channel(uri, options, output, limit)
        _shake_hands(channel, handshake, on_open, limit)
    except TimeoutError:
        if not limit.is_over:  # the system has lost patience before us
            raise
        raise HandshakeTimeout(
            f"Opening handshake has timed out: {uri.url} was not open after"
            f" {options.handshake_timeout} s (option handshake_timeout)",
            request=handshake.request,
        ) from None
    except ssl.SSLError as error:
        raise tls_error(error, options.server_hostname or uri.host) from error


def _open_channel(uri: URI, options: ClientOptions, output: Output, limit: TimeLimit) -> Channel:
    sock = options.sock if options.sock is not None else _open_socket(uri, options, limit)
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


def _open_socket(uri: URI, options: ClientOptions, limit: TimeLimit) -> socket.socket:
    if uri.unix_path is not None:
        return open_unix_socket(uri.unix_path, limit)
    return open_socket(uri.host, uri.port, options, limit)


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
        self._end(error or HandshakeError("the server closed the connection without an answer"))

    def _end(self, error: BaseException | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._error = error
            self._over.notify_all()
