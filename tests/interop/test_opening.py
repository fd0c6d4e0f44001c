"""Opening handshakes between this library and peers from other hands."""

import asyncio
from typing import Any

import pytest

from tests.interop.peers import DEADLINE, Side, our_server
from wsline import InvalidStatus, Request, Response, WebSocket, connect

OFFERED = ["chat.v3", "chat.v2", "chat.v1"]


async def says_hello(ws: WebSocket) -> bool:
    """Tell whether the peer, which echoes, gives back what we say."""
    async with asyncio.timeout(DEADLINE):
        await ws.send("hello")
        return bool(await ws.recv() == "hello")


async def test_our_client_and_a_server_agree_on_a_subprotocol(server_side: Side) -> None:
    async with (
        server_side.listen(echo=True, protocols=["chat.v2"]) as (url, peer),
        connect(url, OFFERED) as ws,
    ):
        assert ws.protocol == "chat.v2"
        assert (await peer.event("open"))["protocol"] == "chat.v2"
        assert await says_hello(ws)


async def test_our_server_and_a_client_agree_on_a_subprotocol(client_side: Side) -> None:
    def choose(offered: tuple[str, ...]) -> str | None:
        return "chat.v2" if "chat.v2" in offered else None

    async with (
        our_server(handle_protocols=lambda offered, request: choose(offered)) as ours,
        client_side.start({"protocols": OFFERED, "echo": True}, ours.url) as peer,
    ):
        ws = await ours.connection()
        assert ws.protocol == "chat.v2"
        assert (await peer.event("open"))["protocol"] == "chat.v2"
        assert await says_hello(ws)


async def test_our_client_sends_and_gets_headers(server_side: Side) -> None:
    async with (
        server_side.listen(headers={"X-Answer": "b"}) as (url, peer),
        connect(url, headers={"X-Question": "a"}, origin="http://example.org") as ws,
    ):
        headers = (await peer.event("open"))["headers"]
        assert headers["x-question"] == "a"
        assert headers["origin"] == "http://example.org"
        assert ws.response is not None
        assert ws.response.headers["x-answer"] == "b"


async def test_our_server_sends_and_gets_headers(client_side: Side) -> None:
    async with our_server() as ours:
        ours.server.on("headers", lambda headers: headers.add("X-Answer", "b"))
        async with client_side.start({"headers": {"X-Question": "a"}}, ours.url) as peer:
            ws = await ours.connection()
            assert ws.request.headers["x-question"] == "a"
            assert (await peer.event("open"))["headers"]["x-answer"] == "b"


async def test_our_client_is_refused(server_side: Side) -> None:
    async with server_side.listen(refuse={"status": 401, "body": "who are you?"}) as (url, _):
        with pytest.raises(InvalidStatus) as caught:
            await connect(url)
    assert caught.value.response.status == 401
    assert caught.value.response.body == b"who are you?"


async def test_our_server_refuses(client_side: Side) -> None:
    def refuse(request: Request) -> Response:
        return Response(401, headers={"Content-Type": "text/plain"}, body=b"who are you?")

    async with (
        our_server(process_request=refuse) as ours,
        client_side.start({}, ours.url) as peer,
    ):
        refused = await peer.event("refused")
    assert refused["status"] == 401
    assert refused["body"] == "who are you?"


async def test_an_offer_of_compression_is_declined(client_side: Side) -> None:
    options: dict[str, Any] = {"perMessageDeflate": True, "echo": True}
    async with our_server() as ours, client_side.start(options, ours.url) as peer:
        ws = await ours.connection()
        assert (await peer.event("open"))["extensions"] == ""
        assert "permessage-deflate" in ws.request.headers["sec-websocket-extensions"]
        assert await says_hello(ws)


async def test_our_client_talks_to_a_server_that_would_compress(server_side: Side) -> None:
    async with (
        server_side.listen(perMessageDeflate=True, echo=True) as (url, peer),
        connect(url, per_message_deflate=False) as ws,
    ):
        assert (await peer.event("open"))["extensions"] == ""
        assert await says_hello(ws)


@pytest.mark.row(172)
async def test_our_server_speaks_version_8() -> None:
    side = Side("ws", "client")
    if side.missing is not None:
        pytest.skip(side.missing)
    options = {"protocolVersion": 8, "echo": True}
    async with our_server() as ours, side.start(options, ours.url):
        ws = await ours.connection()
        assert ws.request.headers["sec-websocket-version"] == "8"
        assert await says_hello(ws)


@pytest.mark.row(172)
async def test_our_client_speaks_version_8() -> None:
    side = Side("ws", "server")
    if side.missing is not None:
        pytest.skip(side.missing)
    async with (
        side.listen(echo=True) as (url, peer),
        connect(url, protocol_version=8, origin="http://example.org") as ws,
    ):
        headers = (await peer.event("open"))["headers"]
        assert headers["sec-websocket-version"] == "8"
        assert headers["sec-websocket-origin"] == "http://example.org"
        assert await says_hello(ws)
