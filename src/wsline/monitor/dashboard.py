"""A page that shows live what servers do, over a WebSocket of its own."""

import asyncio
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

import wsline
from wsline import ConnectionClosed, Request, Response, WebSocket, WebSocketServer, deflate_memory
from wsline.http import HTTPServer, UpgradeSocket

from .access import is_local, refused
from .process import memory, sleep_late
from .tally import Tally

__all__ = ["Dashboard"]

_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
        " img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_MOST_CLIENTS: Final = 20  # in the list of the busiest
_MOST_VIEWERS: Final = 100


class Dashboard:
    """A page with live figures of servers: `Dashboard(http, server)`.

    It shows connections, messages and bytes per second, round-trip times, what waits to be sent, memory, the
    lateness of the loop, close codes, and the busiest clients with their addresses. While nobody looks, it
    costs what a connection that opens or closes costs.

    Args:
        http: the HTTP server that shows it.
        servers: what it shows; more with `watch`.
        path: where the page is; its WebSocket is at `path + "/live"`.
        interval: time between two figures, in seconds.
        allow: called with each request; says who may see it. Default: only who is on this machine.

    Attributes:
        tally: what was counted.

    Raises:
        ValueError: a bad path or interval.
    """

    def __init__(
        self,
        http: HTTPServer,
        *servers: WebSocketServer,
        path: str = "/dashboard",
        interval: float = 1.0,
        allow: Callable[[Request], bool] = is_local,
    ) -> None:
        if not path.startswith("/") or path == "/":
            raise ValueError(f"path={path!r}: must begin with a slash, and not be the slash")
        if not 0.05 <= interval <= 60:
            raise ValueError(f"interval={interval!r}: must be from 0.05 to 60 seconds")
        self.tally = Tally(*servers)
        self._path = path
        self._interval = interval
        self._allow = allow
        self._page = files(__package__).joinpath("page.html").read_bytes()
        self._begun = time.monotonic()
        self._sampling: asyncio.Task[None] | None = None
        # Large enough for no request: what a viewer says is not listened to.
        self._viewers = WebSocketServer(
            self._show, server=http, path=f"{path}/live", max_payload=125, max_connections=_MOST_VIEWERS
        )
        http.on("request", self._answer)
        # Asked before the servers that are attached, one of which may take every path.
        http.on("upgrade", self._upgrade)

    def watch(self, server: WebSocketServer) -> None:
        """Show this server, too."""
        self.tally.watch(server)

    def _answer(self, request: Request) -> Response | None:
        if request.path != self._path:
            return None
        if request.method not in ("GET", "HEAD"):
            return Response(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}, "Only GET and HEAD\n")
        return Response(HTTPStatus.OK, _HEADERS, self._page) if self._allow(request) else refused()

    def _upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> Response | None:
        if request.path != f"{self._path}/live":
            return None
        if not self._allow(request):
            return refused()
        self._viewers.accept_upgrade(request, socket, head)
        return None

    # -- viewers

    async def _show(self, ws: WebSocket) -> None:
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.create_task(self._sample())
        try:
            async for _ in ws:
                pass
        except ConnectionClosed:
            pass
        if not self._viewers.clients and self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None

    async def _sample(self) -> None:
        late = 0.0
        while True:
            self._viewers.broadcast(json.dumps(self._figures(late)))
            late = await sleep_late(self._interval)

    def _figures(self, late: float) -> dict[str, Any]:
        stats = self.tally.stats()
        return {
            "time": time.time(),
            "uptime": time.monotonic() - self._begun,
            "interval": self._interval,
            "version": f"wsline {wsline.__version__}{'' if wsline.compiled else ', pure Python'}",
            "connections": stats.connections,
            "opened": stats.opened,
            "closed": stats.closed,
            "messages_received": stats.messages_received,
            "messages_sent": stats.messages_sent,
            "messages_dropped": stats.messages_dropped,
            "bytes_received": stats.bytes_received,
            "bytes_sent": stats.bytes_sent,
            "buffered": stats.buffered,
            "compressed": stats.compressed,
            "rtt": {"median": stats.latency(0.5), "p95": stats.latency(0.95)},
            "memory": memory(),
            "deflate_memory": deflate_memory(),
            "cpu": time.process_time(),
            "late": late,
            "clients": self._busiest(),
        }

    def _busiest(self) -> list[dict[str, Any]]:
        def traffic(ws: WebSocket) -> int:
            return ws.stats.messages_received + ws.stats.messages_sent

        return [_client(ws) for ws in sorted(self.tally.clients(), key=traffic, reverse=True)[:_MOST_CLIENTS]]


def _client(ws: WebSocket) -> dict[str, Any]:
    address = ws.remote_address
    stats = ws.stats
    return {
        "address": f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "UNIX socket",
        "path": ws.request.path,
        "received": stats.messages_received,
        "sent": stats.messages_sent,
        "bytes": stats.bytes_received + stats.bytes_sent,
        "rtt": ws.latency,
        "buffered": ws.buffered_amount,
        "compressed": bool(ws.extensions),
    }
