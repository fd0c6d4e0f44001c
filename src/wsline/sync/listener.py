"""Listening sockets: accepting, in the loop's thread."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from .. import listening
from ..agenda import NEVER
from ..listening import EXHAUSTED, FIRST_PAUSE, LOG_INTERVAL, MOST_ACCEPTED, PAUSE, must_resolve
from ..options import ServerOptions
from . import loop
from .loop import READ, Served, clock

__all__ = ["Acceptor", "open_sockets"]

logger: Final = logging.getLogger("wsline")

# So long `close` waits for the loop's thread, in seconds.
_PATIENCE: Final = 1.0


def open_sockets(host: str | None, port: int, options: ServerOptions) -> list[socket.socket]:
    """Open the listening sockets of a host (`None`: all interfaces): see `listening.open_sockets`."""
    addresses: list[Any] = []
    if must_resolve(host, options):
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return listening.open_sockets(port, options, addresses)


class Acceptor(Served):
    """Accepts connections at one listening socket.

    Args:
        sock: the listening socket; the acceptor owns it from now on.
        on_accepted: called in the loop's thread with each connected socket, which it owns then.
        on_gone: called in the loop's thread, once, when the listening socket is closed.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_accepted: Callable[[socket.socket], object],
        on_gone: Callable[[], object],
    ) -> None:
        Served.__init__(self)
        self._sock = sock
        self._on_accepted = on_accepted
        self._on_gone = on_gone
        self._paused_until: float | None = None
        self._log_at = -NEVER
        self._patience = FIRST_PAUSE
        self._is_closed = False
        self._gone = threading.Event()
        self._loop = loop.enter()
        self._loop.attend(self)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def wishes(self) -> tuple[int, float] | None:
        """Return the events to wait for, and when to try again; `None`: it is closed."""
        if self._is_closed:
            return None
        return (READ, NEVER) if self._paused_until is None else (0, self._paused_until)

    def on_events(self, events: int) -> None:
        """Accept who has come."""
        for _ in range(MOST_ACCEPTED):
            if self._is_closed:
                return
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

    def _pause_for(self, error: OSError) -> None:
        now = clock()
        self._paused_until = now + min(self._patience, PAUSE)
        self._patience = min(2 * self._patience, PAUSE)
        self._loop.attend(self)
        if now >= self._log_at:
            self._log_at = now + LOG_INTERVAL
            logger.error("cannot accept a connection, trying again every %s s: %s", PAUSE, error)

    def on_deadline(self, now: float) -> None:
        """Try again."""
        self._paused_until = None

    def break_off(self) -> None:
        """Stop accepting."""
        self._is_closed = True

    def let_go(self) -> None:
        """Close the listening socket."""
        self._sock.close()
        self._gone.set()
        self._on_gone()
        self._loop.leave()

    def orphan(self) -> None:
        """Close the descriptor in a forked child."""
        self._is_closed = True
        self._sock.close()

    def close(self) -> None:
        """Stop accepting, and close the listening socket."""
        self._is_closed = True
        self._loop.attend(self)
        if threading.get_ident() != self._loop.thread.ident:
            self._gone.wait(_PATIENCE)
