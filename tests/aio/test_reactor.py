"""The reactor and its sockets: readiness, batches, backpressure, and the ways to leave."""

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.doors.door import until
from wsline.aio import reactor as module
from wsline.aio.channel import NOBODY, Consumer
from wsline.aio.reactor import GROUP, RECEIVE_SIZE, Reactor, SocketChannel, reactor_of
from wsline.aio.timers import NEVER
from wsline.states import Exit
from wsline.wire.kernels import Assembly, Output

KIB = 1024
MIB = 1 << 20
DEADLINE = 10  # seconds, for whatever must come


class Ear(Consumer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.armed_at = NEVER
        self.parts: list[bytes] = []
        self.windows: list[int] = []
        self.told: list[Any] = []
        self.place: Assembly | None = None
        self.on_receive: Callable[[], object] = lambda: None
        self.on_more_room: Callable[[], object] = lambda: None

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        self.parts.append(bytes(buffer[start:end]))
        self.on_receive()

    def window(self) -> Assembly | None:
        return self.place

    def window_room(self) -> int:
        assert self.place is not None
        return self.place.room(100)

    def receive_window(self, n: int) -> None:
        assert self.place is not None
        self.place.commit(n, 0, 0)
        self.windows.append(n)

    def receive_eof(self) -> None:
        self.told.append("eof")

    def on_blocked(self) -> None:
        self.told.append("blocked")

    def on_progress(self) -> None:
        self.told.append("progress")
        self.on_more_room()

    def on_lost(self, error: OSError | None) -> None:
        self.told.append(("lost", error))

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)


class Line:
    """A channel, its consumer, and the other end."""

    def __init__(self, direct: bool = False, output: Output | None = None) -> None:
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        self.ear = Ear()
        self.reactor = reactor_of(asyncio.get_running_loop())
        self.channel = SocketChannel(self.reactor, ours, output, direct)
        self.channel.consumer = self.ear

    def put(self, data: bytes) -> None:
        self.channel.output.put(data, False, 0)

    def say(self, data: bytes) -> None:
        self.put(data)
        self.channel.written()

    def heard(self) -> bytes:
        """Return what has come to the other end."""
        parts = []
        try:
            while part := self.peer.recv(MIB):
                parts.append(part)
        except BlockingIOError:
            pass
        return b"".join(parts)

    def fill(self) -> int:
        """Send until the socket takes no more; return how much was said."""
        size = 0
        while not self.channel.output.blocked:
            self.put(bytes(MIB))
            self.channel.flush()
            size += MIB
        return size

    def end(self) -> None:
        self.channel.abort()
        self.peer.close()


@pytest.fixture(params=[False, True], ids=["epoll", "direct"])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    line = Line(request.param)
    yield line
    line.end()
    assert asyncio.get_running_loop() not in module._reactors


@pytest.fixture
def unconnected() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


# -- the reactor


async def test_a_loop_has_one_reactor_as_long_as_it_has_channels() -> None:
    loop = asyncio.get_running_loop()
    first = reactor_of(loop)
    assert reactor_of(loop) is first
    assert first.loop is loop
    first.enter()
    first.enter()
    first.leave()
    assert reactor_of(loop) is first
    first.leave()
    second = reactor_of(loop)
    assert second is not first
    second.close()


def test_the_reactors_of_closed_loops_are_forgotten() -> None:
    async def open_line() -> Line:
        return Line()

    old = asyncio.new_event_loop()
    line = old.run_until_complete(open_line())
    old.close()
    assert old in module._reactors
    new = asyncio.new_event_loop()
    reactor = reactor_of(new)
    assert old not in module._reactors
    reactor.close()
    new.close()
    line.end()
    assert line.ear.told == [("lost", None)]


async def test_a_reactor_without_sockets_has_nothing_to_do(line: Line) -> None:
    other = Reactor(asyncio.get_running_loop())
    other.on_ready()
    other.change(line.channel, 0)
    other.close()


async def test_more_sockets_than_one_wake_up_serves_are_all_served() -> None:
    lines = [Line() for _ in range(260)]
    for each in lines:
        each.peer.send(b"x")
    await until(lambda: all(each.ear.data == b"x" for each in lines))
    for each in lines:
        each.end()
    assert asyncio.get_running_loop() not in module._reactors


async def test_many_that_leave_in_one_batch_may_close_the_reactor() -> None:
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, problem: problems.append(problem))
    lines = [Line() for _ in range(20)]
    for each in lines:
        each.ear.on_receive = lambda each=each: setattr(each.channel, "ending", int(Exit.CLOSE))  # type: ignore[misc]
        each.peer.send(b"bye")
    await until(lambda: all(each.ear.told == [("lost", None)] for each in lines))
    assert asyncio.get_running_loop() not in module._reactors
    assert problems == []
    for each in lines:
        each.end()


async def test_a_socket_that_is_closed_by_another_in_the_same_batch_is_left_alone() -> None:
    lines = [Line(), Line(), Line()]
    for each in lines[:2]:
        other = lines[1] if each is lines[0] else lines[0]
        each.ear.on_receive = other.channel.abort
        each.peer.send(b"x")
    await until(lambda: lines[0].ear.data + lines[1].ear.data == b"x")
    for each in lines:
        each.end()


async def test_the_answers_to_a_few_sockets_follow_each_other() -> None:
    lines = [Line() for _ in range(2 * GROUP + 1)]
    order: list[tuple[str, int]] = []

    def answer(number: int) -> None:
        order.append(("read", number))
        lines[number].put(b"answer")
        # What other sockets have sent by now shows how many were read before.
        order.extend(("sent", each) for each, line in enumerate(lines) if line.heard())

    for number, line in enumerate(lines):
        line.ear.on_receive = lambda number=number: answer(number)  # type: ignore[misc]
        line.peer.send(b"question")
    lines[0].reactor.on_ready()
    reads = [number for what, number in order if what == "read"]
    sends = [number for what, number in order if what == "sent"]
    assert sorted(reads) == list(range(len(lines)))
    # The answers of a full group are there when the next socket is read, and none before.
    assert sends == reads[: 2 * GROUP]
    assert order.index(("sent", sends[0])) == GROUP + 1
    assert lines[reads[-1]].heard() == b"answer"
    for line in lines:
        line.end()


async def test_an_error_while_sending_ends_its_connection_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clumsy(Ear):
        def on_blocked(self) -> None:
            raise RuntimeError("clumsy")

    lines = [Line(), Line(), Line()]
    lines[1].channel.consumer = lines[1].ear = Clumsy()
    for line, answer in zip(lines, [b"answer", bytes(8 * MIB), b"answer"], strict=True):
        line.ear.on_receive = lambda line=line, answer=answer: line.put(answer)  # type: ignore[misc]
        line.peer.send(b"question")
    lines[0].reactor.on_ready()
    assert [line.heard() for line in lines][::2] == [b"answer", b"answer"]
    assert lines[1].ear.told == [("lost", None)]
    assert "clumsy" in caplog.text
    for line in lines:
        line.end()


async def test_the_last_socket_may_close_the_reactor_from_within() -> None:
    line = Line()
    line.ear.on_receive = line.channel.abort
    line.peer.send(b"x")
    await until(lambda: line.ear.told == [("lost", None)])
    assert asyncio.get_running_loop() not in module._reactors
    line.end()


# -- made


async def test_it_knows_its_addresses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    output = Output()
    channel = SocketChannel(reactor_of(asyncio.get_running_loop()), ours, output)
    assert channel.fd == ours.fileno()
    assert channel.output is output
    assert (channel.local_address, channel.remote_address) == (theirs.getpeername(), theirs.getsockname())
    assert (channel.secure, channel.ssl_object) == (False, None)
    channel.abort()
    theirs.close()


async def test_a_peer_that_has_gone_has_no_address(unconnected: socket.socket) -> None:
    channel = SocketChannel(reactor_of(asyncio.get_running_loop()), unconnected)
    assert channel.remote_address is None
    channel.abort()


async def test_without_epoll_the_loop_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HAS_EPOLL", False)
    line = Line()
    line.peer.send(b"x")
    await until(lambda: line.ear.data == b"x")
    line.end()
    assert line.ear.told == [("lost", None)]


# -- in


async def test_what_is_received_is_handed_on(line: Line) -> None:
    line.peer.send(b"hello")
    await until(lambda: line.ear.data == b"hello")
    line.peer.close()
    await until(lambda: line.ear.told == ["eof", ("lost", None)])
    assert line.channel.closed
    assert line.channel.consumer is NOBODY


async def test_it_is_received_straight_to_the_window(line: Line) -> None:
    line.ear.place = Assembly()
    line.ear.place.expect(250)
    line.peer.send(b"x" * 250)
    await until(lambda: sum(line.ear.windows) == 250)
    assert max(line.ear.windows) == 100
    assert line.ear.place.take_bytes() == b"x" * 250
    line.peer.close()
    await until(lambda: "eof" in line.ear.told)


async def test_the_answers_to_a_batch_go_out_together(line: Line) -> None:
    def answer() -> None:
        line.say(b"a")
        assert line.heard() == b""

    line.ear.on_receive = answer
    line.peer.send(b"?")
    await until(lambda: line.ear.parts)
    assert line.heard() == b"a"


async def test_a_flood_is_read_in_parts(line: Line) -> None:
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MIB)
    sent = 0
    while sent < 8 * RECEIVE_SIZE:
        try:
            sent += line.peer.send(bytes(MIB))
        except BlockingIOError:
            await asyncio.sleep(0)
    await until(lambda: len(line.ear.data) == sent)
    assert max(len(part) for part in line.ear.parts) <= RECEIVE_SIZE


async def test_a_reset_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    channel = SocketChannel(reactor_of(asyncio.get_running_loop()), ours)
    ear = channel.consumer = Ear()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    await until(lambda: ear.told)
    ((_, error),) = ear.told
    assert isinstance(error, ConnectionResetError)


async def test_an_error_of_the_consumer_ends_its_connection(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("no")

    line.ear.on_receive = fail
    line.peer.send(b"x")
    await until(lambda: line.ear.told == [("lost", None)])
    assert "error while serving" in caplog.text


async def test_pausing_stops_reading(line: Line) -> None:
    line.channel.pause_reading()
    line.channel.pause_reading()
    line.peer.send(b"x")
    await turn()
    assert line.ear.parts == []
    line.channel.resume_reading()
    line.channel.resume_reading()
    await until(lambda: line.ear.data == b"x")


# -- out


async def test_the_first_of_a_turn_goes_out_now_and_the_rest_at_its_end(line: Line) -> None:
    line.say(b"now ")
    assert line.heard() == b"now "
    line.say(b"at the ")
    line.say(b"end")
    assert line.heard() == b""
    await turn()
    assert line.heard() == b"at the end"
    line.say(b"now")
    assert line.heard() == b"now"


async def test_all_channels_send_at_the_end_of_the_turn(line: Line) -> None:
    other = Line()
    for each in (line, other):
        each.say(b"now ")
        each.say(b"later")
    await turn()
    assert line.heard() == other.heard() == b"now later"
    other.end()


async def test_not_too_much_waits_for_the_end_of_the_turn(line: Line) -> None:
    line.say(b"now")
    line.heard()
    line.say(bytes(65 * KIB))
    assert line.heard() == bytes(65 * KIB)


@pytest.mark.parametrize("piece", [KIB, MIB])
async def test_what_the_socket_does_not_take_waits_for_it(line: Line, piece: int) -> None:
    size = 0
    while not line.channel.output.blocked:
        line.put(bytes(piece))
        line.channel.flush()
        size += piece
    assert line.ear.told == ["blocked"]
    line.say(b"!" * KIB)
    await turn()
    line.ear.on_more_room = lambda: None if line.channel.output.blocked else line.say(b"")
    got = 0

    def drain() -> bool:
        nonlocal got
        got += len(line.heard())
        return got == size + KIB

    await until(drain)
    await until(lambda: not line.channel.output.blocked)
    assert line.ear.told[0] == "blocked"
    assert line.ear.told[-1] == "progress"
    assert line.channel.output.pending() == 0


async def test_what_is_written_for_the_room_goes_out(line: Line) -> None:
    size = line.fill()
    said: list[bytes] = []

    def answer() -> None:
        if not line.channel.output.blocked and not said:
            said.append(b"room!")
            line.put(b"room!")  # the channel looks for it itself

    line.ear.on_more_room = answer
    received = bytearray()

    def drain() -> bool:
        received.extend(line.heard())
        return len(received) == size + 5

    await until(drain)
    assert received.endswith(b"room!")


async def test_progress_is_told_while_the_socket_is_still_full(line: Line) -> None:
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
    line.fill()
    line.put(bytes(8 * MIB))

    def some_is_taken() -> bool:
        try:
            line.peer.recv(64 * KIB)
        except BlockingIOError:
            pass
        return "progress" in line.ear.told

    await until(some_is_taken)
    # A write timeout would cut a peer that takes a long message slowly but steadily.
    assert line.ear.told == ["blocked", "progress"]
    assert line.channel.output.blocked
    assert line.channel.output.pending() > 0


async def test_a_flush_at_the_turns_end_respects_a_full_socket(line: Line) -> None:
    line.say(b"now")
    line.fill()
    pending = line.channel.output.pending()
    await turn()
    assert line.channel.output.pending() == pending


async def test_sending_to_nobody_is_the_end(line: Line) -> None:
    line.peer.close()
    line.say(b"x")
    ((_, error),) = line.ear.told
    assert isinstance(error, BrokenPipeError)
    line.say(b"late")
    assert line.channel.closed


# -- leaving


async def test_closing_waits_for_the_output(line: Line) -> None:
    line.channel.ending = int(Exit.CLOSE)
    line.say(b"last")
    assert line.ear.told == [("lost", None)]
    assert line.heard() == b"last"
    assert line.peer.recv(1) == b""


async def test_a_half_close_reads_on(line: Line) -> None:
    line.channel.pause_reading()
    line.channel.ending = int(Exit.HALF_CLOSE)
    line.say(b"last")
    line.channel.flush()
    assert line.heard() == b"last"
    line.peer.send(b"answer")
    await until(lambda: line.ear.data == b"answer")
    line.peer.close()
    await until(lambda: line.ear.told == ["eof", ("lost", None)])


async def test_a_half_close_that_fails_is_the_end(unconnected: socket.socket) -> None:
    channel = SocketChannel(reactor_of(asyncio.get_running_loop()), unconnected)
    ear = channel.consumer = Ear()
    channel.ending = int(Exit.HALF_CLOSE)
    channel.flush()
    ((_, error),) = ear.told
    assert error.errno == errno.ENOTCONN


async def test_the_end_is_told_once(line: Line) -> None:
    line.fill()
    line.channel.abort()
    line.channel.abort()
    line.channel.pause_reading()
    line.channel.resume_reading()
    assert line.ear.told == ["blocked", ("lost", None)]
    assert line.channel.output.pending() == 0
