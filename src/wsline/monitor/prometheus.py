"""An endpoint for Prometheus, by the package prometheus-client."""

import importlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Final

from wsline import Request, Response, WebSocketServer
from wsline.http import HTTPServer

from .access import is_local, refused
from .tally import ServerStats, Tally

__all__ = ["Metrics", "ServerCollector"]

_Value = Callable[[ServerStats], float]

_COUNTERS: Final[dict[str, tuple[str, _Value]]] = {
    "connections_opened": ("Connections that were opened.", lambda stats: stats.opened),
    "messages_received": ("Messages received.", lambda stats: stats.messages_received),
    "messages_sent": ("Messages sent.", lambda stats: stats.messages_sent),
    "messages_dropped": ("Messages dropped for slow consumers.", lambda stats: stats.messages_dropped),
    "received_bytes": ("Bytes of frames received.", lambda stats: stats.bytes_received),
    "sent_bytes": ("Bytes of frames sent.", lambda stats: stats.bytes_sent),
    "pings_received": ("Pings received.", lambda stats: stats.pings_received),
    "pings_sent": ("Pings sent.", lambda stats: stats.pings_sent),
    "pongs_received": ("Pongs received.", lambda stats: stats.pongs_received),
}

_GAUGES: Final[dict[str, tuple[str, _Value]]] = {
    "connections": ("Open connections.", lambda stats: stats.connections),
    "connections_compressed": ("Open connections that compress.", lambda stats: stats.compressed),
    "buffered_bytes": ("Bytes that wait to be sent.", lambda stats: stats.buffered),
}

_QUANTILES: Final = (0.5, 0.95, 1.0)


def _load() -> Any:
    try:
        return importlib.import_module("prometheus_client")
    except ImportError as error:
        raise ImportError(
            "Metrics need the package prometheus-client: pip install wsline[prometheus]"
        ) from error


class ServerCollector:
    """What prometheus-client collects of servers: `registry.register(ServerCollector(server))`.

    Args:
        servers: whose connections count.
        tally: a `Tally` that counts them already, for instance that of a `Dashboard`.
        prefix: of the names.

    Raises:
        ImportError: the extra `wsline[prometheus]` is missing.
    """

    def __init__(self, *servers: WebSocketServer, tally: Tally | None = None, prefix: str = "wsline") -> None:
        _load()
        self._families = importlib.import_module("prometheus_client.core")
        self.tally = Tally() if tally is None else tally
        self._prefix = prefix
        for server in servers:
            self.tally.watch(server)

    def collect(self) -> Iterator[Any]:
        """Yield the metric families, as prometheus-client asks for them."""
        stats = self.tally.stats()
        for name, (help_text, value) in _COUNTERS.items():
            yield self._families.CounterMetricFamily(f"{self._prefix}_{name}", help_text, value=value(stats))
        for name, (help_text, value) in _GAUGES.items():
            yield self._families.GaugeMetricFamily(f"{self._prefix}_{name}", help_text, value=value(stats))
        closed = self._families.CounterMetricFamily(
            f"{self._prefix}_connections_closed", "Connections that have ended.", labels=["code"]
        )
        for code, count in stats.closed.items():
            closed.add_metric([str(code)], count)
        yield closed
        latency = self._families.GaugeMetricFamily(
            f"{self._prefix}_latency_seconds",
            "Last round-trip times of the open connections.",
            labels=["quantile"],
        )
        for quantile in _QUANTILES:
            value_at = stats.latency(quantile)
            if value_at is not None:
                latency.add_metric([f"{quantile:g}"], value_at)
        yield latency


class Metrics:
    """An endpoint for Prometheus: `Metrics(http, server)`.

    Args:
        http: the HTTP server that answers.
        servers: what is counted.
        path: where it is.
        tally: as for `ServerCollector`.
        registry: a registry of prometheus-client with metrics of your own, to which ours are added; default:
            a new one, with those of the process.
        allow: called with each request; says who may see it. Default: only who is on this machine.

    Attributes:
        collector: the `ServerCollector`.

    Raises:
        ImportError: the extra `wsline[prometheus]` is missing.
        ValueError: a bad path.
    """

    def __init__(
        self,
        http: HTTPServer,
        *servers: WebSocketServer,
        path: str = "/metrics",
        tally: Tally | None = None,
        registry: Any = None,
        allow: Callable[[Request], bool] = is_local,
    ) -> None:
        if not path.startswith("/"):
            raise ValueError(f"path={path!r}: must begin with a slash")
        client = _load()
        if registry is None:
            registry = client.CollectorRegistry()
            client.ProcessCollector(registry=registry)
        self.collector = ServerCollector(*servers, tally=tally)
        registry.register(self.collector)
        self._registry = registry
        self._exposition = importlib.import_module("prometheus_client.exposition")
        self._path = path
        self._allow = allow
        http.on("request", self._answer)

    def _answer(self, request: Request) -> Response | None:
        if request.path != self._path:
            return None
        if not self._allow(request):
            return refused()
        encode, kind = self._exposition.choose_encoder(request.headers.get("Accept", ""))
        return Response(HTTPStatus.OK, {"Content-Type": kind}, encode(self._registry))
