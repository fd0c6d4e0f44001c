"""From a URL to an open channel: resolve, connect, TLS, opening handshake."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from ..errors import HandshakeTimeout, InvalidStatus
from ..handshake.client import ClientHandshake
from ..handshake.http1 import Request
from ..handshake.proxy import find_proxy
from ..handshake.redirects import Route
from ..handshake.tls import HUNG_UP, tls_error
from ..handshake.uri import URI
from ..options import ClientOptions
from ..trust import client_context
from ..wire.kernels import Output
from . import reactor
from .channel import NOBODY, Channel, Consumer
from .reactor import SocketChannel, reactor_of
from .sockets import open_socket, open_unix_socket
from .timers import NEVER
from .tls import TLSChannel
from .transport import TransportProtocol
from .tunnel import open_tunnel

__all__ = ["Caller", "ClientOpening", "dial"]


class Caller:
    """Whom `dial` asks and tells; an exception of its methods is one of `dial`."""

    async def on_request(self, request: Request) -> None:
        """Do what is to be done before this request is sent."""

    def on_redirect(self) -> None:
        """Note that the route goes on to its next hop."""

    def on_open(self, channel: Channel, handshake: ClientHandshake) -> None:
        """Take the channel, the moment that the handshake has succeeded on it.

        It must be given its consumer, and that the bytes in `handshake.trailing`.
        """
        raise NotImplementedError


async def dial(route: Route, output: Output, caller: Caller) -> None:
    """Connect and perform the opening handshake.

    Args:
        route: where to, how, and what to ask for there.
        output: what the channel sends from.
        caller: asked and told meanwhile; takes the channel.

    Raises:
        OSError: no connection came about.
        TLSError: TLS did not.
        ProxyError: none through the proxy.
        ImportError: the proxy needs the extra `wsline[proxy]`.
        HandshakeTimeout: `handshake_timeout` was not enough for all of it, redirects included.
        HandshakeError: the server's answer was another than wished.

    Cancelling leaves nothing open.
    """
    limit = route.options.handshake_timeout
    try:
        async with asyncio.timeout(limit) as deadline:
            while not await _try(route, output, caller):
                caller.on_redirect()
    except TimeoutError:
        if not deadline.expired():  # the system has lost patience before us
            raise
        raise HandshakeTimeout(
            f"Opening handshake has timed out: {route.uri.url} was not open after"
            f" {limit} s (option handshake_timeout)",
            request=route.handshake.request,
            hint="check that a WebSocket server is there, or give it more time",
        ) from None
    except ssl.SSLError as error:
        raise tls_error(error, route.options.server_hostname or route.uri.host) from error


async def _try(route: Route, output: Output, caller: Caller) -> bool:
    """Perform the handshake at one hop; return whether it was the last one."""
    handshake = route.handshake
    opening = ClientOpening(asyncio.get_running_loop(), handshake, caller.on_open)
    try:
        await caller.on_request(handshake.request)
        channel = await _open_channel(route, output)
        opening.start(channel)
        try:
            await opening.done
            return True
        except InvalidStatus as error:
            route.follow(error)
        # The next hop begins when this one has let go of the output.
        channel.abort()
        await opening.lost
        return False
    finally:
        opening.leave()


class ClientOpening(Consumer):
    """Takes the server's answer."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handshake: ClientHandshake,
        on_open: Callable[[Channel, ClientHandshake], None],
    ) -> None:
        self.armed_at = NEVER
        self.done: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.channel: Channel | None = None
        self._handshake = handshake
        self._on_open = on_open

    def start(self, channel: Channel) -> None:
        self.channel = channel
        channel.consumer = self
        if channel.closed:
            self.on_lost(None)
            return
        channel.output.put(self._handshake.build(), False, 0)
        channel.written()

    def leave(self) -> None:
        if self.channel is not None and self.channel.consumer is self:
            self.channel.consumer = NOBODY
            self.channel.abort()
        # An exception that nobody awaited (the task was cancelled) is not worth a report.
        if self.done.done() and not self.done.cancelled():
            self.done.exception()
        self.done.cancel()
        self.channel = None

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        self._step(lambda: self._handshake.receive(bytes(buffer[start:end])))

    def receive_eof(self) -> None:
        self._step(self._handshake.receive_eof)

    def _step(self, step: Callable[[], object]) -> None:
        channel = self.channel
        if channel is None or self.done.done():
            return
        try:
            if step() is not None:
                self._on_open(channel, self._handshake)
                self._end(None)
        except Exception as error:
            self._end(error)

    def on_lost(self, error: OSError | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        if isinstance(error, ssl.SSLError):
            self._end(error)
        elif error is not None and self.channel is not None and not self.channel.is_ready:
            self._end(_hung_up(error))
        else:
            self._step(lambda: self._handshake.receive_eof(error))

    def _end(self, error: Exception | None) -> None:
        if self.done.done():  # given up meanwhile, or failed before
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


def _hung_up(error: OSError) -> ssl.SSLError:
    """Return what is wrong with TLS if the connection breaks in its handshake."""
    told = ssl.SSLEOFError(ssl.SSL_ERROR_EOF, HUNG_UP)
    told.__cause__ = error
    return told


async def _open_channel(route: Route, output: Output) -> Channel:
    loop = asyncio.get_running_loop()
    uri, options = route.uri, route.options
    sock = await _open_socket(route)
    try:
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = client_context(options.ssl) if uri.secure else None
        if reactor.AVAILABLE:
            if context is None:
                return SocketChannel(reactor_of(loop), sock, output, direct=True)
            name = options.server_hostname or uri.host
            return TLSChannel(reactor_of(loop), sock, context, output, direct=True, server_hostname=name)
    except BaseException:
        sock.close()
        raise
    return await _open_transport(loop, sock, context, uri, options, output)


async def _open_socket(route: Route) -> socket.socket:
    options = route.options
    if options.sock is not None:
        sock: socket.socket = options.sock
        return sock
    if route.unix_path is not None:
        return await open_unix_socket(route.unix_path)
    proxy = find_proxy(route.uri, options.proxy, os.environ)
    if proxy is not None:
        return await open_tunnel(proxy, route.uri, options)
    return await open_socket(route.uri.host, route.uri.port, options)


async def _open_transport(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    context: ssl.SSLContext | None,
    uri: URI,
    options: ClientOptions,
    output: Output,
) -> Channel:
    keywords: dict[str, Any] = {}
    if context is not None:
        keywords["server_hostname"] = options.server_hostname or uri.host
    channels: list[Channel] = []
    # The protocol belongs to the channel: nothing is received before the request is sent.
    try:
        await loop.create_connection(
            lambda: TransportProtocol(loop, channels.append, output), sock=sock, ssl=context, **keywords
        )
    except asyncio.CancelledError:
        # The transport owns the socket, and asyncio cannot close it before TLS has begun its handshake:
        # the end of the stream makes it close itself.
        _shut_down(sock)
        raise
    except ConnectionError as error:
        sock.close()
        raise _hung_up(error) from error
    except BaseException:
        sock.close()
        raise
    return channels[0]


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is closed, or the peer has reset it
        pass
