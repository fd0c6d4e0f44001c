"""The sending half of a connection: compression, jobs, and what waits for them."""

from typing import Any

import pytest

from tests.wire.inflate import StrictInflater
from tests.wire.raw import BINARY, CLOSE, KEY, PING, PONG, TEXT, build, parse
from wsline.connection import Connection
from wsline.deflate import Deflate
from wsline.errors import ConnectionClosedError, InvalidState, SlowConsumer
from wsline.options import Options
from wsline.sending import Sending
from wsline.spec import CloseCode, DeflateParameters, Role, State
from wsline.states import Exit
from wsline.wire.deflate import DeflateJob, Settings
from wsline.wire.kernels import Output
from wsline.wire.messages import HEADROOM
from wsline.wire.prepared import PreparedMessage
from wsline.wire.sender import MessageSender

HELLO = bytes.fromhex("f248cdc9c90700")
AGAIN = bytes.fromhex("f200110000")
LONG = b"long " * 60_000


def opened(
    role: Role = Role.SERVER, parameters: DeflateParameters | None = None, **options: Any
) -> Connection:
    connection = Connection(
        role, Options(per_message_deflate=Deflate(**options)), lambda: 0.0, None, lambda: KEY
    )
    connection.open(parameters or DeflateParameters())
    return connection


def hear(connection: Connection, *frames: bytes) -> list[Any]:
    buffer = bytearray(HEADROOM) + b"".join(frames)
    events = connection.receive(buffer, HEADROOM, len(buffer))
    connection.acknowledge_close()
    return events


def job_of(connection: Connection) -> DeflateJob:
    assert connection.has_job()
    job = connection.take_job()
    assert job is not None
    assert not connection.has_job()
    return job


def done(connection: Connection, job: DeflateJob) -> None:
    job.run()
    connection.finish_job(job)


def busy() -> tuple[Connection, DeflateJob]:
    """Return a connection that has a job, and the job."""
    connection = opened()
    connection.send_binary(LONG, True)
    return connection, job_of(connection)


def test_nothing_is_sent_by_itself_before_it_is_open() -> None:
    output = Output()
    sending = Sending(Role.SERVER, Options(), output, MessageSender(Role.SERVER, output))
    with pytest.raises(InvalidState, match="CONNECTING"):
        sending.send_text("x", True)
    assert not sending.has_job()
    assert (sending.queued(), sending.pending()) == (0, 0)
    assert sending.close_info.local_code is None


@pytest.mark.parametrize("role", Role)
def test_messages_are_compressed(role: Role) -> None:
    connection = opened(role)
    key = KEY if role is Role.CLIENT else None
    connection.send_text("Hello", True)
    connection.send_binary(b"Hello", True)
    assert connection.output.take() == build(TEXT, HELLO, rsv=4, key=key) + build(
        BINARY, AGAIN, rsv=4, key=key
    )
    assert connection.deflate == DeflateParameters()


def test_a108_a_message_can_be_sent_without_compression() -> None:
    connection = opened()
    connection.send_uncompressed("Hello", True)
    connection.send_text("Hello", True)
    connection.send_uncompressed(b"Hel", False)
    connection.send_binary(b"lo", True)
    connection.begin_stream(False)
    connection.send_fragment("Hello", True)
    connection.send_text("Hello", True)
    assert connection.output.take() == (
        build(TEXT, b"Hello")
        + build(TEXT, HELLO, rsv=4)
        + build(BINARY, b"Hel", fin=False)
        + build(0, b"lo")
        + build(TEXT, b"Hello")
        + build(TEXT, AGAIN, rsv=4)
    )


def test_a109_the_first_fragment_decides() -> None:
    connection = opened(parameters=DeflateParameters(server_no_context_takeover=True), threshold=5)
    connection.send_text("Hell", False)
    connection.send_text("Hello" * 100, True)
    connection.send_text("Hello", False)
    connection.send_text("", False)
    connection.send_uncompressed("", True)
    data = connection.output.take()
    assert data.startswith(build(TEXT, b"Hell", fin=False) + build(0, b"Hello" * 100))
    rest = data[len(build(TEXT, b"Hell", fin=False) + build(0, b"Hello" * 100)) :]
    assert rest == build(TEXT, HELLO + b"\x00\x00\xff\xff", fin=False, rsv=4) + build(
        0, b"", fin=False
    ) + build(0, b"\x00")


@pytest.mark.parametrize(
    ("no_context", "options", "compressed"),
    [
        (True, {}, [False, True]),
        (False, {}, [True, True]),
        (False, {"threshold_always": True}, [False, True]),
        (True, {"threshold": 1023}, [True, True]),
        (True, {"threshold": 1025}, [False, False]),
    ],
)
def test_a132_threshold(no_context: bool, options: dict[str, Any], compressed: list[bool]) -> None:
    connection = opened(parameters=DeflateParameters(server_no_context_takeover=no_context), **options)
    for n, expected in zip((1023, 1024), compressed, strict=True):
        connection.send_binary(bytes(n), True)
        assert bool(connection.output.take()[0] & 0x40) is expected


def test_the_client_s_side_counts_for_a_client() -> None:
    connection = opened(Role.CLIENT, DeflateParameters(server_no_context_takeover=True))
    connection.send_text("Hello", True)
    assert connection.output.take()[0] & 0x40


def test_compressed_messages_are_received() -> None:
    connection = opened()
    frame = build(TEXT, HELLO, rsv=4, key=KEY)
    assert hear(connection, frame, build(TEXT, AGAIN, rsv=4, key=KEY)) == ["Hello", "Hello"]
    assert hear(connection, build(TEXT, b"\x07", rsv=4, key=KEY)) == []
    assert connection.state == State.CLOSING
    assert connection.sent_close is not None and connection.sent_close.code == 1007
    assert "compressed message" in str(connection.cause)


# -- jobs


def test_what_is_sent_meanwhile_waits_its_turn() -> None:
    connection, job = busy()
    connection.send_text("after", True)
    connection.send_prepared(PreparedMessage("prepared"), True)
    connection.send_uncompressed("plain", True)
    connection.send_ping(b"ping")
    connection.send_pong(b"pong")
    assert connection.output.pending() == 0
    assert connection.queued() == connection.pending() == len(LONG) + 5 + 8 + 5 + 4 + 4
    hear(connection, build(PING, b"theirs", key=KEY))
    assert connection.output.take() == build(PONG, b"theirs"), "an answer need not wait"
    done(connection, job)
    data = connection.output.take()
    inflater = StrictInflater(4096)
    assert data[0] == 0xC2 and data[1] == 126
    n = int.from_bytes(data[2:4], "big")
    assert inflater.inflate(data[4 : 4 + n]) == LONG
    rest = data[4 + n :]
    assert inflater.inflate(rest[2 : 2 + rest[1]]) == b"after"
    rest = rest[2 + rest[1] :]
    assert rest == build(TEXT, b"prepared") + build(TEXT, b"plain") + build(PING, b"ping") + build(
        PONG, b"pong"
    )
    assert connection.pending() == 0


@pytest.mark.parametrize("role", Role)
def test_a110_who_waits_is_masked_as_was_asked_for(role: Role) -> None:
    connection = opened(role)
    rule = role is Role.CLIENT
    connection.send_binary(LONG, True)
    job = job_of(connection)
    connection.send_masked("short", True, not rule, True)
    connection.send_masked(LONG, True, not rule, True)
    connection.send_masked(b"plain", True, not rule, False)
    connection.send_text("as ever", True)
    connection.send_ping(b"ping")
    done(connection, job)
    done(connection, job_of(connection))
    sent = parse(connection.output.take(), rsv=4)
    assert [frame.masked is rule for frame in sent] == [True, False, False, False, True, True]
    assert [frame.opcode & 0xF for frame in sent] == [BINARY, TEXT, BINARY, BINARY, TEXT, PING]
    assert sent[3].payload == b"plain"


def test_a110_a_mask_is_not_passed_on_by_an_error() -> None:
    def no_key() -> bytes:
        raise ValueError("no key")

    connection = Connection(Role.SERVER, Options(), lambda: 0.0, None, no_key)
    connection.open()
    with pytest.raises(ValueError, match="no key"):
        connection.send_masked("x", True, True, True)
    connection.send_uncompressed("y", True)
    assert connection.output.take() == build(TEXT, b"y")


def test_a110_a_mask_is_kept_behind_a_stream() -> None:
    connection = opened()
    connection.begin_stream(False)
    connection.send_fragment("one", False)
    connection.send_masked("aside", True, True, False)
    connection.send_fragment("", True)
    assert connection.output.take() == (
        build(TEXT, b"one", fin=False) + build(0, b"") + build(TEXT, b"aside", key=KEY)
    )


def test_one_job_follows_the_other() -> None:
    connection, first = busy()
    connection.send_text("x" * 300_000, False)
    connection.send_text("y", True)
    done(connection, first)
    second = job_of(connection)
    assert (second.opcode, second.fin) == (TEXT, False)
    assert connection.queued() > 300_000
    done(connection, second)
    assert connection.take_job() is None
    frames = connection.output.take()
    assert frames[0] == 0xC2
    assert connection.pending() == 0


def test_a_stream_waits_for_a_job_and_others_for_the_stream() -> None:
    connection, job = busy()
    connection.begin_stream()
    connection.send_fragment("one", False)
    connection.send_text("aside", True)
    connection.send_fragment("two", True)
    connection.send_text("after", True)
    assert connection.output.pending() == 0
    done(connection, job)
    data = connection.output.take()
    n = int.from_bytes(data[2:4], "big")
    inflater = StrictInflater(4096)
    inflater.inflate(data[4 : 4 + n])
    rest, parts = data[4 + n :], []
    while rest:
        parts.append((rest[0], rest[2 : 2 + rest[1]]))
        rest = rest[2 + rest[1] :]
    assert [first for first, _ in parts] == [0x41, 0x80, 0xC1, 0xC1]
    assert inflater.inflate(parts[0][1] + parts[1][1]) == b"onetwo"
    assert [inflater.inflate(payload) for _, payload in parts[2:]] == [b"aside", b"after"]


def test_a_close_waits_for_the_messages_before_it() -> None:
    connection, job = busy()
    connection.send_close(1000, "bye")
    assert connection.state == State.CLOSING
    assert connection.output.pending() == 0
    with pytest.raises(ConnectionClosedError):
        connection.send_text("late", True)
    done(connection, job)
    assert connection.output.take().endswith(build(CLOSE, b"\x03\xe8bye"))
    assert connection.exit == Exit.NONE


@pytest.mark.parametrize(("role", "exit"), [(Role.SERVER, Exit.CLOSE), (Role.CLIENT, Exit.HALF_CLOSE)])
def test_the_door_is_not_left_before_the_job_is_done(role: Role, exit: Exit) -> None:
    connection = opened(role)
    connection.send_binary(LONG, True)
    job = job_of(connection)
    hear(connection, build(CLOSE, b"\x03\xe8", key=KEY if role is Role.SERVER else None))
    assert (connection.state, connection.exit) == (State.CLOSING, Exit.NONE)
    assert connection.output.pending() == 0
    done(connection, job)
    assert connection.exit == exit
    assert connection.output.pending() > 20
    assert connection.close_info.was_clean


def test_a_failure_does_not_wait_for_a_job() -> None:
    connection, job = busy()
    connection.send_text("not sent", True)
    connection.fail(ValueError("why"), CloseCode.INTERNAL_ERROR, "failed")
    assert connection.output.take() == build(CLOSE, b"\x03\xf3failed")
    assert (connection.pending(), connection.exit) == (0, Exit.HALF_CLOSE)
    done(connection, job)
    assert connection.output.pending() == 0


def test_a_close_that_waited_is_sent_when_the_connection_fails() -> None:
    connection, _ = busy()
    connection.send_close(1001, "bye")
    hear(connection, build(TEXT, b"\xff", key=KEY))
    assert connection.output.take() == build(CLOSE, b"\x03\xe9bye")
    assert connection.exit == Exit.HALF_CLOSE


@pytest.mark.parametrize("how", ["terminate", "end", "eof"])
def test_a_connection_that_is_lost_forgets_its_job(how: str) -> None:
    connection, job = busy()
    connection.send_text("lost", True)
    if how == "terminate":
        connection.terminate()
    elif how == "end":
        connection.end(OSError("gone"))
    else:
        connection.receive_eof()
    assert connection.pending() == 0
    done(connection, job)
    assert (connection.output.pending(), connection.state) == (0, State.CLOSED)


def test_a_job_that_was_not_taken_is_dropped_with_the_connection() -> None:
    connection = opened()
    connection.send_binary(LONG, True)
    connection.terminate()
    assert not connection.has_job()
    assert connection.take_job() is None


def test_a_job_that_fails_fails_the_connection() -> None:
    connection, _ = busy()

    class Failed:
        error = MemoryError("no room")

    connection.finish_job(Failed())  # type: ignore[arg-type]
    assert connection.state == State.CLOSING
    assert isinstance(connection.cause, MemoryError)
    assert connection.output.take() == build(CLOSE, b"\x03\xf3internal error")


def test_prepared_messages_wait_for_a_fragmented_one_and_its_job() -> None:
    connection = opened()
    connection.send_binary(LONG, False)
    job = job_of(connection)
    connection.send_prepared(PreparedMessage("held"), True)
    done(connection, job)
    assert connection.pending() - connection.queued() == 4
    connection.output.take()
    connection.send_binary(b"", True)
    assert connection.output.take() == build(0, b"\x00") + build(TEXT, b"held")


@pytest.mark.parametrize("role", Role)
def test_a_prepared_message_goes_out_as_prepared(role: Role) -> None:
    connection = opened(role)
    key = KEY if role is Role.CLIENT else None
    message = PreparedMessage(b"prepared" * 1000)
    connection.send_prepared(message, True)
    connection.send_prepared(message, False)
    form = message.deflated(Settings(12, 1, 5, 0))
    assert connection.output.take() == build(BINARY, form.payload, rsv=4, key=key) + build(
        BINARY, b"prepared" * 1000, key=key
    )


# -- slow consumers


class Taker:
    """Takes the output of a connection, and keeps the payloads."""

    def __init__(self, connection: Connection) -> None:
        self.taken: list[Any] = []
        self._connection = connection

    def flush(self) -> None:
        self.taken += [each.payload for each in parse(self._connection.output.take())]


class Nothing:
    """Takes nothing."""

    def flush(self) -> None:
        pass


class Slow:
    """A connection whose peer takes something only when it is told to."""

    def __init__(self, policy: str, most: int | None = 1000, **options: Any) -> None:
        self.connection = Connection(
            Role.SERVER,
            Options(slow_consumer=policy, max_buffered=most, high_water=100, **options),
            lambda: 0.0,
        )
        self.connection.open()
        self.connection.output.blocked = True
        self.dropped: list[Any] = []

    def send(self, message: Any) -> None:
        """Send as a door does."""
        connection = self.connection
        if connection.pending() > connection.held_above:
            dropped = connection.hold_back(message, True, True)
            if dropped is not None:
                self.dropped += dropped
                return
        if isinstance(message, PreparedMessage):
            connection.send_prepared(message, True)
        elif isinstance(message, str):
            connection.send_text(message, True)
        else:
            connection.send_binary(message, True)

    def take(self) -> list[Any]:
        """Return what the peer reads, to the last byte."""
        taker = Taker(self.connection)
        self.connection.send_held(taker)
        assert taker.taken == [], "it is blocked yet"
        self.connection.output.blocked = False
        taker.flush()
        self.connection.send_held(taker)
        return taker.taken


def test_a_slow_consumer_is_cut_off_by_default() -> None:
    slow = Slow("disconnect")
    for _ in range(8):
        slow.send(b"x" * 123)  # 125 on the wire
    assert slow.connection.pending() == 1000
    slow.send(b"y")  # at the limit it is not over it
    with pytest.raises(SlowConsumer, match=r"1003 bytes wait to be sent \(option max_buffered=1000\)"):
        slow.send(b"z")
    assert slow.connection.dropped == 0


def test_the_newest_can_be_dropped() -> None:
    slow = Slow("drop_newest")
    for i in range(12):
        slow.send(b"%d" % i + b"x" * 121)
    assert slow.dropped == [b"%d" % i + b"x" * 121 for i in (9, 10, 11)]
    assert slow.connection.dropped == 3
    assert len(slow.take()) == 9
    slow.send("again")
    assert slow.take() == [b"again"]


def test_the_oldest_can_be_dropped() -> None:
    slow = Slow("drop_oldest")
    for i in range(30):
        slow.send(b"%02d" % i + b"x" * 48)
    connection = slow.connection
    assert connection.pending() == 104, "the first two are on their way"
    assert connection.buffered() - connection.pending() <= 1000
    kept = [int(each[:2]) for each in slow.take()]
    assert kept[:2] == [0, 1]
    assert kept[2:] == list(range(kept[2], 30))
    assert [int(each[:2]) for each in slow.dropped] == list(range(2, kept[2]))
    assert connection.dropped == len(slow.dropped) > 10
    assert (connection.pending(), connection.buffered()) == (0, 0)


def test_the_latest_of_each_can_be_kept() -> None:
    slow = Slow("latest", slow_consumer_key=lambda message: message[:1])
    slow.send("z" * 200)
    for i in range(100):
        slow.send(f"a{i}")
        slow.send(f"b{i}")
    assert slow.take() == [b"z" * 200, b"a99", b"b99"]
    assert slow.dropped == [f"{key}{i}" for i in range(99) for key in "ab"]


@pytest.mark.parametrize(("follow", "opcode"), [("close", CLOSE), ("fragment", TEXT), ("stream", TEXT)])
def test_what_is_kept_back_comes_before_what_follows(follow: str, opcode: int) -> None:
    """A close frame, a message in fragments, a stream: all come behind it, and it is sent, whatever waits."""
    slow = Slow("drop_oldest")
    connection = slow.connection
    for message in ("a" * 200, "b", b"c"):
        slow.send(message)
    connection.send_ping(b"may come before")
    if follow == "close":
        connection.send_close(1000, "")
    elif follow == "fragment":
        assert connection.hold_back("x", False, True) is None
        connection.send_text("x", False)
    else:
        connection.begin_stream()
        connection.send_fragment("x", True)
    frames = parse(connection.output.take())
    assert [each.opcode for each in frames] == [TEXT, PING, TEXT, BINARY, opcode]
    assert connection.buffered() == 0


def test_what_is_kept_back_is_sent_when_the_peer_closes() -> None:
    slow = Slow("drop_oldest")
    for message in ("a" * 200, "b"):
        slow.send(message)
    hear(slow.connection, build(CLOSE, b"\x03\xe8", key=KEY))
    assert [each.opcode for each in parse(slow.connection.output.take())] == [TEXT, TEXT, CLOSE]


def test_fragments_are_neither_dropped_nor_kept_back() -> None:
    slow = Slow("drop_newest")
    slow.connection.send_binary(b"x" * 2000, False)
    with pytest.raises(SlowConsumer):
        slow.connection.hold_back(b"the end", True, True)
    slow = Slow("drop_oldest")
    slow.connection.send_binary(b"x" * 500, False)
    assert slow.connection.hold_back(b"the end", True, True) is None


def test_messages_set_aside_by_a_stream_can_be_dropped_too() -> None:
    slow = Slow("drop_oldest")
    slow.connection.begin_stream()
    slow.connection.send_fragment("stream", False)
    for i in range(50):
        slow.send(b"%02d" % i + b"x" * 48)
    assert slow.connection.pending() <= 200
    slow.connection.send_fragment("", True)
    kept = [int(each[:2]) for each in slow.take()[2:]]
    assert kept[:2] == [0, 1]
    assert kept[2:] == list(range(50 - len(kept) + 2, 50))
    assert slow.connection.dropped == 50 - len(kept)


def test_what_waits_for_a_job_is_kept_back_and_follows_it() -> None:
    connection = Connection(
        Role.SERVER,
        Options(per_message_deflate=True, slow_consumer="drop_oldest", high_water=100),
        lambda: 0.0,
    )
    connection.open(DeflateParameters())
    connection.send_binary(LONG, True)
    job = job_of(connection)
    for message in ("one", PreparedMessage("two"), LONG):
        assert connection.hold_back(message, True, message is LONG) == []
    connection.send_held(Nothing())
    assert connection.buffered() == connection.pending() + 6 + len(LONG)
    done(connection, job)
    connection.output.take()
    connection.send_held(Nothing())
    assert not connection.has_job(), "what was kept back has nobody to compress it elsewhere"
    frames = parse(connection.output.take())
    assert [each.payload for each in frames] == [b"one", b"two", LONG]
    assert connection.buffered() == 0


@pytest.mark.parametrize("end", ["end", "fail", "terminate"])
def test_at_the_end_what_was_kept_back_is_forgotten(end: str) -> None:
    slow = Slow("drop_oldest")
    for message in ("a" * 200, "b"):
        slow.send(message)
    if end == "fail":
        slow.connection.fail(ValueError("x"), CloseCode.INTERNAL_ERROR)
        assert [each.opcode for each in parse(slow.connection.output.take())] == [TEXT, CLOSE]
    elif end == "end":
        slow.connection.end(None)
    else:
        slow.connection.terminate()
    assert slow.connection.buffered() == 0
    slow.connection.output.blocked = False
    slow.connection.send_held(Nothing())
    assert slow.connection.output.take() == b""
    assert slow.connection.dropped == 0


def test_a_slow_consumer_can_have_all_the_time_and_no_limit() -> None:
    slow = Slow("drop_oldest", None)
    for i in range(1000):
        slow.send(str(i))
    assert slow.dropped == []
    assert slow.take() == [b"%d" % i for i in range(1000)]
