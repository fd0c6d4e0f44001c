"""Redis, and what speaks like it, over redis-py: Pub/Sub channels."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.asyncio import ConnectionPool

from ...backplane import Backplane
from ...envelopes import channel_name
from .adapter import Adapter, Receive

__all__ = ["RedisAdapter"]

# What has come already is handled in a row, but not for ever.
_IN_A_ROW: Final = 64


class RedisAdapter(Adapter):
    """Two connections to Redis: in RESP2 one that subscribes can do nothing else."""

    def __init__(self, options: Backplane, receive: Receive, on_lost: Callable[[Exception], object]) -> None:
        Adapter.__init__(self, options, receive, on_lost)
        self._topics: dict[bytes, str] = {}
        pool: Any = ConnectionPool.from_url(options.url, socket_timeout=None, protocol=2)
        self._commands: Any = pool.make_connection()
        self._subscriber: Any = pool.make_connection()
        self._reading: asyncio.Task[None] | None = None
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._pings = 0

    async def connect(self) -> None:
        """Connect to the broker."""
        await self._commands.connect()
        await self._subscriber.connect()
        self._reading = asyncio.get_running_loop().create_task(self._read())
        await self.exchange((), (), ())

    async def exchange(
        self, subscribe: Sequence[str], unsubscribe: Sequence[str], messages: Sequence[tuple[str, bytes]]
    ) -> None:
        """Tell the broker all of this: see `Adapter`."""
        confirmed = None
        if subscribe or unsubscribe or not messages:
            confirmed = await self._tell_subscriber(subscribe, unsubscribe)
        if messages or confirmed is not None:
            await self._publish(messages)
        if confirmed is not None:
            await confirmed

    async def _tell_subscriber(
        self, subscribe: Sequence[str], unsubscribe: Sequence[str]
    ) -> "asyncio.Future[None]":
        # A PING behind them: its answer confirms all.
        self._pings += 1
        token = b"%d" % self._pings
        commands: list[tuple[Any, ...]] = []
        for verb, topics in (("SUBSCRIBE", subscribe), ("UNSUBSCRIBE", unsubscribe)):
            if topics:
                commands.append((verb, *(self._name(topic) for topic in topics)))
        commands.append(("PING", token))
        self._topics.update((self._name(topic), topic) for topic in subscribe)
        confirmed = self._pongs[token] = asyncio.get_running_loop().create_future()
        packed = self._subscriber.pack_commands(commands)
        await self._subscriber.send_packed_command(packed, check_health=False)
        return confirmed

    async def _publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        commands: list[tuple[Any, ...]] = [
            ("PUBLISH", self._name(topic), envelope) for topic, envelope in messages
        ]
        packed = self._commands.pack_commands(commands or [("PING",)])
        await self._commands.send_packed_command(packed, check_health=False)
        for _ in range(max(1, len(commands))):
            await self._commands.read_response()

    def _name(self, topic: str) -> bytes:
        return channel_name(self._options.prefix, topic)

    async def _read(self) -> None:
        """Take what the subscribing connection brings, until it is lost."""
        error: Exception = ConnectionError("the connection to Redis was closed")
        in_a_row = 0
        try:
            while True:
                self._take(await self._subscriber.read_response(disable_decoding=True))
                in_a_row += 1
                if in_a_row == _IN_A_ROW:
                    # While more is there, `read_response` does not wait.
                    in_a_row = 0
                    await asyncio.sleep(0)
        except Exception as fault:
            error = fault
        self._on_lost(error)

    def _take(self, response: Any) -> None:
        kind = response[0] if isinstance(response, list) else b"pong"
        if kind == b"message":
            topic = self._topics.get(response[1])
            if topic is not None:
                self._receive(topic, response[2])
        elif kind == b"unsubscribe":
            self._topics.pop(response[1], None)
        elif kind == b"pong":
            # With subscriptions it is a list, else the token alone.
            pong = self._pongs.pop(response[1] if isinstance(response, list) else response, None)
            if pong is not None and not pong.done():
                pong.set_result(None)

    async def close(self) -> None:
        """End the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        for connection in (self._commands, self._subscriber):
            await connection.disconnect(nowait=True)
