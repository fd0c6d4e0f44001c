"""The blocking door against peers from other hands, in both roles."""

import asyncio
import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.peers import DEADLINE, Data, Side
from wsline import ConnectionClosedError, ConnectionClosedOK
from wsline.sync import WebSocket, connect, serve

MESSAGES: list[Data] = ["naïve ☃", "", b"", b"\x80" * 126, "x" * 65536, bytes(range(256)) * 4096]


async def with_client(side: Side, function: Callable[[WebSocket], Any], **options: Any) -> Any:
    """Connect to the peer's server, and call a function with our end, in a thread."""

    def run(url: str) -> Any:
        with connect(url) as ws:
            return function(ws)

    async with side.listen(**options) as (url, _):
        return await asyncio.to_thread(run, url)


async def test_an_echo_gives_everything_back(server_side: Side) -> None:
    def run(ws: WebSocket) -> list[Data]:
        for message in MESSAGES:
            ws.send(message)
        ws.send(iter(["in ", "frag", "ments"]))
        return [ws.recv(timeout=DEADLINE) for _ in range(len(MESSAGES) + 1)]

    assert await with_client(server_side, run, echo=True) == [*MESSAGES, "in fragments"]


async def test_eight_threads_send_to_one_peer(server_side: Side) -> None:
    """It sees no broken rule, and all messages whole."""
    per_thread = 50

    def run(ws: WebSocket) -> tuple[list[str], bool]:
        def send(name: int) -> None:
            for i in range(per_thread):
                text = f"{name} {i} " + "x" * (i * 37)
                ws.send([text[:5], text[5:]] if i % 5 == 0 else text)

        threads = [threading.Thread(target=send, args=(name,)) for name in range(8)]
        for each in threads:
            each.start()
        received = [ws.recv(timeout=DEADLINE) for _ in range(8 * per_thread)]
        for each in threads:
            each.join()
        ws.close()
        return received, ws.close_info.is_ok

    received, is_ok = await with_client(server_side, run, echo=True)
    assert is_ok
    expected = [f"{name} {i} " + "x" * (i * 37) for name in range(8) for i in range(per_thread)]
    assert sorted(received) == sorted(expected)


async def test_pings_and_closing(server_side: Side) -> None:
    def run(ws: WebSocket) -> tuple[float, int | None]:
        seconds = ws.ping(b"payload", timeout=DEADLINE)
        ws.close(3001, "mine")
        return seconds, ws.close_code

    seconds, code = await with_client(server_side, run)
    assert 0 < seconds < DEADLINE
    assert code == 3001


async def test_our_server_and_the_peers_client(client_side: Side) -> None:
    """What it sends comes back, its ping is answered, and how it closes is seen."""
    ends: list[Any] = []

    def handler(ws: WebSocket) -> None:
        try:
            for message in ws:
                ws.send(message)
        finally:
            ends.append((ws.close_code, ws.close_reason, ws.close_info.was_clean))

    server = serve(handler, "127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{server.address()[1]}"
        async with client_side.start({}, url) as peer:
            await peer.event("open")
            for message in MESSAGES[:4]:
                await peer.send(message)
                assert await peer.message() == message
            data = base64.b64encode(b"?").decode()
            await peer.tell("ping", base64=data)
            assert (await peer.event("pong"))["base64"] == data
            await peer.send_fragments(["one ", "two"])
            assert await peer.message() == "one two"
            await peer.tell("close", code=4001, reason="why")
            assert (await peer.event("close"))["code"] == 4001
    finally:
        await asyncio.to_thread(server.shutdown)
    assert ends == [(4001, "why", True)]


async def test_how_our_server_closes_is_seen(client_side: Side) -> None:
    def handler(ws: WebSocket) -> None:
        ws.send("last words")
        ws.close(4002, "bye")

    server = serve(handler, "127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{server.address()[1]}"
        async with client_side.start({}, url) as peer:
            assert await peer.message() == "last words"
            seen = await peer.event("close")
            assert (seen["code"], seen["reason"]) == (4002, "bye")
    finally:
        await asyncio.to_thread(server.shutdown)


async def test_a_killed_peer(server_side: Side) -> None:
    async with server_side.listen() as (url, peer):
        ws = await asyncio.to_thread(connect, url)
        receiving = asyncio.ensure_future(asyncio.to_thread(ws.recv, DEADLINE))
        await peer.event("open")
        await peer.kill()
        with pytest.raises(ConnectionClosedError):
            await receiving
        assert ws.close_code == 1006
        ws.close()


async def test_the_peers_close_wakes_a_receiver(server_side: Side) -> None:
    async with server_side.listen() as (url, peer):
        ws = await asyncio.to_thread(connect, url)
        receiving = asyncio.ensure_future(asyncio.to_thread(ws.recv, DEADLINE))
        await peer.event("open")
        await peer.tell("close", code=1000, reason="done")
        with pytest.raises(ConnectionClosedOK, match="done"):
            await receiving
        await asyncio.to_thread(ws.wait_closed)
