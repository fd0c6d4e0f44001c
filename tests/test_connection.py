"""An open WebSocket without I/O: states, closing, control frames, streams, deadlines."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    build,
    header,
    key_from,
    parse,
    put_into_window,
)
from wsline.connection import Connection
from wsline.errors import (
    CloseInfo,
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidState,
    KeepaliveTimeout,
    LocalProtocolError,
    RemoteProtocolError,
    UnreadPongs,
    Violation,
    WriteTimeout,
)
from wsline.options import Options
from wsline.spec import CloseCode, Role, State
from wsline.states import Exit, Input, next_state
from wsline.wire.close import Close
from wsline.wire.kernels import Output
from wsline.wire.messages import HEADROOM, Ping, Pong
from wsline.wire.prepared import PreparedMessage

ROLES = list(Role)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class End:
    """A connection, its clock, and what it says, frame by frame."""

    def __init__(self, role: Role = Role.SERVER, *, opened: bool = True, **options: Any) -> None:
        self.role = role
        self.clock = Clock()
        self.connection = Connection(role, Options(**options), self.clock)
        if opened:
            self.connection.open()

    def hear(self, *frames: bytes) -> list[Any]:
        buffer = bytearray(HEADROOM) + b"".join(frames)
        events = self.connection.receive(buffer, HEADROOM, len(buffer))
        self.connection.acknowledge_close()
        return events

    def hear_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> list[Any]:
        return self.hear(self.frame(opcode, payload, fin=fin))

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
        return build(opcode, payload, fin=fin, key=key_from(self.role))

    def said(self) -> list[Frame]:
        frames = parse(self.connection.output.take())
        assert {each.masked for each in frames} <= {self.role is Role.CLIENT}
        return [each._replace(masked=False) for each in frames]

    def at(self, now: float) -> None:
        self.clock.now = 1000.0 + now
        self.connection.on_deadline(self.clock.now)

    @property
    def due(self) -> float | None:
        deadline = self.connection.deadline
        return None if deadline is None else deadline - 1000.0

    def state(self) -> State:
        return State(self.connection.state)

    @property
    def info(self) -> CloseInfo:
        return self.connection.close_info


# -- the table of states

MOVES = {
    (State.CONNECTING, Input.OPENED): State.OPEN,
    (State.CONNECTING, Input.ENDED): State.CLOSED,
    (State.OPEN, Input.SENT_CLOSE): State.CLOSING,
    (State.OPEN, Input.RECEIVED_CLOSE): State.CLOSING,
    (State.OPEN, Input.FAILED): State.CLOSING,
    (State.OPEN, Input.ENDED): State.CLOSED,
    (State.CLOSING, Input.SENT_CLOSE): State.CLOSING,
    (State.CLOSING, Input.RECEIVED_CLOSE): State.CLOSING,
    (State.CLOSING, Input.FAILED): State.CLOSING,
    (State.CLOSING, Input.ENDED): State.CLOSED,
}


@pytest.mark.parametrize("happened", Input)
@pytest.mark.parametrize("state", State)
def test_every_input_in_every_state(state: State, happened: Input) -> None:
    if (state, happened) in MOVES:
        assert next_state(state, happened) is MOVES[state, happened]
        return
    with pytest.raises(InvalidState, match=rf"^{happened.value}: impossible while {state.name}$"):
        next_state(state, happened)


def test_a_connection_opens_once() -> None:
    end = End(opened=False)
    assert end.state() is State.CONNECTING
    assert end.due is None
    end.connection.open()
    assert end.state() is State.OPEN
    with pytest.raises(InvalidState):
        end.connection.open()


SENDS: dict[str, Callable[[Connection], object]] = {
    "text": lambda c: c.send_text("x", True),
    "binary": lambda c: c.send_binary(b"x", True),
    "uncompressed": lambda c: c.send_uncompressed(b"x", True),
    "prepared": lambda c: c.send_prepared(PreparedMessage(b""), True),
    "begin": lambda c: c.begin_stream(),
    "fragment": lambda c: c.send_fragment("x", True),
    "ping": lambda c: c.send_ping(None),
    "pong": lambda c: c.send_pong(b""),
    "check": lambda c: c.check_open(),
}


@pytest.mark.parametrize("send", SENDS)
def test_nothing_is_sent_before_the_opening(send: str) -> None:
    end = End(opened=False)
    with pytest.raises(InvalidState, match=r"^WebSocket is not open: readyState 0 \(CONNECTING\)$"):
        SENDS[send](end.connection)
    with pytest.raises(InvalidState, match="CONNECTING"):
        end.connection.send_close(1000, "")
    with pytest.raises(InvalidState, match="impossible while CONNECTING"):
        end.connection.fail(OSError(), CloseCode.INTERNAL_ERROR)
    assert end.connection.cause is None
    assert end.said() == []


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("how", ["close", "fail", "end"])
def test_nothing_is_sent_after_the_end_has_begun(how: str, send: str) -> None:
    end = End()
    cause = OSError("gone")
    if how == "close":
        end.connection.send_close(1000, "")
    elif how == "fail":
        end.connection.fail(cause, CloseCode.INTERNAL_ERROR)
    else:
        end.connection.end(cause)
    end.said()
    with pytest.raises(ConnectionClosedError) as raised:
        SENDS[send](end.connection)
    assert raised.value.__cause__ is (None if how == "close" else cause)
    assert raised.value.close_info == end.info
    assert end.said() == []


# -- messages


@pytest.mark.parametrize("role", ROLES)
def test_messages_both_ways(role: Role) -> None:
    end = End(role)
    end.connection.send_text("é", True)
    end.connection.send_binary(b"b", True)
    end.connection.send_pong(b"unasked")
    assert end.said() == [Frame(TEXT, "é".encode()), Frame(BINARY, b"b"), Frame(PONG, b"unasked")]
    heard = end.hear(end.frame(TEXT, b"a"), end.frame(BINARY, b"b", fin=False), end.frame(PONG))
    assert heard == ["a", Pong(b"")]
    assert end.hear_frame(CONTINUATION, b"c") == [b"bc"]


def test_an_output_can_be_given() -> None:
    output = Output()
    connection = Connection(Role.CLIENT, Options(), Clock(), output, lambda: b"abcd")
    connection.open()
    assert connection.output is output
    connection.send_text("x", True)
    assert output.take() == build(TEXT, b"x", key=b"abcd")


def test_large_messages_are_received_in_place() -> None:
    end = End(Role.CLIENT)
    assert end.connection.window() is None
    end.hear(header(TEXT, 50_000))
    window = end.connection.window()
    assert window is not None
    assert end.connection.window_room() == 50_000
    put_into_window(window, b"x" * 50_000)
    assert end.connection.receive_window(20_000) == []
    assert end.connection.receive_window(30_000) == ["x" * 50_000]


def test_a_broken_rule_in_the_window_fails_the_connection() -> None:
    end = End(Role.CLIENT)
    end.hear(header(TEXT, 50_000))
    window = end.connection.window()
    assert window is not None
    assert end.connection.window_room() == 50_000
    put_into_window(window, b"ab\xff")
    assert end.connection.receive_window(3) == []
    assert end.state() is State.CLOSING
    assert end.said() == [Frame(CLOSE, b"\x03\xef")]
    assert end.connection.window() is None


# -- closing

BYE = b"\x03\xe9bye"


@pytest.mark.parametrize("role", ROLES)
def test_we_close(role: Role) -> None:
    end = End(role)
    end.connection.send_close(1001, "bye")
    assert end.said() == [Frame(CLOSE, BYE)]
    assert (end.state(), end.connection.exit, end.due) == (State.CLOSING, Exit.NONE, 10)
    peer = "client" if role is Role.SERVER else "server"
    assert end.info == CloseInfo(
        local_code=1001,
        local_reason="bye",
        initiator="local",
        hint=f"we sent Close(1001, 'bye'), and the {peer} has not answered it",
    )
    # What the peer had said before it heard of it is delivered still.
    assert end.hear(end.frame(TEXT, b"late"), end.frame(PING)) == ["late", Ping(b"")]
    assert end.hear_frame(CLOSE, BYE) == [Close(1001, "bye")]
    assert end.said() == []
    if role is Role.SERVER:
        assert (end.connection.exit, end.due) == (Exit.CLOSE, 10)
    else:
        assert (end.connection.exit, end.due) == (Exit.HALF_CLOSE, 1)
    assert end.hear_frame(TEXT, b"ignored") == []
    end.connection.receive_eof()
    assert (end.state(), end.connection.exit, end.due) == (State.CLOSED, Exit.CLOSE, None)
    assert end.info == CloseInfo(
        local_code=1001,
        local_reason="bye",
        peer_code=1001,
        peer_reason="bye",
        initiator="local",
        was_clean=True,
        hint=f"we closed the connection; the {peer} sent Close(1001, 'bye')",
    )
    assert type(end.connection.closed_error()) is ConnectionClosedOK


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("payload", [b"", BYE, b"\x03\xf3", b"\x0f\xa0" + b"r" * 123])
def test_the_peer_closes(role: Role, payload: bytes) -> None:
    end = End(role)
    (close,) = end.hear(end.frame(CLOSE, payload), end.frame(TEXT, b"ignored"))
    assert end.said() == [Frame(CLOSE, payload)]
    assert end.state() is State.CLOSING
    assert end.connection.exit == (Exit.CLOSE if role is Role.SERVER else Exit.HALF_CLOSE)
    peer = "client" if role is Role.SERVER else "server"
    assert end.info == CloseInfo(
        local_code=close.code,
        local_reason=close.reason,
        peer_code=close.code,
        peer_reason=close.reason,
        initiator="peer",
        was_clean=True,
        hint=f"the {peer} closed the connection; the {peer} sent {close!r}",
    )
    good = close.code in (1001, 1005)
    assert type(end.connection.closed_error()) is (ConnectionClosedOK if good else ConnectionClosedError)
    end.connection.send_close(1000, "again")
    assert end.said() == []
    # What the socket says after the handshake is no reason.
    end.connection.end(OSError("reset"))
    assert end.connection.cause is None
    assert end.state() is State.CLOSED


def receive(end: End, wire: bytes) -> list[Any]:
    """Receive, and put off what a close frame does."""
    buffer = bytearray(HEADROOM) + wire
    return end.connection.receive(buffer, HEADROOM, len(buffer))


def test_messages_before_a_close_frame_can_be_answered() -> None:
    end = End()
    wire = end.frame(TEXT, b"question") + end.frame(CLOSE, BYE)
    assert receive(end, wire) == ["question", Close(1001, "bye")]
    assert end.state() is State.OPEN
    end.connection.send_text("answer", True)
    end.connection.acknowledge_close()
    end.connection.acknowledge_close()
    assert end.said() == [Frame(TEXT, b"answer"), Frame(CLOSE, BYE)]
    assert end.state() is State.CLOSING


@pytest.mark.parametrize("code", [1000, 3000])
def test_we_close_before_the_peers_close_frame_takes_effect(code: int) -> None:
    end = End()
    receive(end, end.frame(CLOSE, BYE))
    end.connection.send_close(code, "")
    end.connection.acknowledge_close()
    assert end.said() == [Frame(CLOSE, code.to_bytes(2, "big"))]
    assert end.info.was_clean
    assert end.connection.exit == Exit.CLOSE


def test_a_close_frame_has_no_effect_after_the_end() -> None:
    end = End()
    receive(end, end.frame(CLOSE, BYE))
    end.connection.terminate()
    end.connection.acknowledge_close()
    assert end.state() is State.CLOSED
    assert end.said() == []


def test_both_close_at_once() -> None:
    ends = [End(role) for role in ROLES]
    wires = []
    for i, end in enumerate(ends):
        end.connection.send_close(3000 + i, "")
        wires.append(end.connection.output.take())
    for i, end in enumerate(ends):
        assert end.hear(wires[1 - i]) == [Close(3001 - i)]
        assert end.said() == []
        assert (end.info.local_code, end.info.peer_code) == (3000 + i, 3001 - i)
        assert end.info.initiator == "local"
        assert end.info.was_clean


def test_a_close_without_code() -> None:
    end = End()
    end.connection.send_close(None, "")
    assert end.said() == [Frame(CLOSE, b"")]
    assert end.info.local_code == 1005


@pytest.mark.parametrize(("code", "reason", "error"), [(1005, "", ValueError), (1000, 5, TypeError)])
@pytest.mark.parametrize("opened", [False, True])
def test_a_bad_close_changes_nothing(opened: bool, code: Any, reason: Any, error: type[Exception]) -> None:
    end = End(opened=opened)
    with pytest.raises(error, match="must be"):
        end.connection.send_close(code, reason)
    assert end.state() is (State.OPEN if opened else State.CONNECTING)
    assert end.said() == []
    assert end.info == CloseInfo(hint="the client ended the TCP connection without a close frame")


def test_a_reason_that_was_mended_and_is_too_long_is_not_repeated() -> None:
    end = End(skip_utf8_validation=True)
    assert end.hear_frame(CLOSE, b"\x03\xe8" + b"\xff" * 123) == [Close(1000, "\ufffd" * 123)]
    assert end.said() == [Frame(CLOSE, b"\x03\xe8")]
    end = End(skip_utf8_validation=True)
    end.hear_frame(CLOSE, b"\x03\xe8" + b"\xff" * 41)
    assert end.said() == [Frame(CLOSE, b"\x03\xe8" + "\ufffd".encode() * 41)]


@pytest.mark.parametrize("role", ROLES)
def test_a_broken_rule_fails_the_connection(role: Role) -> None:
    end = End(role)
    assert end.hear(end.frame(TEXT, b"good"), end.frame(PING), end.frame(3)) == ["good", Ping(b"")]
    cause = end.connection.cause
    assert type(cause) is RemoteProtocolError
    assert cause.violation is Violation.INVALID_OPCODE
    assert end.said() == [Frame(CLOSE, b"\x03\xea")]
    assert (end.state(), end.connection.exit, end.due) == (State.CLOSING, Exit.HALF_CLOSE, 1)
    assert end.hear(end.frame(TEXT, b"ignored"), end.frame(CLOSE, BYE)) == []
    assert end.said() == []
    end.connection.send_close(1000, "")
    assert end.said() == []
    end.connection.receive_eof()
    assert end.state() is State.CLOSED
    assert end.info.code == 1006
    assert end.info.local_code == 1002
    assert end.info.hint == f"the connection failed: {cause}; we closed with Close(1002, '')"
    error = end.connection.closed_error()
    assert type(error) is ConnectionClosedError
    assert error.__cause__ is cause


def test_a_broken_rule_after_our_close() -> None:
    end = End()
    end.connection.send_close(1000, "")
    end.said()
    assert end.hear(build(TEXT, b"unmasked")) == []
    assert end.said() == []
    assert end.info.local_code == 1000
    assert type(end.info.cause) is RemoteProtocolError


def test_the_first_cause_counts() -> None:
    end = End()
    first = ValueError("first")
    end.connection.fail(first, CloseCode.POLICY_VIOLATION, "why")
    end.connection.fail(OSError("second"), CloseCode.INTERNAL_ERROR)
    assert end.said() == [Frame(CLOSE, b"\x03\xf0why")]
    end.connection.end(OSError("third"))
    end.connection.fail(OSError("fourth"), CloseCode.INTERNAL_ERROR)
    end.connection.end(OSError("fifth"))
    end.connection.terminate()
    assert end.connection.cause is first
    assert (end.info.local_code, end.info.local_reason) == (1008, "why")
    assert "terminate" not in end.info.hint


@pytest.mark.parametrize("role", ROLES)
def test_the_stream_ends_without_a_close_frame(role: Role) -> None:
    for opened in (False, True):
        end = End(role, opened=opened)
        end.connection.receive_eof()
        peer = "client" if role is Role.SERVER else "server"
        assert end.info == CloseInfo(hint=f"the {peer} ended the TCP connection without a close frame")
        assert end.info.code == 1006
        assert type(end.connection.closed_error()) is ConnectionClosedError
        assert end.connection.exit == Exit.CLOSE
        assert end.due is None


def test_the_stream_ends_before_the_answer() -> None:
    end = End()
    end.connection.send_close(1000, "")
    end.connection.receive_eof()
    assert end.info.hint == "we sent Close(1000, ''), and the client has not answered it"
    assert not end.info.was_clean


def test_the_stream_breaks() -> None:
    end = End()
    cause = ConnectionResetError("reset by peer")
    end.connection.send_text("unsent", True)
    end.connection.end(cause)
    assert end.connection.output.pending() == 0
    assert end.info.hint == "the connection failed: reset by peer"
    assert end.connection.closed_error().__cause__ is cause
    assert end.hear_frame(TEXT, b"late") == []


def test_we_cut_the_connection() -> None:
    end = End()
    end.connection.terminate()
    end.connection.terminate()
    assert end.state() is State.CLOSED
    assert end.info.hint == "we cut the connection (terminate)"
    assert end.info.cause is None


def test_an_unfinished_message_is_dropped_at_the_end() -> None:
    end = End(Role.CLIENT)
    end.hear(header(BINARY, 50_000) + b"begin")
    end.connection.fail(ValueError(), CloseCode.INTERNAL_ERROR)
    assert end.connection.window() is None
    assert end.hear(bytes(49_995), build(TEXT, b"next")) == []


# -- pings and pongs


@pytest.mark.parametrize("role", ROLES)
def test_pings_are_answered(role: Role) -> None:
    end = End(role)
    assert end.hear(end.frame(PING, b"a"), end.frame(PING, b"b" * 125)) == [Ping(b"a"), Ping(b"b" * 125)]
    assert end.said() == [Frame(PONG, b"a"), Frame(PONG, b"b" * 125)]


def test_pings_are_not_answered_without_auto_pong() -> None:
    end = End(auto_pong=False)
    assert end.hear_frame(PING, b"a") == [Ping(b"a")]
    assert end.said() == []


def test_pings_are_not_answered_after_our_close() -> None:
    end = End()
    end.connection.send_close(1000, "")
    end.said()
    assert end.hear_frame(PING) == [Ping(b"")]
    assert end.said() == []


def test_of_pings_that_cannot_be_answered_the_newest_is() -> None:
    end = End()
    end.connection.output.blocked = True
    for payload in (b"1", b"2", b"3"):
        end.hear_frame(PING, payload)
    assert end.said() == []
    end.connection.on_progress()
    assert end.said() == [], "still blocked"
    end.connection.output.blocked = False
    end.connection.on_progress()
    assert end.said() == [Frame(PONG, b"3")]
    end.connection.on_progress()
    assert end.said() == []


@pytest.mark.parametrize("limit", [1, 2, 60])
def test_too_many_pings_without_reading_cut_the_connection(limit: int) -> None:
    end = End(max_pending_auto_pongs=limit)
    end.connection.output.blocked = True
    end.hear(end.frame(PING) * limit)
    assert end.state() is State.OPEN
    assert end.hear(end.frame(PING), end.frame(PING), end.frame(TEXT, b"x")) == [Ping(b"")] * 2 + ["x"]
    assert end.state() is State.CLOSED
    assert type(end.connection.cause) is UnreadPongs
    assert str(end.connection.cause) == (
        f"the peer sent {limit + 1} pings without reading a pong (option max_pending_auto_pongs)"
    )
    assert end.connection.output.pending() == 0


def test_the_count_of_held_pongs_starts_anew() -> None:
    end = End(max_pending_auto_pongs=2)
    for _ in range(5):
        end.connection.output.blocked = True
        end.hear(end.frame(PING, b"p") * 2)
        end.connection.output.blocked = False
        end.connection.on_progress()
        assert end.said() == [Frame(PONG, b"p")]
    assert end.state() is State.OPEN


def test_pings_may_be_held_without_limit() -> None:
    end = End(max_pending_auto_pongs=None)
    end.connection.output.blocked = True
    end.hear(end.frame(PING) * 1000)
    assert end.state() is State.OPEN


def test_a_held_pong_is_not_sent_after_a_close() -> None:
    end = End()
    end.connection.output.blocked = True
    end.hear_frame(PING, b"p")
    end.connection.send_close(1000, "")
    end.connection.output.blocked = False
    end.connection.on_progress()
    assert end.said() == [Frame(CLOSE, b"\x03\xe8")]


def test_pongs_answer_pings() -> None:
    end = End()
    first = end.connection.send_ping(None, "one")
    end.clock.now += 1
    assert end.connection.send_ping(b"mine", "two") == b"mine"
    assert end.said() == [Frame(PING, first), Frame(PING, b"mine")]
    end.clock.now += 1
    unsolicited, pong = end.hear(end.frame(PONG, b"?"), end.frame(PONG, b"mine"))
    assert unsolicited.answered == []
    assert pong.answered == [("one", 2.0), ("two", 1.0)]
    assert end.connection.pings.latency == 1.0


def test_a_ping_that_is_too_long_is_not_noted() -> None:
    end = End()
    for send in (end.connection.send_ping, end.connection.send_pong):
        with pytest.raises(LocalProtocolError, match="invalid payload length 126"):
            send(b"p" * 126)
    assert end.said() == []
    assert len(end.connection.pings) == 0


def test_a_ping_for_which_there_is_no_room_is_not_sent() -> None:
    end = End()
    for _ in range(1024):
        end.connection.send_ping(None, "waiter")
    end.said()
    with pytest.raises(InvalidState, match="1024 pings wait"):
        end.connection.send_ping(b"one more", "waiter")
    assert end.said() == []
    assert end.connection.pings.pings_sent == 1024
    end.connection.send_ping(b"of the keepalive")
    assert end.said() == [Frame(PING, b"of the keepalive")]


# -- messages aside


def test_others_follow_a_streamed_message() -> None:
    end = End()
    c = end.connection
    c.begin_stream()
    c.send_text("before the first fragment", True)
    c.send_fragment("one", False)
    c.send_prepared(PreparedMessage(b"frame", True), True)
    c.send_binary(b"aside", True)
    c.send_ping(b"p")
    assert end.said() == [Frame(TEXT, b"one", False), Frame(PING, b"p")]
    with pytest.raises(ConcurrencyError, match="another fragmented message is being sent; await it first"):
        c.begin_stream()
    c.send_fragment("two", True)
    c.send_text("after", True)
    assert end.said() == [
        Frame(CONTINUATION, b"two"),
        Frame(TEXT, b"before the first fragment"),
        Frame(BINARY, b"frame"),
        Frame(BINARY, b"aside"),
        Frame(TEXT, b"after"),
    ]


def test_a_binary_stream_alone() -> None:
    end = End()
    end.connection.begin_stream()
    end.connection.send_fragment(b"one", False)
    end.connection.send_fragment(b"", True)
    end.connection.begin_stream()
    end.connection.send_fragment(b"two", True)
    assert end.said() == [Frame(BINARY, b"one", False), Frame(CONTINUATION, b""), Frame(BINARY, b"two")]


def test_a_fragmented_message_aside_goes_on_after_the_stream() -> None:
    end = End()
    c = end.connection
    c.begin_stream()
    c.send_text("a", False)
    # Not between the fragments of the message aside, either.
    c.send_prepared(PreparedMessage(b"frame", True), True)
    c.send_fragment("stream", True)
    with pytest.raises(ConcurrencyError):
        c.begin_stream()
    c.send_text("b", True)
    assert end.said() == [
        Frame(TEXT, b"stream"),
        Frame(TEXT, b"a", False),
        Frame(CONTINUATION, b"b"),
        Frame(BINARY, b"frame"),
    ]


def test_frames_wait_for_the_end_of_a_fragmented_message() -> None:
    end = End()
    c = end.connection
    c.send_binary(b"a", False)
    c.send_prepared(PreparedMessage(b"1", False), True)
    c.send_prepared(PreparedMessage(b"2", False), True)
    c.send_binary(b"b", False)
    c.send_text("", True)
    c.send_prepared(PreparedMessage(b"3", False), True)
    assert [each.payload for each in end.said()] == [b"a", b"b", b"", b"1", b"2", b"3"]


def test_frames_wait_for_a_fragmented_text() -> None:
    end = End()
    end.connection.send_text("a", False)
    end.connection.send_prepared(PreparedMessage(b"1", True), True)
    end.connection.send_text("b", True)
    assert [each.payload for each in end.said()] == [b"a", b"b", b"1"]


def test_a_fragment_needs_a_stream() -> None:
    end = End()
    with pytest.raises(InvalidState, match=r"^no fragmented message was begun \(begin_stream\)$"):
        end.connection.send_fragment("x", False)
    assert end.said() == []


def test_a_masked_stream_uses_the_masks_given() -> None:
    connection = Connection(Role.CLIENT, Options(), Clock(), None, lambda: b"mask")
    connection.open()
    connection.begin_stream()
    connection.send_text("aside", True)
    connection.send_fragment("s", True)
    assert connection.output.take() == build(TEXT, b"s", key=b"mask") + build(TEXT, b"aside", key=b"mask")


# -- deadlines


def test_keepalive() -> None:
    end = End(ping_interval=20, ping_timeout=15)
    assert end.due == 20
    end.at(19)
    assert end.said() == []
    end.at(20)
    (ping,) = end.said()
    assert ping.opcode == PING
    assert end.due == 35
    end.clock.now = 1021.5
    (pong,) = end.hear_frame(PONG, ping.payload)
    assert pong.answered == [(None, 1.5)]
    end.at(35)
    assert end.state() is State.OPEN
    assert end.due == 40
    end.at(40)
    assert [each.opcode for each in end.said()] == [PING]
    end.at(54.9)
    assert end.state() is State.OPEN
    end.at(55)
    assert end.state() is State.CLOSING
    (close,) = end.said()
    assert (close.opcode, close.payload) == (CLOSE, b"\x03\xf3keepalive ping timeout")
    assert end.due == 56
    end.at(56)
    assert end.state() is State.CLOSED
    assert type(end.connection.cause) is KeepaliveTimeout
    assert str(end.connection.cause) == (
        "the peer answered no ping for 15 s (options ping_interval, ping_timeout)"
    )
    assert end.due is None
    assert end.connection.exit == Exit.CLOSE


def test_any_byte_shows_that_the_peer_is_there() -> None:
    end = End(Role.CLIENT, ping_interval=20, ping_timeout=15)
    end.hear(header(BINARY, 100_000))
    for turn in range(1, 10):
        end.at(20 * turn)
        window = end.connection.window()
        assert window is not None
        assert end.connection.window_room() > 0
        end.connection.receive_window(1)
        end.at(20 * turn + 15)
        assert end.state() is State.OPEN


def test_a_peer_that_takes_what_we_send_is_there() -> None:
    """A slow reader: our pings wait behind what it has not read yet."""
    end = End(ping_interval=20, ping_timeout=15, write_timeout=30)
    end.connection.output.blocked = True
    end.connection.on_blocked()
    for turn in range(1, 10):
        end.at(20 * turn)
        assert end.said() == [], "no ping behind the rest"
        end.clock.now += 1
        end.connection.on_progress()
        end.at(20 * turn + 15)
        assert end.state() is State.OPEN
    end.at(20 * 9 + 30)
    end.at(20 * 9 + 45)
    assert end.state() is State.CLOSED


def test_no_keepalive() -> None:
    end = End(ping_interval=None)
    assert end.due is None
    end.at(1e6)
    assert end.said() == []
    end = End(ping_interval=5, ping_timeout=None)
    for now in (5, 10, 15):
        end.at(now)
        assert [each.opcode for each in end.said()] == [PING]
    assert end.state() is State.OPEN


def test_no_pings_after_our_close() -> None:
    end = End(ping_interval=5, close_timeout=8)
    end.connection.send_close(1000, "")
    assert end.due == 8
    end.said()
    end.at(7)
    assert end.said() == []
    end.at(8)
    assert end.state() is State.CLOSED
    assert end.info.cause is None
    hint = "we sent Close(1000, ''), and the client has not answered it within 8 s (option close_timeout)"
    assert (end.info.hint, end.info.limit) == (hint, "close_timeout")


def test_the_linger_of_a_failed_connection_ends() -> None:
    end = End(close_timeout=0.5)
    end.connection.fail(ValueError("x"), CloseCode.INTERNAL_ERROR)
    assert end.due == 0.5
    end.at(0.5)
    assert end.state() is State.CLOSED


def test_a_peer_that_reads_nothing_is_cut() -> None:
    end = End(write_timeout=30, ping_interval=None)
    end.connection.send_text("abc", True)
    end.connection.output.blocked = True
    end.connection.on_blocked()
    assert end.due == 30
    end.clock.now += 10
    end.connection.on_blocked()
    assert end.due == 30
    end.connection.on_progress()
    assert end.due == 40
    end.at(39)
    assert end.state() is State.OPEN
    end.at(40)
    assert end.state() is State.CLOSED
    assert type(end.connection.cause) is WriteTimeout
    assert str(end.connection.cause) == (
        "the peer read nothing for 30 s while 5 bytes waited (option write_timeout)"
    )


def test_writing_that_goes_on_has_no_deadline() -> None:
    end = End(write_timeout=30, ping_interval=None)
    end.connection.output.blocked = True
    end.connection.on_blocked()
    end.connection.output.blocked = False
    end.connection.on_progress()
    assert end.due is None
    end = End(write_timeout=None, ping_interval=None)
    end.connection.on_blocked()
    assert end.due is None


def test_the_nearest_deadline_counts() -> None:
    end = End(write_timeout=5, ping_interval=20, close_timeout=10)
    end.connection.on_blocked()
    assert end.due == 5
    end.connection.send_close(None, "")
    assert end.due == 5
    end.at(5)
    assert type(end.connection.cause) is WriteTimeout


def test_a_socket_that_is_blocked_at_the_opening_has_its_time() -> None:
    output = Output()
    output.blocked = True
    connection = Connection(Role.SERVER, Options(ping_interval=None, write_timeout=7), lambda: 5.0, output)
    connection.open()
    assert connection.deadline == 12.0


def test_whom_we_do_not_read_we_do_not_give_up() -> None:
    now = 0.0
    connection = Connection(Role.SERVER, Options(ping_interval=10, ping_timeout=5), lambda: now)
    connection.open()
    connection.on_deadline(10.0)
    connection.on_deadline(15.0, False)
    assert connection.state == State.OPEN
    connection.on_deadline(20.0)
    connection.on_deadline(25.0)
    assert isinstance(connection.cause, KeepaliveTimeout)


def test_nothing_is_due_after_the_end() -> None:
    end = End(ping_interval=5)
    end.connection.on_blocked()
    end.connection.terminate()
    assert end.due is None
    end.at(1e6)
    assert end.said() == []
    assert end.connection.cause is None


def test_closed_errors_are_connection_closed() -> None:
    end = End()
    end.connection.send_close(1000, "")
    assert isinstance(end.connection.closed_error(), ConnectionClosed)


# -- the rate of control frames


def test_a_peer_may_save_up_control_frames_for_ten_seconds() -> None:
    end = End(max_control_rate=2, ping_interval=None)
    assert len(end.hear(end.frame(PING) * 10, end.frame(PONG) * 10)) == 20
    end.clock.now += 1
    end.hear(end.frame(PING) * 2)
    assert end.state() is State.OPEN
    end.clock.now += 1000
    end.hear(end.frame(PING) * 20)
    assert end.state() is State.OPEN
    end.said()
    assert end.hear(end.frame(PING)) == []
    assert end.connection.cause.limit == "max_control_rate"  # type: ignore[union-attr]
    assert end.info.limit == "max_control_rate"
    assert [(each.opcode, each.payload[:2]) for each in end.said()] == [(CLOSE, b"\x03\xf0")]
    assert "more than 2 control frames a second for 10 s" in end.info.hint


def test_messages_are_not_counted_as_control_frames() -> None:
    end = End(max_control_rate=1)
    events = end.hear(end.frame(TEXT, b"x") * 100, end.frame(PING), end.frame(TEXT, b"x") * 100)
    assert len(events) == 201
    assert end.state() is State.OPEN


# -- what the end tells


def test_the_end_tells_what_was_not_sent() -> None:
    end = End()
    end.connection.send_text("x" * 10, True)
    end.connection.begin_stream()
    end.connection.send_fragment("abc", False)
    end.connection.send_text("aside", True)
    end.connection.end(OSError("reset"))
    assert end.info.unsent == 12 + 5 + 5
    assert isinstance(end.info.cause, OSError)


def test_what_was_set_aside_is_not_sent_when_the_connection_fails() -> None:
    end = End()
    end.connection.begin_stream()
    end.connection.send_text("aside", True)
    end.connection.fail(ValueError("x"), CloseCode.INTERNAL_ERROR)
    end.said()
    end.connection.end(None)
    assert end.info.unsent == 5


def test_before_it_is_open_nothing_was_unsent() -> None:
    end = End(opened=False)
    end.connection.output.put(b"GET / HTTP/1.1", False, 0)
    end.connection.end(None)
    assert end.info.unsent == 0


def test_the_end_tells_the_last_round_trip() -> None:
    end = End()
    payload = end.connection.send_ping(None)
    end.clock.now += 0.25
    end.hear_frame(PONG, payload)
    end.connection.terminate()
    assert end.info.latency == 0.25
    assert End().info.latency is None


def test_a_known_cause_is_never_hidden_by_1006() -> None:
    end = End()
    end.connection.end(ConnectionResetError("Connection reset by peer"))
    assert (end.info.code, end.info.hint) == (1006, "the connection failed: Connection reset by peer")


# -- a loop of ours that stood still


def test_time_in_which_our_loop_stood_still_does_not_count_against_the_peer() -> None:
    end = End(ping_interval=20, ping_timeout=15)
    end.at(20)
    end.at(20 + 15 + 40)
    assert end.state() is State.OPEN, "what the peer has said meanwhile was not read yet"
    assert end.due == 75 + 15
    end.hear_frame(TEXT, b"x")
    end.at(75 + 15)
    assert end.state() is State.OPEN


def test_a_failed_keepalive_tells_how_long_our_loop_stood_still() -> None:
    end = End(ping_interval=20, ping_timeout=15)
    end.at(20)
    end.at(35 + 4)
    assert end.state() is State.OPEN
    end.at(40)
    end.at(35 + 4 + 4)
    assert isinstance(end.connection.cause, KeepaliveTimeout)
    assert str(end.connection.cause) == (
        "the peer answered no ping for 15 s (options ping_interval, ping_timeout);"
        " our own loop stood still for 4.0 s meanwhile"
    )


def test_a_loop_that_is_always_late_judges_all_the_same() -> None:
    end = End(ping_interval=20, ping_timeout=15)
    end.at(20.5)
    for _ in range(10):
        if end.state() is State.OPEN:
            assert end.due is not None
            end.at(end.due + 0.5)
    assert isinstance(end.connection.cause, KeepaliveTimeout)


def test_what_the_peer_took_while_our_loop_stood_still_counts() -> None:
    end = End(write_timeout=30, ping_interval=None)
    end.connection.output.blocked = True
    end.connection.on_blocked()
    end.at(100)
    assert (end.state(), end.due) == (State.OPEN, 130)
    end.connection.on_progress()
    end.at(130)
    assert end.state() is State.CLOSED, "it had its time again"
    assert type(end.connection.cause) is WriteTimeout


def test_a_close_frame_that_came_while_our_loop_stood_still_counts() -> None:
    end = End(close_timeout=10)
    end.connection.send_close(1000, "")
    end.at(60)
    assert (end.state(), end.due) == (State.CLOSING, 70)
    end.hear_frame(CLOSE, b"\x03\xe8")
    assert end.info.is_ok
