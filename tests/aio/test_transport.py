"""The channel over an asyncio transport: batches, backpressure, and the ways to leave."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.doors.door import until
from wsline.aio import reactor
from wsline.aio.channel import NOBODY, Consumer
from wsline.aio.reactor import RECEIVE_SIZE, reactor_of
from wsline.aio.timers import NEVER
from wsline.aio.transport import TransportChannel, TransportProtocol
from wsline.states import Exit
from wsline.wire.kernels import Output

KIB = 1024
PIECE = 256 * KIB  # bytes given to the transport at a time


class Transport(asyncio.Transport):
    """A transport that goes nowhere, and says when it has enough."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(extra)
        self.calls: list[str] = []
        self.pieces: list[bytes] = []
        self.limits: tuple[int | None, int | None] | None = None
        self.held = 0  # bytes not yet sent
        self.takes_eof = True
        self.is_leaving = False
        self.on_write: Callable[[], object] = lambda: None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = (high, low)

    def get_write_buffer_size(self) -> int:
        return self.held

    def write(self, data: Any) -> None:
        self.pieces.append(data)
        self.on_write()

    def can_write_eof(self) -> bool:
        return self.takes_eof

    def write_eof(self) -> None:
        self.calls.append("write_eof")

    def is_closing(self) -> bool:
        return self.is_leaving

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")

    @property
    def sent(self) -> bytes:
        return b"".join(self.pieces)


class Ear(Consumer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.armed_at = NEVER
        self.parts: list[bytes] = []
        self.told: list[Any] = []
        self.on_receive: Callable[[bytes], object] = lambda data: None
        self.on_more_room: Callable[[], object] = lambda: None

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        part = bytes(buffer[start:end])
        self.parts.append(part)
        self.on_receive(part)

    def receive_eof(self) -> None:
        self.told.append("eof")

    def on_blocked(self) -> None:
        self.told.append("blocked")

    def on_progress(self) -> None:
        self.told.append("progress")
        self.on_more_room()

    def on_lost(self, error: OSError | None) -> None:
        self.told.append(("lost", error))


class Line:
    """A channel, its transport and its consumer."""

    def __init__(self, **extra: Any) -> None:
        self.transport = Transport(**extra)
        self.ear = Ear()
        self.channel = TransportChannel(reactor_of(asyncio.get_running_loop()), self.transport)
        self.channel.consumer = self.ear

    def say(self, data: bytes) -> None:
        self.channel.output.put(data, False, 0)
        self.channel.written()


@pytest.fixture
async def line() -> Any:
    line = Line()
    yield line
    line.channel.connection_lost(None)
    assert asyncio.get_running_loop() not in reactor._reactors


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


# -- made


async def test_it_knows_what_the_transport_knows() -> None:
    secret = object()
    plain = Line(sockname=("127.0.0.1", 1), peername=("127.0.0.1", 2)).channel
    secure = Line(ssl_object=secret).channel
    assert (plain.local_address, plain.remote_address) == (("127.0.0.1", 1), ("127.0.0.1", 2))
    assert (plain.secure, plain.ssl_object) == (False, None)
    assert (secure.secure, secure.ssl_object) == (True, secret)
    plain.connection_lost(None)
    assert asyncio.get_running_loop() in reactor._reactors
    secure.connection_lost(None)
    assert asyncio.get_running_loop() not in reactor._reactors


async def test_the_transport_says_early_that_it_has_enough(line: Line) -> None:
    assert line.transport.limits == (PIECE, 0)


async def test_it_can_send_from_an_output_that_exists() -> None:
    output, transport = Output(), Transport()
    output.put(b"waits", False, 0)
    channel = TransportChannel(reactor_of(asyncio.get_running_loop()), transport, output)
    assert channel.output is output
    channel.flush()
    assert transport.sent == b"waits"
    channel.connection_lost(None)


# -- in


async def test_what_is_received_is_handed_on(line: Line) -> None:
    line.channel.data_received(b"one")
    line.channel.data_received(b"two")
    assert line.ear.parts == [b"one", b"two"]
    assert line.transport.pieces == []


async def test_what_does_not_fit_the_buffer_comes_in_parts(line: Line) -> None:
    data = bytes(range(256)) * (2 * KIB) + b"rest"
    line.channel.data_received(data)
    assert [len(part) for part in line.ear.parts] == [RECEIVE_SIZE, RECEIVE_SIZE, 4]
    assert b"".join(line.ear.parts) == data


async def test_who_has_ended_gets_no_more_parts(line: Line) -> None:
    line.ear.on_receive = lambda part: line.channel.connection_lost(None)
    line.channel.data_received(bytes(2 * RECEIVE_SIZE))
    assert len(line.ear.parts) == 1
    assert line.ear.told == [("lost", None)]


async def test_the_answers_to_a_batch_go_out_together(line: Line) -> None:
    def answer(part: bytes) -> None:
        line.say(b"a")
        assert line.transport.pieces == []
        line.say(b"b")

    line.ear.on_receive = answer
    line.channel.data_received(b"?")
    assert line.transport.pieces == [b"ab"]
    await turn()
    assert line.transport.pieces == [b"ab"]


async def test_an_error_of_the_consumer_does_not_stop_later_sends(line: Line) -> None:
    def fail(part: bytes) -> None:
        raise ValueError("no")

    line.ear.on_receive = fail
    with pytest.raises(ValueError, match="no"):
        line.channel.data_received(b"?")
    line.say(b"said")
    await turn()
    assert line.transport.sent == b"said"


async def test_the_end_within_a_batch_comes_behind_it(line: Line) -> None:
    line.ear.on_receive = lambda part: setattr(line.channel, "ending", int(Exit.CLOSE))
    line.channel.data_received(b"bye")
    assert line.transport.calls == ["close"]


async def test_the_end_of_the_stream_is_told_and_ends_the_transport(line: Line) -> None:
    line.channel.eof_received()
    assert line.ear.told == ["eof"]
    assert line.transport.calls == ["abort"]


@pytest.mark.parametrize(("held", "call"), [(0, "close"), (1, "abort")])
async def test_the_end_of_the_stream_when_we_leave_too(line: Line, held: int, call: str) -> None:
    line.channel.ending = int(Exit.HALF_CLOSE)
    line.transport.held = held
    line.channel.eof_received()
    assert line.transport.calls == [call]


async def test_reading_stops_and_goes_on_once(line: Line) -> None:
    line.channel.resume_reading()
    assert line.transport.calls == []
    line.channel.pause_reading()
    line.channel.pause_reading()
    line.channel.resume_reading()
    line.channel.resume_reading()
    assert line.transport.calls == ["pause_reading", "resume_reading"]


async def test_a_transport_that_closes_is_left_alone(line: Line) -> None:
    line.transport.is_leaving = True
    line.channel.pause_reading()
    line.transport.is_leaving = False
    line.channel.pause_reading()
    line.transport.is_leaving = True
    line.channel.resume_reading()
    assert line.transport.calls == ["pause_reading"]


# -- out


async def test_what_is_written_in_a_turn_goes_out_at_its_end(line: Line) -> None:
    line.say(b"one ")
    line.say(b"two")
    assert line.transport.pieces == []
    await turn()
    assert line.transport.pieces == [b"one two"]
    line.say(b" three")
    await turn()
    assert line.transport.sent == b"one two three"


async def test_large_data_goes_out_in_pieces(line: Line) -> None:
    data = bytes(range(256)) * (2 * KIB + 1)
    line.channel.output.put(data, False, 0)
    line.channel.flush()
    assert [len(piece) for piece in line.transport.pieces] == [PIECE, PIECE, 256]
    assert line.transport.sent == data


async def test_what_the_transport_does_not_take_waits(line: Line) -> None:
    data = bytes(3 * PIECE)
    line.transport.on_write = line.channel.pause_writing
    line.channel.output.put(data, False, 0)
    line.channel.flush()
    assert line.channel.output.blocked
    assert line.channel.output.pending() == 2 * PIECE
    line.channel.pause_writing()  # said twice is said once
    assert line.ear.told == ["blocked"]
    line.say(b"more")
    line.channel.flush()
    await turn()
    assert len(line.transport.pieces) == 1
    line.channel.resume_writing()
    assert len(line.transport.pieces) == 2
    assert line.channel.output.blocked
    line.transport.on_write = lambda: None
    line.channel.resume_writing()
    assert line.transport.sent == data + b"more"
    assert line.ear.told == ["blocked", "blocked", "progress", "progress"]


async def test_what_is_written_for_the_room_goes_out_at_once(line: Line) -> None:
    line.channel.pause_writing()
    line.ear.on_more_room = lambda: line.say(b"room!")
    line.channel.resume_writing()
    assert line.transport.sent == b"room!"


# -- leaving


async def test_closing_lets_the_transport_send_what_it_holds(line: Line) -> None:
    line.channel.ending = int(Exit.CLOSE)
    line.say(b"last")
    await turn()
    assert line.transport.sent == b"last"
    assert line.transport.calls == ["close"]


async def test_leaving_waits_for_the_output(line: Line) -> None:
    line.channel.pause_writing()
    line.channel.ending = int(Exit.CLOSE)
    line.say(b"last")
    line.channel.flush()
    assert line.transport.calls == []
    line.channel.resume_writing()
    assert line.transport.sent == b"last"
    assert line.transport.calls[0] == "close"


async def test_a_half_close_ends_our_side_once_and_reads_on(line: Line) -> None:
    line.channel.pause_reading()
    line.channel.ending = int(Exit.HALF_CLOSE)
    line.channel.flush()
    line.channel.flush()
    assert line.transport.calls == ["pause_reading", "resume_reading", "write_eof"]


async def test_where_there_is_no_half_close_the_transport_is_closed(line: Line) -> None:
    line.transport.takes_eof = False
    line.channel.ending = int(Exit.HALF_CLOSE)
    line.channel.flush()
    line.channel.flush()
    assert line.transport.calls == ["close"]


async def test_aborting_waits_for_nothing(line: Line) -> None:
    line.say(b"unsent")
    line.channel.abort()
    assert line.transport.calls == ["abort"]
    assert not line.channel.closed  # the transport tells it


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
async def test_the_loss_is_told_once(line: Line, error: OSError | None) -> None:
    line.say(b"unsent")
    line.channel.connection_lost(error)
    line.channel.connection_lost(OSError("again"))
    assert line.ear.told == [("lost", error)]
    assert line.channel.closed
    assert line.channel.consumer is NOBODY
    assert line.channel.output.pending() == 0
    line.channel.ending = int(Exit.CLOSE)
    line.say(b"late")
    await turn()
    assert line.transport.pieces == []
    assert line.transport.calls == []


async def test_only_errors_of_the_system_are_causes(line: Line) -> None:
    line.channel.connection_lost(ValueError("a fault of the transport"))
    assert line.ear.told == [("lost", None)]


async def test_errors_of_tls_are_causes(line: Line) -> None:
    error = ssl.SSLError("bad record")
    line.channel.connection_lost(error)
    assert line.ear.told == [("lost", error)]


# -- the protocol


async def test_the_protocol_makes_the_channel_and_passes_everything_on() -> None:
    made: list[TransportChannel] = []
    output, ear, transport = Output(), Ear(), Transport()
    protocol = TransportProtocol(asyncio.get_running_loop(), made.append, output)
    assert asyncio.get_running_loop() not in reactor._reactors
    protocol.connection_made(transport)
    (channel,) = made
    assert protocol.channel is channel
    assert channel.output is output
    channel.consumer = ear
    protocol.data_received(b"data")
    protocol.pause_writing()
    assert output.blocked
    protocol.resume_writing()
    assert not output.blocked
    protocol.eof_received()
    protocol.connection_lost(None)
    assert protocol.channel is None
    assert ear.parts == [b"data"]
    assert ear.told == ["blocked", "progress", "eof", ("lost", None)]


async def test_a_protocol_without_a_channel_has_nobody_to_tell() -> None:
    def never(channel: TransportChannel) -> None:
        raise AssertionError("there is no channel")

    protocol = TransportProtocol(asyncio.get_running_loop(), never)
    protocol.data_received(b"data")
    protocol.eof_received()
    protocol.pause_writing()
    protocol.resume_writing()
    protocol.connection_lost(None)
    assert protocol.channel is None


async def test_over_real_sockets() -> None:
    loop = asyncio.get_running_loop()
    ear = Ear()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    made: list[TransportChannel] = []
    await loop.create_connection(lambda: TransportProtocol(loop, made.append), sock=ours)
    (channel,) = made
    channel.consumer = ear
    data = bytes(range(256)) * (8 * KIB)
    with theirs:
        async with asyncio.timeout(10):
            await loop.sock_sendall(theirs, b"question")
            await until(lambda: b"".join(ear.parts) == b"question")
            channel.output.put(data, False, 0)
            channel.ending = int(Exit.HALF_CLOSE)
            channel.written()
            await until(lambda: "blocked" in ear.told)
            received = b""
            while part := await loop.sock_recv(theirs, 1 << 20):
                received += part
        assert received == data
    await until(lambda: ear.told[-1] == ("lost", None))
    assert ear.told[-2] == "eof"
    assert loop not in reactor._reactors
