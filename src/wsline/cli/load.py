"""Many connections that keep an echo server busy, and how long its answers take."""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

from wsline import ConnectionClosed, WebSocket, connect

from .histogram import Histogram

__all__ = ["Load", "LoadError"]

_OPENING_AT_ONCE: Final = 64
_FIRST_ANSWER: Final = 5.0  # seconds in which one has to come


class LoadError(Exception):
    """The server cannot be measured; the message says why."""


class Load:
    """Keeps messages in flight on connections to an echo server.

    Args:
        url: where it is.
        protocols: the subprotocols to offer.
        settings: options of `connect`.
        connections: how many.
        depth: how many messages are on their way on each, all the time.
        payload: the message.

    Attributes:
        latencies: of the answers since `measure` began.
        opening: how long it took to open all connections, in seconds.
        deflated: compression was agreed on.
    """

    def __init__(
        self,
        url: str,
        protocols: Sequence[str],
        settings: dict[str, Any],
        *,
        connections: int,
        depth: int,
        payload: str | bytes,
    ) -> None:
        self._url = url
        self._protocols = list(protocols) or None
        self._settings = settings
        self._connections = connections
        self._depth = depth
        self._payload = payload
        self._sockets: list[WebSocket] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_running = False
        self.latencies = Histogram()
        self.opening = 0.0
        self.deflated = False

    async def open(self) -> None:
        """Open the connections.

        Raises what `connect` raises. Cancelling leaves some of them open: see `close`.
        """
        begun = perf_counter()
        at_once = asyncio.Semaphore(_OPENING_AT_ONCE)

        async def open_one() -> None:
            async with at_once:
                ws = await connect(self._url, self._protocols, **self._settings)
            self._sockets.append(ws)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._connections):
                    group.create_task(open_one())
        except ExceptionGroup as group_of_errors:  # they fail for the same reason
            raise group_of_errors.exceptions[0] from None
        self.opening = perf_counter() - begun
        self.deflated = bool(self._sockets[0].extensions)

    async def start(self) -> None:
        """Send the first messages, and wait for an answer.

        Raises:
            LoadError: none has come, or another one than was sent.
        """
        self._is_running = True
        for ws in self._sockets:
            _Echo(ws, self).start(self._depth)
        await asyncio.wait(
            [self._answered, self._failed], timeout=_FIRST_ANSWER, return_when=asyncio.FIRST_COMPLETED
        )
        if self._failed.done():
            self._failed.result()
        if not self._answered.done():
            raise LoadError(f"nothing came back within {_FIRST_ANSWER:.0f} s: is this an echo server?")

    async def measure(self, seconds: float) -> float:
        """Measure for some time; return how long that was, in seconds.

        Raises:
            LoadError: a connection was lost, or the server is no echo server.
        """
        self.latencies = Histogram()
        begun = perf_counter()
        await asyncio.wait([self._failed], timeout=seconds)
        passed = perf_counter() - begun
        if self._failed.done():
            self._failed.result()
        return passed

    async def close(self) -> None:
        """Close all connections."""
        self._is_running = False
        for ws in self._sockets:
            ws.close()
        for ws in self._sockets:
            await ws.wait_closed()

    # -- called by `_Echo`

    def take(self, latency: float, data: Any) -> bool:
        """Count an answer; return whether to go on."""
        if data != self._payload:
            self.fail("another message came than was sent: is this an echo server?")
        self.latencies.add(latency)
        if not self._answered.done():
            self._answered.set_result(None)
        return self._is_running

    def fail(self, why: str) -> None:
        """Note why there is nothing to measure any more."""
        if self._is_running and not self._failed.done():
            self._is_running = False
            self._failed.set_exception(LoadError(why))

    @property
    def payload(self) -> str | bytes:
        """The message."""
        return self._payload


class _Echo:
    """One connection: sends a message for each one that comes back."""

    def __init__(self, ws: WebSocket, load: Load) -> None:
        self._ws = ws
        self._load = load
        self._sent: deque[float] = deque()

    def start(self, depth: int) -> None:
        self._ws.on("message", self._on_message)
        self._ws.on("close", lambda: self._load.fail(f"a connection was lost: {self._ws.close_info.hint}"))
        for _ in range(depth):
            self._send()

    def _send(self) -> None:
        self._sent.append(perf_counter())
        try:
            self._ws.send(self._load.payload)
        except ConnectionClosed:
            pass  # the event tells why

    def _on_message(self, data: Any) -> None:
        if self._sent and self._load.take(perf_counter() - self._sent.popleft(), data):
            self._send()
