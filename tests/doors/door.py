"""Servers, clients and raw peers of one door."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.doors.peer import Peer
from wsline import WebSocket, WebSocketServer, connect
from wsline.aio.client import Connect

DEADLINE = 10  # seconds, for whatever must come

Handler = Callable[[WebSocket], Awaitable[object]]


class Certificate(NamedTuple):
    """A server's certificate, in contexts for both sides and in files."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    path: Path
    key: Path


@dataclass
class Served:
    """A server that runs."""

    server: WebSocketServer
    port: int
    url: str


@dataclass
class Door:
    """One way for the bytes to go."""

    name: str
    certificate: Certificate | None

    @property
    def scheme(self) -> str:
        return "ws" if self.certificate is None else "wss"

    def connect(self, url: str, *arguments: Any, **options: Any) -> Connect:
        """As `wsline.connect`."""
        return connect(url, *arguments, **self.client_options(options))

    def client_options(self, options: dict[str, Any]) -> dict[str, Any]:
        return options if self.certificate is None else {"ssl": self.certificate.client} | options

    def server(self, handler: Handler | None = None, **options: Any) -> WebSocketServer:
        """Return a server at a free port, not started."""
        if self.certificate is not None:
            options["ssl"] = self.certificate.server
        return WebSocketServer(handler, "127.0.0.1", 0, **options)

    @asynccontextmanager
    async def serving(self, handler: Handler | None = None, **options: Any) -> AsyncIterator[Served]:
        """Run a server."""
        async with self.running(self.server(handler, **options)) as served:
            yield served

    @asynccontextmanager
    async def running(self, server: WebSocketServer) -> AsyncIterator[Served]:
        """Run this server."""
        await server.start()
        port = server.address()[1]
        try:
            yield Served(server, port, f"{self.scheme}://127.0.0.1:{port}/")
        finally:
            server.close()
            async with asyncio.timeout(DEADLINE):
                await server.wait_closed()

    @asynccontextmanager
    async def pair(
        self, client: dict[str, Any] | None = None, **options: Any
    ) -> AsyncIterator[tuple[WebSocket, WebSocket]]:
        """Yield both ends of a connection, the client's first; `options` are the server's."""
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[WebSocket] = loop.create_future()
        over = asyncio.Event()

        async def handler(ws: WebSocket) -> None:
            accepted.set_result(ws)
            await over.wait()

        async with (
            self.serving(handler, **options) as served,
            self.connect(served.url, **(client or {})) as ours,
        ):
            try:
                yield ours, await accepted
            finally:
                over.set()

    # -- peers that speak bytes

    @asynccontextmanager
    async def raw_client(self, port: int | None, **settings: Any) -> AsyncIterator[Peer]:
        """Connect without saying anything; without a port, `settings` have a connected socket."""
        context = None if self.certificate is None else self.certificate.client
        reader, writer = await asyncio.open_connection(
            None if port is None else "127.0.0.1", port, ssl=context, **settings
        )
        async with self.peer(reader, writer, is_client=True) as peer:
            yield peer

    @asynccontextmanager
    async def raw_server(self, script: Callable[[Peer], Awaitable[object]]) -> AsyncIterator[str]:
        """Run a script for each connection; yield the URL. What it raises is raised here at the end."""
        scripts: list[asyncio.Task[None]] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with self.peer(reader, writer, is_client=False) as peer:
                await script(peer)

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            scripts.append(asyncio.ensure_future(serve(reader, writer)))

        context = None if self.certificate is None else self.certificate.server
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
        try:
            yield f"{self.scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finally:
            server.close()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*scripts)

    @asynccontextmanager
    async def peer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_client: bool
    ) -> AsyncIterator[Peer]:
        try:
            yield Peer(reader, writer, is_client)
        finally:
            writer.transport.abort()
            try:
                await writer.wait_closed()
            except (OSError, ssl.SSLError):
                pass  # the other side has cut it


async def echo(ws: WebSocket) -> None:
    """Send every message back."""
    async for message in ws:
        await ws.send(message)


def echo_by_events(server: WebSocketServer) -> None:
    """Let a server send every message back, by listeners."""

    server.on("connection", lambda ws: ws.on("message", ws.send))


def echo_server(door: Door, style: str, **options: Any) -> WebSocketServer:
    """Return an echo server in one of the styles."""
    server = door.server(echo if style == "coroutine" else None, **options)
    if style == "event":
        echo_by_events(server)
    return server


async def until(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Let the loop run until the condition holds."""
    try:
        async with asyncio.timeout(deadline):
            while not condition():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError("the condition has not come to hold") from None
