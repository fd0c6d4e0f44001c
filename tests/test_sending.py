"""The sending half of a connection: compression, jobs, and what waits for them."""

from typing import Any

import pytest

from tests.wire.inflate import StrictInflater
from tests.wire.raw import BINARY, CLOSE, KEY, PING, PONG, TEXT, build
from wsline.connection import Connection
from wsline.deflate import Deflate
from wsline.errors import ConnectionClosedError, InvalidState
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
    sending = Sending(Role.SERVER, output, MessageSender(Role.SERVER, output))
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
