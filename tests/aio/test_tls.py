"""TLS on a socket: against an `ssl.SSLObject` that is moved by hand, so that each byte can be chosen."""

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.aio.test_reactor import Ear, turn
from tests.certificates import Authority, Certificate
from tests.doors.door import DEADLINE, until
from wsline.aio import reactor as reactor_module
from wsline.aio.channel import NOBODY
from wsline.aio.reactor import RECEIVE_SIZE, reactor_of
from wsline.aio.tls import TLSChannel
from wsline.errors import TruncatedStream
from wsline.states import Exit
from wsline.wire.kernels import Output

KIB = 1024
MIB = 1 << 20

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Far:
    """The far end of a TLS connection."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, is_server: bool) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=is_server,
            server_hostname=None if is_server else "localhost",
        )
        self.waiting = b""

    def push(self) -> None:
        """Send what the socket takes of what TLS has written."""
        self.waiting += self.outgoing.read()
        try:
            while self.waiting:
                self.waiting = self.waiting[self.sock.send(self.waiting) :]
        except (BlockingIOError, BrokenPipeError):
            pass

    async def do(self, operation: Callable[[], Any]) -> Any:
        """Have TLS do something, whatever bytes that takes."""
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    return operation()
                except ssl.SSLWantReadError:
                    self.push()
                finally:
                    self.push()
                try:
                    data = self.sock.recv(MIB)
                    self.incoming.write(data) if data else self.incoming.write_eof()
                except BlockingIOError:
                    await asyncio.sleep(0.001)

    async def shake_hands(self) -> None:
        await self.do(self.tls.do_handshake)

    def write(self, *records: bytes) -> None:
        """Send data, each piece in a record of its own."""
        for each in records:
            self.tls.write(each)
        self.push()

    def encrypted(self, data: bytes) -> bytes:
        """Return data as it would be sent."""
        self.tls.write(data)
        return self.outgoing.read()

    async def read(self, n: int = MIB) -> bytes:
        """Return one record's data; nothing at the farewell."""
        try:
            data: bytes = await self.do(lambda: self.tls.read(n))
        except ssl.SSLZeroReturnError:
            return b""
        return data

    async def read_exactly(self, n: int) -> bytes:
        parts = []
        while n:
            part = await self.read(n)
            assert part, "the other side has said farewell"
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def say_farewell(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.push()

    async def heard(self) -> bytes:
        """Return what has come on the wire, and has not been read."""
        await turn()
        try:
            return self.sock.recv(MIB)
        except BlockingIOError:
            return b""


class Line:
    """A channel, its consumer, and the far end."""

    def __init__(
        self, role: str, ours: ssl.SSLContext, theirs: ssl.SSLContext, output: Output | None = None
    ) -> None:
        near, far = socket.socketpair()
        is_server = role == "server"
        self.ear = Ear()
        self.reactor = reactor_of(asyncio.get_running_loop())
        self.channel = TLSChannel(
            self.reactor,
            near,
            ours,
            output,
            direct=not is_server,
            server_side=is_server,
            server_hostname=None if is_server else "localhost",
        )
        self.channel.consumer = self.ear
        self.far = Far(far, theirs, not is_server)

    async def open(self) -> "Line":
        self.channel.flush()
        await self.far.shake_hands()
        await until(lambda: self.channel.is_ready)
        return self

    def say(self, data: bytes) -> None:
        self.channel.output.put(data, False, 0)
        self.channel.written()

    def end(self) -> None:
        self.channel.abort()
        self.far.sock.close()


class Contexts:
    """The two sides' contexts."""

    def __init__(self, authority: Authority, certificate: Certificate) -> None:
        self.server = certificate.server_context()
        self.client = authority.client_context()

    def of(self, role: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Return a role's, and the other's."""
        return (self.server, self.client) if role == "server" else (self.client, self.server)

    def set_version(self, version: ssl.TLSVersion) -> "Contexts":
        for each in (self.server, self.client):
            each.minimum_version = each.maximum_version = version
        return self


@pytest.fixture
def contexts(authority: Authority, at_home: Certificate) -> Contexts:
    return Contexts(authority, at_home)


@pytest.fixture(params=["server", "client"])
def role(request: pytest.FixtureRequest) -> str:
    """Our role."""
    name: str = request.param
    return name


@pytest.fixture
async def fresh(role: str, contexts: Contexts) -> AsyncIterator[Line]:
    """A line on which nothing was said."""
    line = Line(role, *contexts.of(role))
    yield line
    line.end()
    assert asyncio.get_running_loop() not in reactor_module._reactors


@pytest.fixture
async def line(fresh: Line) -> Line:
    """A line after the TLS handshake."""
    return await fresh.open()


# -- the handshake


@pytest.mark.parametrize("version", VERSIONS)
async def test_both_roles_speak_both_versions(role: str, version: ssl.TLSVersion, contexts: Contexts) -> None:
    line = Line(role, *contexts.set_version(version).of(role))
    assert line.channel.secure
    assert not line.channel.is_ready
    await line.open()
    assert line.channel.ssl_object.version() == version.name.replace("_", ".")
    line.far.write(b"question")
    await until(lambda: line.ear.data == b"question")
    line.say(b"answer")
    assert await line.far.read() == b"answer"
    line.far.say_farewell()
    await until(lambda: line.ear.told == ["eof", ("lost", None)])
    assert line.channel.ssl_object is not None
    line.end()


async def test_what_is_said_too_early_is_said_after_the_handshake(fresh: Line) -> None:
    fresh.say(b"early")
    assert fresh.channel.output.pending() == 5
    await fresh.open()
    assert await fresh.far.read() == b"early"
    assert fresh.channel.output.pending() == 0


async def test_what_comes_with_the_end_of_the_handshake_is_not_lost(contexts: Contexts) -> None:
    line = Line("server", *contexts.of("server"))
    far = line.far
    with pytest.raises(ssl.SSLWantReadError):
        far.tls.do_handshake()
    far.push()
    while not far.incoming.pending:
        await asyncio.sleep(0.001)
        far.incoming.write(await far.heard())
    far.tls.do_handshake()
    far.write(b"at once")  # in one piece with the end of the handshake
    await until(lambda: line.ear.data == b"at once")
    line.end()


async def test_a_handshake_byte_by_byte(fresh: Line) -> None:
    class Dribbling:
        def __getattr__(self, name: str) -> Any:
            return getattr(sock, name)

        def send(self, data: bytes) -> int:
            return sock.send(data[:1])

    sock = fresh.far.sock
    fresh.far.sock = Dribbling()  # type: ignore[assignment]
    await fresh.open()
    fresh.far.write(b"slowly")

    def has_come() -> bool:
        fresh.far.push()  # the socket holds few such small pieces
        return fresh.ear.data == b"slowly"

    await until(has_come)


async def test_bytes_that_are_not_tls_are_told(fresh: Line) -> None:
    fresh.far.sock.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: fresh.ear.told)
    ((_, error),) = fresh.ear.told
    assert isinstance(error, ssl.SSLError)
    assert error.reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER")
    assert fresh.channel.closed
    assert fresh.ear.parts == []


async def test_hanging_up_in_the_handshake_is_told(fresh: Line) -> None:
    fresh.channel.flush()
    fresh.far.sock.shutdown(socket.SHUT_WR)
    await until(lambda: fresh.ear.told)
    ((_, error),) = fresh.ear.told
    assert isinstance(error, ssl.SSLEOFError)
    assert "in the TLS handshake" in str(error)


async def test_a_certificate_that_is_not_trusted_ends_it(contexts: Contexts) -> None:
    stranger = ssl.create_default_context()
    line = Line("client", stranger, contexts.server)
    line.channel.flush()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
        await line.far.shake_hands()
    ((_, error),) = line.ear.told
    assert isinstance(error, ssl.SSLCertVerificationError)
    line.end()


async def test_leaving_in_the_handshake_waits_for_its_end(fresh: Line) -> None:
    fresh.channel.ending = int(Exit.CLOSE)
    fresh.say(b"refused")
    await turn()
    assert not fresh.channel.closed
    await fresh.far.shake_hands()
    assert await fresh.far.read() == b"refused"
    assert await fresh.far.read() == b""
    assert fresh.ear.told == [("lost", None)]


async def test_a_context_that_cannot_serve_leaves_the_socket_alone(contexts: Contexts) -> None:
    near, far = socket.socketpair()
    reactor = reactor_of(asyncio.get_running_loop())
    with near, far:
        with pytest.raises(ssl.SSLError):
            TLSChannel(reactor, near, contexts.client, server_side=True)
        with pytest.raises(ValueError, match="label empty"):
            TLSChannel(reactor, near, contexts.client, server_hostname=".localhost")
        contexts.client.minimum_version = ssl.TLSVersion.TLSv1_3
        contexts.client.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            TLSChannel(reactor, near, contexts.client, server_hostname="localhost")
        assert near.fileno() >= 0
    reactor.close()


# -- what the two sides agree on


async def test_http_can_be_agreed_on(role: str, contexts: Contexts) -> None:
    for each in (contexts.server, contexts.client):
        each.set_alpn_protocols(["http/1.1"])
    line = await Line(role, *contexts.of(role)).open()
    assert line.channel.ssl_object.selected_alpn_protocol() == "http/1.1"
    line.end()


async def test_another_protocol_cannot(role: str, contexts: Contexts) -> None:
    for each in (contexts.server, contexts.client):
        each.set_alpn_protocols(["h2", "http/1.1"])
    line = Line(role, *contexts.of(role))
    line.channel.flush()
    await line.far.shake_hands()
    await until(lambda: line.ear.told)
    ((_, error),) = line.ear.told
    assert isinstance(error, ssl.SSLError)
    assert "'h2'" in str(error)
    assert "set_alpn_protocols" in str(error)
    line.end()


async def test_a_certificate_of_the_client(authority: Authority, contexts: Contexts) -> None:
    ours = authority.sign("visitor")
    contexts.server.verify_mode = ssl.CERT_REQUIRED
    contexts.server.load_verify_locations(authority.path)
    contexts.client.load_cert_chain(ours.path, ours.key)
    line = await Line("server", *contexts.of("server")).open()
    assert line.channel.ssl_object.getpeercert()["subject"] == ((("commonName", "visitor"),),)
    line.end()


async def test_a_server_name_chooses_the_certificate(authority: Authority, contexts: Contexts) -> None:
    other = authority.sign("other", "DNS:localhost").server_context()

    def choose(tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        assert name == "localhost"
        tls.context = other

    contexts.server.sni_callback = choose
    line = await Line("server", *contexts.of("server")).open()
    certificate = line.far.tls.getpeercert()
    assert certificate is not None
    assert certificate["subject"] == ((("commonName", "other"),),)
    line.end()


async def test_the_users_functions_may_send_elsewhere(contexts: Contexts) -> None:
    """The memory that OpenSSL reads and writes is the loop's: two handshakes must not meet in it."""
    log = await Line("server", *contexts.of("server")).open()

    def choose(tls: Any, name: str | None, context: ssl.SSLContext) -> None:
        log.say(b"somebody comes")
        log.channel.ending = int(Exit.CLOSE)
        log.channel.flush()

    contexts.server.sni_callback = choose
    line = await Line("server", *contexts.of("server")).open()
    assert await log.far.read() == b"somebody comes"
    assert await log.far.read() == b""
    line.say(b"welcome")
    assert await line.far.read() == b"welcome"
    line.end()
    log.end()


# -- in


async def test_the_records_of_a_read_are_handed_on_together(line: Line) -> None:
    line.far.write(*[b"%d" % (i % 10) for i in range(1000)])
    await until(lambda: len(line.ear.data) == 1000)
    assert line.ear.data == b"0123456789" * 100
    assert len(line.ear.parts) <= 3  # as the socket gives them


async def test_a_record_byte_by_byte(line: Line) -> None:
    for byte in line.far.encrypted(b"dribble"):
        assert line.ear.parts == []
        line.far.sock.send(bytes([byte]))
        await turn()
    await until(lambda: line.ear.parts == [b"dribble"])


async def test_records_cut_anywhere(line: Line) -> None:
    data = b"".join(line.far.encrypted(bytes([i]) * 300) for i in range(100))
    for at in range(0, len(data), 777):
        line.far.sock.send(data[at : at + 777])
        await turn()
    await until(lambda: len(line.ear.data) == 30_000)
    assert line.ear.data == b"".join(bytes([i]) * 300 for i in range(100))


async def test_much_data_comes_in_parts_that_fit(line: Line) -> None:
    data = bytes(range(256)) * (32 * KIB)
    line.far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MIB)
    line.far.write(data)

    def has_come() -> bool:
        line.far.push()
        return len(line.ear.data) == len(data)

    await until(has_come)
    assert line.ear.data == data
    assert max(len(part) for part in line.ear.parts) <= RECEIVE_SIZE


async def test_pausing_stops_reading(line: Line) -> None:
    line.channel.pause_reading()
    line.far.write(b"x")
    await turn()
    assert line.ear.parts == []
    line.channel.resume_reading()
    await until(lambda: line.ear.data == b"x")


async def test_pausing_in_a_batch_stops_after_it(line: Line) -> None:
    line.ear.on_receive = line.channel.pause_reading
    line.far.write(bytes(2 * MIB))
    await until(lambda: line.ear.parts)
    before = len(line.ear.data)
    line.far.push()
    await turn()
    assert len(line.ear.data) == before <= RECEIVE_SIZE


async def test_an_error_of_the_consumer_ends_its_connection(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("no")

    line.ear.on_receive = fail
    line.far.write(b"x")
    await until(lambda: line.ear.told == [("lost", None)])
    assert "error while serving" in caplog.text


async def test_aborting_in_a_batch_ends_it(line: Line) -> None:
    line.ear.on_receive = line.channel.abort
    line.far.tls.write(b"x")
    line.far.say_farewell()
    await until(lambda: line.ear.told)
    assert line.ear.told == [("lost", None)]
    assert line.ear.data == b"x"


async def test_a_forged_record_ends_it_behind_the_genuine_ones(line: Line) -> None:
    genuine, forged = line.far.encrypted(b"genuine"), bytearray(line.far.encrypted(b"forged"))
    forged[-1] ^= 1
    line.far.sock.send(genuine + forged + b"more")
    await until(lambda: line.ear.told)
    assert line.ear.data == b"genuine"
    ((_, error),) = line.ear.told
    assert isinstance(error, ssl.SSLError)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        await line.far.read()


async def test_a_reset_is_told(contexts: Contexts) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    channel = TLSChannel(reactor_of(asyncio.get_running_loop()), near, contexts.server, server_side=True)
    ear = channel.consumer = Ear()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    await until(lambda: ear.told)
    ((_, error),) = ear.told
    assert isinstance(error, ConnectionResetError)


# -- out


async def test_the_answers_to_a_batch_go_out_in_one_record(line: Line) -> None:
    async def records() -> list[bytes]:
        found = []
        while (data := await line.far.read()) != b"|":
            found.append(data)
        return found

    def answer() -> None:
        for each in (b"a", b"b", b"c"):
            line.say(each)

    line.ear.on_receive = answer
    line.far.write(b"?", b"?")
    await until(lambda: line.ear.data == b"??")
    await turn()
    line.ear.on_receive = lambda: None
    line.say(b"|")
    answers = await records()
    assert b"".join(answers) in (b"abc", b"abcabc")
    assert len(answers) == len(line.ear.parts)


async def test_the_first_of_a_turn_goes_out_now_and_the_rest_at_its_end(line: Line) -> None:
    line.say(b"now")
    line.say(b"at the ")
    line.say(b"end")
    assert line.channel.output.pending() == 10
    assert await line.far.read() == b"now"
    assert await line.far.read() == b"at the end"


@pytest.mark.parametrize("piece", [KIB, 40 * KIB, 3 * MIB])
async def test_much_goes_out_as_the_far_end_reads(line: Line, piece: int) -> None:
    data = bytes(range(256)) * (piece // 256)
    count = 8 * MIB // piece
    for _ in range(count):
        line.say(data)
    assert line.channel.output.blocked
    assert line.ear.told == ["blocked"]
    pending = line.channel.output.pending()
    assert pending > 5 * MIB
    received = await line.far.read_exactly(count * len(data))
    assert received == data * count
    assert line.channel.output.pending() == 0
    await until(lambda: not line.channel.output.blocked)
    assert set(line.ear.told) == {"blocked", "progress"}


async def test_a_piece_counts_until_it_is_sent(line: Line) -> None:
    """What is encrypted and waits is still `buffered_amount`, and its slow going is progress."""
    sock = line.far.sock
    line.say(bytes(8 * MIB))
    waiting = line.channel.output.pending()
    taken = 0
    while "progress" not in line.ear.told:
        try:
            taken += len(sock.recv(16 * KIB))
        except BlockingIOError:
            await asyncio.sleep(0)
    await turn()
    assert line.channel.output.blocked
    assert waiting - taken - 2 * MIB <= line.channel.output.pending() < waiting


async def test_what_is_written_for_the_room_goes_out(line: Line) -> None:
    said: list[bytes] = []

    def answer() -> None:
        if not line.channel.output.blocked and not said:
            said.append(b"room!")
            line.channel.output.put(b"room!", False, 0)

    line.ear.on_more_room = answer
    line.say(bytes(4 * MIB))
    assert line.channel.output.blocked
    assert (await line.far.read_exactly(4 * MIB + 5)).endswith(b"\0room!")


async def test_sending_to_nobody_is_the_end(line: Line) -> None:
    line.far.sock.close()
    line.say(b"x")
    ((_, error),) = line.ear.told
    assert isinstance(error, BrokenPipeError)
    line.say(b"late")
    line.channel.flush()
    assert line.channel.consumer is NOBODY


# -- the end


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", [Exit.CLOSE, Exit.HALF_CLOSE])
async def test_leaving_ends_with_a_farewell(
    role: str, way: Exit, version: ssl.TLSVersion, contexts: Contexts
) -> None:
    line = await Line(role, *contexts.set_version(version).of(role)).open()
    line.channel.ending = int(way)
    line.say(b"last")
    line.channel.flush()
    assert await line.far.read() == b"last"
    assert await line.far.read() == b""
    assert line.channel.closed is (way == Exit.CLOSE)
    if way == Exit.HALF_CLOSE:
        if version == ssl.TLSVersion.TLSv1_3:
            line.far.write(b"answer")
            await until(lambda: line.ear.data == b"answer")
        line.far.say_farewell()
        await until(lambda: line.channel.closed)
        assert line.ear.told == ["eof", ("lost", None)]
    line.end()


async def test_leaving_waits_for_the_output(line: Line) -> None:
    line.channel.ending = int(Exit.CLOSE)
    line.say(bytes(4 * MIB))
    assert not line.channel.closed
    assert await line.far.read_exactly(4 * MIB) == bytes(4 * MIB)
    assert await line.far.read() == b""
    await until(lambda: line.channel.closed)
    assert line.ear.told[-1] == ("lost", None)


async def test_the_far_farewell_is_answered_behind_the_last_answers(line: Line) -> None:
    line.ear.on_receive = lambda: line.say(b"answer")
    line.far.tls.write(b"question")
    line.far.say_farewell()
    await until(lambda: line.channel.closed)
    assert line.ear.told == ["eof", ("lost", None)]
    assert await line.far.read() == b"answer"
    assert await line.far.read() == b""


async def test_a_farewell_to_a_full_socket_is_not_waited_for(line: Line) -> None:
    line.say(bytes(4 * MIB))
    line.far.say_farewell()
    await until(lambda: line.channel.closed)
    assert line.ear.told == ["blocked", "eof", ("lost", None)]


async def test_a_farewell_of_a_far_end_that_is_gone(line: Line) -> None:
    line.far.say_farewell()
    line.far.sock.close()
    await until(lambda: line.channel.closed)
    assert line.ear.told == ["eof", ("lost", None)]


async def test_without_a_farewell_the_stream_is_truncated(line: Line) -> None:
    line.far.write(b"pay 1")
    line.far.sock.shutdown(socket.SHUT_WR)
    await until(lambda: line.ear.told)
    ((_, error),) = line.ear.told
    assert isinstance(error, TruncatedStream)
    assert "close_notify" in str(error)
    assert line.ear.data == b"pay 1"


async def test_the_end_is_told_once(line: Line) -> None:
    line.say(b"unsent" * MIB)
    line.channel.abort()
    line.channel.abort()
    line.channel.pause_reading()
    line.channel.resume_reading()
    assert line.ear.told == ["blocked", ("lost", None)]
    assert line.channel.output.pending() == 0


# -- what OpenSSL does when it wants to


class Meddling:
    """A context whose TLS objects can be meddled with."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.outgoing: Any = None
        self.before_read: Callable[[], object] = lambda: None
        self.before_write: Callable[[], object] = lambda: None

    def wrap_bio(self, incoming: Any, outgoing: Any, **settings: Any) -> "Meddling":
        self.outgoing = outgoing
        self.tls = self.context.wrap_bio(incoming, outgoing, **settings)
        return self

    def read(self, n: int, buffer: Any) -> int:
        self.before_read()
        return self.tls.read(n, buffer)  # type: ignore[return-value]

    def write(self, data: Any) -> int:
        self.before_write()
        return self.tls.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tls, name)


@pytest.fixture
async def meddled(role: str, contexts: Contexts) -> AsyncIterator[tuple[Line, Meddling]]:
    ours, theirs = contexts.of(role)
    meddling = Meddling(ours)
    line = await Line(role, meddling, theirs).open()  # type: ignore[arg-type]
    yield line, meddling
    line.end()


async def test_what_tls_says_itself_goes_out_at_once(meddled: tuple[Line, Meddling]) -> None:
    line, meddling = meddled
    await line.far.heard()
    meddling.before_read = lambda: meddling.outgoing.write(b"by itself")
    line.far.write(b"x")
    await until(lambda: line.ear.data == b"x")
    assert (await line.far.heard()).startswith(b"by itself")


async def test_who_makes_tls_talk_and_does_not_listen_is_dropped(meddled: tuple[Line, Meddling]) -> None:
    line, meddling = meddled
    line.say(bytes(4 * MIB))
    assert line.channel.output.blocked
    meddling.before_read = lambda: meddling.outgoing.write(bytes(16 * KIB))
    count = 0
    while not line.channel.closed:
        count += 1
        line.far.write(b"x")
        await turn()
    _, (_, error) = line.ear.told
    assert isinstance(error, ssl.SSLError)
    assert "reads nothing" in str(error)
    assert 10 < count < 30


async def test_a_new_handshake_holds_the_output_up(meddled: tuple[Line, Meddling]) -> None:
    """In TLS 1.2 OpenSSL can want to read before it writes; it says so at the first write."""
    line, meddling = meddled
    wants: list[int] = [2]

    def want_read() -> None:
        if wants[0]:
            wants[0] -= 1
            raise ssl.SSLWantReadError

    meddling.before_write = want_read
    line.channel.ending = int(Exit.CLOSE)
    line.say(b"held up")
    await turn()
    assert line.channel.output.pending() == 7
    assert not line.channel.closed
    line.far.write(b"x")  # whatever comes, it is tried again
    assert await line.far.read() == b"held up"
    assert await line.far.read() == b""


@pytest.mark.parametrize("amid", ["read", "write"])
async def test_a_fault_leaves_nothing_in_the_memory_that_all_share(
    meddled: tuple[Line, Meddling], contexts: Contexts, role: str, amid: str, caplog: pytest.LogCaptureFixture
) -> None:
    line, meddling = meddled
    other = await Line(role, *contexts.of(role)).open()

    def fail() -> None:
        meddling.outgoing.write(b"half done")
        raise ssl.SSLError(1, "[SSL] fault") if amid == "write" else MemoryError

    if amid == "read":
        meddling.before_read = fail
        line.far.write(b"x", b"y")
    else:
        meddling.before_write = fail
        line.say(b"x")
    await until(lambda: line.channel.closed)
    other.far.write(b"question")
    await until(lambda: other.ear.data == b"question")
    other.say(b"answer")
    assert await other.far.read() == b"answer"
    other.end()


async def test_one_memory_serves_all(line: Line, contexts: Contexts, role: str) -> None:
    shared = line.reactor.tls
    other = await Line(role, *contexts.of(role)).open()
    assert other.reactor.tls is shared
    other.end()
    assert logging.getLogger("wsline").handlers == []
