"""Compression between this library and peers from other hands: parameters, roles and directions."""

import asyncio
import random
from typing import Any

import pytest

from tests.interop.peers import DEADLINE, Data, Side, our_server
from wsline import Deflate, PreparedMessage, WebSocket, connect

RANDOM = random.Random(7)
WORDS = ["lorem", "ipsum", "dolor", "sit", "amet", "žluť"]
TEXT = " ".join(RANDOM.choices(WORDS, k=5000))

# In turn: what refers to others at many distances, what cannot be compressed, what is long, what is nothing.
MESSAGES: list[Data] = [
    "hello",
    TEXT[:1000],
    "",
    RANDOM.randbytes(3000),
    TEXT[500:20_000],
    b"",
    b"hello" * 20_000,
    "hello",
    TEXT * 12,
    TEXT[:1000],
]

# What we ask of servers, or answer to clients.
OURS: dict[str, Any] = {
    "default": True,
    "no context": Deflate(server_no_context_takeover=True, client_no_context_takeover=True, threshold=0),
    "server 9 bits": Deflate(server_max_window_bits=9),
    "client 9 bits": Deflate(client_max_window_bits=9, zlib_deflate_options={"level": 9, "mem_level": 1}),
    "15 bits": Deflate(server_max_window_bits=15, client_max_window_bits=15),
    "nothing of windows": Deflate(server_max_window_bits=False, client_max_window_bits=False),
}

# What the peers are told; ws and websockets have each its own words.
SERVERS: dict[str, list[Any]] = {
    "ws": [True, {"threshold": 0, "serverNoContextTakeover": True, "clientNoContextTakeover": True}],
    "websockets": [True, {"client_no_context_takeover": True, "server_max_window_bits": 9}],
    "aiohttp": [True],
}
CLIENTS: dict[str, list[Any]] = {
    "ws": [True, {"threshold": 0, "serverMaxWindowBits": 10, "clientNoContextTakeover": True}],
    "websockets": [
        {"server_max_window_bits": 10, "client_max_window_bits": True},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
    ],
    "aiohttp": [15, 10],
}


def available(package: str, role: str) -> Side:
    side = Side(package, role)
    if side.missing is not None:
        pytest.skip(side.missing)
    return side


async def check_echoes(ws: WebSocket) -> None:
    """Send all kinds of messages to a peer that gives them back, some of them at once."""
    for message in MESSAGES:
        await ws.send(message)
        assert await receive(ws) == message
    for message in MESSAGES:
        ws.send(message)
        ws.send(message, compress=False)
        ws.send(PreparedMessage(message))
    ws.send("frag", fin=False)
    ws.send("ment", fin=True)
    assert [await receive(ws) for _ in range(3 * len(MESSAGES) + 1)] == [
        *(each for each in MESSAGES for _ in range(3)),
        "fragment",
    ]


async def receive(ws: WebSocket) -> Data:
    async with asyncio.timeout(DEADLINE):
        message: Data = await ws.recv()
    return message


@pytest.mark.parametrize(
    ("package", "theirs"), [(package, theirs) for package in SERVERS for theirs in SERVERS[package]]
)
async def test_our_client_and_a_server_that_compresses(package: str, theirs: Any) -> None:
    side = available(package, "server")
    agreed: set[str] = set()
    async with side.listen(echo=True, perMessageDeflate=theirs) as (url, peer):
        for ours in OURS.values():
            async with connect(url, per_message_deflate=ours) as ws:
                opened = await peer.event("open")
                assert opened["extensions"] == ", ".join(each.partition(";")[0] for each in ws.extensions)
                agreed.update(ws.extensions)
                await check_echoes(ws)
                assert ws.close_info.cause is None
    assert len(agreed) > 1, "different things are agreed on"


@pytest.mark.parametrize(
    ("package", "theirs"), [(package, theirs) for package in CLIENTS for theirs in CLIENTS[package]]
)
@pytest.mark.parametrize("ours", ["default", "no context"])
async def test_our_server_and_a_client_that_compresses(package: str, theirs: Any, ours: str) -> None:
    side = available(package, "client")
    async with (
        our_server(per_message_deflate=OURS[ours]) as server,
        side.start({"echo": True, "perMessageDeflate": theirs}, server.url) as peer,
    ):
        ws = await server.connection()
        assert (await peer.event("open"))["extensions"] == "permessage-deflate"
        [extension] = ws.extensions
        assert extension.startswith("permessage-deflate; ")
        await check_echoes(ws)


async def test_a_client_gets_the_window_that_it_asks_for() -> None:
    side = available("ws", "client")
    options = {"echo": True, "perMessageDeflate": {"serverMaxWindowBits": 8, "serverNoContextTakeover": True}}
    async with (
        our_server(per_message_deflate=True) as server,
        side.start(options, server.url),
    ):
        ws = await server.connection()
        assert ws.extensions == (
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=8;"
            " client_max_window_bits=12",
        )
        await check_echoes(ws)
