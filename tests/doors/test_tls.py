"""TLS from end to end: who is trusted, what is told, what OpenSSL's own programs make of it."""

import asyncio
import base64
import hashlib
import logging
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import wsline.aio.reactor
import wsline.aio.upgrades
from tests.certificates import Authority, Certificate
from tests.doors.door import DEADLINE, echo, until
from tests.doors.peer import CLOSE, GUID, REQUEST, TEXT, Peer, close, frame
from wsline import (
    ConnectionClosedError,
    TLSError,
    TruncatedStream,
    WebSocket,
    WebSocketServer,
    WriteTimeout,
    connect,
)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def at_home(authority: Authority) -> Certificate:
    return authority.sign("home", "DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """A client's context."""
    return authority.client_context()


@asynccontextmanager
async def serving(
    certificate: Certificate | ssl.SSLContext, handler: Any = echo, **options: Any
) -> AsyncIterator[tuple[WebSocketServer, int]]:
    context = certificate if isinstance(certificate, ssl.SSLContext) else certificate.server_context()
    async with WebSocketServer(handler, "127.0.0.1", 0, ssl=context, **options) as server:
        yield server, server.address()[1]


async def is_over(sock: socket.socket) -> float:
    """Wait for the end of a stream, whatever comes before it; return how long that took."""
    started = time.monotonic()
    sock.setblocking(False)
    try:
        async with asyncio.timeout(DEADLINE):
            while await asyncio.get_running_loop().sock_recv(sock, 1 << 16):
                pass
    except ConnectionResetError:
        pass
    return time.monotonic() - started


# -- whom to trust


@pytest.mark.parametrize("is_available", [True, False], ids=["reactor", "transport"])
@pytest.mark.parametrize(
    ("alternatives", "days", "host", "told"),
    [
        ("DNS:localhost", -1, "localhost", "it has expired"),
        ("DNS:elsewhere.example", 2, "localhost", "it is for other names than 'localhost'"),
        ("DNS:localhost", 2, "127.0.0.1", "the address 127.0.0.1 is not in it"),
        ("", 2, "localhost", "it is for other names than 'localhost'"),
    ],
    ids=["expired", "other name", "no address", "no name"],
)
async def test_a66_wrong_certificates_are_refused(
    authority: Authority,
    trusting: ssl.SSLContext,
    alternatives: str,
    days: int,
    host: str,
    told: str,
    is_available: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wsline.aio.reactor, "AVAILABLE", is_available)
    async with serving(authority.sign("wrong", alternatives, days)) as (_, port):
        with pytest.raises(TLSError, match=f"TLS handshake with {host} failed: .*{told}") as caught:
            await connect(f"wss://{host}:{port}/", ssl=trusting, family=socket.AF_INET)
        assert isinstance(caught.value, OSError)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("choice", [None, True])
async def test_a66_an_authority_that_is_not_known(at_home: Certificate, choice: bool | None) -> None:
    async with serving(at_home) as (_, port):
        with pytest.raises(TLSError, match=r"not (known|trusted) here.*cafile"):
            await connect(f"wss://127.0.0.1:{port}/", ssl=choice)


async def test_a66_another_name_can_be_asked_for(authority: Authority, trusting: ssl.SSLContext) -> None:
    certificate = authority.sign("elsewhere", "DNS:elsewhere.example")
    async with serving(certificate) as (_, port):
        url = f"wss://127.0.0.1:{port}/"
        async with connect(url, ssl=trusting, server_hostname="elsewhere.example") as ws:
            await ws.send("x")
            assert await ws.recv() == "x"


async def test_a190_nothing_is_verified_on_request(authority: Authority) -> None:
    bad = authority.sign("bad", "DNS:elsewhere.example", -1)
    async with serving(bad) as (_, port), connect(f"wss://127.0.0.1:{port}/", ssl=False) as ws:
        await ws.send("x")
        assert await ws.recv() == "x"
        assert ws.ssl_object.getpeercert() == {}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a66_certificates_of_clients(
    authority: Authority, at_home: Certificate, trusting: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    seen: list[Any] = []

    async def handler(ws: WebSocket) -> None:
        seen.append(ws.ssl_object.getpeercert()["subject"][0][0][1])

    context = at_home.server_context()
    context.maximum_version = context.minimum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.path)
    ours = authority.sign("visitor")
    async with serving(context, handler) as (_, port):
        with pytest.raises(TLSError, match=r"the server refused: (it wants a certificate|it takes none)"):
            await connect(f"wss://127.0.0.1:{port}/", ssl=trusting)
        trusting.load_cert_chain(ours.path, ours.key)
        async with connect(f"wss://127.0.0.1:{port}/", ssl=trusting) as ws:
            await ws.wait_closed()
            assert ws.close_code == 1000
    assert seen == ["visitor"]


async def test_a66_no_version_in_common(at_home: Certificate, trusting: ssl.SSLContext) -> None:
    context = at_home.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    trusting.minimum_version = ssl.TLSVersion.TLSv1_3
    async with serving(context) as (_, port):
        with pytest.raises(TLSError, match="it takes no version of TLS that is offered"):
            await connect(f"wss://127.0.0.1:{port}/", ssl=trusting)


async def test_over_transports(
    at_home: Certificate, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where sockets cannot be watched, asyncio does it."""
    monkeypatch.setattr(wsline.aio.reactor, "AVAILABLE", False)
    async with (
        serving(at_home) as (_, port),
        connect(f"wss://127.0.0.1:{port}/", ssl=trusting) as ws,
    ):
        await ws.send("x" * 100_000)
        assert await ws.recv() == "x" * 100_000


# -- peers that do not do their part


def client_hello(trusting: ssl.SSLContext) -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = trusting.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    "said",
    [lambda hello: b"", lambda hello: hello[:50], lambda hello: hello],
    ids=["nothing", "half a hello", "no answer"],
)
async def test_who_stalls_is_closed_in_time(
    at_home: Certificate, trusting: ssl.SSLContext, said: Callable[[bytes], bytes]
) -> None:
    async with serving(at_home, handshake_timeout=0.2) as (server, port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.send(said(client_hello(trusting)))
            assert 0.1 < await is_over(sock) < 1
        assert not server._openings


async def test_the_time_for_the_handshake_is_a_total(at_home: Certificate, trusting: ssl.SSLContext) -> None:
    async with serving(at_home, handshake_timeout=0.3) as (_, port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            started = time.monotonic()
            try:
                for byte in client_hello(trusting):
                    sock.send(bytes([byte]))
                    await asyncio.sleep(0.02)
            except (BrokenPipeError, ConnectionResetError):
                pass
            await is_over(sock)
            assert time.monotonic() - started < 2


async def test_a_server_that_stalls_is_given_up(trusting: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"wss://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(TimeoutError, match="handshake_timeout"):
            await connect(url, ssl=trusting, handshake_timeout=0.1)


async def test_plain_requests_are_refused(at_home: Certificate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsline")
    async with serving(at_home) as (_, port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.send(REQUEST + b"\r\n")
            assert await is_over(sock) < 5
        await until(lambda: "the client does not speak TLS; it may have used ws: " in caplog.text)


async def test_a_server_that_hangs_up(trusting: ssl.SSLContext) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TLSError, match="hung up in the TLS handshake"):
            await connect(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/", ssl=trusting)


async def test_closing_does_not_wait_for_handshakes(
    at_home: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wsline.aio.upgrades, "LINGER", 0.1)
    async with serving(at_home) as (server, port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            await until(lambda: server._openings)
            server.close()
            assert await is_over(sock) < 5


class Cut:
    """The far end of a client, whose TCP can end without TLS's farewell."""

    def __init__(self, certificate: Certificate) -> None:
        self.context = certificate.server_context()
        self.peer: Peer | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.peer = Peer(reader, writer, is_client=False)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self.context)
        try:
            yield f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finally:
            server.close()
            if self.peer is not None:
                self.peer.writer.transport.abort()

    async def accept(self) -> Peer:
        await until(lambda: self.peer)
        assert self.peer is not None
        await self.peer.accept()
        return self.peer

    def cut(self) -> None:
        """End TCP, as somebody on the way can."""
        assert self.peer is not None
        with socket.socket(fileno=os.dup(self.peer.writer.get_extra_info("socket").fileno())) as sock:
            sock.shutdown(socket.SHUT_WR)


@pytest.fixture(params=["reactor", "transport"])
def channel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS of ours, or of the loop."""
    monkeypatch.setattr(wsline.aio.reactor, "AVAILABLE", request.param == "reactor")


@pytest.mark.usefixtures("channel")
async def test_a_truncated_stream_is_no_good_end(at_home: Certificate, trusting: ssl.SSLContext) -> None:
    far = Cut(at_home)
    async with far.serving() as url:
        opening = asyncio.ensure_future(far.accept())
        async with connect(url, ssl=trusting) as ws:
            (await opening).send(TEXT, b"pay 1")
            assert await ws.recv() == "pay 1"
            far.cut()
            with pytest.raises(ConnectionClosedError) as caught:
                await ws.recv()
            assert caught.value.code == 1006
            assert isinstance(caught.value.__cause__, TruncatedStream)
            assert ws.close_info.cause is caught.value.__cause__
            assert "close_notify" in ws.close_info.hint
            assert not ws.close_info.was_clean


@pytest.mark.usefixtures("channel")
async def test_a_truncated_close_is_no_good_end(at_home: Certificate, trusting: ssl.SSLContext) -> None:
    far = Cut(at_home)
    async with far.serving() as url:
        opening = asyncio.ensure_future(far.accept())
        async with connect(url, ssl=trusting) as ws:
            await opening
            closing = asyncio.ensure_future(ws.close())
            await asyncio.sleep(0)
            far.cut()
            await asyncio.wait_for(closing, DEADLINE)
            assert ws.close_code == 1006
            assert isinstance(ws.close_info.cause, TruncatedStream)


@pytest.mark.usefixtures("channel")
async def test_a_farewell_alone_is_a_good_end_of_tls(at_home: Certificate, trusting: ssl.SSLContext) -> None:
    far = Cut(at_home)
    async with far.serving() as url:
        opening = asyncio.ensure_future(far.accept())
        async with connect(url, ssl=trusting) as ws:
            (await opening).send(TEXT, b"last")
            (await opening).writer.close()
            assert await ws.recv() == "last"
            await ws.wait_closed()
            assert ws.close_code == 1006
            assert ws.close_info.cause is None


@pytest.mark.usefixtures("channel")
async def test_behind_both_close_frames_a_farewell_is_not_needed(
    at_home: Certificate, trusting: ssl.SSLContext
) -> None:
    far = Cut(at_home)
    async with far.serving() as url:
        opening = asyncio.ensure_future(far.accept())
        async with connect(url, ssl=trusting) as ws:
            peer = await opening
            peer.send(CLOSE, close(1000))
            far.cut()
            await ws.wait_closed()
            assert ws.close_code == 1000
            assert ws.close_info.is_ok


@pytest.mark.parametrize("reads", [True, False])
async def test_shutting_a_dead_peer_down_is_bounded(
    at_home: Certificate, trusting: ssl.SSLContext, reads: bool
) -> None:
    far = Cut(at_home)
    async with far.serving() as url:
        opening = asyncio.ensure_future(far.accept())
        ws = await connect(url, ssl=trusting, close_timeout=0.1)
        peer = await opening
        if not reads:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            ws.send(bytes(1 << 23))
            assert ws.buffered_amount > 1 << 20
        started = time.monotonic()
        await asyncio.wait_for(ws.close(), DEADLINE)
        assert time.monotonic() - started < 3
        assert ws.close_code == 1006


async def test_a_peer_that_takes_nothing_is_cut(at_home: Certificate, trusting: ssl.SSLContext) -> None:
    far = Cut(at_home)
    async with far.serving() as url:
        opening = asyncio.ensure_future(far.accept())
        async with connect(url, ssl=trusting, write_timeout=0.1) as ws:
            (await opening).writer.transport.pause_reading()  # type: ignore[attr-defined]
            with pytest.raises(ConnectionClosedError) as caught:
                for _ in range(100):
                    await ws.send(bytes(1 << 20))
            assert isinstance(caught.value.__cause__, WriteTimeout)


# -- OpenSSL's own programs


class Program:
    """One of OpenSSL's programs, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._heard = b""

    def say(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    async def hear(self, pattern: bytes) -> re.Match[bytes]:
        """Return the next that matches."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            while not (match := re.search(pattern, self._heard, re.DOTALL)):
                part = await self._process.stdout.read(1 << 16)
                assert part, self._heard
                self._heard += part
        self._heard = self._heard[match.end() :]
        return match

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), DEADLINE)


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        "openssl", *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize(("version", "command"), [("-tls1_2", b""), ("-tls1_3", b"K\n"), ("-tls1_3", b"k\n")])
async def test_s_client(at_home: Certificate, authority: Authority, version: str, command: bytes) -> None:
    """Key updates go both ways: `K` asks for one of ours."""
    over: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        over.append(ws)
        await echo(ws)

    async with serving(at_home, handler) as (_, port):
        place = ["-connect", f"127.0.0.1:{port}", "-verify_return_error", "-CAfile", str(authority.path)]
        async with program("s_client", version, "-brief", *place) as client:
            client.say(REQUEST + b"\r\n")
            await client.hear(rb"101 Switching Protocols\r\n.*?\r\n\r\n")
            for i in range(3):
                if command:
                    client.say(command)
                    await client.hear(b"KEYUPDATE\n")
                client.say(frame(TEXT, b"hello %d" % i, mask=True))
                await client.hear(b"\x81\x07hello %d" % i)
            await client.end()
            await until(lambda: over[0].ready_state == WebSocket.CLOSED)
            assert over[0].close_code == 1006
            assert over[0].close_info.cause is None  # it has said farewell


@pytest.mark.parametrize(
    ("version", "command"), [("-tls1_2", b"r\n"), ("-tls1_3", b"K\n"), ("-tls1_3", b"k\n")]
)
async def test_s_server(at_home: Certificate, trusting: ssl.SSLContext, version: str, command: bytes) -> None:
    """It begins a new handshake (`r`) or changes keys, and asks for ours (`K`)."""
    files = ["-cert", str(at_home.path), "-key", str(at_home.key)]
    async with program("s_server", version, "-accept", "127.0.0.1:0", *files) as server:
        port = int((await server.hear(rb"ACCEPT .*?:(\d+)\n"))[1])
        ws = WebSocket(f"wss://127.0.0.1:{port}/", ssl=trusting, generate_mask=lambda: bytes(4))
        key = (await server.hear(rb"Sec-WebSocket-Key: (.*?)\r\n"))[1]
        server.say(answer_to(key))
        await until(lambda: ws.ready_state == WebSocket.OPEN)
        for i in range(3):
            server.say(command)
            ws.send(f"hello {i}")
            await server.hear(b"\x81\x87\0\0\0\0hello %d" % i)
            server.say(b"\x81\x07world %d" % i)
            assert await asyncio.wait_for(ws.recv(), DEADLINE) == f"world {i}"
        closing = asyncio.ensure_future(ws.close())
        await server.hear(b"\x88\x82\0\0\0\0\x03\xe8")
        server.say(b"\x88\x02\x03\xe8")
        await server.hear(b"DONE\n")  # of our farewell
        await asyncio.wait_for(closing, DEADLINE)
        assert ws.close_info.is_ok


def answer_to(key: bytes) -> bytes:
    """Return the response that accepts a request."""
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
