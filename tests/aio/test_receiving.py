"""The receiving half of a session: to a listener, to the queue, and the pauses in between."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.aio.recording import QUIET, RecordingChannel, give
from tests.doors.peer import BINARY, CLOSE, PING, PONG, TEXT, close, frame
from tests.wire.raw import put_into_window
from wsline.aio.receiving import Receiving
from wsline.aio.streaming import FragmentStream
from wsline.bounds import MESSAGE_COST
from wsline.connection import Connection
from wsline.errors import ConnectionClosedOK, RemoteProtocolError
from wsline.options import Options
from wsline.payload import form_of
from wsline.spec import CloseCode, Role, State

KIB = 1024
FULL = 64 * KIB  # bytes; a queue of `max_queue` messages that holds so many is full
KEPT = KIB * KIB  # bytes that are kept of a peer that sends on behind our close frame


class Half(Receiving):
    """A receiving half that notes what it says to the other one."""

    def __init__(self, options: Options = QUIET, *, opened: bool = True) -> None:
        connection = Connection(Role.CLIENT, options, lambda: 1000.0)
        Receiving.__init__(self, asyncio.get_running_loop(), connection)
        self.line = RecordingChannel(connection.output)
        self.emitted: list[tuple[Any, ...]] = []
        self.errors: list[Exception] = []
        self.changes: list[int] = []
        if opened:
            connection.open()
            self.channel = self.line

    def emit(self, event: str, *arguments: Any) -> None:
        self.emitted.append((event, *arguments))

    def on_handler_error(self, error: Exception) -> None:
        self.errors.append(error)

    def on_change(self) -> None:
        self.changes.append(self.connection.state)


class Outcome:
    """Keeps what a ping's waiter is told."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def finish(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


def queued(half: Half) -> list[Any]:
    """Take all that is in the queue."""
    taken = []
    while half.queue.has_messages():
        taken.append(half.queue.get())
    return taken


# -- the seam to the other half


async def test_the_other_half_must_say_what_it_does() -> None:
    half = Receiving(asyncio.get_running_loop(), Connection(Role.CLIENT, QUIET, lambda: 0.0))
    with pytest.raises(NotImplementedError):
        half.emit("open")
    with pytest.raises(NotImplementedError):
        half.on_handler_error(ValueError("no"))
    with pytest.raises(NotImplementedError):
        half.on_change()


async def test_a_new_one_reads_for_nobody() -> None:
    half = Half(opened=False)
    assert half.loop is asyncio.get_running_loop()
    assert half.channel is None
    assert not half.is_paused
    assert not half.has_listener()
    assert len(half.queue) == 0


# -- to the queue


async def test_messages_wait_in_order_and_keep_their_kind() -> None:
    half = Half()
    give(half, frame(TEXT, b"one") + frame(BINARY, b"two"))
    give(half, frame(TEXT, "drei\u00df".encode()))
    assert len(half.queue) == 3
    assert queued(half) == ["one", b"two", "drei\u00df"]
    assert half.changes == []


async def test_a_message_wakes_the_receiver_at_once() -> None:
    half = Half()
    task: asyncio.Future[Any] = asyncio.ensure_future(half.receive_message(None, False))
    await turn()
    assert not task.done()
    half.loop.call_soon(give, half, frame(TEXT, b"now"))
    async with asyncio.timeout(5):
        assert await task == "now"
    assert not half.queue.has_messages()


async def test_a_message_is_converted_as_the_receiver_wishes() -> None:
    half = Half()
    give(half, frame(TEXT, b"small"))
    assert await half.receive_message(str.upper, False) == "SMALL"


async def test_bytes_behind_the_opening_handshake_are_received() -> None:
    half = Half()
    half.take_early(b"")
    assert queued(half) == []
    half.take_early(frame(TEXT, b"early"))
    assert queued(half) == ["early"]


async def test_a_large_message_goes_straight_to_its_own_memory() -> None:
    half = Half()
    payload = bytes(range(256)) * KIB
    assert half.window() is None
    data = frame(BINARY, payload)
    give(half, data[:100])
    rest = data[100:]
    while rest:
        window = half.window()
        assert window is not None
        n = min(half.window_room(), len(rest), 100 * KIB)
        put_into_window(window, rest[:n])
        half.receive_window(n)
        rest = rest[n:]
        if rest:
            assert not half.queue.has_messages()
    assert half.window() is None
    assert queued(half) == [payload]


async def test_the_end_of_the_stream_closes_the_connection() -> None:
    half = Half()
    half.receive_eof()
    assert half.connection.state == State.CLOSED
    assert half.connection.close_info.code == CloseCode.ABNORMAL_CLOSURE


async def test_a_broken_rule_is_a_change() -> None:
    half = Half()
    give(half, frame(TEXT, b"good") + frame(TEXT, b"\xff"))
    assert queued(half) == ["good"]
    assert isinstance(half.connection.cause, RemoteProtocolError)
    assert half.changes == [State.CLOSING]


# -- to a listener


@pytest.mark.parametrize(
    ("arity", "heard"),
    [(0, [(), ()]), (1, [("text",), (b"data",)]), (2, [("text", False), (b"data", True)])],
)
async def test_a_listener_gets_as_much_as_it_takes(arity: int, heard: list[tuple[Any, ...]]) -> None:
    half = Half()
    calls: list[tuple[Any, ...]] = []
    half.set_listener(lambda *arguments: calls.append(arguments), arity)
    assert half.has_listener()
    give(half, frame(TEXT, b"text") + frame(BINARY, b"data"))
    assert calls == heard
    assert not half.queue.has_messages()


async def test_what_came_before_the_listener_is_delivered_first_in_a_later_turn() -> None:
    half = Half()
    heard: list[Any] = []
    give(half, frame(TEXT, b"1") + frame(TEXT, b"2"))
    half.set_listener(heard.append, 1)
    half.set_listener(heard.append, 1)  # asking twice delivers once
    assert heard == []
    give(half, frame(TEXT, b"3"))  # must not overtake
    assert heard == []
    await turn()
    assert heard == ["1", "2", "3"]
    give(half, frame(TEXT, b"4"))
    assert heard == ["1", "2", "3", "4"]


async def test_a_listener_that_leaves_before_its_turn_gets_nothing() -> None:
    half = Half()
    heard: list[Any] = []
    give(half, frame(TEXT, b"kept"))
    half.set_listener(heard.append, 1)
    half.set_listener(None, 0)
    assert not half.has_listener()
    await turn()
    assert heard == []
    assert queued(half) == ["kept"]


async def test_a_listener_that_leaves_in_a_batch_leaves_the_rest() -> None:
    half = Half()
    heard: list[Any] = []

    def once(message: Any) -> None:
        heard.append(message)
        half.set_listener(None, 0)

    half.set_listener(once, 1)
    give(half, frame(TEXT, b"1") + frame(TEXT, b"2"))
    assert heard == ["1"]
    assert queued(half) == ["2"]


async def test_an_error_in_a_listener_is_handed_on() -> None:
    half = Half()
    error = ValueError("no")

    def fail(message: Any) -> None:
        raise error

    half.set_listener(fail, 1)
    give(half, frame(TEXT, b"1"))
    assert half.errors == [error]


async def test_an_error_in_a_listener_of_waiting_messages_is_handed_on() -> None:
    half = Half()
    error = ValueError("no")

    def fail(message: Any) -> None:
        raise error

    give(half, frame(TEXT, b"1") + frame(TEXT, b"2"))
    half.set_listener(fail, 1)
    await turn()
    assert half.errors == [error]
    assert queued(half) == ["2"]


# -- control frames


async def test_pings_and_pongs_are_told() -> None:
    half = Half()
    give(half, frame(PING, b"are you") + frame(PONG, b"unasked"))
    assert half.emitted == [("ping", b"are you"), ("pong", b"unasked")]
    assert half.connection.pending() > 0  # the answer
    assert half.changes == []


async def test_a_pong_ends_the_waits_for_it() -> None:
    half = Half()
    outcome = Outcome()
    half.connection.send_ping(b"first")  # nobody waits for this one
    half.connection.send_ping(b"second", outcome)
    give(half, frame(PONG, b"second"))
    assert outcome.seconds == [0.0]
    assert half.emitted == [("pong", b"second")]


async def test_a_listener_hears_what_came_before_the_close_frame_while_it_can_answer() -> None:
    half = Half()
    states: list[int] = []
    half.set_listener(lambda message: states.append(half.connection.state), 1)
    give(half, frame(TEXT, b"last words") + frame(CLOSE, close(1000)))
    assert states == [State.OPEN]
    assert half.connection.received_close is not None
    assert half.changes == [State.CLOSING]
    assert half.line.calls == ["resume_reading"]


async def test_a_close_frame_is_acknowledged_without_a_channel_too() -> None:
    half = Half()
    half.channel = None
    give(half, frame(CLOSE, close(1001, "away")))
    assert half.connection.close_info.code == CloseCode.GOING_AWAY
    assert half.changes == [State.CLOSING]
    assert half.line.calls == []


async def test_a_close_frame_is_no_message() -> None:
    half = Half()

    def fail(*arguments: Any) -> None:
        raise ValueError("no")

    half.set_listener(fail, 0)
    give(half, frame(CLOSE, close(1000)))
    assert half.errors == []
    assert half.connection.sent_close is not None


# -- pauses


async def test_pausing_keeps_messages_from_the_listener() -> None:
    half = Half()
    heard: list[Any] = []
    half.set_listener(heard.append, 1)
    half.pause()
    half.pause()
    assert half.is_paused
    assert half.line.calls == ["pause_reading"]
    give(half, frame(TEXT, b"1"))  # was on its way
    await turn()
    assert heard == []
    half.resume()
    half.resume()
    assert half.line.calls == ["pause_reading", "resume_reading"]
    await turn()
    assert heard == ["1"]


async def test_pausing_between_request_and_turn_keeps_the_messages() -> None:
    half = Half()
    heard: list[Any] = []
    give(half, frame(TEXT, b"1"))
    half.set_listener(heard.append, 1)
    half.pause()
    await turn()
    assert heard == []
    half.resume()
    await turn()
    assert heard == ["1"]


async def test_pausing_needs_a_channel() -> None:
    half = Half(opened=False)
    half.pause()
    assert not half.is_paused
    half.resume()
    assert half.line.calls == []


async def test_a_close_frame_makes_a_paused_channel_read() -> None:
    half = Half()
    half.pause()
    give(half, frame(CLOSE, close(1000)))
    assert half.line.is_reading


async def test_resuming_without_a_listener_only_reads() -> None:
    half = Half()
    half.pause()
    give(half, frame(TEXT, b"1"))
    half.resume()
    await turn()
    assert half.line.is_reading
    assert queued(half) == ["1"]


async def test_resuming_when_the_channel_is_gone_delivers() -> None:
    half = Half()
    heard: list[Any] = []
    half.set_listener(heard.append, 1)
    half.pause()
    give(half, frame(TEXT, b"1"))
    half.channel = None
    half.resume()
    await turn()
    assert heard == ["1"]
    assert half.line.calls == ["pause_reading"]


async def test_a_full_queue_stops_reading_until_it_is_low() -> None:
    half = Half(replace(QUIET, max_queue=2))
    give(half, frame(BINARY, bytes(FULL)))
    assert half.line.calls == []  # bytes enough, but one message only
    give(half, frame(BINARY, bytes(FULL)))
    assert half.line.calls == ["pause_reading"]
    give(half, frame(BINARY, b"was on its way"))
    assert half.line.calls == ["pause_reading"]
    await half.receive_message(None, False)
    assert half.line.calls == ["pause_reading"]
    await half.receive_message(None, False)
    assert half.line.calls == ["pause_reading", "resume_reading"]


async def test_a_low_queue_does_not_end_the_users_pause() -> None:
    half = Half(replace(QUIET, max_queue=1))
    give(half, frame(BINARY, bytes(FULL)))
    half.pause()
    queued(half)
    assert not half.line.is_reading
    half.resume()
    assert half.line.is_reading


async def test_the_end_of_the_users_pause_does_not_fill_a_full_queue() -> None:
    half = Half(replace(QUIET, max_queue=1))
    half.pause()
    give(half, frame(BINARY, bytes(FULL)))
    half.resume()
    assert not half.line.is_reading
    queued(half)
    assert half.line.is_reading


async def test_a_full_queue_without_a_channel_stops_nothing() -> None:
    half = Half(replace(QUIET, max_queue=1))
    half.channel = None
    give(half, frame(BINARY, bytes(FULL)))
    assert half.queue.is_full()
    assert half.queue.on_low is None


# -- after our close frame


async def test_after_our_close_frame_a_full_queue_reads_on() -> None:
    half = Half(replace(QUIET, max_queue=1))
    half.connection.send_close(1000, "")
    give(half, frame(BINARY, bytes(FULL)))
    assert half.queue.is_full()
    assert half.line.is_reading
    assert half.changes == [State.CLOSING]


async def test_after_our_close_frame_not_all_is_kept_but_the_peers_close_frame_is_seen() -> None:
    half = Half(replace(QUIET, max_queue=1))
    half.connection.send_close(1000, "")
    give(half, frame(BINARY, bytes(KEPT)))
    give(half, frame(TEXT, b"dropped") + frame(BINARY, b"dropped") + frame(PING, b"p"))
    assert half.queue.size == KEPT + MESSAGE_COST
    assert half.emitted == [("ping", b"p")]
    give(half, frame(TEXT, b"dropped") + frame(CLOSE, close(1000)))
    assert queued(half) == [bytes(KEPT)]
    assert half.connection.close_info.was_clean


async def test_the_queue_ends_behind_its_messages() -> None:
    half = Half()
    give(half, frame(TEXT, b"1") + frame(CLOSE, close(1000)))
    half.queue.finish(half.connection.closed_error)
    assert await half.receive_message(None, False) == "1"
    with pytest.raises(ConnectionClosedOK):
        await half.receive_message(None, False)
    with pytest.raises(StopAsyncIteration):
        half.receive_message(None, True).step()


# -- in fragments


async def test_a_listener_waits_for_the_end_of_a_message_in_fragments() -> None:
    half = Half()
    heard: list[Any] = []
    stream = FragmentStream(half)
    waiting: asyncio.Future[Any] = asyncio.ensure_future(anext(stream))
    await turn()
    half.loop.call_soon(give, half, frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False))
    assert await waiting == "a"
    half.set_listener(heard.append, 1)
    give(half, frame(0, b"c") + frame(TEXT, b"d"))
    await turn()
    give(half, frame(TEXT, b"e"))
    assert heard == []
    assert [fragment async for fragment in stream] == ["b", "c"]
    give(half, frame(TEXT, b"f"))
    await turn()
    give(half, frame(TEXT, b"g"))
    assert heard == ["d", "e", "f", "g"], "in their order"


async def test_messages_in_fragments_go_where_others_go() -> None:
    half = Half()
    half.set_form(form_of("fragments"), True)
    heard: list[Any] = []
    wire = frame(BINARY, b"a", fin=False) + frame(0, b"b")
    half.set_listener(lambda message: heard.append(message.parts), 1)
    give(half, wire)
    assert heard == [[b"a", b"b"]]
    half.pause()
    give(half, wire)
    assert len(heard) == 1
    assert half.queue.size == 2 + MESSAGE_COST
    half.resume()
    await turn()
    assert heard == [[b"a", b"b"]] * 2
    half.set_listener(None, 0)
    give(half, wire)
    assert await half.receive_message(None, False) == [b"a", b"b"]


async def test_what_is_held_is_read_again_when_it_is_released() -> None:
    half = Half()
    half.hold()
    half.pause()
    half.resume()
    assert not half.line.is_reading
    half.release()
    assert half.line.is_reading
    silent = Half(opened=False)
    silent.hold()
    silent.release()
