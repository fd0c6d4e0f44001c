"""The seam: what a consumer need not do, and what a channel must."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from wsline.aio.channel import NOBODY, Channel, Consumer, Nobody
from wsline.wire.kernels import Output


class Bare(Consumer):
    """A consumer that defines nothing."""


async def test_a_consumer_need_not_care_for_much() -> None:
    consumer = Bare()
    consumer.armed_at = 5.0
    assert consumer.armed_at == 5.0
    assert consumer.window() is None
    assert consumer.window_room() == 0
    consumer.receive_window(0)
    consumer.on_blocked()
    consumer.on_progress()
    consumer.on_deadline(1.0)


NEEDED: list[Callable[[Any], object]] = [
    lambda consumer: consumer.receive(bytearray(1), 0, 1),
    lambda consumer: consumer.receive_eof(),
    lambda consumer: consumer.on_lost(None),
    lambda consumer: consumer.on_lost(OSError()),
]


@pytest.mark.parametrize("call", NEEDED)
def test_a_consumer_must_take_bytes_and_the_end(call: Callable[[Any], object]) -> None:
    with pytest.raises(NotImplementedError):
        call(Bare())


def test_nobody_takes_everything_and_does_nothing() -> None:
    assert isinstance(NOBODY, Nobody)
    assert NOBODY.armed_at == math.inf
    buffer = bytearray(b"abc")
    NOBODY.receive(buffer, 1, 3)
    assert buffer == b"abc"
    NOBODY.receive_eof()
    NOBODY.on_lost(None)
    NOBODY.on_lost(OSError())
    assert NOBODY.window() is None


async def test_a_new_channel() -> None:
    loop, output = asyncio.get_running_loop(), Output()
    channel = Channel(loop, output)
    assert channel.loop is loop
    assert channel.output is output
    assert channel.consumer is NOBODY
    assert channel.ending == 0
    assert not channel.closed
    assert channel.local_address is None
    assert channel.remote_address is None
    assert not channel.secure
    assert channel.ssl_object is None


async def test_a_channel_knows_its_consumer_and_addresses() -> None:
    channel, consumer = Channel(asyncio.get_running_loop(), Output()), Bare()
    channel.consumer = consumer
    channel.ending = 2
    channel.closed = channel.secure = True
    channel.local_address, channel.remote_address, channel.ssl_object = ("a", 1), "b", "c"
    assert channel.consumer is consumer
    assert (channel.ending, channel.closed, channel.secure) == (2, True, True)
    assert (channel.local_address, channel.remote_address, channel.ssl_object) == (("a", 1), "b", "c")


@pytest.mark.parametrize("name", ["written", "flush", "pause_reading", "resume_reading", "abort"])
async def test_a_channel_must_do_the_rest(name: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(Channel(asyncio.get_running_loop(), Output()), name)()
