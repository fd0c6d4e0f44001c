"""Metrics as Prometheus reads them."""

import re
import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.architecture.tree import ROOT
from tests.doors.door import until
from tests.monitor.conftest import fetch, watched
from wsline import connect
from wsline.http import HTTPServer
from wsline.monitor import Metrics, ServerCollector, Tally


def samples(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = "".join(f"{{{value}}}" for value in sample.labels.values())
            found[sample.name + labels] = sample.value
    return found


async def test_what_a_scrape_gets() -> None:
    async with watched(Metrics) as (address, server, _):
        async with connect(f"ws://{address}/") as ws:
            await ws.send("hello")
            await ws.recv()
            [inside] = server.clients
            await inside.ping()
            status, headers, body = await fetch(f"http://{address}/metrics")
            found = samples(body)
            assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
            assert found["wsline_connections"] == found["wsline_connections_opened_total"] == 1
            assert found["wsline_messages_received_total"] == found["wsline_messages_sent_total"] == 1
            assert found["wsline_received_bytes_total"] == 11 + 6  # the message, and the pong
            assert 0 < found["wsline_latency_seconds{0.5}"] == found["wsline_latency_seconds{1}"]
            assert found["process_resident_memory_bytes"] > 1_000_000
        await until(lambda: not server.clients)
        found = samples((await fetch(f"http://{address}/metrics"))[2])
    assert found["wsline_connections"] == 0
    assert found["wsline_connections_closed_total{1000}"] == 1
    assert "wsline_latency_seconds{0.5}" not in found


async def test_a_registry_of_ones_own_and_a_tally_that_counts_already() -> None:
    registry = CollectorRegistry()
    Counter("mine", "Mine.", registry=registry).inc()

    def make(http: HTTPServer, server: Any) -> Metrics:
        return Metrics(http, tally=Tally(server), registry=registry, path="/m")

    async with watched(make) as (address, _, _), connect(f"ws://{address}/"):
        found = samples((await fetch(f"http://{address}/m"))[2])
    assert (found["mine_total"], found["wsline_connections_opened_total"]) == (1, 1)
    assert "process_resident_memory_bytes" not in found


async def test_open_metrics_are_given_to_who_asks() -> None:
    async with watched(Metrics) as (address, _, _):
        accept = "application/openmetrics-text; version=1.0.0"
        _, headers, body = await fetch(f"http://{address}/metrics", Accept=accept)
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


async def test_others_may_not_see_them() -> None:
    async with watched(Metrics) as (address, _, _):
        assert (await fetch(f"http://{address}/metrics", Host="evil.example"))[0] == 403
    async with watched(lambda http, server: Metrics(http, server, allow=lambda _: True)) as (address, _, _):
        assert (await fetch(f"http://{address}/metrics", Host="prometheus.example"))[0] == 200


def test_a_collector_for_ones_own_endpoint() -> None:
    registry = CollectorRegistry()
    registry.register(ServerCollector(prefix="chat"))
    assert samples(generate_latest(registry).decode())["chat_connections"] == 0


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ImportError, match=r"pip install wsline\[prometheus\]"):
        ServerCollector()


def test_bad_path() -> None:
    with pytest.raises(ValueError, match="path="):
        Metrics(HTTPServer("127.0.0.1", 0), path="metrics")


async def test_the_lines_of_the_page_work() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text()
    [block] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block.replace("port=8080", 'host="127.0.0.1", port=0'), names)  # the documentation's own words
    async with names["http"] as http:
        address = f"127.0.0.1:{http.address()[1]}"
        async with connect(f"ws://{address}/chat"):
            assert samples((await fetch(f"http://{address}/metrics"))[2])["wsline_connections"] == 1
            assert (await fetch(f"http://{address}/dashboard"))[0] == 200


def test_the_page_names_every_metric() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text()
    registry = CollectorRegistry()
    registry.register(ServerCollector())
    names = {family.name for family in registry.collect()}
    assert {name for name in names if name not in text} == set()
