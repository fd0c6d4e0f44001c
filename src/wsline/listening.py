"""Listening sockets: how each door binds them, and what it must know to accept from them."""

import errno
import logging
import os
import socket
import stat
from collections.abc import Iterable
from types import NoneType
from typing import Any, Final

from .checks import Check, require
from .handshake.http_options import HTTPOptions
from .options import ServerOptions

__all__ = [
    "EXHAUSTED",
    "FIRST_PAUSE",
    "LOG_INTERVAL",
    "MOST_ACCEPTED",
    "PAUSE",
    "ListenOptions",
    "check_place",
    "must_resolve",
    "open_sockets",
]

logger: Final = logging.getLogger("wsline")

# Accepted in a row; a flood of connections must not starve those there are.
MOST_ACCEPTED: Final = 64

# Out of descriptors or memory: trying again at once would only spin. So long it waits at most (twice as long
# each time, for what was accepted may be gone already and leave its descriptor), and so often it tells.
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE: Final = 1.0
FIRST_PAUSE: Final = 0.05
LOG_INTERVAL: Final = 10.0

ListenOptions = ServerOptions | HTTPOptions
"""Which have `sock`, `unix_path`, `backlog` and `reuse_port`."""

_HOST: Final = Check("a host name, an IP address, or None", (str, NoneType))
_PORT: Final = Check(
    "an integer from 0 to 65535, or None", (int, NoneType), lambda value: value is None or 0 <= value <= 65535
)

_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def check_place(host: str | None, port: int | None) -> None:
    """Judge a host and a port that were given as arguments.

    Raises:
        TypeError, ValueError: they are none; the message says which.
    """
    require("host", host, _HOST)
    require("port", port, _PORT)


def must_resolve(host: str | None, options: ListenOptions) -> bool:
    """Tell whether the door must look up the addresses of `host` (`getaddrinfo` with `AI_PASSIVE`)."""
    return host is not None and options.sock is None and options.unix_path is None


def open_sockets(
    port: int, options: ListenOptions, addresses: Iterable[tuple[Any, ...]]
) -> list[socket.socket]:
    """Open the listening sockets; they do not block.

    Args:
        port: TCP port; 0: one that is free.
        options: has the socket or the UNIX path to use instead, and the backlog.
        addresses: what `getaddrinfo` gave for the host; none: all interfaces, IPv4 and IPv6.

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
    places = [(info[0], info[4]) for info in dict.fromkeys(addresses)]
    return _listen_at_all(places, options) if places else [_listen_everywhere(port, options)]


def _listen_at_all(places: list[tuple[int, Any]], options: ListenOptions) -> list[socket.socket]:
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


def _listen_everywhere(port: int, options: ListenOptions) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return _listen(socket.AF_INET6, ("::", port), options, dual_stack=True)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return _listen(socket.AF_INET, ("0.0.0.0", port), options)


def _listen(family: int, address: object, options: ListenOptions, dual_stack: bool = False) -> socket.socket:
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
