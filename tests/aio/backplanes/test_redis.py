"""What only Redis has: its key space, and replies of both kinds."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
import redis.exceptions

from tests.aio.backplanes.brokers import RedisBroker
from tests.certificates import Authority, Certificate
from tests.doors.door import DEADLINE, until
from wsline.aio.backplanes.redis import RedisAdapter
from wsline.backplane import Backplane

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="no redis-server here (apt-get install redis-server)"
)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[RedisBroker]:
    made = RedisBroker(tmp_path)
    await made.start()
    yield made
    made.kill()


class Taken:
    """An adapter, and what it has told."""

    def __init__(self, url: str) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.errors: list[Exception] = []
        self.adapter = RedisAdapter(
            Backplane(url=url), lambda *message: self.messages.append(message), self.errors.append
        )


async def test_channels_carry_the_prefix(broker: RedisBroker) -> None:
    one = Taken(broker.url)
    await one.adapter.connect()
    try:
        async with redis.asyncio.Redis(port=broker.port) as client:
            await one.adapter.exchange(["a", "*", "ä"], [], [])
            assert set(await client.pubsub_channels()) == {b"wsline:a", b"wsline:*", "wsline:ä".encode()}
            await one.adapter.exchange([], ["a", "*", "ä"], [])
            assert await client.pubsub_channels() == []
            assert await client.keys() == []
            await one.adapter.exchange([], [], [])  # a ping outside of a subscription is answered otherwise
            await one.adapter.exchange(["a"], [], [("a", b"1"), ("a", b"2")])
            await until(lambda: len(one.messages) == 2)
            assert one.messages == [("a", b"1"), ("a", b"2")]
    finally:
        await one.adapter.close()
    assert one.errors == []


async def test_two_connections_and_no_more(broker: RedisBroker) -> None:
    async with redis.asyncio.Redis(port=broker.port) as client:
        before = len(await client.client_list())
        one = Taken(broker.url)
        await one.adapter.connect()
        await one.adapter.exchange([f"topic {number}" for number in range(50)], [], [])
        assert len(await client.client_list()) == before + 2
        await one.adapter.close()
        await one.adapter.close()


async def test_each_connection_is_missed(broker: RedisBroker) -> None:
    """A connection that the server ends is told, and is not made anew in silence, without its channels."""
    async with redis.asyncio.Redis(port=broker.port) as client:
        for kind in ("pubsub", "normal"):
            one = Taken(broker.url)
            await one.adapter.connect()
            await one.adapter.exchange(["a"], [], [])
            await client.client_kill_filter(_type=kind, skipme=True)
            with pytest.raises((redis.exceptions.ConnectionError, TimeoutError)):
                async with asyncio.timeout(0.5):
                    while not one.errors:
                        await one.adapter.exchange([], [], [("a", b"x")])
                raise one.errors[0]
            await one.adapter.close()


async def test_a_flood_leaves_the_loop_its_turns(broker: RedisBroker) -> None:
    one = Taken(broker.url)
    await one.adapter.connect()
    await one.adapter.exchange(["a"], [], [])
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_turns())
    async with asyncio.timeout(DEADLINE):
        await one.adapter.exchange([], [], [("a", b"x")] * 2000)
    await until(lambda: len(one.messages) == 2000)
    counting.cancel()
    assert turns > 30
    await one.adapter.close()


class TLSBroker(RedisBroker):
    """Redis that speaks TLS only."""

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        super().__init__(folder)
        self._certificate = certificate

    def make_url(self) -> str:
        return f"rediss://localhost:{self.port}"

    def command(self) -> list[str]:
        files = ["--tls-cert-file", str(self._certificate.path), "--tls-key-file", str(self._certificate.key)]
        tls = ["--tls-port", str(self.port), *files, "--tls-auth-clients", "no"]
        return [
            "redis-server",
            "--port",
            "0",
            *tls,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]


async def test_tls_verifies_the_broker(tmp_path: Path, authority: Authority, at_home: Certificate) -> None:
    broker = TLSBroker(tmp_path, at_home)
    await broker.start()
    try:
        trusting = Taken(f"{broker.url}?ssl_ca_certs={authority.path}")
        await trusting.adapter.connect()
        await trusting.adapter.exchange(["a"], [], [("a", b"x")])
        await until(lambda: trusting.messages)
        await trusting.adapter.close()
        strange = Taken(broker.url)
        with pytest.raises(redis.exceptions.ConnectionError, match="certificate verify failed"):
            await strange.adapter.connect()
        await strange.adapter.close()
    finally:
        broker.kill()
