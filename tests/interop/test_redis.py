"""A real client and a real server, which know nothing of WebSockets, through one: redis-py and Redis."""

import asyncio
import functools
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.connection import Connection, ConnectionPool

from tests.doors.door import DEADLINE, Door, until
from wsline import WebSocket, connect
from wsline.aio.streams import create_websocket_stream

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="no redis-server here (apt-get install redis-server)"
)

PLAIN = Door("epoll", None)
MIB = 1 << 20

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def redis_path(tmp_path: Path) -> AsyncIterator[Path]:
    """Run a Redis server at a UNIX socket."""
    path = tmp_path / "redis.sock"
    settings = [
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(["redis-server", *settings], stdout=subprocess.DEVNULL)
    try:
        await until(path.exists)
        yield path
    finally:
        process.terminate()
        process.wait(DEADLINE)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one way until the end."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the other way tells it
    finally:
        writer.close()


async def join(one: Streams, other: Streams) -> None:
    """Copy both ways until both ends are closed."""
    await asyncio.gather(pump(one[0], other[1]), pump(other[0], one[1]))


class Tunnel:
    """A WebSocket server before Redis."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clients: set[WebSocket] = set()
        self.url = ""

    async def handle(self, ws: WebSocket) -> None:
        self.clients.add(ws)
        await join(create_websocket_stream(ws), await asyncio.open_unix_connection(self.path))

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator["Tunnel"]:
        async with PLAIN.serving(self.handle, **options) as served:
            self.url = served.url
            yield self

    @asynccontextmanager
    async def entrance(self) -> AsyncIterator[int]:
        """Listen at a TCP port, and let each connection through the tunnel; yield the port."""
        tasks: set[asyncio.Task[None]] = set()

        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with connect(self.url) as ws:
                await join((reader, writer), create_websocket_stream(ws))

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.ensure_future(lead(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*tasks)


def use_redis(port: int) -> int:
    """Do this and that with a client over blocking sockets; return the length of what came back."""
    with redis.Redis(port=port, socket_timeout=DEADLINE) as client:
        assert client.ping()
        big = os.urandom(11 * MIB)
        client.set("big", big)
        assert client.get("big") == big
        with client.pipeline() as pipeline:
            for i in range(1000):
                pipeline.rpush("list", i)
            pipeline.lrange("list", 0, -1)
            assert pipeline.execute()[-1] == [b"%d" % i for i in range(1000)]
        return int(client.strlen("big"))


async def test_a143_a_client_over_sockets_through_a_tunnel(redis_path: Path) -> None:
    async with Tunnel(redis_path).running() as tunnel, tunnel.entrance() as port:
        assert await asyncio.to_thread(use_redis, port) == 11 * MIB
        (ws,) = tunnel.clients
        await until(lambda: ws.ready_state == ws.CLOSED)
        assert ws.close_info.is_ok


class OverWebSocket(Connection):
    """A connection of redis-py whose streams are those of a WebSocket."""

    def __init__(self, *, url: str, **options: Any) -> None:
        super().__init__(**options)
        self._url = url

    async def _connect(self) -> None:
        self._reader, self._writer = create_websocket_stream(await connect(self._url))


async def test_a143_a_client_for_asyncio_takes_the_streams_themselves(redis_path: Path) -> None:
    async with Tunnel(redis_path).running() as tunnel:
        pool = ConnectionPool(connection_class=OverWebSocket, url=tunnel.url)
        async with redis.asyncio.Redis(connection_pool=pool) as client, asyncio.timeout(3 * DEADLINE):
            big = os.urandom(3 * MIB)
            await client.set("big", big)
            assert await client.get("big") == big
            async with client.pubsub() as pubsub:
                await pubsub.subscribe("news")
                await client.publish("news", "it works")
                messages = [message async for message in first(pubsub.listen(), 2)]
            assert messages[1]["data"] == b"it works"
        await pool.disconnect()


async def first(items: AsyncIterator[Any], n: int) -> AsyncIterator[Any]:
    for _ in range(n):
        yield await anext(items)


async def test_a143_a_slow_reader_holds_up_the_server_and_no_memory_fills(redis_path: Path) -> None:
    """12 MiB back to a reader that dawdles: they wait in Redis, not here."""
    async with Tunnel(redis_path).running() as tunnel:
        ws = await connect(tunnel.url)
        reader, writer = create_websocket_stream(ws)
        value = os.urandom(12 * MIB)
        most = {"sent": 0, "to send": 0, "received": 0}

        async def watch() -> None:
            while True:
                (server,) = tunnel.clients
                most["sent"] = max(most["sent"], ws.buffered_amount)
                most["to send"] = max(most["to send"], server.buffered_amount)
                most["received"] = max(most["received"], held_by(reader) + ws._session.queue.size)
                await asyncio.sleep(0)

        await until(lambda: tunnel.clients)
        watching = asyncio.ensure_future(watch())
        writer.write(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%d\r\n" % len(value))
        for at in range(0, len(value), 65536):
            writer.write(value[at : at + 65536])
            await writer.drain()
        writer.write(b"\r\nGET key\r\n")
        assert await within(reader.readline) == b"+OK\r\n"
        assert await within(reader.readline) == b"$%d\r\n" % len(value)
        received = bytearray()
        while len(received) < len(value):
            received += await within(functools.partial(reader.read, 50_000))
            await asyncio.sleep(0.001)
        assert bytes(received[: len(value)]) == value
        watching.cancel()
        writer.close()
        await writer.wait_closed()
    assert most["received"] < MIB
    assert most["to send"] < MIB
    assert most["sent"] < MIB


def held_by(reader: asyncio.StreamReader) -> int:
    return len(reader._buffer)  # type: ignore[attr-defined]


async def within(call: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(DEADLINE):
        return await call()
