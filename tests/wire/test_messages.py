"""Reassembly, limits, text, and every rule that a peer can break."""

import tracemalloc
from typing import Any, NamedTuple

import pytest

import wsline
from tests.wire.costs import ratio
from tests.wire.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    KEY,
    PING,
    PONG,
    TEXT,
    Frame,
    build,
    feed,
    header,
    key_from,
    mask,
    parse,
    provoke,
    put_into_window,
)
from wsline.errors import LocalProtocolError, Violation
from wsline.options import ClientOptions, Options, ServerOptions
from wsline.spec import CloseCode, Opcode, Role
from wsline.wire.close import Close
from wsline.wire.kernels import Output
from wsline.wire.messages import HEADROOM, MessageReader, MessageWriter, Ping, Pong

KIB = 1024
MIB = 1024 * KIB
MOST = 2**63 - 1


def make_reader(role: Role = Role.CLIENT, **options: Any) -> MessageReader:
    kind = ServerOptions if role is Role.SERVER else ClientOptions
    return MessageReader(role, kind(**options))


def noise(n: int) -> bytes:
    return bytes(range(256)) * (n // 256) + bytes(range(n % 256))


# -- the examples of RFC 6455 §5.7

EXAMPLES = {
    "an unmasked text message": (Role.CLIENT, "81 05 48 65 6c 6c 6f", ["Hello"]),
    "a masked text message": (Role.SERVER, "81 85 37 fa 21 3d 7f 9f 4d 51 58", ["Hello"]),
    "a fragmented text message": (Role.CLIENT, "01 03 48 65 6c 80 02 6c 6f", ["Hello"]),
    "a ping": (Role.CLIENT, "89 05 48 65 6c 6c 6f", [Ping(b"Hello")]),
    "its pong": (Role.SERVER, "8a 85 37 fa 21 3d 7f 9f 4d 51 58", [Pong(b"Hello")]),
    "256 bytes": (Role.CLIENT, "82 7e 01 00" + "a5" * 256, [b"\xa5" * 256]),
    "64 KiB": (Role.CLIENT, "82 7f 00 00 00 00 00 01 00 00" + "5a" * 65536, [b"\x5a" * 65536]),
}


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7])
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_rfc(example: str, size: int | None) -> None:
    role, wire, events = EXAMPLES[example]
    assert feed(make_reader(role), bytes.fromhex(wire), size) == events


# -- every rule


class Case(NamedTuple):
    """Bytes that break a rule, and what the error must say."""

    role: Role
    wire: bytes
    sentence: str
    close_code: int = 1002
    options: dict[str, Any] = {}  # noqa: RUF012 -- nobody changes it


ORDER = build(TEXT, b"a", fin=False)

CASES = {
    Violation.EXPECTED_FIN: [
        Case(Role.CLIENT, build(PING, fin=False), "FIN must be set on a control frame"),
        Case(Role.SERVER, build(CLOSE, fin=False, key=KEY), "FIN must be set on a control frame"),
    ],
    Violation.EXPECTED_MASK: [
        Case(Role.SERVER, build(TEXT, b"x"), "MASK must be set on frames from a client"),
        Case(Role.SERVER, build(PING), "MASK must be set on frames from a client"),
    ],
    Violation.UNEXPECTED_MASK: [
        Case(Role.CLIENT, build(TEXT, b"x", key=KEY), "MASK must be clear on frames from a server"),
    ],
    Violation.INVALID_CLOSE_CODE: [
        Case(Role.CLIENT, build(CLOSE, code.to_bytes(2, "big")), f"invalid status code {code}")
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)
    ],
    Violation.INVALID_CONTROL_PAYLOAD_LENGTH: [
        Case(Role.CLIENT, header(PING, 126), "invalid payload length 126 of a control frame"),
        Case(Role.CLIENT, header(PONG, 65536), "invalid payload length 127 of a control frame"),
        Case(Role.CLIENT, build(CLOSE, b"\x03"), "invalid payload length 1 of a control frame"),
    ],
    Violation.INVALID_OPCODE: [
        *(
            Case(Role.CLIENT, build(opcode), f"invalid opcode {opcode}: reserved for data frames")
            for opcode in range(3, 8)
        ),
        *(
            Case(Role.CLIENT, build(opcode), f"invalid opcode {opcode}: reserved for control frames")
            for opcode in range(11, 16)
        ),
        Case(Role.CLIENT, build(CONTINUATION), "invalid opcode 0: no message to continue"),
        Case(Role.CLIENT, build(CONTINUATION, b"x", fin=False), "invalid opcode 0: no message to continue"),
        Case(Role.CLIENT, ORDER + build(TEXT), "invalid opcode 1: the message before is not finished"),
        Case(Role.CLIENT, ORDER + build(BINARY), "invalid opcode 2: the message before is not finished"),
        Case(
            Role.CLIENT,
            build(TEXT, b"", fin=False) + build(BINARY, b"", fin=False),
            "invalid opcode 2: the message before is not finished",
        ),
    ],
    Violation.INVALID_UTF8: [
        Case(Role.CLIENT, build(TEXT, b"\xff"), "invalid UTF-8 sequence in a text message", 1007),
        Case(Role.CLIENT, build(TEXT, b"ab\xe2\x82"), "invalid UTF-8 sequence in a text message", 1007),
        Case(
            Role.CLIENT,
            build(TEXT, b"\xe2\x82", fin=False) + build(CONTINUATION),
            "invalid UTF-8 sequence in a text message",
            1007,
        ),
        Case(
            Role.CLIENT,
            build(TEXT, b"\xed", fin=False) + build(CONTINUATION, b"\xa0", fin=False),
            "invalid UTF-8 sequence in a text message",
            1007,
        ),
        Case(Role.CLIENT, build(CLOSE, b"\x03\xe8\xff"), "invalid UTF-8 sequence in a close reason", 1007),
    ],
    Violation.UNEXPECTED_RSV_1: [
        Case(Role.CLIENT, build(opcode, b"", rsv=4), "RSV1 must be clear") for opcode in Opcode
    ],
    Violation.UNEXPECTED_RSV_2_3: [
        Case(Role.CLIENT, build(TEXT, b"", rsv=rsv), "RSV2 and RSV3 must be clear")
        for rsv in (1, 2, 3, 5, 6, 7)
    ],
    Violation.TOO_MANY_BUFFERED_PARTS: [
        Case(
            Role.CLIENT,
            build(BINARY, b"", fin=False) + build(CONTINUATION, b"", fin=False) * 4,
            "a message in more than 4 fragments (option max_fragments)",
            1008,
            {"max_fragments": 4},
        ),
        Case(
            Role.CLIENT,
            build(TEXT, b"x", fin=False) + build(CONTINUATION, b"x"),
            "a message in more than 1 fragments (option max_fragments)",
            1008,
            {"max_fragments": 1},
        ),
    ],
    Violation.UNSUPPORTED_DATA_PAYLOAD_LENGTH: [
        Case(
            Role.CLIENT,
            header(BINARY, length),
            f"payload length {length} is over 2**63 - 1",
            1009,
            {"max_payload": limit},
        )
        for length in (2**63, 2**64 - 1)
        for limit in (16 * MIB, None)
    ],
    Violation.UNSUPPORTED_MESSAGE_LENGTH: [
        Case(
            Role.CLIENT,
            header(BINARY, length),
            f"a message of at least {length} bytes is over the limit of {limit} (option max_payload)",
            1009,
            {"max_payload": limit},
        )
        for length, limit in ((1, 0), (126, 125), (2**31, 16 * MIB), (2**53, MIB), (MOST, MOST - 1))
    ]
    + [
        Case(
            Role.CLIENT,
            build(TEXT, b"a" * 60, fin=False) + build(CONTINUATION, b"a" * 40, fin=False) + header(0, 1),
            "a message of at least 101 bytes is over the limit of 100 (option max_payload)",
            1009,
            {"max_payload": 100},
        ),
        Case(
            Role.CLIENT,
            build(TEXT, b"a" * 60, fin=False) + header(CONTINUATION, MOST),
            f"a message of at least {MOST} bytes is over the limit of 100 (option max_payload)",
            1009,
            {"max_payload": 100},
        ),
        Case(
            Role.CLIENT,
            build(TEXT, b"a", fin=False) + header(CONTINUATION, MOST),
            f"a message of at least {MOST} bytes is over the limit of {MOST} (option max_payload)",
            1009,
            {"max_payload": None},
        ),
    ],
}


def test_there_is_a_case_for_every_rule() -> None:
    """Those of RFC 7692 are in test_deflate.py; a rate is a matter of the connection: test_connection.py."""
    elsewhere = {Violation.TOO_MANY_CONTROL_FRAMES}
    assert set(CASES) == {each for each in Violation if each.rfc == 6455} - elsewhere


@pytest.mark.row(151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163)
@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("violation", CASES)
def test_every_rule_is_enforced(violation: Violation, size: int | None) -> None:
    cases = CASES[violation]
    assert cases
    for case in cases:
        error = provoke(make_reader(case.role, **case.options), case.wire, size)
        assert type(error) is LocalProtocolError
        assert error.violation is violation
        assert error.code == violation.name
        assert error.close_code == violation.close_code == case.close_code
        assert str(error) == f"Invalid WebSocket frame: {case.sentence} (RFC 6455 §{violation.section})", case


@pytest.mark.parametrize("violation", [each for each in CASES if each is not Violation.EXPECTED_MASK])
def test_a_server_enforces_them_under_the_mask(violation: Violation) -> None:
    for case in CASES[violation]:
        if violation is Violation.UNEXPECTED_MASK or case.role is Role.SERVER:
            continue
        try:
            wire = b"".join(
                build(each.opcode, each.payload, fin=each.fin, key=KEY) for each in parse(case.wire)
            )
        except AssertionError:
            continue  # a header alone, or with RSV bits
        assert provoke(make_reader(Role.SERVER, **case.options), wire).violation is violation


def test_events_before_a_broken_rule_are_kept() -> None:
    events: list[Any] = []
    buffer = bytearray(HEADROOM) + build(TEXT, b"good") + build(PING, b"p") + build(3) + build(TEXT, b"after")
    with pytest.raises(LocalProtocolError):
        make_reader().receive(buffer, HEADROOM, len(buffer), events)
    assert events == ["good", Ping(b"p")]


# -- limits: at, just under, just over


@pytest.mark.row(14, "53f")
@pytest.mark.parametrize("fragments", [1, 2, 5])
@pytest.mark.parametrize("limit", [0, 1, 100, 126, 70_000])
def test_max_payload(limit: int, fragments: int) -> None:
    for n in {max(0, limit - 1), limit}:
        payload = noise(n)
        step = n // fragments + 1
        parts = [payload[at : at + step] for at in range(0, max(n, 1), step)]
        wire = b"".join(
            build(0 if i else BINARY, part, fin=i == len(parts) - 1) for i, part in enumerate(parts)
        )
        for size in (None, 1000):
            reader = make_reader(max_payload=limit)
            assert feed(reader, wire * 2, size) == [payload] * 2
    error = provoke(make_reader(max_payload=limit), build(BINARY, noise(limit + 1)))
    assert error.violation is Violation.UNSUPPORTED_MESSAGE_LENGTH


@pytest.mark.row(15, "53e")
@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("payload", [b"", b"x"])
def test_max_fragments(limit: int, payload: bytes) -> None:
    def fragments(n: int) -> bytes:
        if n == 1:
            return build(BINARY, payload)
        middle = build(CONTINUATION, payload, fin=False) * (n - 2)
        return build(BINARY, payload, fin=False) + middle + build(CONTINUATION, payload)

    reader = make_reader(max_fragments=limit)
    for n in {1, limit - 1 or 1, limit, limit}:
        assert feed(reader, fragments(n)) == [payload * n]
    assert provoke(reader, fragments(limit + 1)).violation is Violation.TOO_MANY_BUFFERED_PARTS


def test_pings_between_fragments_are_no_fragments() -> None:
    reader = make_reader(max_fragments=2)
    wire = build(TEXT, b"a", fin=False) + build(PING) * 5 + build(CONTINUATION, b"b")
    assert feed(reader, wire) == [Ping(b"")] * 5 + ["ab"]


@pytest.mark.row(16, "53d")
def test_max_buffered_chunks_is_counted_for_each_frame() -> None:
    # The header and the first byte come together; then each read brings one byte.
    reader = make_reader(max_buffered_chunks=3)
    for _ in range(2):
        wire = build(BINARY, b"abcd")
        assert feed(reader, wire[:3]) == []
        assert feed(reader, wire[3:], 1) == [b"abcd"]
    wire = build(BINARY, b"abcdef")
    assert feed(reader, wire[:3]) == []
    error = provoke(reader, wire[3:], 1)
    assert error.violation is Violation.TOO_MANY_BUFFERED_PARTS
    assert "a message in more than 3 reads from the socket (option max_buffered_chunks)" in str(error)


def test_no_limit_is_none() -> None:
    reader = make_reader(max_payload=None, max_fragments=None, max_buffered_chunks=None)
    wire = build(BINARY, b"a", fin=False) + build(CONTINUATION, b"b", fin=False) * 5000
    assert feed(reader, wire + build(CONTINUATION, b"c" * 70_000), 10) == [b"a" + b"b" * 5000 + b"c" * 70_000]


def test_the_largest_limits() -> None:
    reader = make_reader(max_payload=MOST, max_fragments=MOST, max_buffered_chunks=MOST)
    assert feed(reader, build(TEXT, b"ab"), 1) == ["ab"]


# -- control frames


@pytest.mark.parametrize("size", [None, 1, 5])
@pytest.mark.parametrize("role", Role)
def test_control_frames_between_fragments(role: Role, size: int | None) -> None:
    key = key_from(role)
    wire = b"".join(
        [
            build(PING, b"0", key=key),
            build(TEXT, "é".encode()[:1], fin=False, key=key),
            build(PING, b"1" * 125, key=key),
            build(CONTINUATION, b"", fin=False, key=key),
            build(PONG, b"", key=key),
            build(CONTINUATION, "é".encode()[1:], key=key),
            build(CLOSE, b"\x03\xe9bye", key=key),
        ]
    )
    events = [Ping(b"0"), Ping(b"1" * 125), Pong(b""), "é", Close(1001, "bye")]
    reader = make_reader(role)
    assert feed(reader, wire, size) == events
    assert reader.saw_control
    assert reader.finished


def test_only_control_frames_are_noted() -> None:
    reader = make_reader()
    feed(reader, build(TEXT, b"a") + build(BINARY, b"b", fin=False) + build(CONTINUATION))
    assert not reader.saw_control
    feed(reader, build(PONG))
    assert reader.saw_control


def test_nothing_is_read_after_a_close_frame() -> None:
    reader = make_reader()
    wire = build(TEXT, b"cut", fin=False) + build(CLOSE) + build(TEXT, b"late") + b"\xff\xff\xff"
    assert feed(reader, wire) == [Close(1005)]
    assert feed(reader, build(TEXT, b"later")) == []
    assert reader.finished


def test_nothing_is_read_after_drop() -> None:
    for wire in (build(TEXT, b"ab")[:3], build(PING, b"ab")[:3], build(BINARY, b"a", fin=False)):
        reader = make_reader()
        assert feed(reader, wire) == []
        reader.drop()
        assert reader.finished
        assert feed(reader, build(TEXT, b"later") * 2) == []


def test_nothing_comes_of_a_large_frame_after_drop() -> None:
    reader = make_reader()
    feed(reader, header(BINARY, 100_000) + b"a" * 1000)
    assert reader.window() is not None
    reader.drop()
    assert reader.window() is None


@pytest.mark.parametrize(("one", "other"), [(Ping(b"a"), Ping(b"b")), (Pong(b"a"), Pong(b"b"))])
def test_pings_and_pongs_are_values(one: Ping, other: Ping) -> None:
    name = type(one).__name__
    assert repr(one) == f"{name}(b'a')"
    assert one == type(one)(b"a")
    assert hash(one) == hash(type(one)(b"a"))
    assert one != other
    assert one != b"a"
    assert Ping(b"a") != Pong(b"a")
    assert len({one, other, type(one)(b"a")}) == 2


# -- text


BAD_TEXT = [
    b"\x80", b"ab\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3\x28", b"\xe0\x9f\xbf", b"\xe2\x28", b"\xe2\x82\x28",
    b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x28", b"\xf4\x90\x80\x80", b"\xf5\x80",
    b"\xfe", b"\xff", "€".encode() * 9 + b"\xff",
]  # fmt: skip


def first_impossible(data: bytes) -> int:
    """Return the index of the byte after which no UTF-8 text begins with the bytes so far."""
    for end in range(1, len(data) + 1):
        tails = [b"", b"\x80", b"\x80\x80", b"\x80\x80\x80", b"\xa0\x80", b"\x90\x80\x80"]
        for tail in tails:
            try:
                (data[:end] + tail).decode()
                break
            except UnicodeDecodeError:
                continue
        else:
            return end - 1
    raise AssertionError("it is well-formed")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("bad", BAD_TEXT)
def test_text_fails_at_the_first_impossible_byte_of_a_frame(bad: bytes, role: Role) -> None:
    key = key_from(role)
    # Much of the frame is missing still when the reader must know.
    wire = build(TEXT, b"fine" + bad + b"a" * 40_000, key=key)
    at = len(wire) - 40_000 - len(bad) + first_impossible(bad)
    reader = make_reader(role)
    assert feed(reader, wire[:at], 3) == []
    assert provoke(reader, wire[at : at + 1]).violation is Violation.INVALID_UTF8


@pytest.mark.row(157)
@pytest.mark.parametrize("bad", BAD_TEXT)
def test_text_fails_at_the_first_impossible_byte_of_fragments(bad: bytes) -> None:
    at = first_impossible(bad)
    reader = make_reader()
    feed(reader, build(TEXT, b"fine", fin=False))
    for i in range(at):
        assert feed(reader, build(CONTINUATION, bad[i : i + 1], fin=False)) == []
    wire = build(CONTINUATION, bad[at : at + 1], fin=False)
    assert provoke(reader, wire).violation is Violation.INVALID_UTF8


@pytest.mark.row(20, "53h")
@pytest.mark.parametrize("bad", BAD_TEXT)
def test_ill_formed_text_is_mended_where_that_is_asked_for(bad: bytes) -> None:
    mended = (b"a" + bad).decode(errors="replace")
    fragmented = build(TEXT, b"a", fin=False) + build(CONTINUATION, bad)
    for wire in (build(TEXT, b"a" + bad), fragmented):
        for size in (None, 1):
            assert feed(make_reader(skip_utf8_validation=True), wire, size) == [mended]
    reader = make_reader(skip_utf8_validation=True)
    assert feed(reader, build(CLOSE, b"\x03\xe8" + bad)) == [Close(1000, bad.decode(errors="replace"))]


def test_binary_messages_are_no_text() -> None:
    assert feed(make_reader(), build(BINARY, b"\xff", fin=False) + build(CONTINUATION, b"\xfe"), 1) == [
        b"\xff\xfe"
    ]


# -- the window: large frames are received in place


WINDOWS = [16 * KIB, 16 * KIB + 1, 64 * KIB - 1, MIB, MIB + 1, 5 * MIB + 3, 16 * MIB]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("read_size", [65536 + 3, MIB, 1 << 30])
@pytest.mark.parametrize("n", WINDOWS)
def test_large_messages_are_received_in_place(n: int, read_size: int, role: Role) -> None:
    payload = noise(n)
    wire = build(BINARY, payload, key=key_from(role))
    at = len(wire) - n
    reader = make_reader(role)
    assert feed(reader, wire[:at]) == []
    events: list[Any] = []
    while (window := reader.window()) is not None:
        room = reader.window_room()
        assert 0 < room <= len(wire) - at
        piece = wire[at : at + min(room, read_size)]
        put_into_window(window, piece)
        reader.receive_window(len(piece), events)
        at += len(piece)
    assert len(wire) - at < 16 * KIB
    events += feed(reader, wire[at:] + build(TEXT, b"next", key=key_from(role)))
    assert events == [payload, "next"]


@pytest.mark.parametrize("missing", [16 * KIB - 1, 16 * KIB])
def test_the_window_is_for_large_rests(missing: int) -> None:
    reader = make_reader()
    assert reader.window() is None
    feed(reader, header(BINARY, 20_000) + bytes(20_000 - missing))
    assert (reader.window() is not None) is (missing >= 16 * KIB)


def test_the_window_mixes_with_other_ways() -> None:
    """A message of three fragments: small, large through window and buffer by turns, and empty."""
    large = noise(100_000)
    text = build(BINARY, b"begin", fin=False, key=KEY)
    frame = build(CONTINUATION, large, fin=False, key=KEY)
    reader = make_reader(Role.SERVER)
    feed(reader, text + frame[:1001], 7)
    window = reader.window()
    assert window is not None
    put_into_window(window, frame[1001:30_002])
    events: list[Any] = []
    reader.receive_window(30_002 - 1001, events)
    assert events == []
    assert feed(reader, frame[30_002:60_005], 10_001) == []
    window = reader.window()
    assert window is not None
    assert reader.window_room() == len(frame) - 60_005
    put_into_window(window, frame[60_005:])
    reader.receive_window(len(frame) - 60_005, events)
    assert events == []
    assert reader.window() is None
    assert feed(reader, build(PING, key=KEY) + build(CONTINUATION, key=KEY)) == [Ping(b""), b"begin" + large]


def test_a_text_in_the_window_fails_early() -> None:
    reader = make_reader()
    feed(reader, header(TEXT, MIB) + b"a" * 100)
    for piece, good in ((b"\xe2\x82", True), (b"\xac\xf0", True), (b"a", False)):
        window = reader.window()
        assert window is not None
        assert reader.window_room() > 2
        put_into_window(window, piece)
        if good:
            reader.receive_window(len(piece), [])
        else:
            with pytest.raises(LocalProtocolError, match="invalid UTF-8"):
                reader.receive_window(len(piece), [])


def test_reads_into_the_window_are_counted() -> None:
    reader = make_reader(max_buffered_chunks=2)
    feed(reader, header(BINARY, MIB))
    for _ in range(2):
        assert reader.window_room() > 0
        reader.receive_window(1, [])
    with pytest.raises(LocalProtocolError, match="more than 2 reads from the socket"):
        reader.receive_window(1, [])


# -- memory and time


@pytest.mark.parametrize("length", [2**31 - 1, 2**31, 2**32, 2**53, 2**62, MOST])
def test_an_announced_length_costs_no_memory(length: int) -> None:
    tracemalloc.start()
    try:
        reader = make_reader(max_payload=None)
        assert feed(reader, header(BINARY, length) + b"begin") == []
        assert reader.window_room() < MIB
        assert tracemalloc.get_traced_memory()[1] < 3 * MIB
    finally:
        tracemalloc.stop()


def test_parked_fragments_pin_little_more_than_what_came() -> None:
    wire = build(BINARY, b"", fin=False) + build(CONTINUATION, b"x" * 5, fin=False) * 16_000
    tracemalloc.start()
    try:
        reader = make_reader()
        feed(reader, wire)
        assert tracemalloc.get_traced_memory()[0] < 80_000 * 1.25 + 5000
        reader.drop()
        assert tracemalloc.get_traced_memory()[0] < 5000
    finally:
        tracemalloc.stop()


def test_fragments_cost_time_in_proportion() -> None:
    def fragments(n: int) -> bytes:
        middle = build(CONTINUATION, b"x", fin=False) * (n - 2)
        return bytes(HEADROOM) + build(TEXT, b"x", fin=False) + middle + build(CONTINUATION, b"x")

    def read(wire: bytes, n: int) -> None:
        events: list[Any] = []
        make_reader().receive(bytearray(wire), HEADROOM, len(wire), events)
        assert events == ["x" * n]

    # Four times as many: what is linear takes 4 times as long, what is quadratic 16 times.
    quarter, whole = fragments(25_000), fragments(100_000)
    assert ratio(lambda: read(quarter, 25_000), lambda: read(whole, 100_000), 8) < 8


def test_small_chunks_cost_time_in_proportion() -> None:
    def read(n: int) -> None:
        wire = build(TEXT, b"x" * n)
        reader = make_reader()
        buffer = bytearray(HEADROOM + 1)
        events: list[Any] = []
        for byte in wire:
            buffer[HEADROOM] = byte
            reader.receive(buffer, HEADROOM, HEADROOM + 1, events)
        assert events == ["x" * n]

    assert ratio(lambda: read(25_000), lambda: read(100_000), 8) < 8


def test_very_many_frames_in_one_read() -> None:
    half = 500_000 if wsline.compiled else 50_000  # the pure one is far slower
    wire = bytes(HEADROOM) + build(PONG) * half + build(TEXT, b"a") * half
    events: list[Any] = []
    make_reader().receive(bytearray(wire), HEADROOM, len(wire), events)
    assert len(events) == 2 * half
    assert events[0] == Pong(b"")
    assert events[half - 1 : half + 1] == [Pong(b""), "a"]


# -- the room before the bytes


def test_nothing_before_the_headroom_is_touched() -> None:
    wire = build(PING, b"p" * 125, key=KEY)
    assert len(wire) == 131
    for cut in range(1, len(wire)):
        reader = make_reader(Role.SERVER)
        assert feed(reader, wire[:cut]) == []
        buffer = bytearray(b"guard" + b"\xee" * HEADROOM) + wire[cut:]
        events: list[Any] = []
        reader.receive(buffer, 5 + HEADROOM, len(buffer), events)
        assert events == [Ping(b"p" * 125)]
        assert buffer[:5] == b"guard"


def test_the_headroom_holds_the_longest_leftover() -> None:
    # The longest header of a control frame, and all of its payload but one byte.
    assert HEADROOM >= 14 + 125


@pytest.mark.parametrize("start", [0, 2, HEADROOM - 1])
def test_a_buffer_without_headroom_is_refused(start: int) -> None:
    reader = make_reader()
    feed(reader, b"\x89")
    buffer = bytearray(start) + b"\x00"
    with pytest.raises(ValueError, match=f"^start={start}: must be at least HEADROOM, which is {HEADROOM}$"):
        reader.receive(buffer, start, len(buffer), [])
    assert feed(reader, b"\x00") == [Ping(b"")]


# -- writing


def make_writer(role: Role = Role.SERVER, **arguments: Any) -> MessageWriter:
    return MessageWriter(role, Output(), **arguments)


def written(writer: MessageWriter) -> list[Frame]:
    return parse(writer.frames.output.take())


def test_messages_are_written() -> None:
    writer = make_writer()
    writer.write_text("é", True)
    writer.write_binary(b"b", True)
    writer.write_control(Opcode.PING, b"p")
    assert written(writer) == [Frame(TEXT, "é".encode()), Frame(BINARY, b"b"), Frame(PING, b"p")]
    assert not writer.is_open


def test_fragments_are_written() -> None:
    writer = make_writer(Role.CLIENT)
    writer.write_text("one", False)
    assert writer.is_open
    writer.write_text("two", False)
    writer.write_control(Opcode.PONG, b"")
    writer.write_text("", True)
    assert not writer.is_open
    writer.write_binary(b"new", False)
    writer.write_binary(b"end", True)
    assert written(writer) == [
        Frame(TEXT, b"one", False, True),
        Frame(CONTINUATION, b"two", False, True),
        Frame(PONG, b"", True, True),
        Frame(CONTINUATION, b"", True, True),
        Frame(BINARY, b"new", False, True),
        Frame(CONTINUATION, b"end", True, True),
    ]


def test_a_text_that_cannot_be_encoded_changes_nothing() -> None:
    writer = make_writer()
    with pytest.raises(UnicodeEncodeError):
        writer.write_text("\udfff", False)
    assert not writer.is_open
    assert writer.frames.output.pending() == 0


@pytest.mark.parametrize("binary", [False, True])
def test_a_message_without_masking_key_changes_nothing(binary: bool) -> None:
    keys: list[bytes] = []
    writer = make_writer(Role.CLIENT, generate_mask=keys.pop)

    def write(fin: bool) -> None:
        if binary:
            writer.write_binary(b"part", fin)
        else:
            writer.write_text("part", fin)

    with pytest.raises(IndexError):
        write(False)
    assert not writer.is_open
    keys[:] = [KEY]
    write(False)
    with pytest.raises(IndexError):
        write(True)
    assert writer.is_open
    keys[:] = [KEY]
    write(True)
    opcode = BINARY if binary else TEXT
    assert written(writer) == [
        Frame(opcode, b"part", False, True),
        Frame(CONTINUATION, b"part", True, True),
    ]


def test_the_same_mask_everywhere() -> None:
    """What one end writes the other reads, whatever the length does to the alignment."""
    for n in (*range(70), 125, 126, 127, 1000, 65535, 65536):
        writer = make_writer(Role.CLIENT, generate_mask=lambda: KEY)
        writer.write_binary(noise(n), True)
        wire = writer.frames.output.take()
        assert wire == header(BINARY, n, masked=True) + KEY + mask(noise(n), KEY)
        assert feed(make_reader(Role.SERVER), wire) == [noise(n)]


def test_options_of_both_ends_are_taken() -> None:
    assert feed(MessageReader(Role.CLIENT, Options()), build(CLOSE)) == [Close(CloseCode.NO_STATUS_RECEIVED)]
