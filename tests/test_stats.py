"""What has passed over a connection, in numbers, at both ends of one."""

from dataclasses import FrozenInstanceError

import pytest

from tests.doors.door import Door, until
from wsline import Stats

PLAIN = Door("epoll", None)


async def test_a_connection_that_is_new_has_passed_nothing() -> None:
    async with PLAIN.pair() as ends:
        for ws in ends:
            assert set(ws.stats.__reduce_ex__(4)[2]) == {0}
            with pytest.raises(FrozenInstanceError):
                ws.stats.messages_sent = 5  # type: ignore[misc]


async def test_every_message_and_byte_is_counted_at_both_ends() -> None:
    async with PLAIN.pair() as (client, server):
        client.send("hello")  # 2 + 4 + 5 bytes
        client.send(b"wor", fin=False)
        client.send(b"ld")
        await client.send(["as ", "fragments"])
        await client.ping(b"p")
        for _ in range(3):
            await server.recv()
        server.send(bytes(70_000))
        await client.recv()
        server.pong(b"unasked")
        await until(lambda: client.stats.pongs_received == 2)
        sent = 11 + 9 + 8 + 9 + 15 + 6 + 7
        assert client.stats == Stats(
            messages_received=1,
            messages_sent=3,
            bytes_received=10 + 70_000 + 3 + 9,
            bytes_sent=sent,
            pings_received=0,
            pings_sent=1,
            pongs_received=2,
        )
        assert server.stats == Stats(
            messages_received=3,
            messages_sent=1,
            bytes_received=sent,
            bytes_sent=10 + 70_000 + 3 + 9,
            pings_received=1,
            pings_sent=0,
            pongs_received=0,
        )


async def test_they_can_be_read_after_the_end() -> None:
    async with PLAIN.pair() as (client, server):
        client.send("x")
        await client.close()
        assert client.stats.messages_sent == server.stats.messages_received == 1
        assert client.stats.bytes_sent == server.stats.bytes_received == 7 + 8
        assert client.stats.bytes_received == 4


async def test_a_broadcast_counts_for_each_client() -> None:
    async with PLAIN.serving(lambda ws: ws.wait_closed()) as served, PLAIN.connect(served.url) as ws:
        (other,) = served.server.clients
        served.server.broadcast("to all")
        assert await ws.recv() == "to all"
        assert other.stats.messages_sent == 1
