"""Listening sockets: bind them, accept from them, and make channels of what comes."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from .. import listening
from ..listening import (
    EXHAUSTED,
    FIRST_PAUSE,
    LOG_INTERVAL,
    MOST_ACCEPTED,
    PAUSE,
    ListenOptions,
    must_resolve,
)
from . import reactor
from .channel import Channel
from .reactor import SocketChannel, reactor_of
from .tls import TLSChannel
from .transport import TransportProtocol

__all__ = ["Acceptor", "Listener", "open_sockets"]

logger: Final = logging.getLogger("wsline")


class Listener:
    """Listens, and makes a channel of each connection.

    Args:
        options: has what there is to know beside host and port.
        tls_timeout: longest time of a TLS handshake over transports, in seconds; `None`: asyncio's.
            Elsewhere it is part of the consumer's time.
        on_channel: called with each channel, to give it a consumer.

    Attributes:
        addresses: where it listens, as `socket.getsockname` gives them; empty before `open`.
    """

    def __init__(
        self, options: ListenOptions, tls_timeout: float | None, on_channel: Callable[[Channel], None]
    ) -> None:
        self.addresses: list[Any] = []
        self._options = options
        self._tls_timeout = tls_timeout
        self._on_channel = on_channel
        self._acceptors: list[Acceptor] = []
        self._transport_servers: list[asyncio.Server] = []
        self._inherited: list[socket.socket] = []

    def inherit(self, sockets: Sequence[socket.socket]) -> None:
        """Let `open` take these sockets, which listen already, instead of opening some."""
        self._inherited = list(sockets)

    async def open(self, host: str | None, port: int) -> None:
        """Begin to listen; see `open_sockets`.

        Raises:
            OSError: an address cannot be listened at; the message names it.
        """
        loop = asyncio.get_running_loop()
        sockets = self._inherited or await open_sockets(host, port, self._options)
        self.addresses = [each.getsockname() for each in sockets]
        for sock in sockets:
            if reactor.AVAILABLE:
                self._acceptors.append(Acceptor(loop, sock, self._on_accepted))
            else:
                self._transport_servers.append(await self._serve_transports(loop, sock))

    async def _serve_transports(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> asyncio.Server:
        def protocol() -> TransportProtocol:
            return TransportProtocol(loop, self._on_channel)

        return await loop.create_server(
            protocol,
            sock=sock,
            ssl=self._options.ssl,
            ssl_handshake_timeout=self._tls_timeout if self._options.ssl else None,
            backlog=self._options.backlog,
        )

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
        context, of_loop = self._options.ssl, reactor_of(asyncio.get_running_loop())
        if context is None:
            return SocketChannel(of_loop, sock)
        return TLSChannel(of_loop, sock, context, server_side=True)

    def close(self) -> None:
        """Stop listening; the channels live on."""
        for acceptor in self._acceptors:
            acceptor.close()
        for server in self._transport_servers:
            server.close()
        self._acceptors.clear()
        self._transport_servers.clear()


async def open_sockets(host: str | None, port: int, options: ListenOptions) -> list[socket.socket]:
    """Open the listening sockets of a host (`None`: all interfaces): see `listening.open_sockets`."""
    addresses: list[Any] = []
    if must_resolve(host, options):
        addresses = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    return listening.open_sockets(port, options, addresses)


class Acceptor:
    """Accepts connections at one listening socket.

    Args:
        loop: the loop.
        sock: the listening socket; the acceptor owns it from now on.
        on_accepted: called with each connected socket, which it owns then.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_accepted: Callable[[socket.socket], object],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._on_accepted = on_accepted
        self._pause: asyncio.TimerHandle | None = None
        self._log_at = 0.0
        self._patience = FIRST_PAUSE
        loop.add_reader(sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(MOST_ACCEPTED):
            try:
                sock, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._pause_for(error)
                return
            self._patience = FIRST_PAUSE
            self._on_accepted(sock)
            if self._sock.fileno() < 0:
                return  # closed meanwhile

    def _pause_for(self, error: OSError) -> None:
        now = self._loop.time()
        if now >= self._log_at:
            self._log_at = now + LOG_INTERVAL
            logger.error("cannot accept a connection, trying again every %s s: %s", PAUSE, error)
        self._loop.remove_reader(self._sock.fileno())
        self._pause = self._loop.call_later(min(self._patience, PAUSE), self._go_on)
        self._patience = min(2 * self._patience, PAUSE)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Stop accepting, and close the listening socket."""
        if self._pause is None:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._pause.cancel()
        self._sock.close()
