"""From a host to a connected socket, within a time: addresses in turns, and the first that answers."""

import errno
import os
import selectors
import socket
import threading
from collections.abc import Sequence
from typing import Any, Final

from ..agenda import NEVER
from ..handshake.addresses import Address, all_failed, interleave
from ..options import ClientOptions
from .loop import clock

__all__ = ["TimeLimit", "open_socket", "open_unix_socket", "resolve"]

_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK})


class TimeLimit:
    """The end of a time that several steps share.

    Args:
        seconds: how long; `None`: without end.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = NEVER if seconds is None else clock() + seconds

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return clock() >= self._end

    def left(self) -> float | None:
        """Return how many seconds are left, more than 0; `None`: no end.

        Raises:
            TimeoutError: nothing is left.
        """
        if self._end == NEVER:
            return None
        left = self._end - clock()
        if left <= 0:
            raise TimeoutError("the time is over")
        return min(left, threading.TIMEOUT_MAX)


def open_socket(host: str, port: int, options: ClientOptions, limit: TimeLimit) -> socket.socket:
    """Connect to a host.

    Args:
        host: a name or an address.
        port: a TCP port.
        options: has `family`, `local_address` and `happy_eyeballs_delay`.
        limit: when to give up.

    Returns:
        The socket that was connected first; all others are closed.

    Raises:
        OSError: the name has no address, or none of them could be connected to; it tells of each.
        TimeoutError: the time was over before.
    """
    addresses = interleave(resolve(host, port, options.family, limit))
    errors: list[OSError] = []
    with selectors.DefaultSelector() as attempts:
        try:
            sock = _connect_first(addresses, options, limit, attempts, errors)
        finally:
            for key in tuple(attempts.get_map().values()):
                attempts.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
    if sock is None:
        raise all_failed(host, port, errors)
    return sock


def open_unix_socket(path: str, limit: TimeLimit) -> socket.socket:
    """Connect to a UNIX socket; as `open_socket`."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(limit.left())
        sock.connect(path)
    except OSError as error:
        sock.close()
        raise _told(path, error) from None
    except BaseException:
        sock.close()
        raise
    return sock


def resolve(host: str, port: int, family: int, limit: TimeLimit) -> list[Address]:
    """Return the addresses of a host; raises as `open_socket`."""
    try:
        # An address needs no resolver.
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=numeric)
    except socket.gaierror:
        infos = _look_up(host, port, family, limit)
    return [(family, address) for family, _, _, _, address in infos]


def _look_up(host: str, port: int, family: int, limit: TimeLimit) -> list[Any]:
    # The resolver takes no time limit: it has a thread that nobody need wait for.
    found: list[Any] = []
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=ask, name="wsline resolver", daemon=True)
    thread.start()
    thread.join(limit.left())
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"the addresses of {host} were not found in time")
    return found


def _connect_first(
    addresses: Sequence[Address],
    options: ClientOptions,
    limit: TimeLimit,
    attempts: selectors.BaseSelector,
    errors: list[OSError],
) -> socket.socket | None:
    waiting = list(reversed(addresses))
    while waiting or attempts.get_map():
        if waiting:
            sock = _begin(*waiting.pop(), options.local_address, attempts, errors)
            if sock is not None:
                return sock
        left, delay = limit.left(), options.happy_eyeballs_delay
        if waiting and delay is not None:
            # RFC 8305 §5: the next one begins when the delay is over, or at once when one has failed.
            left = delay if left is None else min(left, delay)
        if not attempts.get_map():
            continue
        for key, _ in attempts.select(left):
            attempts.unregister(key.fileobj)
            sock = _finish(key.fileobj, key.data, errors)
            if sock is not None:
                return sock
    return None


def _begin(
    family: int,
    address: Any,
    local_address: tuple[str, int] | None,
    attempts: selectors.BaseSelector,
    errors: list[OSError],
) -> socket.socket | None:
    """Begin to connect; return the socket if it is connected already."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if local_address is not None:
            sock.bind(local_address)
        code = sock.connect_ex(address)
    except OSError as error:
        sock.close()
        errors.append(_told(address, error))
        return None
    if code in _UNDER_WAY:
        attempts.register(sock, selectors.EVENT_WRITE, address)
        return None
    return _judge(sock, address, code, errors)


def _finish(sock: Any, address: Any, errors: list[OSError]) -> socket.socket | None:
    return _judge(sock, address, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errors)


def _judge(sock: socket.socket, address: Any, code: int, errors: list[OSError]) -> socket.socket | None:
    if not code:
        return sock
    sock.close()
    errors.append(_told(address, OSError(code, os.strerror(code))))
    return None


def _told(address: Any, error: OSError) -> OSError:
    where = address if isinstance(address, str) else f"{address[0]} port {address[1]}"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return type(error)(error.errno, f"cannot connect to {where}: {reason}")
