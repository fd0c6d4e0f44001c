"""A message in fragments, while it arrives; most of it is in test_receiving.py."""

import asyncio

import pytest

from tests.aio.sessions import feed, frame, open_session
from wsline.aio.messaging import Messaging
from wsline.errors import ConcurrencyError


async def test_what_has_come_of_a_message_is_there_at_once() -> None:
    session, _ = open_session()
    ws = Messaging(session)
    feed(session, frame(0x01, b"one", mask=True), frame(0x00, b"two", mask=True))
    stream = ws.recv_streaming()
    async with asyncio.timeout(5):
        assert await anext(stream) == "onetwo"
    with pytest.raises(ConcurrencyError, match="go on with it to its end"):
        await ws.recv()
    feed(session, frame(0x80, b"three", mask=True), frame(0x81, b"next", mask=True))
    assert [part async for part in stream] == ["three"]
    assert await ws.recv() == "next"


async def test_a_stream_that_was_given_up_begins_anew() -> None:
    session, _ = open_session()
    ws = Messaging(session)
    waiting = asyncio.ensure_future(anext(ws.recv_streaming()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    feed(session, frame(0x01, b"one", mask=True))
    stream = ws.recv_streaming()
    assert await anext(stream) == "one"
    feed(session, frame(0x80, b"", mask=True))
    assert [part async for part in stream] == [""]
