"""The page with live figures, and who may see it."""

import asyncio
import json
from typing import Any

import pytest

from tests.doors.door import until
from tests.monitor.conftest import fetch, watched
from wsline import InvalidStatus, connect
from wsline.http import HTTPServer
from wsline.monitor import Dashboard


def quick(http: HTTPServer, *servers: Any) -> Dashboard:
    return Dashboard(http, *servers, interval=0.05)


async def test_the_page_is_one_file_and_loads_nothing() -> None:
    async with watched(Dashboard) as (address, _, _):
        status, headers, body = await fetch(f"http://{address}/dashboard")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert [
        line for line in body.splitlines() if "http://" in line.replace("http://www.w3.org/2000/svg", "")
    ] == []
    assert "https://" not in body
    assert "innerHTML" not in body


@pytest.mark.row(195)
async def test_figures_come_live() -> None:
    async with watched(quick) as (address, _, _), connect(f"ws://{address}/some/path") as ws:
        await ws.send("hello")
        await ws.recv()
        async with connect(f"ws://{address}/dashboard/live") as live:
            first, second = [json.loads(await live.recv()) for _ in range(2)]
            assert (first["connections"], first["opened"], first["closed"]) == (1, 1, {})
            assert (first["messages_received"], first["messages_sent"]) == (1, 1)
            [client] = first["clients"]
            assert client["path"] == "/some/path"
            assert client["address"].startswith("127.0.0.1:")
            assert second["time"] > first["time"]
            assert second["memory"] > 1_000_000
            assert second["cpu"] > 0
            await ws.close(4000)
            while (figures := json.loads(await live.recv()))["connections"]:
                pass
            assert figures["closed"] == {"4000": 1}
            assert figures["clients"] == []


async def test_while_nobody_looks_nothing_is_asked() -> None:
    async with watched(quick) as (address, _, dashboard):
        assert dashboard._sampling is None
        for _ in range(2):
            async with (
                connect(f"ws://{address}/dashboard/live") as one,
                connect(f"ws://{address}/dashboard/live") as two,
            ):
                await one.recv()
                await two.recv()
                assert dashboard._sampling is not None
            await until(lambda: dashboard._sampling is None)


async def test_the_list_of_clients_is_bounded_and_the_busiest_come_first() -> None:
    async with watched(quick) as (address, _, _):
        sockets = [await connect(f"ws://{address}/{n}") for n in range(25)]
        for n in (7, 3, 3):
            await sockets[n].send("x")
            await sockets[n].recv()
        async with connect(f"ws://{address}/dashboard/live") as live:
            clients = json.loads(await live.recv())["clients"]
        assert [each["path"] for each in clients[:2]] == ["/3", "/7"]
        assert len(clients) == 20
        await asyncio.gather(*(ws.close() for ws in sockets))


async def test_others_may_not_see_it() -> None:
    async with watched(Dashboard) as (address, _, _):
        status, _, body = await fetch(f"http://{address}/dashboard", Host="evil.example")
        assert (status, "`allow`" in body) == (403, True)
        for headers in ({"X-Forwarded-For": "1.2.3.4"}, {"Host": "evil.example"}):
            with pytest.raises(InvalidStatus, match="403"):
                await connect(f"ws://{address}/dashboard/live", headers=headers)
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{address}/dashboard/live", origin="http://evil.example")


async def test_the_application_decides_who_may() -> None:
    def make(http: HTTPServer, server: Any) -> Dashboard:
        return Dashboard(http, server, path="/in/side", allow=lambda request: "X-Key" in request.headers)

    async with watched(make) as (address, _, _):
        assert (await fetch(f"http://{address}/in/side"))[0] == 403
        assert (await fetch(f"http://{address}/in/side", X_Key="1", **{"X-Key": "1"}))[0] == 200
        async with connect(f"ws://{address}/in/side/live", headers={"X-Key": "1"}) as live:
            assert json.loads(await live.recv())["connections"] == 0


async def test_only_reading_and_only_its_own_path() -> None:
    async with watched(Dashboard) as (address, _, _):
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(
            b"POST /dashboard HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        assert (await reader.read()).startswith(b"HTTP/1.1 405 ")
        writer.close()
        assert (await fetch(f"http://{address}/dashboard/live"))[0] == 426
        assert (await fetch(f"http://{address}/other"))[0] == 426


async def test_a_viewer_who_talks_is_not_listened_to() -> None:
    async with watched(quick) as (address, _, _), connect(f"ws://{address}/dashboard/live") as live:
        await live.send("x")
        await live.recv()
        await live.send("x" * 126)
        with pytest.raises(Exception, match="1009"):
            while True:
                await live.recv()


@pytest.mark.parametrize("bad", [{"path": "/"}, {"path": "x"}, {"interval": 0}, {"interval": 100}])
async def test_bad_arguments(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Dashboard(HTTPServer("127.0.0.1", 0), **bad)
