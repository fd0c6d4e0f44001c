"""WebSockets of ours on connections of aiohttp's server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from aiohttp import web

import tests.doors.conftest as doors
from tests.doors.door import Certificate, echo, until
from tests.doors.peer import REQUEST, TEXT, Peer, frame
from wsline import InvalidStatus, Request, WebSocket, WebSocketServer, connect
from wsline.aiohttp import handle_upgrade

DEADLINE = 10  # seconds

certificate = doors.certificate


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/chat", handler)
    app.router.add_get("/", page)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        async with asyncio.timeout(DEADLINE):
            yield runner.addresses[0][1]
    finally:
        manager = runner.server
        assert manager is not None
        await until(lambda: not manager.connections)  # aiohttp has forgotten all of them
        await runner.cleanup()


async def page(request: web.Request) -> web.Response:
    return web.Response(text="a page")


@asynccontextmanager
async def chatting(server: WebSocketServer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await handle_upgrade(server, request, request.headers.get("X-User"))

    async with serving(chat, context) as port:
        yield port
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("tls", [False, True])
async def test_a_connection_is_taken_over(tls: bool, certificate: Certificate) -> None:
    server = WebSocketServer(echo, no_server=True)
    users: list[Any] = []

    @server.on("connection")
    def connection(ws: WebSocket, request: Request, user: str) -> None:
        users.append((user, request.path, request.secure, request.attributes["aiohttp"].path))

    async with chatting(server, certificate.server if tls else None) as port:
        options: Any = {"ssl": certificate.client} if tls else {}
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/chat?x"
        async with connect(url, headers={"X-User": "ada"}, **options) as ws:
            for message in ("hello", b"\x00" * (1 << 20)):
                await ws.send(message)
                assert await ws.recv() == message
            assert await ws.ping() > 0
            (client,) = server.clients
            assert client.remote_address == ws.local_address
            assert (client.ssl_object is None) is not tls
        await until(lambda: not server.clients)
    assert users == [("ada", "/chat", tls, "/chat")]


def test_on_uvloop() -> None:
    async def main() -> None:
        async with (
            chatting(WebSocketServer(echo, no_server=True)) as port,
            connect(f"ws://127.0.0.1:{port}/chat") as ws,
        ):
            await ws.send("hello")
            assert await ws.recv() == "hello"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


@asynccontextmanager
async def raw(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Peer(reader, writer, is_client=True)
    writer.close()
    await writer.wait_closed()


ASK = REQUEST.replace(b"GET /", b"GET /chat") + b"\r\n"


async def test_early_frames_are_kept() -> None:
    async with chatting(WebSocketServer(echo, no_server=True)) as port, raw(port) as peer:
        peer.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await peer.reader.readuntil(b"a page")
        peer.writer.write(ASK + frame(TEXT, b"early", mask=True))
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert (await peer.receive()).payload == b"early"
        peer.send(TEXT, b"later")
        assert (await peer.receive()).payload == b"later"


async def test_refusals() -> None:
    server = WebSocketServer(echo, no_server=True, verify_client=lambda info: info.origin is not None)
    async with chatting(server) as port:
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{port}/chat")
        assert (caught.value.response.status, caught.value.response.body) == (401, b"Unauthorized\n")
        async with raw(port) as peer:
            peer.writer.write(ASK.replace(b"Upgrade: websocket\r\n", b""))
            assert (await peer.reader.read()).startswith(b"HTTP/1.1 426 ")
        await until(lambda: not server._openings)


async def test_a_client_that_is_gone() -> None:
    server = WebSocketServer(echo, no_server=True)
    outcomes: list[str] = []
    asked = asyncio.Event()

    async def chat(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        asked.set()
        await until(lambda: request.transport is None)
        try:
            return await handle_upgrade(server, request)
        except ConnectionError as error:
            outcomes.append(str(error))
            raise
        finally:
            assert transport is not None

    async with serving(chat) as port:
        async with raw(port) as peer:
            peer.writer.write(ASK)
            await asked.wait()
            peer.writer.transport.abort()
        await until(lambda: outcomes)
    assert outcomes == ["the client closed the connection before it was answered"]
    assert not server._openings


async def test_a_transport_is_taken_once() -> None:
    server = WebSocketServer(echo, no_server=True)
    errors: list[str] = []

    async def chat(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None

        @server.on("connection")
        def connection(ws: WebSocket, ours: Request) -> None:
            try:
                server.handle_upgrade(ours, transport)
            except RuntimeError as error:
                errors.append(str(error))

        return await handle_upgrade(server, request)

    async with serving(chat) as port:
        async with connect(f"ws://127.0.0.1:{port}/chat") as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
        await until(lambda: not server.clients)
    assert len(errors) == 1
    assert "called more than once with the same socket" in errors[0]
