"""What the connections of servers have done together, those that are closed included."""

import weakref
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any, Final

from wsline import State, Stats, WebSocket, WebSocketServer

__all__ = ["ServerStats", "Tally"]

_COUNTED: Final = tuple(each.name for each in fields(Stats))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStats:
    """What the connections of servers have done together.

    Attributes:
        connections: how many are open.
        opened: how many there have been.
        closed: how many have ended, by close code: the peer's, 1006 without one.
        messages_received, messages_sent, bytes_received, bytes_sent, pings_received, pings_sent,
            pongs_received, messages_dropped: as in `wsline.Stats`, summed up.
        buffered: bytes that wait to be sent.
        compressed: how many of the open connections compress messages.
        latencies: the last round-trip time of each open connection that has one, in seconds, ascending.
    """

    connections: int
    opened: int
    closed: dict[int, int]
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    pings_received: int
    pings_sent: int
    pongs_received: int
    messages_dropped: int
    buffered: int
    compressed: int
    latencies: list[float]

    def latency(self, share: float) -> float | None:
        """Return the time that this share of the round trips does not exceed; `None` without any."""
        if not self.latencies:
            return None
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


class Tally:
    """Counts what happens on servers. It costs a message nothing: it asks when it is asked.

    Args:
        servers: whose connections count, from now on; they need `client_tracking`.
    """

    def __init__(self, *servers: WebSocketServer) -> None:
        self._servers: list[weakref.ref[WebSocketServer]] = []
        self._opened = 0
        self._closed: Counter[int] = Counter()
        self._past: Counter[str] = Counter()
        for server in servers:
            self.watch(server)

    def watch(self, server: WebSocketServer) -> None:
        """Count a server's connections, too; those that are open already as opened now."""
        self._servers.append(weakref.ref(server))
        for ws in server.clients:
            self._enter(ws)
        server.on("connection", self._enter)

    def clients(self) -> list[WebSocket]:
        """Return the connections that are open, those that are closing included."""
        servers = (reference() for reference in self._servers)
        return [ws for server in servers if server is not None for ws in server.clients]

    def stats(self) -> ServerStats:
        """Return what was counted so far; takes a few microseconds for each open connection."""
        sums = Counter(self._past)
        latencies: list[float] = []
        buffered = compressed = 0
        clients = self.clients()
        for ws in clients:
            _add(sums, ws.stats)
            buffered += ws.buffered_amount
            compressed += bool(ws.extensions)
            if ws.latency is not None:
                latencies.append(ws.latency)
        counted: dict[str, Any] = {name: sums[name] for name in _COUNTED}
        return ServerStats(
            connections=sum(ws.ready_state is not State.CLOSED for ws in clients),
            opened=self._opened,
            closed=dict(sorted(self._closed.items())),
            buffered=buffered,
            compressed=compressed,
            latencies=sorted(latencies),
            **counted,
        )

    def _enter(self, ws: WebSocket) -> None:
        self._opened += 1
        ws.on("close", lambda code: self._leave(ws, code))

    def _leave(self, ws: WebSocket, code: int) -> None:
        self._closed[code] += 1
        _add(self._past, ws.stats)


def _add(sums: Counter[str], stats: Stats) -> None:
    for name in _COUNTED:
        sums[name] += getattr(stats, name)
