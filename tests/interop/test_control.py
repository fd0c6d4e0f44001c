"""Pings and closing handshakes between this library and peers from other hands."""

import asyncio
import base64

import pytest

from tests.interop.peers import DEADLINE, Side
from wsline import CloseInfo, ConnectionClosed, ConnectionClosedError, WebSocket

CLOSES = [(1000, ""), (1001, "going away"), (1011, "oops ☃"), (3000, "r" * 123), (4999, "mine")]


async def until_closed(ws: WebSocket) -> CloseInfo:
    """Wait until the peer has ended the connection; return how it ended."""
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(DEADLINE):
            await ws.recv()
    return caught.value.close_info


@pytest.mark.row(112)
async def test_our_ping_comes_back_with_its_time(side: Side) -> None:
    async with side.open() as (ws, peer), asyncio.timeout(DEADLINE):
        for payload in (b"", b"payload", b"\xff" * 125):
            seconds = await ws.ping(payload)
            assert 0 < seconds < DEADLINE
            assert ws.latency == seconds
            if side.package == "ws":  # the other one does not tell about pings
                assert base64.b64decode((await peer.event("ping"))["base64"]) == payload


@pytest.mark.row(86)
async def test_the_peers_ping_is_answered(side: Side) -> None:
    pings: list[bytes] = []
    async with side.open() as (ws, peer):
        ws.on("ping", pings.append)
        for payload in (b"\x00", b"payload", b"\xff" * 125):
            data = base64.b64encode(payload).decode()
            await peer.tell("ping", base64=data)
            assert (await peer.event("pong"))["base64"] == data
            assert pings.pop() == payload


@pytest.mark.parametrize(("code", "reason"), CLOSES)
async def test_the_peer_sees_how_we_close(side: Side, code: int, reason: str) -> None:
    async with side.open() as (ws, peer):
        await ws.close(code, reason)
        seen = await peer.event("close")
        assert (seen["code"], seen["reason"]) == (code, reason)
        how = ws.close_info
        assert (how.local_code, how.local_reason) == (code, reason)
        assert how.peer_code == code
        assert how.was_clean
        assert how.initiator == "local"


async def test_the_peer_sees_our_close_without_a_code(side: Side) -> None:
    async with side.open() as (ws, peer):
        await ws.close(None)
        assert (await peer.event("close"))["code"] == 1005


@pytest.mark.parametrize(("code", "reason"), CLOSES)
async def test_we_see_how_the_peer_closes(side: Side, code: int, reason: str) -> None:
    async with side.open() as (ws, peer):
        await peer.tell("close", code=code, reason=reason)
        how = await until_closed(ws)
        assert (how.peer_code, how.peer_reason) == (code, reason)
        assert (ws.close_code, ws.close_reason) == (code, reason)
        assert how.was_clean
        assert how.initiator == "peer"
        assert (await peer.event("close"))["code"] == code


async def test_what_was_sent_before_our_close_arrives(side: Side) -> None:
    async with side.open() as (ws, peer):
        ws.send("last words")
        await ws.close()
        assert await peer.message() == "last words"
        assert (await peer.event("close"))["code"] == 1000


async def test_what_was_sent_before_the_peers_close_arrives(side: Side) -> None:
    async with side.open() as (ws, peer):
        await peer.send("last words")
        await peer.tell("close", code=1000, reason="")
        async with asyncio.timeout(DEADLINE):
            assert [message async for message in ws] == ["last words"]


async def test_a_listener_answers_what_came_before_a_close(side: Side) -> None:
    async with side.open() as (ws, peer):
        ws.on("message", ws.send)
        for text in ("a", "b"):
            await peer.send(text)
        await peer.tell("close", code=1000, reason="")
        assert [await peer.message(), await peer.message()] == ["a", "b"]
        assert (await peer.event("close"))["code"] == 1000


@pytest.mark.row(178)
async def test_a_killed_peer_is_an_abnormal_closure(side: Side) -> None:
    async with side.open() as (ws, peer):
        await peer.kill()
        with pytest.raises(ConnectionClosedError):
            async with asyncio.timeout(DEADLINE):
                await ws.recv()
        assert ws.close_code == 1006
        assert not ws.close_info.was_clean


async def test_our_terminate_is_an_abnormal_closure_for_the_peer(side: Side) -> None:
    async with side.open() as (ws, peer):
        ws.terminate()
        assert (await peer.event("close"))["code"] == 1006
