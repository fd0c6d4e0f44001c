"""Listening sockets: bind them, and accept from them."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from .. import listening
from ..listening import EXHAUSTED, LOG_INTERVAL, MOST_ACCEPTED, PAUSE, must_resolve
from ..options import ServerOptions

__all__ = ["Acceptor", "open_sockets"]

logger: Final = logging.getLogger("wsline")


async def open_sockets(host: str | None, port: int, options: ServerOptions) -> list[socket.socket]:
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
            self._on_accepted(sock)
            if self._sock.fileno() < 0:
                return  # closed meanwhile

    def _pause_for(self, error: OSError) -> None:
        now = self._loop.time()
        if now >= self._log_at:
            self._log_at = now + LOG_INTERVAL
            logger.error("cannot accept a connection, trying again every %s s: %s", PAUSE, error)
        self._loop.remove_reader(self._sock.fileno())
        self._pause = self._loop.call_later(PAUSE, self._go_on)

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
