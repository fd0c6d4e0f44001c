"""The channel between a socket, the loop's thread, and whoever holds its lock."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sync.peers import held, until
from wsline.states import Exit
from wsline.sync import channel as module
from wsline.sync.channel import NOBODY, Channel, Consumer
from wsline.sync.loop import READ, WRITE, clock
from wsline.sync.stream import Stream


class Recorder(Consumer):
    """Notes what it is told."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.log: list[Any] = []
        self.due: float | None = None

    @property
    def deadline(self) -> float | None:
        return self.due

    def _note(self, *what: Any) -> None:
        assert self.channel.lock.locked()
        self.log.append(what)

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        self._note("receive", bytes(buffer[start:end]))

    def receive_eof(self) -> None:
        self._note("eof")

    def on_blocked(self) -> None:
        self._note("blocked")

    def on_progress(self) -> None:
        self._note("progress")

    def on_lost(self, error: BaseException | None) -> None:
        self._note("lost", error)

    def on_gone(self) -> None:
        self._note("gone")

    def on_deadline(self, now: float) -> None:
        self.due = None
        self._note("deadline")


@pytest.fixture
def channel() -> Iterator[Channel]:
    """A started channel; its peer is `channel.peer`."""
    ours, theirs = socket.socketpair()
    one: Any = Channel(Stream(ours))
    one.peer = theirs
    theirs.settimeout(5)
    one.start(Recorder(one))
    yield one
    with one.lock:
        one.abort()
    until(lambda: not one.is_served)
    theirs.close()


def log_of(channel: Any) -> list[Any]:
    log: list[Any] = channel.consumer.log
    return log


def is_gone(recorder: Any) -> bool:
    return ("gone",) in recorder.log


def test_both_ways(channel: Any) -> None:
    channel.peer.send(b"in")
    until(lambda: log_of(channel) == [("receive", b"in")])
    with channel.lock:
        channel.output.put(b"out", False, 0)
        channel.flush()
    assert channel.peer.recv(10) == b"out"
    assert repr(channel) == "<Channel >"


def test_a_paused_channel_receives_nothing(channel: Any) -> None:
    with channel.lock:
        channel.pause_reading()
        channel.pause_reading()
    until(lambda: not channel.watched & READ)
    channel.peer.send(b"x")
    with channel.lock:
        channel.resume_reading()
        channel.resume_reading()
    until(lambda: log_of(channel) == [("receive", b"x")])


def test_a_peer_that_reads_slowly(channel: Any) -> None:
    data = bytes(range(256)) * (1 << 14)
    with channel.lock:
        channel.output.put(data, False, 0)
        channel.flush()
    assert channel.output.blocked
    until(lambda: channel.watched & WRITE)
    received = b""
    while len(received) < len(data):
        received += channel.peer.recv(1 << 20)
    assert received == data
    until(lambda: not channel.output.blocked)
    until(lambda: not channel.watched & WRITE)
    log = log_of(channel)
    assert log[0] == ("blocked",)
    assert set(log[1:]) == {("progress",)}


def test_what_is_written_when_there_is_room_again_is_sent(channel: Any) -> None:
    class Writer(Recorder):
        def on_progress(self) -> None:
            if not self.channel.output.blocked and not self.log.count("written"):
                self.log.append("written")
                self.channel.output.put(b"last", False, 0)

    data = b"x" * (4 << 20)
    with channel.lock:
        channel.consumer = Writer(channel)
        channel.output.put(data, False, 0)
        channel.flush()
    received = b""
    while not received.endswith(b"last"):
        received += channel.peer.recv(1 << 20)
    assert len(received) == len(data) + 4


def test_a_deadline(channel: Any) -> None:
    with channel.lock:
        channel.consumer.due = clock() + 0.02
        channel.attend()
    until(lambda: log_of(channel) == [("deadline",)])


def test_the_end_of_the_stream(channel: Any) -> None:
    recorder = channel.consumer
    channel.peer.close()
    until(lambda: is_gone(recorder))
    assert recorder.log == [("eof",), ("lost", None), ("gone",)]
    assert channel.consumer is NOBODY
    assert channel.fileno() == -1
    with channel.lock:
        channel.flush()
        channel.abort()
    channel.on_deadline(0.0)
    channel._receive_more()
    assert recorder.log[3:] == []


def test_a_reset(channel: Any) -> None:
    recorder = channel.consumer
    with channel.lock:
        channel.pause_reading()
        channel.peer.close()
        channel.output.put(b"x", False, 0)
        channel.flush()
    until(lambda: is_gone(recorder))
    assert [each[0] for each in recorder.log] == ["lost", "gone"]
    assert isinstance(recorder.log[0][1], BrokenPipeError)


def test_an_error_while_receiving(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, error = channel.consumer, ConnectionResetError()

    def fail(*arguments: Any) -> int:
        raise error

    monkeypatch.setattr(channel.stream, "receive", fail)
    channel.peer.send(b"x")
    until(lambda: is_gone(recorder))
    assert recorder.log == [("lost", error), ("gone",)]


def test_a_consumer_that_fails_ends_its_connection_only(
    channel: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(channel.consumer, "receive", fail)
    channel.peer.send(b"x")
    until(lambda: not channel.is_served)
    assert "ZeroDivisionError: on purpose" in caplog.text


@pytest.mark.parametrize("ending", [Exit.CLOSE, Exit.HALF_CLOSE])
def test_the_output_is_sent_before_the_end(channel: Any, ending: Exit) -> None:
    recorder = channel.consumer
    data = b"x" * (4 << 20)
    with channel.lock:
        channel.pause_reading()
        channel.output.put(data, False, 0)
        channel.ending = int(ending)
        channel.flush()
        channel.flush()
    received = b""
    while part := channel.peer.recv(1 << 20):
        received += part
    assert received == data
    if ending == Exit.HALF_CLOSE:
        with channel.lock:
            assert channel.is_reading
            channel.flush()
        channel.peer.send(b"late")
        until(lambda: ("receive", b"late") in recorder.log)
        channel.peer.close()
    until(lambda: is_gone(recorder))
    assert recorder.log[-2:] == [("lost", None), ("gone",)]


def test_a_half_close_that_fails(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, error = channel.consumer, OSError("not connected")

    def fail() -> None:
        raise error

    monkeypatch.setattr(channel.stream, "end_writing", fail)
    with channel.lock:
        channel.ending = int(Exit.HALF_CLOSE)
        channel.flush()
    until(lambda: is_gone(recorder))
    assert recorder.log == [("lost", error), ("gone",)]


def test_one_that_floods_leaves_others_their_turns(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some reads others come first; what the stream has buffered is not forgotten."""
    left = [b"1", b"2", b"3", b"4", b"5", b"6"]
    turns: list[int] = []

    def receive(buffer: bytearray, at: int, n: int) -> int:
        if not left:
            return -1
        buffer[at : at + 1] = left.pop(0)
        turns.append(len(left))
        if len(left) == 5:
            channel.later(lambda: turns.append(-1))
        return 1

    with channel.lock:
        monkeypatch.setattr(channel.stream, "receive", receive)
        monkeypatch.setattr(Stream, "has_buffered", property(lambda self: bool(left)))
        channel.stream.secure = True  # a plain one that gave so little is empty
        channel.later(channel._receive_more)
    until(lambda: len(log_of(channel)) == 6)
    assert turns == [5, 4, 3, 2, -1, 1, 0]


def test_what_was_buffered_is_received_when_reading_goes_on(
    channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [b"x"]

    def receive(buffer: bytearray, at: int, n: int) -> int:
        if not left:
            return -1
        buffer[at : at + 1] = left.pop(0)
        return 1

    with channel.lock:
        channel.pause_reading()
        monkeypatch.setattr(channel.stream, "receive", receive)
        monkeypatch.setattr(Stream, "has_buffered", property(lambda self: bool(left)))
        channel._loop.call(channel._receive_more)  # paused: nothing happens
        channel.resume_reading()
    until(lambda: log_of(channel) == [("receive", b"x")])


def test_a_peer_that_has_gone_has_no_address() -> None:
    def gone() -> None:
        raise OSError("not connected")

    assert module._address(gone) is None
    assert module._address(lambda: ("127.0.0.1", 1)) == ("127.0.0.1", 1)


def test_an_orphan_is_closed_without_its_loop(channel: Any) -> None:
    copy = socket.socketpair()
    with held(channel._loop):
        ours, channel.stream.sock = channel.stream.sock, copy[0]
        lock, orphaned = channel.lock, []
        channel.consumer.on_orphaned = lambda: orphaned.append(channel.lock)
        lock.acquire()  # by a thread that the child does not have
        channel.orphan()
        lock.release()
        assert orphaned == [channel.lock]
        assert channel.lock is not lock
        assert copy[0].fileno() == -1
        copy[1].close()
        channel.stream.sock, channel.lock, channel.closed = ours, lock, False


def test_a_consumer_may_ignore_all_but_bytes() -> None:
    consumer = Consumer()
    assert consumer.deadline is None
    for call in (
        consumer.receive_eof,
        consumer.on_blocked,
        consumer.on_progress,
        consumer.on_gone,
        consumer.on_orphaned,
        lambda: consumer.on_lost(None),
        lambda: consumer.on_deadline(0.0),
    ):
        assert call() is None
    with pytest.raises(NotImplementedError):
        consumer.receive(bytearray(), 0, 0)
