"""Servers and clients in memory do what those with sockets do."""

import asyncio

import pytest

from tests.doors.door import until
from wsline import ConnectionClosedError, InvalidStatus, Request, Response, WebSocket
from wsline.testing import MemoryServer, pair

DEADLINE = 20  # seconds


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def test_a_pair_talks_and_closes() -> None:
    async with asyncio.timeout(DEADLINE), pair(protocol="chat") as (client, server):
        await client.send("hello")
        await server.send(b"\x00" * 300_000)
        assert (await server.recv(), await client.recv()) == ("hello", b"\x00" * 300_000)
        assert client.protocol == server.protocol == "chat"
        assert await client.ping() < DEADLINE
        assert server.remote_address == client.local_address
        await server.close(4000, "enough")
    assert (client.close_code, client.close_reason) == (4000, "enough")
    assert server.close_info.was_clean


async def test_options_of_both_sides_count() -> None:
    async with pair(client_options={"max_payload": 10}, server_options={"per_message_deflate": True}) as (
        client,
        server,
    ):
        assert client.extensions == server.extensions != ()
        await server.send("x" * 11)
        with pytest.raises(ConnectionClosedError, match="max_payload"):
            await client.recv()
        await until(lambda: server.close_code == 1009)


async def test_a_server_in_memory_has_its_handler_and_its_judgement() -> None:
    def judge(request: Request) -> Response | None:
        return Response(401) if "Authorization" not in request.headers else None

    async with asyncio.timeout(DEADLINE), MemoryServer(echo, path="/chat", process_request=judge) as server:
        with pytest.raises(InvalidStatus, match="401"):
            await server.connect("ws://localhost/chat")
        with pytest.raises(InvalidStatus, match="404"):
            await server.connect(auth=("me", "x"))
        one = await server.connect("ws://localhost/chat?q", auth=("me", "x"))
        two = await server.connect("ws://localhost/chat", headers={"Authorization": "y"})
        for ws in (one, two):
            await ws.send("hello")
            assert await ws.recv() == "hello"
        assert len(server.clients) == 2
        assert sorted(each.request.target for each in server.clients) == ["/chat", "/chat?q"]
        server.broadcast("to all")
        assert [await one.recv(), await two.recv()] == ["to all"] * 2
        one.terminate()
        await until(lambda: len(server.clients) == 1)
    assert two.close_code == 1001


async def test_a_slow_reader_slows_the_writer_down() -> None:
    async with asyncio.timeout(DEADLINE), pair() as (client, server):
        client.pause()
        sending = asyncio.ensure_future(server.send("x" * 5_000_000))
        await asyncio.sleep(0.01)
        assert not sending.done()
        assert server.buffered_amount > 4_000_000
        client.resume()
        assert len(await client.recv()) == 5_000_000
        await sending


async def test_a_connect_that_is_cancelled_leaves_nothing() -> None:
    asked = asyncio.Event()

    async def never(request: Request) -> None:
        asked.set()
        await asyncio.Future()

    async with asyncio.timeout(DEADLINE), MemoryServer(echo, process_request=never) as server:
        connecting = asyncio.ensure_future(server.connect())
        await asked.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        with pytest.raises(TimeoutError):
            await server.connect(handshake_timeout=0.01)
        assert not server.clients
