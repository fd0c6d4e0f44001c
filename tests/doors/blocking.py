"""The blocking door, dressed as the asyncio one: each call that blocks has a thread, and can be awaited.

So the tests of the doors run on it as they are. A call that is over at once has happened when it returns,
and raises where it is called, as with asyncio.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import wsline
from tests.doors.door import Certificate, Door
from wsline import ConnectionClosedOK
from wsline.sync import WebSocket, WebSocketServer, connect

# So long the loop stands still for a call that may be over at once, in seconds.
_AT_ONCE = 0.03


class Threads:
    """Threads for calls that block."""

    def __init__(self) -> None:
        self._any = self.one_by_one(64)
        self._executors = [self._any]

    def one_by_one(self, workers: int = 1) -> ThreadPoolExecutor:
        """Return an executor that is closed with this object; by default it keeps the order of the calls."""
        executor = ThreadPoolExecutor(workers)
        if hasattr(self, "_executors"):
            self._executors.append(executor)
        return executor

    def begin(
        self, function: Callable[..., Any], *arguments: Any, executor: ThreadPoolExecutor | None = None
    ) -> Any:
        """Call a function in a thread; return an awaitable of its result."""
        future = (executor or self._any).submit(function, *arguments)
        try:
            future.exception(_AT_ONCE)
        except TimeoutError:
            pass
        if future.done():
            return _done(future.result())
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(_retrieve)
        return waiting

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in a thread, and wait for it."""
        return await asyncio.wrap_future(self._any.submit(function, *arguments))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        return self._any.submit(function, *arguments)

    def close(self) -> None:
        for executor in self._executors:
            executor.shutdown(cancel_futures=True)


def _done(result: Any) -> "asyncio.Future[Any]":
    future = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


def _retrieve(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


class Dressed:
    """A blocking `WebSocket`, to be used as one of asyncio."""

    def __init__(self, ws: WebSocket, threads: Threads) -> None:
        self.ws = ws
        self._threads = threads
        self._sender = threads.one_by_one()
        self._receiving: Future[Any] | None = None  # of a `recv` that was cancelled

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ws, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dressed) and other.ws is self.ws

    def __hash__(self) -> int:
        return hash(self.ws)

    def __repr__(self) -> str:
        return repr(self.ws)

    def send(self, data: Any, **options: Any) -> Any:
        if isinstance(data, bytearray):
            data = bytes(data)  # may be changed right after the call: the blocking one has not returned then
        return self._threads.begin(lambda: self.ws.send(data, **options), executor=self._sender)

    async def recv(self, *, decode: bool | None = None) -> Any:
        receiving, self._receiving = self._receiving, None
        if receiving is None:
            receiving = self._threads.submit(lambda: self.ws.recv(decode=decode))
        try:
            return await asyncio.shield(asyncio.wrap_future(receiving))
        except asyncio.CancelledError:
            self._receiving = receiving
            raise

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            try:
                message = await self.recv()
            except ConnectionClosedOK:
                return
            yield message

    def ping(self, data: Any = b"") -> Any:
        return self._threads.begin(self.ws.ping, data)

    def close(self, *arguments: Any) -> Any:
        if self.ws.ready_state == wsline.State.OPEN:
            # What was sent before, though not awaited, comes before.
            self._threads.begin(lambda: None, executor=self._sender)
        return self._threads.begin(self.ws.close, *arguments)

    def wait_closed(self) -> Any:
        return self._threads.begin(self.ws.wait_closed)

    async def __aenter__(self) -> "Dressed":
        return self

    async def __aexit__(self, kind: Any, *details: Any) -> None:
        await self._threads.run(self.ws.__exit__, kind, *details)


class Connecting:
    """What `connect` returns, to be awaited or used in `async with`."""

    def __init__(self, threads: Threads, *arguments: Any, **options: Any) -> None:
        self._threads = threads
        self._arguments = arguments
        self._options = options
        self._ws: Dressed | None = None

    async def _open(self) -> Dressed:
        ws = await self._threads.run(lambda: connect(*self._arguments, **self._options))
        return Dressed(ws, self._threads)

    def __await__(self) -> Any:
        return self._open().__await__()

    async def __aenter__(self) -> Dressed:
        self._ws = await self._open()
        return self._ws

    async def __aexit__(self, *details: Any) -> None:
        assert self._ws is not None
        await self._ws.__aexit__(*details)


class DressedServer:
    """A blocking `WebSocketServer`, whose handler and functions may be coroutine functions."""

    def __init__(self, threads: Threads, handler: Any, **options: Any) -> None:
        self._threads = threads
        self._dressed: dict[WebSocket, Dressed] = {}
        self._loop = asyncio.get_running_loop()
        plain: dict[str, Any] = {
            name: self._plain(value) if callable(value) else value for name, value in options.items()
        }
        self.server = WebSocketServer(self._plain(handler, self._dress), "127.0.0.1", 0, **plain)

    def _plain(self, function: Any, convert: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Return a function for a thread that calls `function` in the loop."""

        async def call(*arguments: Any) -> Any:
            if convert is not None:
                arguments = tuple(map(convert, arguments))
            result = function(*arguments)
            return await result if inspect.isawaitable(result) else result

        def plain(*arguments: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(call(*arguments), self._loop).result()

        return plain

    def _dress(self, ws: WebSocket) -> Dressed:
        if ws not in self._dressed:
            self._dressed[ws] = Dressed(ws, self._threads)
        return self._dressed[ws]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)

    def __repr__(self) -> str:
        return repr(self.server)

    @property
    def clients(self) -> set[Dressed]:
        return {self._dress(ws) for ws in self.server.clients}

    async def start(self) -> None:
        self.server.start()

    async def wait_closed(self) -> None:
        await self._threads.run(self.server.wait_closed)

    def broadcast(self, data: Any, *, exclude: Iterable[Dressed] = (), **options: Any) -> None:
        self.server.broadcast(data, exclude=[each.ws for each in exclude], **options)


class BlockingDoor(Door):
    """A door one or both sides of which block.

    Args:
        name: `blocking client` or `blocking server`; `tls` for both.
        certificate: as for the others.
        threads: where calls block.
    """

    def __init__(self, name: str, certificate: Certificate | None, threads: Threads) -> None:
        Door.__init__(self, name, certificate)
        self._threads = threads

    def connect(self, url: str, *arguments: Any, **options: Any) -> Any:
        if self.name == "blocking server":
            return Door.connect(self, url, *arguments, **options)
        return Connecting(self._threads, url, *arguments, **self.client_options(options))

    def server(self, handler: Any = None, **options: Any) -> Any:
        if self.name == "blocking client":
            return Door.server(self, handler, **options)
        if self.certificate is not None:
            options["ssl"] = self.certificate.server
        return DressedServer(self._threads, handler, **options)
