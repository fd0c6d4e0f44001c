"""From a URL to an open channel: addresses, sockets, TLS, the server's answer, and all the ways to fail."""

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.aio.recording import RecordingChannel, give
from tests.doors import conftest as doors
from tests.doors.door import Certificate, Door, until
from tests.doors.peer import TEXT, Peer, frame
from wsline.aio import dial as module
from wsline.aio import reactor
from wsline.aio.channel import Channel, Consumer
from wsline.aio.dial import Caller, dial
from wsline.aio.reactor import SocketChannel
from wsline.aio.timers import NEVER
from wsline.aio.transport import TransportChannel
from wsline.errors import HandshakeError, HandshakeTimeout, InvalidHeader, InvalidStatus, NoResponse, TLSError
from wsline.handshake.client import ClientHandshake
from wsline.handshake.redirects import Route
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions
from wsline.wire.kernels import Output

certificate = doors.certificate

PLAIN = Door("epoll", None)
LONG = "x" * 30


class Opened(Consumer, Caller):
    """Takes the channel over when it is open, as a WebSocket does."""

    def __init__(self, taker: Callable[[Channel, ClientHandshake], None] | None = None) -> None:
        self.taker = taker
        self.armed_at = NEVER
        self.channels: list[Channel] = []
        self.trailing = b""
        self.received = b""
        self.losses: list[OSError | None] = []

    def on_open(self, channel: Channel, handshake: ClientHandshake) -> None:
        if self.taker is not None:
            self.taker(channel, handshake)
            return
        self.channels.append(channel)
        self.trailing = handshake.trailing
        channel.consumer = self

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        self.received += bytes(buffer[start:end])

    def receive_eof(self) -> None:
        pass

    def on_lost(self, error: OSError | None) -> None:
        self.losses.append(error)

    @property
    def channel(self) -> Channel:
        (channel,) = self.channels
        return channel


async def dialled(
    url: str, on_open: Callable[[Channel, ClientHandshake], None] | None = None, **options: Any
) -> Opened:
    """Dial; return who took the channel."""
    opened = Opened(on_open)
    async with asyncio.timeout(10):
        await dial(Route(parse_uri(url), ClientOptions(**options)), Output(), opened)
    return opened


async def hang_up(opened: Opened) -> None:
    """Close the channel; its reactor must go with it."""
    opened.channel.abort()
    await until(lambda: opened.losses == [None])
    assert asyncio.get_running_loop() not in reactor._reactors


async def accept(peer: Peer) -> None:
    """Open, and wait for the end."""
    await peer.accept()
    await peer.is_at_end()


async def read_on(peer: Peer) -> None:
    """Say nothing, and wait for the end."""
    await peer.reader.read()


def answer(response: bytes) -> Callable[[Peer], Awaitable[object]]:
    """Return a script that gives an answer and leaves."""

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write(response)
        await peer.writer.drain()
        peer.writer.write_eof()
        await peer.is_at_end()

    return script


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[RecordingChannel]:
    """The channels that are made, which only record."""
    channels: list[RecordingChannel] = []

    def make(reactor: Any, sock: socket.socket, output: Output, direct: bool) -> RecordingChannel:
        sock.close()
        assert direct
        channels.append(RecordingChannel(output))
        return channels[-1]

    monkeypatch.setattr(module, "SocketChannel", make)
    return channels


# -- open


async def test_the_channel_is_handed_over_when_it_is_open() -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.accept(behind=peer.frame(TEXT, b"early")))
        await peer.is_at_end()

    async with PLAIN.raw_server(script) as url:
        opened = await dialled(url + "path?query")
        assert heads[0].startswith(b"GET /path?query HTTP/1.1\r\n")
        assert isinstance(opened.channel, SocketChannel)
        assert opened.trailing + opened.received == frame(TEXT, b"early")
        fd_options = socket.socket(fileno=socket.dup(opened.channel.fd))
        with fd_options:
            assert fd_options.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await hang_up(opened)


async def test_what_comes_later_comes_to_the_one_who_took_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.reader.readexactly(4)
        peer.writer.write(b"later")
        await peer.is_at_end()

    async with PLAIN.raw_server(script) as url:
        opened = await dialled(url, handshake_timeout=None)
        opened.channel.output.put(b"send", False, 0)
        opened.channel.written()
        await until(lambda: opened.received == b"later")
        await hang_up(opened)


async def test_where_sockets_cannot_be_watched_a_transport_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "AVAILABLE", False)
    async with PLAIN.raw_server(accept) as url:
        opened = await dialled(url)
        assert isinstance(opened.channel, TransportChannel)
        assert not opened.channel.secure
        await hang_up(opened)


async def test_a_unix_socket_serves(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with PLAIN.peer(reader, writer, is_client=False) as peer:
            await accept(peer)
        over.set()

    server = await asyncio.start_unix_server(serve, path)
    opened = await dialled(f"ws+unix:{path}:/")
    assert opened.channel.remote_address == path
    await hang_up(opened)
    async with asyncio.timeout(10):
        await over.wait()
    server.close()
    await server.wait_closed()


@pytest.mark.row(63)
async def test_a_socket_of_the_users_serves() -> None:
    async with PLAIN.raw_server(accept) as url:
        sock = socket.create_connection(("127.0.0.1", parse_uri(url).port))
        opened = await dialled("ws://nowhere.invalid/", sock=sock)
        assert opened.channel.local_address == sock.getsockname()
        await hang_up(opened)
        assert sock.fileno() == -1


async def test_a64_a_proxy_leads_there() -> None:
    async def script(peer: Peer) -> None:
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(
            b"CONNECT nowhere.invalid:80 HTTP/1.1\r\n"
        )
        peer.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await accept(peer)

    async with PLAIN.raw_server(script) as url:
        opened = await dialled("ws://nowhere.invalid/", proxy=url.replace("ws:", "http:"))
        await hang_up(opened)


async def test_a_closed_socket_of_the_users_is_an_error() -> None:
    sock = socket.socket()
    sock.close()
    with pytest.raises(OSError) as raised:
        await dialled("ws://nowhere.invalid/", sock=sock)
    assert raised.value.errno == errno.EBADF


# -- TLS


@pytest.fixture
def secure(certificate: Certificate) -> Door:
    return Door("tls", certificate)


@pytest.mark.row(175)
async def test_a_context_of_the_users_serves(secure: Door, certificate: Certificate) -> None:
    async with secure.raw_server(accept) as url:
        opened = await dialled(url, ssl=certificate.client)
        assert opened.channel.secure
        assert opened.channel.ssl_object.server_hostname == "127.0.0.1"
        await hang_up(opened)


async def test_another_name_can_be_asked_for(secure: Door, certificate: Certificate) -> None:
    async with secure.raw_server(accept) as url:
        opened = await dialled(url, ssl=certificate.client, server_hostname="localhost")
        assert opened.channel.ssl_object.server_hostname == "localhost"
        await hang_up(opened)


async def refused(door: Door, **options: Any) -> TLSError:
    """Dial a server whose certificate is not taken."""
    server = await asyncio.start_server(
        lambda reader, writer: writer.transport.abort(),
        "127.0.0.1",
        0,
        ssl=door.certificate.server if door.certificate else None,
    )
    try:
        with pytest.raises(TLSError) as raised:
            await dialled(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/", **options)
    finally:
        server.close()
        await server.wait_closed()
    assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
    return raised.value


@pytest.mark.parametrize("choice", [None, True])
async def test_servers_are_verified_by_default(secure: Door, choice: bool | None) -> None:
    error = await refused(secure, ssl=choice)
    assert "self-signed" in str(error) or "self signed" in str(error)


async def test_the_wrong_name_is_refused(secure: Door, certificate: Certificate) -> None:
    error = await refused(secure, ssl=certificate.client, server_hostname="other.invalid")
    assert "other.invalid" in str(error)


@pytest.mark.row(66)
async def test_nothing_is_verified_on_request(secure: Door) -> None:
    async with secure.raw_server(accept) as url:
        opened = await dialled(url, ssl=False)
        assert opened.channel.secure
        await hang_up(opened)


async def test_over_transports(
    secure: Door, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactor, "AVAILABLE", False)
    async with secure.raw_server(accept) as url:
        opened = await dialled(url, ssl=certificate.client)
        assert isinstance(opened.channel, TransportChannel)
        assert opened.channel.secure
        await hang_up(opened)
    error = await refused(secure)
    assert "self-signed" in str(error)


@pytest.mark.parametrize("is_available", [True, False], ids=["reactor", "transport"])
async def test_giving_up_in_the_tls_handshake_ends_the_stream(
    is_available: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactor, "AVAILABLE", is_available)
    greeted = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        greeted.set()
        await peer.reader.read()  # the end, or this script does not end

    async with PLAIN.raw_server(script) as url:
        task = asyncio.ensure_future(dialled(url.replace("ws:", "wss:"), ssl=False))
        async with asyncio.timeout(10):
            await greeted.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_giving_up_when_the_socket_is_gone_is_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create_connection(*arguments: Any, sock: socket.socket, **keywords: Any) -> None:
        sock.close()
        raise asyncio.CancelledError

    monkeypatch.setattr(reactor, "AVAILABLE", False)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(asyncio.CancelledError):
        await dialled("ws://nowhere.invalid/", sock=ours)


# -- no WebSocket


async def test_the_systems_patience_is_not_our_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sock_connect(*arguments: Any) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "out")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    with pytest.raises(TimeoutError, match=r"cannot connect to 127.0.0.1 port 80") as raised:
        await dialled("ws://127.0.0.1/")
    assert not isinstance(raised.value, HandshakeError)


@pytest.mark.row("165b")
async def test_silence_is_a_timeout() -> None:
    async with PLAIN.raw_server(read_on) as url:
        with pytest.raises(HandshakeTimeout, match=r"was not open after 0.05 s \(option handshake") as raised:
            await dialled(url + LONG, handshake_timeout=0.05)
        assert raised.value.request.target == "/" + LONG


async def test_giving_up_leaves_nothing_open() -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        asked.set()
        await peer.is_at_end()

    async with PLAIN.raw_server(script) as url:
        task = asyncio.ensure_future(dialled(url))
        async with asyncio.timeout(10):
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert asyncio.get_running_loop() not in reactor._reactors


async def test_another_status_is_an_error() -> None:
    response = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
    async with PLAIN.raw_server(answer(response)) as url:
        with pytest.raises(InvalidStatus) as raised:
            await dialled(url)
        assert raised.value.response.body == b"none"


async def test_the_end_of_the_stream_ends_a_refusal() -> None:
    async with PLAIN.raw_server(answer(b"HTTP/1.1 500 Oops\r\n\r\nwhy")) as url:
        with pytest.raises(InvalidStatus) as raised:
            await dialled(url)
        assert raised.value.response.body == b"why"


async def test_the_end_of_the_stream_within_the_head_is_an_error() -> None:
    async with PLAIN.raw_server(answer(b"HTTP/1.1 101 Swi")) as url:
        with pytest.raises(HandshakeError):
            await dialled(url)


async def test_a_wrong_accept_is_an_error() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    async with PLAIN.raw_server(answer(head + b"Sec-WebSocket-Accept: no\r\n\r\n")) as url:
        with pytest.raises(InvalidHeader):
            await dialled(url)


async def test_a_reset_is_an_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.cut()

    async with PLAIN.raw_server(script) as url:
        with pytest.raises(NoResponse) as caught:
            await dialled(url)
    assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_an_error_of_who_takes_it_closes_the_channel() -> None:
    def fail(channel: Channel, handshake: ClientHandshake) -> None:
        raise ValueError("no")

    async with PLAIN.raw_server(accept) as url:
        with pytest.raises(ValueError, match="no"):
            await dialled(url, fail)


def test_a_caller_takes_the_channel() -> None:
    channel, handshake = cast(Channel, None), cast(ClientHandshake, None)
    with pytest.raises(NotImplementedError):
        Caller().on_open(channel, handshake)


async def test_a_channel_that_nobody_takes_is_closed() -> None:
    async with PLAIN.raw_server(accept) as url:
        opened = await dialled(url, lambda channel, handshake: None)
        assert opened.channels == []
    assert asyncio.get_running_loop() not in reactor._reactors


async def test_a_channel_that_is_closed_already_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*arguments: Any, **keywords: Any) -> Channel:
        channel = SocketChannel(*arguments, **keywords)
        channel.abort()
        return channel

    monkeypatch.setattr(module, "SocketChannel", make)
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(NoResponse, match="closed after 0 bytes of the server's answer"):
        await dialled("ws://nowhere.invalid/", sock=ours)


async def started(recorded: list[RecordingChannel]) -> "asyncio.Task[Opened]":
    """Dial, up to where the request has been sent."""
    ours, theirs = socket.socketpair()
    theirs.close()
    task = asyncio.ensure_future(dialled("ws://nowhere.invalid/", sock=ours))
    await until(lambda: recorded and recorded[0].calls == ["written"])
    return task


async def test_only_the_first_fault_is_told(recorded: list[RecordingChannel]) -> None:
    task = await started(recorded)
    (channel,) = recorded
    assert channel.output.take().startswith(b"GET / HTTP/1.1\r\n")
    consumer = channel.consumer
    give(consumer, b"HTTP/1.1 403 No\r\nContent-Le")
    await asyncio.sleep(0)
    assert not task.done()
    give(consumer, b"ngth: 0\r\n\r\n")
    give(consumer, b"more")
    consumer.receive_eof()
    channel.error = ConnectionResetError("reset")
    consumer.on_lost(channel.error)
    with pytest.raises(InvalidStatus):
        await task
    assert channel.calls == ["written", "abort"]
    give(consumer, b"late")  # as a channel may that does not stop at once
    consumer.on_lost(None)
    assert channel.calls == ["written", "abort"]


async def test_a_fault_that_nobody_awaits_is_not_reported(recorded: list[RecordingChannel]) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    task = await started(recorded)
    recorded[0].consumer.on_lost(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    await asyncio.sleep(0)
    assert reports == []
