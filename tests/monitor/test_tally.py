"""What connections have done together."""

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest

from tests.doors.door import until
from tests.monitor.conftest import DEADLINE, echo, watched
from wsline import WebSocketServer, connect
from wsline.monitor import Tally
from wsline.monitor.tally import ServerStats

NOTHING = ServerStats(
    connections=0, opened=0, closed={}, messages_received=0, messages_sent=0, bytes_received=0, bytes_sent=0,
    pings_received=0, pings_sent=0, pongs_received=0, messages_dropped=0,
    buffered=0, compressed=0, latencies=[],
)  # fmt: skip


async def test_nothing_has_happened() -> None:
    assert Tally().stats() == NOTHING
    assert NOTHING.latency(0.5) is None


async def test_open_and_closed_connections_count() -> None:
    async with watched(lambda http, server: Tally(server), per_message_deflate=True) as (
        address,
        server,
        tally,
    ):
        one = await connect(f"ws://{address}/")
        two = await connect(f"ws://{address}/", per_message_deflate=False)
        for ws in (one, two, two):
            await ws.send("hello")
            await ws.recv()
        await asyncio.gather(*(ws.ping() for ws in server.clients))
        before = tally.stats()
        assert (before.connections, before.opened, before.closed) == (2, 2, {})
        assert (before.messages_received, before.messages_sent) == (3, 3)
        assert (before.pings_sent, before.pongs_received) == (2, 2)
        assert before.compressed == 1
        assert len(before.latencies) == 2
        assert before.latency(0) == before.latencies[0] <= before.latency(1) == before.latencies[-1]
        await one.close(4001)
        two.terminate()
        await until(lambda: not server.clients)
        after = tally.stats()
        assert (after.connections, after.opened, after.closed) == (0, 2, {1006: 1, 4001: 1})
        assert after.messages_received == 3
        assert after.bytes_received > before.bytes_received  # the close frame
        assert (after.latencies, after.compressed, after.buffered) == ([], 0, 0)


async def test_a_server_that_runs_already_counts_from_now_on() -> None:
    async with WebSocketServer(echo, "127.0.0.1", 0) as server, asyncio.timeout(DEADLINE):
        url = f"ws://127.0.0.1:{server.address()[1]}/"
        async with connect(url) as ws:
            await ws.send("x")
            await ws.recv()
            tally = Tally()
            tally.watch(server)
            assert (tally.stats().opened, tally.stats().messages_received) == (1, 1)
        await until(lambda: tally.stats().closed == {1000: 1})
        async with connect(url):
            assert tally.stats().opened == 2


async def test_two_servers_are_one_sum() -> None:
    async with (
        WebSocketServer(echo, "127.0.0.1", 0) as one,
        WebSocketServer(echo, "127.0.0.1", 0) as two,
        asyncio.timeout(DEADLINE),
    ):
        tally = Tally(one, two)
        for server in (one, two):
            async with connect(f"ws://127.0.0.1:{server.address()[1]}/") as ws:
                await ws.send("x")
                await ws.recv()
        await until(lambda: tally.stats().closed == {1000: 2})
        assert tally.stats().messages_sent == 2


async def test_it_keeps_no_server_alive() -> None:
    server = WebSocketServer(echo, no_server=True)
    tally = Tally(server)
    reference = weakref.ref(server)
    server.close()
    del server
    gc.collect()
    assert reference() is None
    assert tally.clients() == []


@pytest.mark.parametrize(("share", "at"), [(0, 1.0), (0.5, 3.0), (0.95, 4.0), (1, 4.0)])
def test_shares_of_round_trips(share: float, at: float) -> None:
    assert replace(NOTHING, latencies=[1.0, 2.0, 3.0, 4.0]).latency(share) == at
