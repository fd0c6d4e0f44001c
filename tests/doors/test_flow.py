"""Backpressure both ways: who does not read is waited for or cut off, who does not receive is not drowned."""

import asyncio
import time
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, until
from tests.doors.peer import BINARY, PING, TEXT, Peer
from wsline import ConnectionClosed, ConnectionClosedError, SlowConsumer, State, WebSocket, WriteTimeout

KIB = 1024
MIB = 1 << 20


async def fill(ws: WebSocket, message: bytes) -> asyncio.Task[Any]:
    """Send until a send waits; return its task."""
    for _ in range(10_000):
        sending: asyncio.Task[Any] = asyncio.ensure_future(ws.send(message))
        done, _ = await asyncio.wait([sending], timeout=0.05)
        if not done:
            return sending
    raise AssertionError("no send waits, though nobody reads")


@pytest.mark.row(99, 111)
async def test_an_awaited_send_waits_for_the_peer(door: Door) -> None:
    message = b"x" * (256 * KIB)
    async with door.pair() as (client, server):
        server.pause()
        assert server.is_paused
        sending = await fill(client, message)
        assert 64 * KIB < client.buffered_amount < MIB
        server.resume()
        assert not server.is_paused
        count = 0
        while not sending.done() or client.buffered_amount:
            received = await asyncio.wait_for(server.recv(), DEADLINE)
            assert received == message
            count += 1
        assert sending.result() is None
        assert count
        await client.send("unharmed")
        while (received := await asyncio.wait_for(server.recv(), DEADLINE)) != "unharmed":
            assert received == message


async def test_a_waiting_send_ends_with_the_connection(door: Door) -> None:
    async with door.pair() as (client, server):
        server.pause()
        sending = await fill(client, b"x" * (256 * KIB))
        client.terminate()
        with pytest.raises(ConnectionClosedError, match="we cut the connection"):
            await sending


async def test_cancelling_a_waiting_send_takes_nothing_back(door: Door) -> None:
    message = b"x" * (256 * KIB)
    async with door.pair() as (client, server):
        server.pause()
        sending = await fill(client, message)
        waiting = client.buffered_amount
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert client.buffered_amount == waiting
        client.send("last")
        server.resume()
        while (received := await asyncio.wait_for(server.recv(), DEADLINE)) != "last":
            assert received == message


async def test_unawaited_sends_beyond_the_limit_cut_a_slow_consumer_off(door: Door) -> None:
    async with door.pair(max_buffered=MIB) as (client, server):
        client.pause()
        with pytest.raises(ConnectionClosedError) as caught:
            for _ in range(10_000):
                server.send(b"x" * (64 * KIB))
        assert isinstance(caught.value.__cause__, SlowConsumer)
        assert "max_buffered=1048576" in str(caught.value.__cause__)
        assert server.ready_state == State.CLOSED
        with pytest.raises(ConnectionClosedError):
            server.send("x")
        client.resume()
        with pytest.raises(ConnectionClosedError):
            while True:
                await client.recv()


async def test_one_message_may_be_larger_than_the_limit(door: Door) -> None:
    async with door.pair(max_buffered=0) as (client, server):
        await server.send(b"x" * (8 * MIB))
        assert len(await client.recv()) == 8 * MIB
        await server.send("next")
        assert await client.recv() == "next"


async def test_a_limit_of_0_allows_nothing_beside_the_message(door: Door) -> None:
    async with door.pair(max_buffered=0) as (client, server):
        client.pause()
        with pytest.raises(ConnectionClosedError, match="max_buffered=0"):
            for _ in range(10_000):
                server.send(b"x" * (64 * KIB))


async def test_without_a_limit_nobody_is_cut_off(door: Door) -> None:
    async with door.pair(max_buffered=None) as (client, server):
        client.pause()
        for i in range(64):
            server.send(bytes([i]) * MIB)
        assert server.buffered_amount > 32 * MIB
        client.resume()
        for i in range(64):
            message = await client.recv()
            assert (len(message), message[:1]) == (MIB, bytes([i]))


async def test_a_send_while_closing_does_not_cut_what_is_being_sent(door: Door) -> None:
    async with door.pair(max_buffered=MIB) as (client, server):
        client.pause()
        server.send(b"x" * (8 * MIB))
        closed = server.close()
        assert server.buffered_amount > MIB
        with pytest.raises(ConnectionClosed):
            server.send("too late")
        client.resume()
        assert len(await client.recv()) == 8 * MIB
        await closed
        assert server.close_info.is_ok


async def test_a_broadcast_leaves_a_slow_consumer_out(door: Door) -> None:
    async with (
        door.serving(lambda ws: ws.wait_closed(), max_buffered=MIB) as served,
        door.connect(served.url) as slow,
        door.connect(served.url) as quick,
    ):
        slow.pause()
        for _ in range(1000):
            served.server.broadcast(b"x" * (64 * KIB))
            assert len(await quick.recv()) == 64 * KIB
            if len(served.server.clients) == 1:
                break
        assert len(served.server.clients) == 1
        served.server.broadcast("still here")
        assert await quick.recv() == "still here"
        slow.terminate()


@pytest.mark.row(104)
@pytest.mark.parametrize("door", ["epoll", "transport"], indirect=True)
async def test_who_does_not_receive_is_not_drowned(door: Door) -> None:
    """64 MiB are sent to a handler that does not receive: reading pauses, and goes on later."""
    message = b"x" * (64 * KIB)
    total = 1024
    async with door.pair(max_buffered=None) as (client, server):
        sending = await fill(client, message)
        queued = len(server._session.queue)
        assert 16 <= queued <= 64
        assert server._session.queue.size <= 64 * 64 * KIB
        await sending_rest(client, server, sending, message, total)


async def sending_rest(
    client: WebSocket, server: WebSocket, sending: asyncio.Task[Any], message: bytes, total: int
) -> None:
    async def send() -> None:
        await sending
        for _ in range(total):
            await client.send(message)
        await client.send("end")

    async def receive() -> int:
        count = 0
        while await server.recv() != "end":
            count += 1
        return count

    async with asyncio.timeout(DEADLINE):
        _, count = await asyncio.gather(send(), receive())
    assert count > total


async def test_small_messages_are_queued_up_to_64_kib(door: Door) -> None:
    async with door.pair(max_queue=1) as (client, server):
        for i in range(100):
            client.send(f"{i}")
        await client.ping()
        assert len(server._session.queue) == 100
        assert [await server.recv() for _ in range(100)] == [f"{i}" for i in range(100)]


@pytest.mark.row(101, 104)
async def test_pause_keeps_what_has_come_from_the_listener(door: Door) -> None:
    async with door.pair() as (client, server):
        heard: list[Any] = []

        def message(data: str) -> None:
            heard.append(data)
            if data == "pause":
                client.pause()

        client.on("message", message)
        for data in ("1", "pause", "2", "3"):
            server.send(data)
        await until(lambda: len(heard) == 2)
        pong = asyncio.ensure_future(server.ping())
        _, pending = await asyncio.wait([pong], timeout=0.05)
        assert pending or door.name not in ("epoll", "direct")
        assert heard == ["1", "pause"]
        client.resume()
        await pong
        await until(lambda: len(heard) == 4)
        assert heard == ["1", "pause", "2", "3"]


@pytest.mark.row(104)
async def test_pause_and_resume_where_they_mean_nothing(door: Door) -> None:
    async with door.pair() as (client, server):
        client.resume()
        client.pause()
        client.pause()
        client.resume()
        client.resume()
        server.send("x")
        assert await client.recv() == "x"
        await client.close()
        client.pause()
        assert not client.is_paused


async def greet(ws: WebSocket) -> None:
    await ws.send("x")


async def test_pause_before_the_connection_is_open_means_nothing(door: Door) -> None:
    async with door.serving(greet) as served:
        ws = WebSocket(served.url, **door.client_options({}))
        ws.pause()
        assert not ws.is_paused
        assert await ws.recv() == "x"
        await ws.close()


async def test_closing_while_paused_reads_on(door: Door) -> None:
    async with door.pair() as (client, server):
        client.pause()
        server.send("x")
        started = time.monotonic()
        await client.close()
        assert time.monotonic() - started < 5
        assert client.close_info.is_ok


async def test_closing_while_the_queue_is_full_reads_on(door: Door) -> None:
    async def handler(ws: WebSocket) -> None:
        while True:
            await ws.send(b"x" * (64 * KIB))

    async with door.serving(handler) as served, door.connect(served.url) as ws:
        await until(ws._session.queue.is_full)
        await ws.close()
        assert ws.close_info.is_ok
        assert ws._session.queue.size < 8 * MIB


async def test_a_peer_that_takes_nothing_is_given_up(door: Door) -> None:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await over.wait()

    async with door.raw_server(script) as url, door.connect(url, write_timeout=0.3) as ws:
        try:
            with pytest.raises(ConnectionClosedError) as caught:
                async with asyncio.timeout(DEADLINE):
                    while True:
                        await ws.send(b"x" * MIB)
            assert isinstance(caught.value.__cause__, WriteTimeout)
            assert "write_timeout" in str(caught.value)
        finally:
            over.set()


@pytest.mark.row(17, "53g")
async def test_pings_do_not_pile_up_pongs_for_a_peer_that_does_not_read(door: Door) -> None:
    async with (
        door.serving(lambda ws: ws.wait_closed(), max_pending_auto_pongs=50) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open()
        (server,) = served.server.clients
        server.send(b"x" * (16 * MIB))
        await until(lambda: server.buffered_amount)
        for i in range(49):
            peer.send(PING, b"%d" % i)
        peer.send(TEXT, b"unharmed")
        await until(lambda: len(server._session.queue))
        assert (await peer.receive()).opcode == BINARY
        # RFC 6455 §5.5.3: only the newest needs an answer; what was not blocked yet, got its own.
        payloads: list[bytes] = []
        while not payloads or payloads[-1] != b"48":
            payloads.append((await peer.receive()).payload)
        server.send(b"x" * (16 * MIB))
        await until(lambda: server.buffered_amount)
        for i in range(1000):
            peer.send(PING, b"%d" % i)
        await until(lambda: server.ready_state == State.CLOSED)
        assert "max_pending_auto_pongs" in server.close_info.hint
