"""Slow consumers: what becomes of messages that nobody awaits, for each `slow_consumer`."""

import asyncio
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, until
from wsline import ConnectionClosedError, SlowConsumer, WebSocket, WebSocketServer

KIB = 1024
SIZE = 64 * KIB  # of a message
MOST = 512 * KIB
# More than sockets take for a peer that does not read, on both ends.
MANY = 400


def numbered(i: int) -> bytes:
    return b"%06d" % i + bytes(SIZE - 6)


async def rest(ws: WebSocket) -> list[int]:
    """Receive until the message 'end'; return the numbers of those before."""
    numbers = []
    async with asyncio.timeout(DEADLINE):
        while (message := await ws.recv()) != "end":
            assert len(message) == SIZE
            numbers.append(int(message[:6]))
    return numbers


def listen(ws: WebSocket) -> list[int]:
    dropped: list[int] = []
    ws.on("drop", lambda data: dropped.append(int(data[:6])))
    return dropped


async def sent_to_a_sleeper(ws: WebSocket, sleeper: WebSocket) -> list[int]:
    """Send more than the peer takes, then wake it; return what has come."""
    sleeper.pause()
    for i in range(MANY):
        ws.send(numbered(i))
        assert ws.buffered_amount <= 3 * MOST
        if not i % 50:
            await asyncio.sleep(0)
    sleeper.resume()
    receiving = asyncio.ensure_future(rest(sleeper))
    await until(lambda: ws.buffered_amount < SIZE)
    ws.send("end")
    return await receiving


async def test_the_newest_are_dropped(door: Door) -> None:
    async with door.pair(slow_consumer="drop_newest", max_buffered=MOST) as (client, server):
        dropped = listen(server)
        came = await sent_to_a_sleeper(server, client)
        assert dropped
        assert came == [i for i in range(MANY) if i not in dropped]
        assert came[: dropped[0]] == list(range(dropped[0]))
        assert MANY - 1 in dropped
        assert server.stats.messages_dropped == len(dropped)
        assert server.close_info.cause is None


async def test_the_oldest_are_dropped(door: Door) -> None:
    async with door.pair(slow_consumer="drop_oldest", max_buffered=MOST) as (client, server):
        dropped = listen(server)
        came = await sent_to_a_sleeper(server, client)
        assert dropped
        # In between the kernel may take some more.
        assert dropped == sorted(dropped), "oldest first"
        assert came == [i for i in range(MANY) if i not in dropped]
        assert came[-1] == MANY - 1
        assert server.stats.messages_dropped == len(dropped)


async def test_only_the_latest_of_each_key_comes(door: Door) -> None:
    options: dict[str, Any] = {"slow_consumer": "latest", "slow_consumer_key": lambda data: data[5:6]}
    async with door.pair(max_buffered=2 * MOST, **options) as (client, server):
        dropped = listen(server)
        came = await sent_to_a_sleeper(server, client)
        assert came == sorted(set(range(MANY)) - set(dropped))
        assert came[-10:] == list(range(MANY - 10, MANY))
        assert server.stats.messages_dropped == len(dropped) > 100


async def test_a_client_has_slow_consumers_too(door: Door) -> None:
    async with door.pair(client={"slow_consumer": "drop_oldest", "max_buffered": MOST}) as (client, server):
        came = await sent_to_a_sleeper(client, server)
        assert came[-1] == MANY - 1
        assert client.stats.messages_dropped == MANY - len(came) > 0


async def test_who_awaits_loses_nothing(door: Door) -> None:
    async with door.pair(slow_consumer="drop_newest", max_buffered=MOST) as (client, server):

        async def send() -> None:
            for i in range(MANY):
                await server.send(numbered(i))
            await server.send("end")

        _, came = await asyncio.gather(send(), rest(client))
        assert came == list(range(MANY))
        assert server.stats.messages_dropped == 0


@pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)
async def test_a_batch_does_not_make_a_consumer_slow(door: Door) -> None:
    """What was corked while a listener ran has not been offered to the socket: nobody is slow yet."""
    server = door.server(max_buffered=0)

    def answer(ws: WebSocket) -> None:
        ws.on("message", lambda data: [ws.send("x" * 100) for _ in range(20)])

    server.on("connection", answer)
    async with door.running(server) as served, door.connect(served.url) as ws:
        ws.send("all")
        for _ in range(20):
            assert await ws.recv() == "x" * 100


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("policy", ["disconnect", "drop_newest", "drop_oldest", "latest"])
async def test_a_broadcast_is_bounded_for_each_client(door: Door, policy: str, compressed: bool) -> None:
    options: dict[str, Any] = {"slow_consumer": policy, "max_buffered": MOST}
    async with (
        door.serving(lambda ws: ws.wait_closed(), per_message_deflate=compressed, **options) as served,
        door.connect(served.url) as slow,
        door.connect(served.url) as quick,
    ):
        slow_end, quick_end = both_ends(served.server, slow, quick)
        slow.pause()
        for i in range(MANY):
            served.server.broadcast(numbered(i))
            assert int((await asyncio.wait_for(quick.recv(), DEADLINE))[:6]) == i
        assert quick_end.stats.messages_dropped == 0
        if compressed:
            assert slow_end.stats.messages_dropped == 0, "zeros take no room"
        elif policy == "disconnect":
            assert isinstance(slow_end.close_info.cause, SlowConsumer)
            with pytest.raises(ConnectionClosedError):
                slow.resume()
                await rest(slow)
            return
        else:
            assert slow_end.stats.messages_dropped > 0
        slow.resume()
        receiving = asyncio.ensure_future(rest(slow))
        await until(lambda: slow_end.buffered_amount < SIZE)
        served.server.broadcast("end")
        came = await receiving
        assert len(came) == MANY - slow_end.stats.messages_dropped
        assert policy == "drop_newest" or came[-1] == MANY - 1


def both_ends(server: WebSocketServer, *clients: WebSocket) -> list[WebSocket]:
    by_address = {each.remote_address: each for each in server.clients}
    return [by_address[each.local_address] for each in clients]


async def test_a_drop_listener_may_send_and_close(door: Door) -> None:
    async with door.pair(slow_consumer="drop_oldest", max_buffered=MOST) as (client, server):
        client.pause()
        server.once("drop", lambda data: server.close(4000, "too slow"))
        with pytest.raises(Exception, match="we sent Close"):
            for i in range(MANY):
                server.send(numbered(i))
        client.resume()
        with pytest.raises(ConnectionClosedError, match="too slow"):
            while True:
                await asyncio.wait_for(client.recv(), DEADLINE)
        assert client.close_code == 4000
