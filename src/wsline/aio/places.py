"""Listening for others: the sockets of workers, opened by their supervisor."""

import socket
from typing import Any

from .. import listening
from ..handshake.http_options import HTTPOptions
from ..listening import must_resolve
from .worker import Place

__all__ = ["can_divide", "open_place"]


def can_divide(place: Place) -> bool:
    """Tell whether each worker can have a listening socket of its own, among which the kernel divides."""
    return hasattr(socket, "SO_REUSEPORT") and place.sock is None and place.unix_path is None


def open_place(place: Place, port: int | None) -> list[socket.socket]:
    """Open the listening sockets of a worker.

    Args:
        place: where to listen.
        port: that of the sockets that the other workers have; `None`: this is the first.

    Raises:
        OSError: it cannot be listened at; the message names it.
    """
    if port is None and can_divide(place):
        # Without SO_REUSEPORT: it would let us share the port of another program of this user.
        probes = _open(place, place.port, False)
        port = probes[0].getsockname()[1]
        for probe in probes:
            probe.close()
    return _open(place, place.port if port is None else port, can_divide(place))


def _open(place: Place, port: int, reuse_port: bool) -> list[socket.socket]:
    options = HTTPOptions(
        sock=place.sock, unix_path=place.unix_path, backlog=place.backlog, reuse_port=reuse_port
    )
    addresses: list[Any] = []
    if must_resolve(place.host, options):
        addresses = socket.getaddrinfo(place.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return listening.open_sockets(port, options, addresses)
