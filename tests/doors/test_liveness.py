"""Pings, keepalive, and who is taken for dead."""

import asyncio
import contextlib
import os
import threading
import time
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, until
from tests.doors.peer import BINARY, PING, PONG, Peer
from wsline import ConnectionClosedError, KeepaliveTimeout, State, WebSocket


@pytest.mark.row(112)
async def test_a_ping_gives_the_round_trip_time(door: Door) -> None:
    async with door.pair() as (client, server):
        for ws in (client, server):
            assert ws.latency is None
            seconds = await ws.ping()
            assert 0 < seconds < 5
            assert ws.latency == seconds
            assert await ws.ping(b"payload") > 0
            assert await ws.ping("text") > 0
            assert await ws.ping(bytearray(125)) > 0


@pytest.mark.row(112, 113)
async def test_bad_pings_are_not_sent(door: Door) -> None:
    async with door.pair() as (client, server):
        pinged: list[bytes] = []
        server.on("ping", pinged.append)
        for call in (client.ping, client.pong):
            with pytest.raises(ValueError, match="must not be greater than 125 bytes"):
                call(b"x" * 126)
            with pytest.raises(ValueError, match="125 bytes"):
                call("ü" * 63)
            with pytest.raises(TypeError, match="type int"):
                call(5)
            with pytest.raises(TypeError, match="type list"):
                call([b"x"])
        await client.ping("good")
        assert pinged == [b"good"]


@pytest.mark.row(86, 87, 113)
async def test_ping_and_pong_events(door: Door) -> None:
    async with door.pair() as (client, server):
        heard: list[Any] = []
        server.on("ping", lambda data: heard.append(("ping", data)))
        server.on("pong", lambda data: heard.append(("pong", data)))
        client.ping(b"1")
        client.pong(b"2")
        client.pong()
        await client.ping("3")
        assert heard == [("ping", b"1"), ("pong", b"2"), ("pong", b""), ("ping", b"3")]


async def test_a86_the_pong_goes_out_before_what_a_listener_says(door: Door) -> None:
    async with door.serving() as served:
        served.server.on("connection", lambda ws: ws.on("ping", lambda data: ws.send(b"behind " + data)))
        async with door.raw_client(served.port) as peer:
            await peer.open()
            peer.send(PING, b"1")
            assert [(await peer.receive())[:2] for _ in range(2)] == [(PONG, b"1"), (BINARY, b"behind 1")]


@pytest.mark.row(87)
async def test_a_pong_answers_older_pings_too(door: Door) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        payloads = [(await peer.receive()).payload for _ in range(3)]
        peer.send(PONG, b"nobody asked")
        peer.send(PONG, payloads[1])
        assert (await peer.receive()).payload == b"then"
        peer.send(PONG, payloads[2])
        await peer.is_at_end()

    async with door.raw_server(script) as url, door.connect(url) as ws:
        first, second, third = (asyncio.ensure_future(ws.ping(each)) for each in ("a", "b", "c"))
        done, _ = await asyncio.wait([first, second], timeout=DEADLINE)
        assert done == {first, second}
        assert not third.done()
        ws.send("then")
        assert await third > 0
        ws.terminate()


@pytest.mark.row(18, "53b")
async def test_no_automatic_pongs(door: Door) -> None:
    async with (
        door.serving(lambda ws: ws.wait_closed(), auto_pong=False) as served,
        door.connect(served.url) as ws,
    ):
        (server,) = served.server.clients
        server.on("ping", lambda data: server.pong(data + b"!"))
        pongs: list[bytes] = []
        ws.on("pong", pongs.append)
        ws.ping(b"x")
        await until(lambda: pongs)
        assert pongs == [b"x!"]


@pytest.mark.row(192)
async def test_a_silent_peer_is_pinged(door: Door) -> None:
    async with (
        door.serving(lambda ws: ws.wait_closed(), ping_interval=0.05, ping_timeout=5) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open()
        seen = set()
        for _ in range(3):
            opcode, payload, _ = await peer.receive()
            assert opcode == PING
            peer.send(PONG, payload)
            seen.add(payload)
        assert len(seen) == 3
        (server,) = served.server.clients
        await until(lambda: server.latency is not None)
        assert server.ready_state == State.OPEN


@pytest.mark.row(192)
@pytest.mark.parametrize(
    ("door", "role"),
    [("epoll", "server"), ("direct", "client"), ("transport", "server"), ("tls", "client")],
    indirect=["door"],
)
async def test_a_peer_that_answers_nothing_is_given_up(door: Door, role: str) -> None:
    over = asyncio.Event()
    options = {"ping_interval": 0.05, "ping_timeout": 0.1}

    async def script(peer: Peer) -> None:
        await peer.accept()
        await over.wait()

    async def wait(ws: WebSocket) -> None:
        pong = asyncio.ensure_future(ws.ping())
        started = time.monotonic()
        with pytest.raises(ConnectionClosedError, match=r"the peer answered no ping for 0\.1 s") as caught:
            await ws.recv()
        assert time.monotonic() - started > 0.1
        assert isinstance(caught.value.__cause__, KeepaliveTimeout)
        with pytest.raises(ConnectionClosedError):
            await pong
        assert ws.close_code == 1006
        over.set()

    if role == "client":
        async with door.raw_server(script) as url, door.connect(url, **options) as ws:
            await wait(ws)
    else:
        async with door.serving(wait, **options) as served, door.raw_client(served.port) as peer:
            await peer.open()
            await asyncio.wait_for(over.wait(), DEADLINE)


async def test_a_long_message_is_a_sign_of_life(door: Door) -> None:
    """While it arrives, in small pieces, no pong can come between."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.writer.write(b"\x82\x7e" + (200).to_bytes(2, "big"))
        for _ in range(20):
            peer.writer.write(b"x" * 10)
            await asyncio.sleep(0.01)
        await peer.is_at_end()

    async with (
        door.raw_server(script) as url,
        door.connect(url, ping_interval=0.02, ping_timeout=0.06) as ws,
    ):
        assert len(await ws.recv()) == 200
        ws.terminate()


async def test_whose_messages_we_do_not_read_is_not_given_up(door: Door) -> None:
    options = {"ping_interval": 0.03, "ping_timeout": 0.25}
    async with door.pair(client=options) as (client, server):
        client.pause()
        for _ in range(20):
            server.send(b"x" * 65536)
        await asyncio.sleep(0.6)  # nothing can be waited for: what should not happen, must have time to
        assert client.ready_state == State.OPEN
        client.resume()
        async with asyncio.timeout(DEADLINE):
            assert [len(await client.recv()) for _ in range(20)] == [65536] * 20
        assert await client.ping() > 0


async def test_with_a_full_queue_the_peer_is_not_given_up(door: Door) -> None:
    options = {"ping_interval": 0.03, "ping_timeout": 0.25}
    async with door.pair(client=options) as (client, server):
        for _ in range(100):
            server.send(b"x" * 65536)
        await asyncio.sleep(0.6)  # as above
        assert client.ready_state == State.OPEN
        async with asyncio.timeout(DEADLINE):
            assert [len(await client.recv()) for _ in range(100)] == [65536] * 100


@pytest.mark.parametrize("door", ["epoll", "transport"], indirect=True)
async def test_a_loop_that_was_held_up_reads_before_it_judges(door: Door) -> None:
    """The peer lives in a thread, and answers in time; the loop stands still for longer than allowed."""
    async with (
        door.serving(lambda ws: ws.wait_closed(), ping_interval=0.1, ping_timeout=0.3) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open()
        (server,) = served.server.clients
        frozen = threading.Event()
        sock = peer.writer.get_extra_info("socket")
        pong = peer.frame(PONG, b"here")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]

        def answer() -> None:
            frozen.wait(DEADLINE)
            time.sleep(0.2)
            with contextlib.suppress(BlockingIOError):
                os.write(sock.fileno(), pong)

        thread = threading.Thread(target=answer)
        thread.start()
        await until(lambda: len(server._session.connection.pings) > 0)
        frozen.set()
        time.sleep(0.6)
        thread.join()
        heard: list[bytes] = []
        server.on("pong", heard.append)
        await until(lambda: heard or server.ready_state != State.OPEN)
        assert heard == [b"here"]
        assert server.ready_state == State.OPEN
