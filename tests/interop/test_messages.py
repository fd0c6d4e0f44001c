"""Messages between this library and peers from other hands, in both roles and both directions."""

import asyncio
import itertools

import pytest

from tests.interop.peers import DEADLINE, Data, Peer, Side
from wsline import WebSocket

BIG = 4 * 1024 * 1024  # bytes

MESSAGES: dict[str, Data] = {
    "ascii": "hello",
    "empty-text": "",
    "non-ascii": "naïve Ωmega ☃ 🐍 \u0000 end",
    "text-126": "é" * 63,
    "text-65536": "x" * 65536,
    "empty-binary": b"",
    "binary-125": bytes(range(125)),
    "binary-126": bytes(range(126)),
    "binary-65535": b"\x80" * 65535,
    "binary-65536": b"\xff" * 65536,
    "binary-1MiB": bytes(range(256)) * 4096,
}

FRAGMENTS: dict[str, list[Data]] = {
    "text": ["one ", "", "tw\u00f6 ", "three"],
    "binary": [b"\x00\x01", b"\xff" * 70000, b"", b"\x02"],
}


async def receive(ws: WebSocket) -> Data:
    async with asyncio.timeout(DEADLINE):
        message: Data = await ws.recv()
    return message


def joined(fragments: list[Data]) -> Data:
    if isinstance(fragments[0], str):
        return "".join(map(str, fragments))
    return b"".join(map(bytes, fragments))  # type: ignore[arg-type]


async def send_all(peer: Peer, messages: list[Data]) -> None:
    for message in messages:
        await peer.send(message)


@pytest.mark.row(171)
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
async def test_each_side_receives_what_the_other_sent(side: Side, message: Data) -> None:
    async with side.open() as (ws, peer):
        await ws.send(message)
        assert await peer.message() == message
        await peer.send(message)
        assert await receive(ws) == message


@pytest.mark.parametrize("fragments", FRAGMENTS.values(), ids=FRAGMENTS.keys())
async def test_our_fragments_are_one_message_for_the_peer(side: Side, fragments: list[Data]) -> None:
    async with side.open() as (ws, peer):
        await ws.send(iter(fragments))
        assert await peer.message() == joined(fragments)


@pytest.mark.parametrize("fragments", FRAGMENTS.values(), ids=FRAGMENTS.keys())
async def test_the_peers_fragments_are_one_message_for_us(side: Side, fragments: list[Data]) -> None:
    pings: list[bytes] = []
    async with side.open() as (ws, peer):
        ws.on("ping", pings.append)
        await peer.send_fragments(fragments)
        assert await receive(ws) == joined(fragments)
    assert pings == [b"between"]


async def test_a_hundred_messages_keep_their_order(side: Side) -> None:
    numbers: list[Data] = [str(number) for number in range(100)]
    async with side.open() as (ws, peer):
        for number in numbers:
            ws.send(number)
        assert [await peer.message() for _ in numbers] == numbers
        await send_all(peer, numbers)
        assert [await receive(ws) for _ in numbers] == numbers


async def test_an_echo_gives_back_texts_and_bytes_in_turn(side: Side) -> None:
    messages: list[Data] = list(itertools.chain.from_iterable((str(n), bytes([n])) for n in range(100)))
    async with side.open(echo=True) as (ws, _):
        for message in messages:
            ws.send(message)
        assert [await receive(ws) for _ in messages] == messages


async def test_big_messages_cross_each_other(side: Side) -> None:
    ours, theirs = "é" * (BIG // 2), b"\x01" * BIG
    async with side.open() as (ws, peer):
        await asyncio.gather(ws.send(ours), peer.send(theirs))
        assert await receive(ws) == theirs
        assert await peer.message() == ours
