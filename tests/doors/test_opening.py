"""The opening handshake, from both sides: options, refusals, deadlines, cancellation."""

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import wsline.aio.upgrades
from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import PING, REQUEST, TEXT, Peer
from wsline import (
    ANY,
    HandshakeError,
    HandshakeTimeout,
    Headers,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    Request,
    Response,
    TLSError,
    WebSocket,
    WebSocketServer,
    connect,
)

# -- what a server asks, and answers


async def status(door: Door, url: str, *arguments: Any, **options: Any) -> tuple[int, bytes]:
    """Return status and body of a refusal; 101 if there is none."""
    try:
        async with door.connect(url, *arguments, **options):
            return 101, b""
    except InvalidStatus as error:
        assert error.response.status == int(re.findall(r"\d\d\d", str(error))[0])
        return error.response.status, error.response.body


async def test_path(door: Door) -> None:
    async with door.serving(echo, path="/chat") as served:
        assert await status(door, served.url + "chat") == (101, b"")
        assert await status(door, served.url + "chat?x=1") == (101, b"")
        code, body = await status(door, served.url + "other")
        assert code == 404
        assert b"/other" in body


async def test_origins(door: Door) -> None:
    async with door.serving(echo) as served:
        assert (await status(door, served.url, origin="http://127.0.0.1"))[0] == 101
        code, body = await status(door, served.url, origin="https://evil.example")
        assert code == 403
        assert b"(option origins)" in body
    async with door.serving(echo, origins=ANY) as served:
        assert (await status(door, served.url, origin="https://evil.example"))[0] == 101
    async with door.serving(echo, origins=["https://a.example", re.compile(r"https://b\d")]) as served:
        assert (await status(door, served.url, origin="https://a.example"))[0] == 101
        assert (await status(door, served.url, origin="https://b1"))[0] == 101
        assert (await status(door, served.url, origin="https://c"))[0] == 403
        assert (await status(door, served.url))[0] == 403


@pytest.mark.row(102)
async def test_subprotocols(door: Door) -> None:
    async def later(offered: tuple[str, ...], request: Request) -> str | None:
        assert request.path == "/"
        return offered[-1] if "b" in offered else None

    async with door.serving(echo) as served, door.connect(served.url, ["b", "a"]) as ws:
        assert ws.protocol == "b"
    async with door.serving(echo, handle_protocols=later) as served:
        async with door.connect(served.url, ["b", "a"]) as ws:
            assert ws.protocol == "a"
            (server,) = served.server.clients
            assert server.protocol == "a"
        async with door.connect(served.url) as ws:
            assert ws.protocol is None
        with pytest.raises(NegotiationError):
            await door.connect(served.url, "a")
    async with door.serving(echo, handle_protocols=lambda offered, request: "x") as served:
        assert (await status(door, served.url, "a"))[0] == 500


async def test_verify_client(door: Door) -> None:
    async def answer(info: Any) -> Any:
        assert info.origin is None
        assert info.secure is (door.name == "tls")
        assert info.request.remote_address[0] == "127.0.0.1"
        return {"/yes": True, "/no": False, "/full": Response(429, body="later")}[info.request.path]

    for verify in (answer, lambda info: info.request.path == "/yes"):
        async with door.serving(echo, verify_client=verify) as served:
            assert await status(door, served.url + "yes") == (101, b"")
            assert await status(door, served.url + "no") == (401, b"Unauthorized\n")
            if verify is answer:
                assert await status(door, served.url + "full") == (429, b"later")


async def test_process_request(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    async def asynchronous(request: Request) -> Any:
        await asyncio.sleep(0)
        return synchronous(request)

    def synchronous(request: Request) -> Any:
        if request.path == "/raise":
            raise ZeroDivisionError("on purpose")
        return {"/": None, "/healthy": Response(200, body="OK"), "/wrong": "text"}[request.path]

    for process in (synchronous, asynchronous):
        caplog.clear()
        async with door.serving(echo, process_request=process) as served:
            assert await status(door, served.url) == (101, b"")
            assert await status(door, served.url + "healthy") == (200, b"OK")
            assert await status(door, served.url + "raise") == (500, b"Internal Server Error\n")
            assert await status(door, served.url + "wrong") == (500, b"Internal Server Error\n")
            assert "ZeroDivisionError: on purpose" in caplog.text
            assert "process_request returned str: must return a Response or None" in caplog.text
            # Requests that are for no WebSocket reach it too.
            async with door.raw_client(served.port) as peer:
                peer.writer.write(b"GET /healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert (await peer.reader.read()).endswith(b"\r\n\r\nOK")


async def test_the_headers_event(door: Door) -> None:
    server = door.server(echo)

    def headers(fields: Headers, request: Request) -> None:
        if request.path == "/raise":
            raise ZeroDivisionError
        fields.add("Set-Cookie", "a=1")

    server.on("headers", headers)
    async with door.running(server) as served:
        async with door.connect(served.url) as ws:
            assert ws.response is not None
            assert ws.response.headers["set-cookie"] == "a=1"
        assert (await status(door, served.url + "raise"))[0] == 500


async def test_max_connections(door: Door) -> None:
    async with door.serving(echo, max_connections=2) as served:
        async with door.connect(served.url), door.connect(served.url):
            code, body = await status(door, served.url)
            assert (code, body) == (503, b"too many connections (max_connections)\n")
        await until(lambda: not served.server.clients)
        assert (await status(door, served.url))[0] == 101


async def test_max_connections_per_ip(door: Door) -> None:
    async with door.serving(echo, max_connections_per_ip=1) as served:
        async with door.connect(served.url):
            code, body = await status(door, served.url)
            assert code == 503
            assert b"max_connections_per_ip" in body
            async with door.connect(served.url, local_address=("127.0.0.2", 0)) as other:
                assert other.local_address[0] == "127.0.0.2"
        await until(lambda: not served.server.clients)
        assert (await status(door, served.url))[0] == 101


async def test_without_client_tracking(door: Door) -> None:
    async with door.serving(echo, client_tracking=False) as served, door.connect(served.url) as ws:
        await ws.ping()
        assert served.server.clients == set()
        assert "1 open" in repr(served.server)
        served.server.broadcast("to all")
        assert await ws.recv() == "to all"


@pytest.mark.row(31)
async def test_broadcast(door: Door) -> None:
    async with door.serving(echo) as served:
        one, two, three = [await door.connect(served.url) for _ in range(3)]
        await until(lambda: len(served.server.clients) == 3)
        chosen = next(each for each in served.server.clients if each.remote_address == one.local_address)
        served.server.broadcast("but one", exclude=[chosen])
        served.server.broadcast(b"binary")
        served.server.broadcast("as binary", binary=True)
        served.server.broadcast(b"as text", binary=False)
        for data in (5, ["x"]):
            with pytest.raises(TypeError, match=f"type {type(data).__name__}"):
                served.server.broadcast(data)  # type: ignore[arg-type]
        chosen.close()
        served.server.broadcast("who is closing gets none")
        rest = [b"binary", b"as binary", "as text"]
        assert [message async for message in one] == rest
        for ws in (two, three):
            assert [await ws.recv() for _ in range(5)] == ["but one", *rest, "who is closing gets none"]
            await ws.close()


# -- a server that closes


async def test_closing_a_server(door: Door) -> None:
    released = asyncio.Event()
    handled: list[object] = []

    async def handler(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        handled.append(ws.close_info.local_code)
        await released.wait()
        handled.append("released")

    server = door.server(handler)
    closed: list[str] = []
    server.on("close", lambda: closed.append("close"))
    async with door.running(server) as served, door.connect(served.url) as ws:
        await ws.ping()
        async with door.raw_client(served.port) as silent:
            silent.writer.write(REQUEST)
            await until(lambda: len(server._openings) == 1)
            server.close()
            server.close()
            assert (await silent.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503 ")
        with pytest.raises(OSError):
            await door.connect(served.url)
        assert [message async for message in ws] == []
        assert ws.close_code == 1001
        with pytest.raises(RuntimeError, match="not running"):
            server.address()
        waiting = asyncio.ensure_future(server.wait_closed())
        await until(lambda: handled == [1001])
        assert not waiting.done()
        assert closed == []
        released.set()
        await asyncio.wait_for(waiting, DEADLINE)
        assert handled == [1001, "released"]
        assert closed == ["close"]
    assert server.state.name == "CLOSED"
    await server.wait_closed()
    with pytest.raises(RuntimeError, match="started before; it is CLOSED"):
        await server.start()


async def test_a_code_for_the_clients(door: Door) -> None:
    async with door.serving(echo) as served, door.connect(served.url) as ws:
        await ws.ping()
        for arguments in ((999,), (1000, "x" * 124)):
            with pytest.raises(ValueError):
                served.server.close(*arguments)
        assert served.server.state.name == "RUNNING"
        served.server.close(4000, "maintenance")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4000, "maintenance")


async def test_closing_without_the_clients(door: Door) -> None:
    async with door.serving(echo) as served, door.connect(served.url) as ws:
        await ws.ping()
        served.server.close(close_clients=False)
        with pytest.raises(OSError):
            await door.connect(served.url)
        await ws.send("still here")
        assert await ws.recv() == "still here"


async def test_a_request_that_is_judged_when_the_server_closes(door: Door) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def never(request: Request) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with door.serving(echo, process_request=never) as served:
        connecting = asyncio.ensure_future(status(door, served.url))
        await asked.wait()
        served.server.close()
        assert (await connecting)[0] == 503
        await asyncio.wait_for(cancelled.wait(), DEADLINE)


async def test_a_client_that_goes_while_it_is_judged(door: Door) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def never(request: Request) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with door.serving(echo, process_request=never) as served:
        async with door.raw_client(served.port) as peer:
            peer.writer.write(REQUEST + b"\r\n")
            await asked.wait()
        await asyncio.wait_for(cancelled.wait(), DEADLINE)


async def test_frames_that_come_while_a_request_is_judged(door: Door) -> None:
    go_on = asyncio.Event()

    async def wait(request: Request) -> None:
        await go_on.wait()

    async with door.serving(echo, process_request=wait) as served, door.raw_client(served.port) as peer:
        peer.writer.write(REQUEST + b"\r\n" + peer.frame(TEXT, b"0"))
        for i in range(1, 20):
            peer.send(TEXT, b"%d" % i * 5000)
        await until(lambda: served.server._openings)
        await asyncio.sleep(0.01)
        go_on.set()
        await peer.reader.readuntil(b"\r\n\r\n")
        answers = [(await peer.receive()).payload for _ in range(20)]
        assert answers == [b"0"] + [b"%d" % i * 5000 for i in range(1, 20)]


# -- clients that take their time


@pytest.mark.parametrize("dribbles", [False, True])
async def test_a_client_that_never_asks(door: Door, dribbles: bool) -> None:
    async with door.serving(echo, handshake_timeout=0.1) as served:
        started = time.monotonic()  # before the server can see the client
        async with door.raw_client(served.port) as peer:

            async def dribble() -> None:
                for i in range(len(REQUEST)):
                    peer.writer.write(REQUEST[i : i + 1])
                    await asyncio.sleep(0.01)

            dribbling = asyncio.ensure_future(dribble()) if dribbles else None
            answer = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), DEADLINE)
            assert answer.startswith(b"HTTP/1.1 408 ")
            # Timers may be a millisecond early.
            assert 0.098 <= time.monotonic() - started < DEADLINE
            if dribbling is not None:
                dribbling.cancel()
        await until(lambda: not served.server._openings)


async def test_an_application_that_never_answers(door: Door) -> None:
    async def never(request: Request) -> None:
        await asyncio.Event().wait()

    async with door.serving(echo, handshake_timeout=0.1, process_request=never) as served:
        assert (await status(door, served.url))[0] == 408


async def test_a_refused_client_that_stays_is_cut(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsline.aio.upgrades, "LINGER", 0.05)
    async with door.serving(echo) as served, door.raw_client(served.port) as peer:
        peer.writer.write(b"nonsense\r\n\r\n")
        peer.writer.write(b"more nonsense")
        assert (await peer.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 400 ")
        await until(lambda: not served.server._openings)


# -- what a client meets


async def test_nobody_listens(door: Door) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(ConnectionRefusedError, match=f"cannot connect to 127.0.0.1 port {port}: "):
            await door.connect(f"{door.scheme}://127.0.0.1:{port}/")


@asynccontextmanager
async def answering(door: Door, *parts: bytes, stay: bool = False) -> AsyncIterator[str]:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        for part in parts:
            peer.writer.write(part)
            await peer.writer.drain()
            await asyncio.sleep(0.001)
        if stay:
            await over.wait()
        elif not peer.writer.is_closing():  # asyncio cannot abort a TLS connection that was closed twice
            peer.writer.close()

    async with door.raw_server(script) as url:
        try:
            yield url
        finally:
            over.set()


async def test_another_status_comes_with_its_body(door: Door) -> None:
    answer = b"HTTP/1.1 402 Payment Required\r\nContent-Length: 9\r\nX-Price: 5\r\n\r\npay first"
    for parts, stay in (((answer,), True), ((answer[:30], answer[30:60], answer[60:]), False)):
        async with answering(door, *parts, stay=stay) as url:
            with pytest.raises(InvalidStatus, match="402") as caught:
                await door.connect(url)
            assert caught.value.response.body == b"pay first"
            assert caught.value.response.headers["X-Price"] == "5"
    async with answering(door, b"HTTP/1.1 500 Oops\r\n\r\n", b"until the ", b"end") as url:
        with pytest.raises(InvalidStatus) as caught:
            await door.connect(url)
        assert caught.value.response.body == b"until the end"


async def test_no_websocket_there(door: Door) -> None:
    async with answering(door, b"SSH-2.0-OpenSSH_9.2\r\n", stay=True) as url:
        with pytest.raises(HandshakeError):
            await door.connect(url)
    async with answering(door, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\n", stay=True) as url:
        with pytest.raises(InvalidUpgrade):
            await door.connect(url)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 10"])
async def test_a_server_that_goes_without_an_answer(door: Door, begun: bytes) -> None:
    async with answering(door, begun) as url:
        with pytest.raises((HandshakeError, OSError)):
            await door.connect(url)


async def test_a_server_that_dribbles(door: Door) -> None:
    """The deadline is one for all of it."""
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        answer = b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 10_000
        for i in range(len(answer)):
            if over.is_set():
                break
            peer.writer.write(answer[i : i + 1])
            await asyncio.sleep(0.01)

    async with door.raw_server(script) as url:
        started = time.monotonic()
        try:
            with pytest.raises(
                HandshakeTimeout, match=r"after 0\.1 s \(option handshake_timeout\)"
            ) as caught:
                await door.connect(url, handshake_timeout=0.1)
        finally:
            over.set()
        assert 0.08 < time.monotonic() - started < 3
        assert caught.value.request.path == "/"
        assert isinstance(caught.value, TimeoutError)


async def test_a_server_that_accepts_and_is_silent(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock, pytest.raises(HandshakeTimeout):
        await door.connect(f"{door.scheme}://127.0.0.1:{sock.getsockname()[1]}/", handshake_timeout=0.1)


def descriptors() -> set[str]:
    """Return what this process has open, but for the directory that is read."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:
            continue
    return found


async def test_cancelling_connect_at_every_step_leaves_nothing(door: Door) -> None:
    async with door.serving(lambda ws: ws.wait_closed()) as served:
        url = served.url

        async def once() -> WebSocket:
            return await door.connect(url)

        await (await once()).close()
        await until(lambda: not served.server.clients)
        before = descriptors()
        cancelled = opened = steps = 0
        # Every step at first. How many it takes is not known: names are resolved in a thread.
        while steps < 60 or not opened:
            task = asyncio.create_task(once())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            try:
                ws = await task
            except asyncio.CancelledError:
                cancelled += 1
            else:
                opened += 1
                await ws.close()
            await until(lambda: not served.server.clients and not served.server._openings)
            await until(lambda: descriptors() == before)
            steps += max(1, steps // 10)
        assert cancelled


@pytest.mark.parametrize("soon", [False, True])
async def test_cancelling_connect_at_the_last_moment(
    door: Door, soon: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handshake has succeeded, and the task that waits for it has not yet run."""
    begin = WebSocket._begin
    connecting: asyncio.Future[WebSocket] | None = None

    def begin_and_cancel(ws: WebSocket, *arguments: Any) -> None:
        begin(ws, *arguments)
        if ws.url is not None and connecting is not None:
            if soon:
                asyncio.get_running_loop().call_soon(connecting.cancel)
            else:
                connecting.cancel()

    monkeypatch.setattr(WebSocket, "_begin", begin_and_cancel)
    async with door.serving(lambda ws: ws.wait_closed()) as served:
        before = descriptors()
        connecting = asyncio.ensure_future(door.connect(served.url)._open())
        await asyncio.wait([connecting])
        assert connecting.cancelled()
        await until(lambda: not served.server.clients)
        await until(lambda: descriptors() == before)


async def test_bad_arguments_fail_before_anything_is_opened(door: Door) -> None:
    for bad, error in (
        (lambda: connect("http//x"), InvalidURI),
        (lambda: connect("ws://x/#fragment"), InvalidURI),
        (lambda: connect("ws://x", "two words"), ValueError),
        (lambda: connect("ws://x", handshake_timeout=-1), ValueError),
        (lambda: connect("ws://x", max_payload="1"), TypeError),  # type: ignore[arg-type]
        (lambda: connect("ws://x", max_paylaod=1), TypeError),  # type: ignore[call-arg]
        (lambda: WebSocket("ftp://x"), InvalidURI),
        (lambda: WebSocket("ws://x", max_paylaod=1), TypeError),
        (lambda: door.server(5, port=1), TypeError),  # type: ignore[arg-type]
        (WebSocketServer, TypeError),
        (lambda: WebSocketServer(port=1, unix_path="x"), TypeError),
        (lambda: WebSocketServer(port=65536), ValueError),
        (lambda: WebSocketServer(port=1, max_connections=0), ValueError),
    ):
        with pytest.raises(error):
            bad()


# -- other places


@pytest.mark.row(75)
@pytest.mark.parametrize("door", ["epoll", "direct", "transport"], indirect=True)
async def test_unix_sockets(door: Door, tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    url = f"ws+unix:{place}:/x?y=1"
    async with WebSocketServer(echo, unix_path=place) as server:
        assert server.address() == place
        async with connect(url) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
            assert ws.request.target == "/x?y=1"
        with pytest.raises(OSError, match=f"cannot listen at {place}: Address already in use"):
            await WebSocketServer(echo, unix_path=place).start()
    # A file that is left behind does not stop the next one.
    async with WebSocketServer(echo, unix_path=place), connect(url) as ws:
        await ws.close()


@pytest.mark.parametrize("door", ["epoll", "transport"], indirect=True)
async def test_a72_a_unix_socket_beside_the_url(door: Door, tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    async with (
        WebSocketServer(echo, unix_path=place) as server,
        connect("ws://host.invalid/x", unix_path=place, origin="http://host.invalid") as ws,
    ):
        assert server.address() == place
        assert ws.remote_address == place
        assert ws.url == "ws://host.invalid/x"
        await ws.send("x")
        assert await ws.recv() == "x"


@pytest.mark.parametrize("door", ["tls"], indirect=True)
async def test_a76_tls_over_a_unix_socket(door: Door, tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    assert door.certificate is not None
    async with WebSocketServer(echo, unix_path=place, ssl=door.certificate.server):
        for url, options in (("wss://localhost/", {"unix_path": place}), (f"ws+unix:{place}:/", {})):
            async with door.connect(url, **options) as ws:
                assert ws.ssl_object.server_hostname == "localhost"
                await ws.send("x")
                assert await ws.recv() == "x"


async def test_a_port_in_use(door: Door) -> None:
    async with door.serving(echo) as served:
        second = WebSocketServer(echo, "127.0.0.1", served.port)
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1 port {served.port}: Address already"):
            await second.start()


@pytest.mark.row(176)
async def test_all_interfaces(door: Door) -> None:
    options: dict[str, Any] = {} if door.certificate is None else {"ssl": door.certificate.server}
    async with WebSocketServer(echo, port=0, **options) as server:
        port = server.address()[1]
        for host in ("127.0.0.1", "[::1]"):
            extra: dict[str, Any] = {} if door.certificate is None else {"ssl": False}
            async with connect(f"{door.scheme}://{host}:{port}/", **extra) as ws:
                await ws.send(host)
                assert await ws.recv() == host


async def test_sockets_that_are_open_already(door: Door) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    options: dict[str, Any] = {} if door.certificate is None else {"ssl": door.certificate.server}
    async with WebSocketServer(echo, sock=listening, **options) as server:
        assert server.address()[1] == port
        connected = socket.create_connection(("127.0.0.1", port))
        async with door.connect(f"{door.scheme}://127.0.0.1/", sock=connected) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
        assert connected.fileno() == -1


@pytest.mark.parametrize("door", ["tls"], indirect=True)
async def test_certificates(door: Door) -> None:
    async with door.serving(echo) as served:
        for choice in (None, True):
            with pytest.raises(TLSError, match=r"with 127\.0\.0\.1 failed: .* it is self-signed"):
                await connect(served.url, ssl=choice)
        async with connect(served.url, ssl=False) as ws:
            assert ws.ssl_object.version().startswith("TLSv1.")
        with pytest.raises(TLSError, match=r"it is for other names than 'elsewhere\.example'"):
            await door.connect(served.url, server_hostname="elsewhere.example")
        with pytest.raises((HandshakeError, OSError)):
            await connect(f"ws://127.0.0.1:{served.port}/")
    async with WebSocketServer(echo, "127.0.0.1", 0) as plain:
        with pytest.raises(TLSError, match="the server does not speak TLS"):
            await door.connect(f"wss://127.0.0.1:{plain.address()[1]}/")


async def test_deadlines_outlive_the_reactor_that_a_handshake_began_with(door: Door) -> None:
    """A reactor goes with its last channel; whoever is in its TLS handshake then needs the next one."""
    async with door.serving(lambda ws: ws.wait_closed(), ping_interval=0.1) as served:
        first = await door.connect(served.url)
        sock = socket.create_connection(("127.0.0.1", served.port))
        await asyncio.sleep(0.02)  # it has been accepted: nothing tells
        await first.close()
        await until(lambda: not served.server.clients)
        name = {} if door.certificate is None else {"server_hostname": "127.0.0.1"}
        async with door.raw_client(None, sock=sock, **name) as peer:
            await peer.open()
            async with door.connect(served.url):
                pass
            assert (await asyncio.wait_for(peer.receive(), DEADLINE)).opcode == PING
