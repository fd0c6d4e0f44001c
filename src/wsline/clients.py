"""The WebSockets that a server has open, and whether it takes one more."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from .options import ServerOptions

__all__ = ["Clients"]

_WebSocket = TypeVar("_WebSocket", bound=Hashable)  # that of the door


class Clients(Generic[_WebSocket]):
    """The open WebSockets of a server, counted by address.

    Args:
        options: has the limits.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._open: set[_WebSocket] = set()
        self._count_by_ip: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[_WebSocket]:
        # While they are told something, some may end.
        return iter(tuple(self._open))

    def add(self, websocket: _WebSocket, ip: str) -> None:
        """Count a WebSocket in."""
        self._open.add(websocket)
        self._count_by_ip[ip] = self._count_by_ip.get(ip, 0) + 1

    def discard(self, websocket: _WebSocket, ip: str) -> None:
        """Count a WebSocket out."""
        self._open.discard(websocket)
        left = self._count_by_ip.pop(ip) - 1
        if left:
            self._count_by_ip[ip] = left

    def why_full(self, ip: str) -> str | None:
        """Return why no more can come from this address, or `None`."""
        options = self._options
        if options.max_connections is not None and len(self._open) >= options.max_connections:
            return "too many connections (max_connections)"
        most = options.max_connections_per_ip
        if most is not None and self._count_by_ip.get(ip, 0) >= most:
            return "too many connections from your address (max_connections_per_ip)"
        return None
