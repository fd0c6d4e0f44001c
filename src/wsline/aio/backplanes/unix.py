"""A relay at a UNIX socket, which one of the processes that use it runs."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ...backplane import Backplane
from ...relaying import LONGEST, Order, Packets, build_packet
from .adapter import Adapter, Receive
from .relay import Relay

__all__ = ["UnixAdapter"]

# Somebody becomes the relay just now: so often it is looked for, in seconds.
_LOOK_UP: Final = 0.02


class UnixAdapter(Adapter):
    """One connection to the relay of this machine; where there is none, this process becomes it."""

    longest = LONGEST

    def __init__(self, options: Backplane, receive: Receive, on_lost: Callable[[Exception], object]) -> None:
        Adapter.__init__(self, options, receive, on_lost)
        self._path = unquote(urlsplit(options.url).path)
        self._prefix = f"{options.prefix}:".encode()
        self._relay: Relay | None = None
        self._stream: _Stream | None = None

    async def connect(self) -> None:
        """Connect to the relay, or become it."""
        while self._stream is None:
            try:
                _, self._stream = await asyncio.get_running_loop().create_unix_connection(
                    self._make_stream, self._path
                )
            except (FileNotFoundError, ConnectionRefusedError):
                await self._become_relay()
        await self.exchange((), (), ())  # is it a relay, and one that is awake?

    def _make_stream(self) -> "_Stream":
        return _Stream(self._take, self._on_lost)

    async def _become_relay(self) -> None:
        relay = None if self._relay is not None else Relay.claim(self._path)
        if relay is None:
            await asyncio.sleep(_LOOK_UP)
            return
        self._relay = relay
        await relay.start()

    async def exchange(
        self, subscribe: Sequence[str], unsubscribe: Sequence[str], messages: Sequence[tuple[str, bytes]]
    ) -> None:
        """Tell the relay all of this: see `Adapter`."""
        assert self._stream is not None
        packets = [build_packet(Order.SUBSCRIBE, self._name(topic)) for topic in subscribe]
        packets += [build_packet(Order.UNSUBSCRIBE, self._name(topic)) for topic in unsubscribe]
        packets += [build_packet(Order.MESSAGE, self._name(topic), data) for topic, data in messages]
        await self._stream.exchange(packets)

    def _name(self, topic: str) -> bytes:
        return self._prefix + topic.encode()

    def _take(self, topic: bytes, envelope: bytes) -> None:
        self._receive(topic[len(self._prefix) :].decode(), envelope)

    async def close(self) -> None:
        """End the connection, and be the relay no more."""
        if self._stream is not None:
            self._stream.close()
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.close()
        await asyncio.sleep(0)  # then the transport is closed


class _Stream(asyncio.Protocol):
    """The connection to the relay."""

    _transport: asyncio.Transport

    def __init__(
        self, receive: Callable[[bytes, bytes], object], on_lost: Callable[[Exception], object]
    ) -> None:
        self._receive = receive
        self._on_lost: Callable[[Exception], object] | None = on_lost
        self._packets = Packets()
        self._pong: asyncio.Future[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for order, topic, payload in self._packets.feed(data):
                if order is Order.MESSAGE:
                    self._receive(topic, payload)
                elif order is Order.PING and self._pong is not None and not self._pong.done():
                    self._pong.set_result(None)
        except Exception as error:
            self._lose(error)
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(error or ConnectionError("the relay has closed the connection"))

    def _lose(self, error: Exception) -> None:
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(error)

    async def exchange(self, packets: Sequence[bytes]) -> None:
        """Send packets, and wait until the relay has obeyed all of them."""
        self._pong = asyncio.get_running_loop().create_future()
        self._transport.writelines([*packets, build_packet(Order.PING)])
        await self._pong

    def close(self) -> None:
        """End the connection."""
        self._on_lost = None
        self._transport.abort()
