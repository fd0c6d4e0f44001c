"""`serve` and `WebSocketServer`: life, clients, broadcast."""

import asyncio
import errno
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

import wsline.aio.reactor
from tests.doors.door import until
from tests.doors.peer import REQUEST
from wsline import (
    CloseCode,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    Request,
    ServerState,
    WebSocket,
    WebSocketServer,
    connect,
    serve,
)

DEADLINE = 10  # seconds, for whatever must come


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def state(server: WebSocketServer) -> ServerState:
    return server.state


def url_of(server: WebSocketServer) -> str:
    return f"ws://127.0.0.1:{server.address()[1]}/"


@pytest.mark.parametrize(
    "places", [{}, {"port": 0, "unix_path": "x"}, {"sock": socket.socket(), "port": 0}], ids=str
)
def test_it_listens_at_one_place(places: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match='One and only one of the "port", "sock", "unix_path", "server", or'):
        WebSocketServer(**places)
    for each in places.values():
        if isinstance(each, socket.socket):
            each.close()


@pytest.mark.parametrize(("port", "kind"), [(-1, ValueError), (65536, ValueError), ("80", TypeError)])
def test_a_bad_port_is_named(port: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"port={port!r}: must be an integer from 0 to 65535, or None"):
        WebSocketServer(port=port)


def test_a_bad_handler_is_named() -> None:
    handler: Any = "no function"
    with pytest.raises(TypeError, match="handler='no function': must be a coroutine function"):
        serve(handler, port=0)


@pytest.mark.row(25, 26, 39)
async def test_its_states() -> None:
    server = serve(echo, "127.0.0.1", 0)
    assert state(server) == ServerState.NEW
    with pytest.raises(RuntimeError, match="not running"):
        server.address()
    server.close()
    assert state(server) == ServerState.NEW, "there is nothing to close"
    heard: list[str] = []
    server.on("listening", lambda: heard.append("listening"))
    server.on("close", lambda: heard.append("close"))
    assert await server is server
    assert state(server) == ServerState.RUNNING
    with pytest.raises(RuntimeError, match="was started before; it is RUNNING"):
        await server.start()
    assert repr(server) == "<WebSocketServer RUNNING 0 open>"
    server.close()
    await server.wait_closed()
    assert state(server) == ServerState.CLOSED
    assert heard == ["listening", "close"]


async def test_a_port_in_use_is_named() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.address()[1]
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1 port {port}: ") as caught:
            await serve(echo, "127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE


async def test_a_socket_that_listens_already() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    async with serve(echo, sock=sock) as server, connect(url_of(server)) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    async with serve(echo, unix_path=path) as server:
        assert server.address() == path
        async with connect(f"ws+unix:{path}:/") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"


async def test_close_codes_are_checked_first() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        with pytest.raises(ValueError, match="code=999"):
            server.close(999)
        assert state(server) == ServerState.RUNNING


async def test_clients_are_tracked_until_they_are_gone() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        async with connect(url_of(server)):
            await until(lambda: len(server.clients) == 1)
            assert repr(server).endswith("RUNNING 1 open>")
        await until(lambda: not server.clients)


async def test_clients_need_not_be_tracked() -> None:
    async with serve(echo, "127.0.0.1", 0, client_tracking=False) as server, connect(url_of(server)) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
        assert server.clients == set()


async def test_closing_tells_the_clients() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        ws = await connect(url_of(server))
        server.close(CloseCode.SERVICE_RESTART, "soon")
        with pytest.raises(ConnectionClosedError) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.reason) == (1012, "soon")


async def test_closing_can_leave_the_clients() -> None:
    server = await serve(echo, "127.0.0.1", 0)
    ws = await connect(url_of(server))
    server.close(close_clients=False)
    await ws.send("still there")
    assert await ws.recv() == "still there"
    assert state(server) == ServerState.CLOSING
    await ws.close()
    await server.wait_closed()
    assert state(server) == ServerState.CLOSED


async def test_it_waits_for_its_handlers() -> None:
    may_end = asyncio.Event()

    async def handler(ws: WebSocket) -> None:
        await ws.wait_closed()
        await may_end.wait()

    server = await serve(handler, "127.0.0.1", 0)
    async with connect(url_of(server)):
        server.close()
    waiting = asyncio.ensure_future(server.wait_closed())
    await until(lambda: not server.clients)
    assert not waiting.done()
    may_end.set()
    async with asyncio.timeout(DEADLINE):
        await waiting


async def test_serve_forever_starts_and_ends_with_close() -> None:
    server = WebSocketServer(port=0)
    serving = asyncio.ensure_future(server.serve_forever())
    await until(lambda: state(server) == ServerState.RUNNING)
    server.close()
    async with asyncio.timeout(DEADLINE):
        await serving


async def test_cancelling_serve_forever_closes() -> None:
    server = await serve(echo, "127.0.0.1", 0)
    serving = asyncio.ensure_future(server.serve_forever())
    ws = await connect(url_of(server))
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert state(server) == ServerState.CLOSED
    with pytest.raises(ConnectionClosedOK):
        await ws.recv()


async def test_a_handler_that_raises_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        raise RuntimeError("a fault of the application")

    async with serve(handler, "127.0.0.1", 0) as server:
        ws = await connect(url_of(server))
        with pytest.raises(ConnectionClosedError) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.reason) == (1011, "internal error")
        async with connect(url_of(server)):
            pass
    assert "a fault of the application" in caplog.text


async def test_the_end_of_its_connection_is_no_fault_of_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    ends: list[str] = []

    async def handler(ws: WebSocket) -> None:
        try:
            await ws.recv()
        finally:
            ends.append("ended")

    async with serve(handler, "127.0.0.1", 0) as server:
        async with connect(url_of(server)):
            pass
        ws = await connect(url_of(server))
        ws.terminate()
        await until(lambda: len(ends) == 2)
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_events_of_a_connection() -> None:
    paths: list[str] = []
    async with WebSocketServer(host="127.0.0.1", port=0) as server:

        @server.on("connection")
        def connection(ws: WebSocket, request: Request) -> None:
            paths.append(request.path)
            ws.on("message", ws.send)

        @server.once("connection")
        async def first(ws: WebSocket) -> None:
            paths.append("first")

        for path in ("a", "b"):
            async with connect(url_of(server) + path) as ws:
                await ws.send(path)
                assert await ws.recv() == path
        server.off("connection", connection)
    assert sorted(paths) == ["/a", "/b", "first"]


async def test_a_connection_listener_that_raises_harms_one(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(echo, "127.0.0.1", 0) as server:

        @server.once("connection")
        def connection(ws: WebSocket) -> None:
            raise RuntimeError("a fault of the application")

        ws = await connect(url_of(server))
        with pytest.raises(ConnectionClosedError):
            await ws.recv()
        async with connect(url_of(server)) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
    assert "a fault of the application" in caplog.text


async def test_faults_of_listeners_are_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    server = serve(echo, "127.0.0.1", 0)
    told: list[Exception] = []

    def fail() -> None:
        raise RuntimeError("a fault of the application")

    async def fail_later() -> None:
        fail()

    server.on("listening", fail)
    server.on("listening", fail_later)
    server.once("error", told.append)
    server.on("error", fail)
    async with server:
        await until(lambda: "exception in an 'error' listener" in caplog.text)
    assert [str(each) for each in told] == ["a fault of the application"]


async def test_a_broadcast_reaches_all_but_those_excluded() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        first, second = await connect(url_of(server)), await connect(url_of(server))
        await until(lambda: len(server.clients) == 2)
        excluded = next(each for each in server.clients if each.remote_address == first.local_address)
        server.broadcast("some", exclude=[excluded])
        server.broadcast("all")
        server.broadcast(b"text", binary=False)
        assert [await first.recv() for _ in range(2)] == ["all", "text"]
        assert [await second.recv() for _ in range(3)] == ["some", "all", "text"]
        await first.close()
        await second.close()


async def test_a_broadcast_takes_messages_only() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        fragments: Any = ["a", "b"]
        with pytest.raises(TypeError, match="data of type list"):
            server.broadcast(fragments)


async def test_a_connection_that_breaks_while_it_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(socket.socket):
        def setsockopt(self, *arguments: Any) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    async with serve(echo, "127.0.0.1", 0) as server:
        with caplog.at_level("INFO", "wsline"):
            assert server._listener is not None
            server._listener._on_accepted(Broken(socket.AF_INET, socket.SOCK_STREAM))
        assert "lost while it was accepted" in caplog.text
        async with connect(url_of(server)):
            pass


async def test_a_broadcast_leaves_out_who_is_too_slow(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "wsline")
    async with serve(echo, "127.0.0.1", 0, max_buffered=0) as server, connect(url_of(server)) as ws:
        await until(lambda: server.clients)
        ws.pause()
        while server.clients:
            server.broadcast(b"x" * (1 << 20))
        assert "left out: the connection failed: the peer reads too slowly" in caplog.text
        ws.terminate()


async def test_the_end_of_another_connection_is_a_fault_of_a_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def raise_another(ws: WebSocket) -> None:
        other = ConnectionClosedOK(ws.close_info)
        raise other

    async with serve(raise_another, "127.0.0.1", 0) as server, connect(url_of(server)) as ws:
        with pytest.raises(ConnectionClosedError):
            await ws.recv()
        assert ws.close_code == CloseCode.INTERNAL_ERROR
    assert "exception in a handler" in caplog.text


async def test_over_transports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsline.aio.reactor, "AVAILABLE", False)
    async with serve(echo, "127.0.0.1", 0) as server, connect(url_of(server)) as ws:
        await ws.send("x")
        assert await ws.recv() == "x"
        server.close()
        assert [message async for message in ws] == []
        await server.wait_closed()


async def test_closing_refuses_those_on_their_way() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.address()[1])
        writer.write(REQUEST)
        await until(lambda: server._openings)
        server.close()
        assert state(server) == ServerState.CLOSING
        assert (await asyncio.wait_for(reader.readline(), DEADLINE)).startswith(b"HTTP/1.1 503 ")
        writer.close()
        await server.wait_closed()


async def test_a_request_that_is_judged_too_late_is_refused() -> None:
    """The server closes while the application makes up its mind, without waiting."""

    def close_it(request: Request) -> None:
        server.state = ServerState.CLOSING

    server = serve(echo, "127.0.0.1", 0, process_request=close_it)
    await server.start()
    with pytest.raises(InvalidStatus) as caught:
        await connect(url_of(server))
    assert (caught.value.response.status, caught.value.response.body) == (503, b"the server is closing\n")
    server.state = ServerState.RUNNING
    server.close()
    await server.wait_closed()


async def test_a_second_signal_cuts_where_there_are_only_listeners() -> None:
    async with WebSocketServer(host="127.0.0.1", port=0) as server:
        ws = await connect(url_of(server))
        ws.pause()
        server._on_signal()
        server._on_signal()
        await server.wait_closed()
        ws.terminate()


async def test_waiting_for_a_server_that_was_not_started() -> None:
    await asyncio.wait_for(serve(echo, port=0).wait_closed(), DEADLINE)


def kill_soon(number: signal.Signals) -> None:
    """Send this process a signal in the next turn of the loop."""
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_with_a_signal(number: signal.Signals) -> None:
    heard: list[str] = []
    server = WebSocketServer(host="127.0.0.1", port=0)
    server.on("listening", lambda: kill_soon(number))
    server.on("close", lambda: heard.append("close"))
    before = signal.getsignal(number)
    server.run()
    assert heard == ["close"]
    assert signal.getsignal(number) == before


def test_a_second_signal_cancels_handlers_and_cuts_connections() -> None:
    ended: list[str] = []

    async def never(ws: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(f"handler {ws.request.path}")

    async def client(path: str) -> None:
        ws = await connect(url_of(server) + path)
        if path == "slow":
            ws.pause()
        opened.append(path)
        if len(opened) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            await until(lambda: server.state == ServerState.CLOSING)
            os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: server.state == ServerState.CLOSED)
        ws.terminate()

    opened: list[str] = []
    clients: list[asyncio.Task[None]] = []
    server = serve(never, "127.0.0.1", 0)
    server.on(
        "listening", lambda: clients.extend(asyncio.ensure_future(client(each)) for each in ("a", "slow"))
    )
    server.on("close", lambda: ended.append("close"))
    with asyncio.Runner() as runner:

        async def main() -> None:
            await server._run(None)
            await asyncio.gather(*clients)

        runner.run(main())
    assert sorted(ended) == ["close", "handler /a", "handler /slow"]


def test_run_outside_the_main_thread_does_without_signals() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    def make_loop() -> asyncio.AbstractEventLoop:
        loops.append(asyncio.new_event_loop())
        return loops[0]

    listening = threading.Event()
    server = WebSocketServer(host="127.0.0.1", port=0)
    server.on("listening", listening.set)
    thread = threading.Thread(target=server.run, kwargs={"loop_factory": make_loop})
    thread.start()
    assert listening.wait(DEADLINE)
    loops[0].call_soon_threadsafe(server.close)
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert state(server) == ServerState.CLOSED
