"""The inside of a WebSocket: the way out, the end, and the deadlines."""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.aio.recording import RecordingChannel, give
from tests.doors.peer import CLOSE, PING, PONG, TEXT, close, frame
from wsline.aio.coroutines import Awaitable
from wsline.aio.flow import DONE, Wait
from wsline.aio.reactor import SocketChannel, reactor_of
from wsline.aio.session import SendWait, Session
from wsline.connection import Connection
from wsline.errors import (
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeError,
    InvalidState,
    KeepaliveTimeout,
    SlowConsumer,
    WriteTimeout,
)
from wsline.options import Options
from wsline.spec import CloseCode, Role, State
from wsline.states import Exit
from wsline.wire.prepared import PreparedMessage

KIB = 1024
DEADLINE = 5  # seconds, for whatever must come


class Timer:
    """Stands for the loop's deadlines, and for its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.armed: list[float] = []

    def __call__(self) -> float:
        return self.now

    def arm(self, consumer: object, when: float) -> None:
        self.armed.append(when)


class Inside:
    """A session of a server, its channel, its timer, and what its listeners hear."""

    def __init__(self, *, attached: bool = True, **options: Any) -> None:
        quiet: dict[str, Any] = {"ping_interval": None, "write_timeout": None}
        self.timer = Timer()
        self.connection = Connection(Role.SERVER, Options(**quiet | options), self.timer)
        self.session = Session(asyncio.get_running_loop(), self.connection, self.emit)
        self.channel = RecordingChannel(self.connection.output)
        self.emitted: list[tuple[Any, ...]] = []
        self.listeners: dict[str, Callable[..., object]] = {}
        if attached:
            self.attach()

    def attach(self) -> None:
        self.session.attach(self.channel, self.timer)  # type: ignore[arg-type]

    def emit(self, event: str, *arguments: Any) -> None:
        self.emitted.append((event, *arguments))
        if event in self.listeners:
            self.listeners[event](*arguments)

    def receive(self, opcode: int, payload: bytes) -> None:
        give(self.session, frame(opcode, payload, mask=True))

    def pass_to(self, seconds: float) -> None:
        """Let time pass, and have done what is due then."""
        self.timer.now += seconds
        self.session.on_deadline(self.timer.now)

    @property
    def sent(self) -> bytes:
        """What has been sent, and waits to be."""
        self.channel.flush()
        return self.channel.sent


def fails(error: Exception) -> Callable[..., object]:
    """Return a listener that raises."""

    def fail(*arguments: Any) -> None:
        raise error

    return fail


async def outcome(awaitable: Any) -> Any:
    """Await something that must end."""
    async with asyncio.timeout(DEADLINE):
        return await awaitable


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


# -- opening


async def test_attaching_opens_and_keeps_what_the_channel_knows() -> None:
    inside = Inside(attached=False)
    session, channel = inside.session, inside.channel
    assert (session.secure, session.local_address, session.remote_address) == (False, None, None)
    channel.secure = True
    channel.local_address = ("127.0.0.1", 1)
    channel.remote_address = ("127.0.0.1", 2)
    channel.ssl_object = object()
    inside.attach()
    assert inside.connection.state == State.OPEN
    assert session.channel is channel
    assert channel.consumer is session
    channel.abort()
    assert session.channel is None
    assert session.secure
    assert session.local_address == ("127.0.0.1", 1)
    assert session.remote_address == ("127.0.0.1", 2)
    assert session.ssl_object is channel.ssl_object


async def test_attaching_arms_the_keepalive() -> None:
    assert Inside(ping_interval=20).timer.armed == [1020.0]
    assert Inside().timer.armed == []


async def test_nothing_can_be_sent_before() -> None:
    session = Inside(attached=False).session
    for call in (
        lambda: session.send("no", True),
        lambda: session.send(b"no", True),
        lambda: session.ping(None),
        lambda: session.pong(b""),
        lambda: session.close(1000, ""),
    ):
        with pytest.raises(InvalidState, match="CONNECTING"):
            call()


async def test_a_failed_opening_ends_with_its_cause() -> None:
    inside = Inside(attached=False)
    error = HandshakeError("no")
    wait = inside.session.wait_closed()
    inside.session.give_up(error)
    assert inside.emitted == [("error", error), ("close", CloseCode.ABNORMAL_CLOSURE, "")]
    await outcome(wait)
    with pytest.raises(ConnectionClosedError) as raised:
        await outcome(inside.session.receive_message(None, False))
    assert raised.value.__cause__ is error


async def test_abandoning_cancels_the_opening() -> None:
    inside = Inside(attached=False)
    opening = inside.session.opening = asyncio.ensure_future(asyncio.sleep(3600))
    await outcome(inside.session.abandon())
    assert inside.session.opening is None
    with pytest.raises(asyncio.CancelledError):
        await opening
    (_, error), closed = inside.emitted
    assert isinstance(error, HandshakeError)
    assert "closed before the connection was established" in str(error)
    assert closed == ("close", CloseCode.ABNORMAL_CLOSURE, "")


async def test_abandoning_needs_no_task() -> None:
    inside = Inside(attached=False)
    await outcome(inside.session.abandon())
    assert inside.connection.state == State.CLOSED


async def test_an_error_in_a_listener_gives_the_opening_up() -> None:
    inside = Inside(attached=False)
    opening = inside.session.opening = asyncio.ensure_future(asyncio.sleep(3600))
    error = ValueError("no")
    inside.listeners["upgrade"] = fails(error)
    inside.session.emit("upgrade", None)
    assert inside.emitted[1:] == [("error", error), ("close", CloseCode.ABNORMAL_CLOSURE, "")]
    with pytest.raises(asyncio.CancelledError):
        await opening


# -- out


async def test_messages_and_fragments_go_out_in_order() -> None:
    inside = Inside()
    session = inside.session
    assert session.send("text", True) is DONE
    assert session.send(b"data", True) is DONE
    assert session.send("be", False) is DONE
    assert session.send("gun", True) is DONE
    assert session.send_prepared(PreparedMessage("framed"), True) is DONE
    assert session.send_uncompressed("plain", True) is DONE
    inside.connection.begin_stream()
    assert session.send_fragment("stream", False) is DONE
    assert session.send_fragment("ed", True) is DONE
    assert inside.channel.calls == ["written"] * 8
    assert inside.sent == (
        frame(TEXT, b"text")
        + frame(2, b"data")
        + frame(TEXT, b"be", fin=False)
        + frame(0, b"gun")
        + frame(TEXT, b"framed")
        + frame(TEXT, b"plain")
        + frame(TEXT, b"stream", fin=False)
        + frame(0, b"ed")
    )


async def test_pings_and_pongs_go_out() -> None:
    inside = Inside()
    wait = inside.session.ping(b"ping")
    inside.session.pong(b"pong")
    assert inside.sent == frame(PING, b"ping") + frame(PONG, b"pong")
    inside.timer.now += 0.25
    inside.receive(PONG, b"ping")
    assert await outcome(wait) == 0.25
    assert inside.emitted == [("pong", b"ping")]


async def test_what_the_socket_takes_at_once_need_not_be_waited_for() -> None:
    inside = Inside(high_water=KIB)
    assert inside.session.send(bytes(KIB + 1), True) is DONE
    assert inside.channel.calls == ["written", "flush"]
    assert len(inside.channel.sent) > KIB


async def test_sending_waits_until_the_socket_has_taken_enough() -> None:
    inside = Inside(high_water=KIB)
    inside.channel.takes = 0
    first = asyncio.ensure_future(as_coroutine(inside.session.send(bytes(2 * KIB), True)))
    second = asyncio.ensure_future(as_coroutine(inside.session.send(b"", True)))
    await turn()
    inside.channel.takes = 100
    inside.channel.flush()
    inside.session.on_progress()
    await turn()
    assert not first.done()
    assert not second.done()
    inside.channel.takes = KIB
    inside.channel.flush()
    inside.session.on_progress()
    await outcome(asyncio.gather(first, second))
    inside.session.on_progress()  # nobody waits any more
    assert inside.connection.output.pending() > 0


async def as_coroutine(awaitable: Any) -> Any:
    return await awaitable


async def test_an_open_connection_without_a_channel_keeps_what_it_says() -> None:
    inside = Inside(attached=False, high_water=KIB)
    inside.connection.open()
    assert inside.session.send("small", True) is DONE
    wait = inside.session.send(bytes(2 * KIB), True)
    assert wait is not DONE
    assert inside.channel.calls == []
    ended = inside.session.close(1000, "")
    assert inside.sent.endswith(frame(CLOSE, close(1000)))
    inside.session.terminate()
    inside.session.cut(None)
    await outcome(ended)
    with pytest.raises(ConnectionClosedError):
        await outcome(wait)


# -- the slow peer


async def test_a_slow_peer_is_cut_off() -> None:
    inside = Inside(max_buffered=KIB, high_water=1 << 20)
    inside.channel.takes = 0
    inside.session.send(bytes(2 * KIB), True)
    with pytest.raises(ConnectionClosedError, match=r"max_buffered=1024") as raised:
        inside.session.send("one too many", True)
    assert isinstance(raised.value.__cause__, SlowConsumer)
    assert inside.channel.closed
    assert [event for event, *_ in inside.emitted] == ["error", "close"]


async def test_a_slow_peer_is_cut_off_by_a_framed_message() -> None:
    inside = Inside(max_buffered=KIB)
    inside.channel.takes = 0
    inside.session.send_prepared(PreparedMessage(bytes(2 * KIB)), True)
    with pytest.raises(ConnectionClosedError, match="too slowly"):
        inside.session.send_prepared(PreparedMessage("no"), True)
    assert inside.channel.closed


async def test_a_slow_peer_is_cut_off_by_a_message_that_is_not_compressed() -> None:
    inside = Inside(max_buffered=KIB)
    inside.channel.takes = 0
    inside.session.send_uncompressed(bytes(2 * KIB), True)
    with pytest.raises(ConnectionClosedError, match="too slowly"):
        inside.session.send_uncompressed("no", True)
    assert inside.channel.closed


async def test_a_slow_peer_is_cut_off_by_a_fragment() -> None:
    inside = Inside(max_buffered=KIB)
    inside.channel.takes = 0
    inside.connection.begin_stream()
    inside.session.send_fragment(bytes(2 * KIB), False)
    with pytest.raises(ConnectionClosedError, match="too slowly"):
        inside.session.send_fragment(b"no", True)
    assert inside.channel.closed


async def test_a_closing_connection_is_not_cut_off_by_a_call_that_comes_too_late() -> None:
    inside = Inside(max_buffered=KIB)
    inside.channel.takes = 0
    inside.session.send(bytes(2 * KIB), True)
    inside.session.close(1000, "")
    with pytest.raises(ConnectionClosedError, match="has not answered"):
        inside.session.send("late", True)
    assert not inside.channel.closed


async def test_there_may_be_no_limit() -> None:
    inside = Inside(max_buffered=None, max_payload=None, high_water=0)
    inside.channel.takes = 0
    for _ in range(3):
        inside.session.send(bytes(1 << 20), True)
    assert not inside.channel.closed


# -- the end


async def test_closing_waits_for_the_end() -> None:
    inside = Inside()
    wait = inside.session.close(1001, "bye")
    assert inside.sent == frame(CLOSE, close(1001, "bye"))
    assert inside.connection.state == State.CLOSING
    task = asyncio.ensure_future(as_coroutine(wait))
    await turn()
    assert not task.done()
    inside.receive(CLOSE, close(1001))
    assert inside.channel.ending == Exit.CLOSE
    assert inside.emitted == []
    inside.channel.abort()
    await outcome(task)
    assert inside.emitted == [("close", CloseCode.GOING_AWAY, "")]
    assert inside.session.wait_closed() is DONE
    assert inside.session.close(1000, "") is DONE
    with pytest.raises(ConnectionClosedOK):
        inside.session.send("late", True)


async def test_closing_reads_on_behind_a_full_queue() -> None:
    inside = Inside(max_queue=1)
    inside.receive(TEXT, b"x" * 64 * KIB)
    assert not inside.channel.is_reading
    inside.session.close(1000, "")
    assert inside.channel.is_reading
    assert inside.session.queue.on_low is None


async def test_the_peers_close_frame_is_answered() -> None:
    inside = Inside()
    inside.receive(CLOSE, close(1000, "bye"))
    assert inside.sent == frame(CLOSE, close(1000, "bye"))
    assert inside.channel.ending == Exit.CLOSE
    inside.channel.abort()
    assert inside.emitted == [("close", CloseCode.NORMAL_CLOSURE, "bye")]


async def test_failing_says_why_and_leaves() -> None:
    inside = Inside()
    error = ValueError("no")
    inside.session.fail(error, CloseCode.POLICY_VIOLATION, "rules")
    assert inside.sent == frame(CLOSE, close(1008, "rules"))
    assert inside.channel.ending == Exit.HALF_CLOSE
    assert inside.timer.armed == [1001.0]
    inside.channel.abort()
    assert inside.emitted == [("error", error), ("close", CloseCode.ABNORMAL_CLOSURE, "")]


async def test_terminating_cuts() -> None:
    inside = Inside()
    inside.session.terminate()
    assert inside.channel.closed
    assert inside.emitted == [("close", CloseCode.ABNORMAL_CLOSURE, "")]
    inside.session.terminate()
    assert len(inside.emitted) == 1


async def test_a_broken_channel_is_the_cause() -> None:
    inside = Inside()
    inside.channel.error = ConnectionResetError("reset")
    inside.channel.abort()
    assert inside.emitted[0] == ("error", inside.channel.error)
    with pytest.raises(ConnectionClosedError) as raised:
        inside.session.send("late", True)
    assert raised.value.__cause__ is inside.channel.error


async def test_the_end_wakes_everyone_once() -> None:
    inside = Inside(high_water=0)
    session = inside.session
    inside.channel.takes = 0
    inside.connection.send_ping(b"of the keepalive")  # nobody waits for its pong
    waits = [
        session.receive_message(None, False),
        session.send("waits", True),
        session.ping(b"waits"),
    ]
    tasks = [asyncio.ensure_future(as_coroutine(each)) for each in waits]
    closers = [asyncio.ensure_future(as_coroutine(session.wait_closed())) for _ in range(2)]
    await turn()
    session.cut(None)
    for error in await outcome(asyncio.gather(*tasks, return_exceptions=True)):
        assert isinstance(error, ConnectionClosedError)
    assert await outcome(asyncio.gather(*closers)) == [None, None]
    session.cut(None)
    assert [event for event, *_ in inside.emitted] == ["close"]


async def test_a_cut_with_a_cause_tells_it() -> None:
    inside = Inside()
    error = OSError("gone")
    inside.session.cut(error)
    assert inside.channel.calls == ["abort"]
    assert inside.emitted == [("error", error), ("close", CloseCode.ABNORMAL_CLOSURE, "")]


async def test_a_paused_listener_hears_what_came_before_the_end() -> None:
    inside = Inside()
    order: list[Any] = []
    inside.session.set_listener(order.append, 1)
    inside.listeners["close"] = lambda code, reason: order.append(code)
    inside.session.pause()
    inside.receive(TEXT, b"1")
    assert order == []
    inside.session.cut(None)
    assert order == ["1", CloseCode.ABNORMAL_CLOSURE]
    assert not inside.session.is_paused
    assert not inside.session.has_listener()


# -- listeners that fail


async def test_an_error_in_a_message_listener_fails_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    inside = Inside()
    error = ValueError("no")
    inside.session.set_listener(fails(error), 1)
    inside.receive(TEXT, b"1")
    assert inside.sent == frame(CLOSE, close(1011, "internal error"))
    assert inside.emitted == []  # the end tells it
    assert "exception in a handler" in caplog.text
    inside.channel.abort()
    assert inside.emitted[0] == ("error", error)


async def test_a_second_error_is_told_at_once() -> None:
    inside = Inside()
    first, second = ValueError("1"), ValueError("2")
    inside.session.on_handler_error(first)
    inside.session.on_handler_error(second)
    assert inside.emitted == [("error", second)]
    inside.channel.abort()
    assert inside.emitted[1] == ("error", first)


async def test_an_error_in_an_event_listener_fails_the_connection() -> None:
    inside = Inside()
    inside.listeners["ping"] = fails(ValueError("no"))
    inside.receive(PING, b"")
    assert inside.sent.endswith(frame(CLOSE, close(1011, "internal error")))


async def test_an_error_in_an_error_listener_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    inside = Inside()
    inside.listeners["error"] = fails(KeyError("worse"))
    inside.session.on_handler_error(ValueError("1"))
    inside.session.on_handler_error(ValueError("2"))
    assert "exception in an 'error' listener" in caplog.text
    assert inside.connection.state == State.CLOSING


async def test_errors_at_the_end_are_logged_and_stop_nothing(caplog: pytest.LogCaptureFixture) -> None:
    inside = Inside()
    inside.listeners = {"error": fails(KeyError("1")), "close": fails(KeyError("2"))}
    with caplog.at_level(logging.ERROR, logger="wsline"):
        inside.session.cut(OSError("gone"))
    assert [event for event, *_ in inside.emitted] == ["error", "close"]
    assert "exception in a 'error' listener" in caplog.text
    assert "exception in a 'close' listener" in caplog.text


async def test_after_the_end_nothing_is_told() -> None:
    inside = Inside()
    inside.session.cut(None)
    inside.session.emit("ping", b"")
    inside.session.on_change()
    assert [event for event, *_ in inside.emitted] == ["close"]


# -- time


async def test_a_keepalive_ping_goes_out_and_its_silence_ends_the_connection() -> None:
    inside = Inside(ping_interval=20, ping_timeout=5)
    inside.pass_to(20)
    assert inside.sent[:1] == b"\x89"
    inside.pass_to(5)
    assert isinstance(inside.connection.cause, KeepaliveTimeout)
    assert inside.channel.ending == Exit.HALF_CLOSE
    inside.pass_to(1)
    assert inside.channel.closed


async def test_who_does_not_read_does_not_accuse_the_peer_of_silence() -> None:
    paused = Inside(ping_interval=20, ping_timeout=5)
    paused.session.pause()
    full = Inside(ping_interval=20, ping_timeout=5, max_queue=1)
    full.receive(TEXT, b"x" * 64 * KIB)
    for inside in (paused, full):
        inside.pass_to(20)
        inside.pass_to(5)
        assert inside.connection.state == State.OPEN


async def test_who_does_not_answer_our_close_frame_is_cut() -> None:
    inside = Inside(close_timeout=3)
    inside.session.close(1000, "")
    assert inside.timer.armed == [1003.0]
    inside.pass_to(2.9)
    assert not inside.channel.closed
    inside.pass_to(0.1)
    assert inside.channel.closed
    assert inside.emitted == [("close", CloseCode.ABNORMAL_CLOSURE, "")]


async def test_who_takes_nothing_is_cut() -> None:
    inside = Inside(write_timeout=7)
    inside.session.on_blocked()
    assert inside.timer.armed == [1007.0]
    inside.session.on_progress()
    inside.pass_to(7)
    assert not inside.channel.closed
    inside.session.on_blocked()
    inside.pass_to(7)
    (_, error), _ = inside.emitted
    assert isinstance(error, WriteTimeout)


async def test_a_socket_that_is_blocked_already_has_its_time() -> None:
    inside = Inside(attached=False, write_timeout=7)
    inside.connection.output.blocked = True  # by what came with the opening handshake
    inside.attach()
    assert inside.timer.armed == [1007.0]
    inside.pass_to(7)
    (_, error), _ = inside.emitted
    assert isinstance(error, WriteTimeout)


async def test_progress_while_blocked_gives_more_time() -> None:
    inside = Inside(write_timeout=7)
    inside.connection.output.blocked = True
    inside.session.on_blocked()
    inside.timer.now += 5
    inside.session.on_progress()
    assert inside.timer.armed == [1007.0, 1012.0]


async def test_without_deadlines_nothing_is_armed() -> None:
    inside = Inside(attached=False, write_timeout=7)
    inside.connection.open()
    inside.session.on_blocked()
    assert inside.connection.deadline == 1007.0
    assert inside.timer.armed == []


def count_waits() -> int:
    return sum(isinstance(each, Wait | SendWait) for each in gc.get_objects())


async def test_sends_that_nobody_awaits_leave_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    server, client = socket.socketpair()
    client.setblocking(False)
    channel = SocketChannel(reactor_of(loop), server)
    connection = Connection(Role.SERVER, Options(high_water=0), time.monotonic, channel.output)
    session = Session(loop, connection, lambda *arguments: None)
    session.attach(channel, reactor_of(loop).deadlines)
    session.send(bytes(4 << 20), True)
    before = count_waits()
    for _ in range(1000):
        session.send(b"x", True)
    assert count_waits() == before
    awaited = asyncio.ensure_future(_await(session.send(b"y", True)))
    await asyncio.sleep(0)
    assert not awaited.done()
    async with asyncio.timeout(DEADLINE):
        while not awaited.done():
            try:
                client.recv(1 << 20)
            except BlockingIOError:
                await asyncio.sleep(0)
    assert awaited.result() is None
    late = session.send(bytes(4 << 20), True)
    session.terminate()
    with pytest.raises(ConnectionClosedError):
        await late
    client.close()


async def test_a_wait_that_is_given_up_and_one_that_is_late() -> None:
    loop = asyncio.get_running_loop()
    server, client = socket.socketpair()
    channel = SocketChannel(reactor_of(loop), server)
    connection = Connection(Role.SERVER, Options(high_water=0), time.monotonic, channel.output)
    session = Session(loop, connection, lambda *arguments: None)
    session.attach(channel, reactor_of(loop).deadlines)
    wait = session.send(bytes(4 << 20), True)
    wait.close()
    task = asyncio.ensure_future(_await(wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    late = session.send(b"x", True)
    channel.output.clear()
    assert await late is None, "there is room by now"
    session.terminate()
    client.close()


async def _await(wait: Awaitable) -> object:
    return await wait
