"""The relay of one machine: hands what one process publishes to the others, at a UNIX socket."""

import asyncio
import fcntl
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Final, Self

from ...relaying import Order, Packets, build_packet
from ...topic_errors import MalformedEnvelope

__all__ = ["Relay", "serve_relay"]

logger: Final = logging.getLogger("wsline")

# A peer for which more waits is cut off; it connects again, and counts what it has missed as nothing.
_MOST_WAITING: Final = 64 << 20

_BACKLOG: Final = 128

# So often a relay in waiting looks whether its time has come, in seconds.
_LOOK_UP: Final = 0.2


class Relay:
    """Hands on what is published, to those who have subscribed, but not to the publisher.

    Only one of a machine's processes can be it: who holds the lock beside the socket.

    Args:
        path: of the socket.
        lock: the descriptor that holds the lock.
    """

    def __init__(self, path: str, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._server: asyncio.Server | None = None
        self.is_closed = False
        self._peers: set[_Peer] = set()
        self.followers: dict[bytes, set[_Peer]] = {}

    @classmethod
    def claim(cls, path: str, *, waits: bool = False) -> Self | None:
        """Become the relay; return `None` if another process is it.

        Args:
            path: of the socket.
            waits: block until no other process is it.

        Raises:
            OSError: the lock cannot be made there.
        """
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(lock)
            return None
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            OSError: the socket cannot be made.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            _unlink(self._path)  # of a relay that is gone, for the lock is ours
            sock.bind(self._path)
            os.chmod(self._path, 0o600)  # nobody can connect before it listens
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: _Peer(self), sock=sock, backlog=_BACKLOG)
        except BaseException:
            sock.close()
            raise

    async def close(self) -> None:
        """Stop, and let another process become the relay."""
        self.is_closed = True
        if self._server is not None:
            self._server.close()
            _unlink(self._path)
        for peer in tuple(self._peers):
            peer.cut()
        await asyncio.sleep(0)  # then the transports are closed
        os.close(self._lock)

    def enter(self, peer: "_Peer") -> None:
        """Count a peer in."""
        self._peers.add(peer)

    def leave(self, peer: "_Peer") -> None:
        """Count a peer out."""
        self._peers.discard(peer)


def serve_relay(
    path: str, on_ready: Callable[[], object], watch: Callable[[Callable[[], object]], object]
) -> None:
    """Run a process that is the relay, until SIGUSR1.

    Not until SIGTERM: some send that to all processes at once, and the workers need it to their end.

    Args:
        path: of the socket.
        on_ready: called when it serves.
        watch: called with what ends it.
    """
    asyncio.run(_serve(path, on_ready, watch))


async def _serve(
    path: str, on_ready: Callable[[], object], watch: Callable[[Callable[[], object]], object]
) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, over.set)
    watch(over.set)
    relay = Relay.claim(path)
    while relay is None and not over.is_set():
        # Somebody has taken over when the last relay was gone: wait until that one ends.
        try:
            async with asyncio.timeout(_LOOK_UP):
                await over.wait()
        except TimeoutError:
            relay = Relay.claim(path)
    if relay is not None:
        await relay.start()
        on_ready()
        await over.wait()
        await relay.close()


class _Peer(asyncio.Protocol):
    """One process that is connected to the relay."""

    _transport: asyncio.Transport

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._packets = Packets()
        self._topics: set[bytes] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._relay.is_closed:
            self.cut()
        self._relay.enter(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._relay.leave(self)
        for topic in tuple(self._topics):
            self._unsubscribe(topic)

    def cut(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for order, topic, payload in self._packets.feed(data):
                self._obey(order, topic, payload)
        except MalformedEnvelope as error:
            logger.error("%s", error)
            self.cut()

    def _obey(self, order: Order, topic: bytes, payload: bytes) -> None:
        if order is Order.MESSAGE:
            packet = build_packet(order, topic, payload)
            for peer in tuple(self._relay.followers.get(topic, ())):
                if peer is not self:
                    peer.send(packet)
        elif order is Order.SUBSCRIBE:
            self._topics.add(topic)
            self._relay.followers.setdefault(topic, set()).add(self)
        elif order is Order.UNSUBSCRIBE:
            self._unsubscribe(topic)
        else:
            self.send(build_packet(order, topic, payload))

    def _unsubscribe(self, topic: bytes) -> None:
        if topic not in self._topics:
            return
        self._topics.discard(topic)
        followers = self._relay.followers[topic]
        followers.discard(self)
        if not followers:
            del self._relay.followers[topic]

    def send(self, packet: bytes) -> None:
        """Send a packet; who reads too slowly is cut off."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _MOST_WAITING:
            logger.warning("a process reads too slowly from the relay %s: it is cut off", self._relay._path)
            self.cut()
            return
        self._transport.write(packet)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
