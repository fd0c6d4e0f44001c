"""The WebSockets that a server has open, whether it takes one more, and what has come of all of them."""

import math
from collections import Counter
from collections.abc import Iterator
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from .errors import CloseInfo
from .options import ServerOptions
from .stats import ServerStats, Stats

__all__ = ["Clients", "check_drain", "closing_times"]


class Client(Protocol):
    """What a server counts of a WebSocket at its end."""

    @property
    def close_info(self) -> CloseInfo:
        """How it ended."""

    @property
    def stats(self) -> Stats:
        """What has passed over it."""


_WebSocket = TypeVar("_WebSocket", bound=Client)  # that of the door


class Clients(Generic[_WebSocket]):
    """The open WebSockets of a server, counted by address, and what became of those before.

    Args:
        options: has the limits.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._open: set[_WebSocket] = set()
        self._count_by_ip: dict[str, int] = {}
        self._opened = self._refused = self._dropped = 0
        self._limits: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[_WebSocket]:
        # While they are told something, some may end.
        return iter(tuple(self._open))

    def add(self, websocket: _WebSocket, ip: str) -> None:
        """Count a WebSocket in."""
        self._opened += 1
        self._open.add(websocket)
        self._count_by_ip[ip] = self._count_by_ip.get(ip, 0) + 1

    def discard(self, websocket: _WebSocket, ip: str) -> None:
        """Count a WebSocket out: it has ended."""
        self._open.discard(websocket)
        left = self._count_by_ip.pop(ip) - 1
        if left:
            self._count_by_ip[ip] = left
        self._count(websocket.close_info.limit)
        self._dropped += websocket.stats.messages_dropped

    def refuse(self, error: BaseException) -> None:
        """Count an opening handshake that has failed."""
        self._refused += 1
        self._count(getattr(error, "limit", None))

    def _count(self, limit: str | None) -> None:
        if limit is not None:
            self._limits[limit] += 1

    def stats(self, pending: int) -> ServerStats:
        """Return all counts; so many opening handshakes are `pending`."""
        return ServerStats(
            opened=self._opened,
            open=len(self._open),
            pending=pending,
            refused=self._refused,
            messages_dropped=self._dropped,
            limits=MappingProxyType(dict(self._limits)),
        )

    def why_full(self, ip: str) -> tuple[str, str] | None:
        """Return why no more can come from this address, and the option that says so; or `None`."""
        options = self._options
        if options.max_connections is not None and len(self._open) >= options.max_connections:
            return "too many connections (max_connections)", "max_connections"
        most = options.max_connections_per_ip
        if most is not None and self._count_by_ip.get(ip, 0) >= most:
            reason = "too many connections from your address (max_connections_per_ip)"
            return reason, "max_connections_per_ip"
        return None


def check_drain(drain: float) -> None:
    """Judge a time over which clients are closed; raises `TypeError` or `ValueError` if it is none."""
    if not isinstance(drain, int | float) or isinstance(drain, bool):
        raise TypeError(f"drain={drain!r}: must be a number of seconds from 0")
    if not 0 <= drain < math.inf:
        raise ValueError(f"drain={drain!r}: must be a finite number of seconds from 0")


def closing_times(count: int, drain: float) -> list[float]:
    """Return after how many seconds each of so many clients is closed, evenly spread over `drain`.

    Closed all at once, they would all come back at once, to whoever takes our place.
    """
    return [drain * i / count for i in range(count)]
