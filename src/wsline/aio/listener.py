"""Listening sockets: bind them, and accept from them."""

import asyncio
import errno
import logging
import os
import socket
import stat
from collections.abc import Callable
from typing import Any, Final

from ..options import ServerOptions

__all__ = ["Acceptor", "open_sockets"]

logger: Final = logging.getLogger("wsline")

# In one turn of the loop; a flood of connections must not starve those there are.
_MOST_ACCEPTED: Final = 64

# Out of descriptors or memory: trying again at once would only spin.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_PAUSE: Final = 1.0
_LOG_INTERVAL: Final = 10.0


async def open_sockets(host: str | None, port: int, options: ServerOptions) -> list[socket.socket]:
    """Open the listening sockets.

    Args:
        host: name or address; `None`: all interfaces, IPv4 and IPv6.
        port: TCP port; 0: one that is free.
        options: has the socket or the UNIX path to use instead, and the backlog.

    An address that this machine has not is left out, if the name has others.

    Raises:
        OSError: an address cannot be listened at; the message names it.
    """
    if options.sock is not None:
        sock: socket.socket = options.sock
        sock.setblocking(False)
        sock.listen(options.backlog)
        return [sock]
    if options.unix_path is not None:
        return [_listen(socket.AF_UNIX, options.unix_path, options)]
    if host is None:
        return [_listen_everywhere(port, options)]
    loop = asyncio.get_running_loop()
    flags = socket.AI_PASSIVE
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return _listen_at_all([(info[0], info[4]) for info in dict.fromkeys(infos)], options)


def _listen_at_all(places: list[tuple[int, Any]], options: ServerOptions) -> list[socket.socket]:
    opened: list[socket.socket] = []
    missing: list[OSError] = []
    try:
        for family, address in places:
            # With port 0 the first socket finds the port for all.
            port = opened[0].getsockname()[1] if opened and address[1] == 0 else address[1]
            try:
                opened.append(_listen(family, (address[0], port, *address[2:]), options))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing.append(error)
        if missing and not opened:
            raise missing[0]
    except BaseException:
        for each in opened:
            each.close()
        raise
    for left_out in missing:
        # "localhost" has an IPv6 address also where IPv6 is switched off.
        logger.warning("%s", left_out)
    return opened


def _listen_everywhere(port: int, options: ServerOptions) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return _listen(socket.AF_INET6, ("::", port), options, dual_stack=True)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return _listen(socket.AF_INET, ("0.0.0.0", port), options)


def _listen(family: int, address: object, options: ServerOptions, dual_stack: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == getattr(socket, "AF_UNIX", None):
            _remove_stale(str(address))
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if options.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual_stack else 1)
        sock.setblocking(False)
        sock.bind(address)  # type: ignore[arg-type]
        sock.listen(options.backlog)
    except OSError as error:
        sock.close()
        where = address if isinstance(address, str) else "{} port {}".format(*address[:2])  # type: ignore[index]
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise type(error)(error.errno, f"cannot listen at {where}: {reason}") from None
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket file of a server that is gone."""
    if path.startswith("\0"):
        return  # not a file: Linux has names for sockets that are gone with them
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A server that is busy would keep us waiting.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            os.unlink(path)


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
        for _ in range(_MOST_ACCEPTED):
            try:
                sock, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause_for(error)
                return
            self._on_accepted(sock)
            if self._sock.fileno() < 0:
                return  # closed meanwhile

    def _pause_for(self, error: OSError) -> None:
        now = self._loop.time()
        if now >= self._log_at:
            self._log_at = now + _LOG_INTERVAL
            logger.error("cannot accept a connection, trying again every %s s: %s", _PAUSE, error)
        self._loop.remove_reader(self._sock.fileno())
        self._pause = self._loop.call_later(_PAUSE, self._go_on)

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
