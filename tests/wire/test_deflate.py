"""Compression: what goes out is read by a strict inflater, and what comes in is bounded."""

import gc
import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.inflate import StrictInflater, TooFar
from tests.wire.raw import BINARY, CONTINUATION, KEY, PING, TEXT, build, feed, provoke
from wsline.deflate import Deflate
from wsline.errors import ProtocolError, Violation
from wsline.options import Options
from wsline.spec import DeflateParameters, Role
from wsline.wire.deflate import (
    DeflateJob,
    Deflater,
    Inflater,
    Settings,
    deflate_memory,
    is_over_budget,
    make_deflater,
    make_inflater,
)
from wsline.wire.kernels import Assembly
from wsline.wire.messages import MessageReader
from wsline.zlibs import IMPLEMENTATIONS

TAIL = b"\x00\x00\xff\xff"
HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 §7.2.3.1
MIB = 1 << 20


@pytest.fixture(params=IMPLEMENTATIONS)
def zlibs(request: pytest.FixtureRequest) -> str:
    """The name of an implementation of zlib."""
    name: str = request.param
    return name


def usual(bits: int = 12, zlibs: str = "zlib") -> Settings:
    return Settings(bits, 1, 5, 0, zlibs)


def text_of(seed: int, n: int) -> bytes:
    """Return text that repeats itself at all distances."""
    words = [b"alpha", b"beta ", b"gamma", b"delta ", b"\n", b"epsilon", b"1234", b"zeta"]
    return b"".join(random.Random(seed).choices(words, k=n // 4 + 10))[:n]


def raw(data: bytes, bits: int = 15, fin: bool = True) -> bytes:
    """Compress a message by itself, as a peer does."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -bits)
    encoded = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return encoded[:-4] if fin else encoded


def reader(
    role: Role = Role.CLIENT,
    parameters: DeflateParameters | None = None,
    zlibs: str = "zlib",
    **options: Any,
) -> MessageReader:
    """Return a reader that takes compressed messages."""
    made = Options(per_message_deflate=Deflate(implementation=zlibs), **options)
    made_reader = MessageReader(role, made)
    made_reader.inflate_by(make_inflater(role, parameters or DeflateParameters(), made))
    return made_reader


# -- out


WAYS = [
    *(("zlib", level, strategy) for level in (-1, *range(10)) for strategy in range(5)),
    *(("zlib-ng", level, 0) for level in (-1, *range(10))),
    *(("zlib-ng", level, strategy) for level in (1, 6) for strategy in range(1, 5)),
    *(("isal", level, 0) for level in range(4)),
]


@pytest.mark.parametrize(("zlibs", "level", "strategy"), WAYS)
def test_a130_a_window_of_256_bytes_is_kept_to(zlibs: str, level: int, strategy: int) -> None:
    """zlib has no raw stream for 8 bits; ours is one for 9 that looks back no further than 256 bytes."""
    settings = Settings(8, level, 1 + (level + strategy) % 9, strategy, zlibs)
    deflater = Deflater(settings, True, 0, False)
    inflater = StrictInflater(256)
    for seed in range(3):
        message = text_of(seed, 900)
        assert inflater.inflate(deflater.deflate(message, True)) == message
    deflater.follow(message[-256:])
    again = message[-250:] * 2
    assert inflater.inflate(deflater.deflate(again, True)) == again
    assert level == 0 or strategy in (2, 3) or inflater.farthest > 100  # it does look back


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize(
    ("zlibs", "level"), [(name, level) for name, level, strategy in WAYS if not strategy]
)
def test_every_implementation_keeps_to_every_window(zlibs: str, level: int, bits: int) -> None:
    """A peer with zlib and just the agreed window reads it, whatever repeats itself at its edge."""
    window = 1 << bits
    deflater = Deflater(Settings(bits, level, 5, 0, zlibs), True, 0, False)
    peer = Narrow(bits)
    noise = random.Random(bits)
    for distance in (window - 300, window - 262, window - 100, window, window + 1, window + 200):
        message = noise.randbytes(max(distance, 0)) + text_of(distance, 500)
        message += message[:300]
        assert peer.inflate(deflater.deflate(message, True)) == message
        deflater.follow(message[-window:])
        assert peer.inflate(deflater.deflate(message[:700], True)) == message[:700]


class Narrow:
    """A peer's inflater: zlib in small steps, as only so it looks no further than the window."""

    def __init__(self, bits: int) -> None:
        self._inflater = zlib.decompressobj(-bits)

    def inflate(self, data: bytes) -> bytes:
        message: list[bytes] = []
        data += TAIL
        while data or message[-1]:
            message.append(self._inflater.decompress(data, 32))
            data = self._inflater.unconsumed_tail
        return b"".join(message)


def test_a_narrow_peer_sees_what_looks_back_too_far() -> None:
    noise = random.Random(1).randbytes(1200)
    with pytest.raises(zlib.error, match="too far back"):
        Narrow(10).inflate(raw(noise * 2, 11))


def test_the_strict_inflater_sees_what_looks_back_too_far() -> None:
    message = text_of(1, 3000)
    with pytest.raises(TooFar):
        StrictInflater(256).inflate(raw(message, 10))


@pytest.mark.parametrize("bits", range(8, 16))
def test_a_peer_with_the_agreed_window_reads_what_we_send(bits: int) -> None:
    deflater = Deflater(usual(bits), True, 0, False)
    inflater = StrictInflater(1 << bits)
    for seed in range(3):
        message = text_of(seed, min(3000, 4 << bits))
        assert inflater.inflate(deflater.deflate(message, True)) == message
    assert inflater.farthest > (1 << bits) // 4 or bits > 12


def test_a141_the_tail_of_the_flush_is_left_out() -> None:
    deflater = Deflater(usual(), True, 0, False)
    assert deflater.deflate(b"Hello", True) == HELLO
    # RFC 7692 §7.2.3.2: with context takeover the second one refers to the first.
    assert deflater.deflate(b"Hello", True) == bytes.fromhex("f200110000")


@pytest.mark.parametrize("keeps_context", [True, False])
def test_fragments_are_flushed(keeps_context: bool, zlibs: str) -> None:
    deflater = Deflater(usual(zlibs=zlibs), keeps_context, 0, False)
    inflater = StrictInflater(4096)
    for _ in range(2):
        parts = [deflater.deflate(b"Hel", False), deflater.deflate(b"", False), deflater.deflate(b"lo", True)]
        assert parts[0].endswith(TAIL)
        assert parts[1] == b""
        assert inflater.inflate(b"".join(parts)) == b"Hello"
    parts = [deflater.deflate(b"Hello", False), deflater.deflate(b"", True)]
    assert parts[1] == b"\x00"
    assert inflater.inflate(b"".join(parts)) == b"Hello"


def test_an_empty_message_is_one_byte() -> None:
    deflater = Deflater(usual(), True, 0, False)
    gc.collect()
    before = deflate_memory()
    assert [deflater.deflate(b"", True) for _ in range(3)] == [b"\x00"] * 3
    assert deflate_memory() == before, "nothing is compressed for it"


def test_a140_without_context_each_message_is_for_itself() -> None:
    deflater = Deflater(usual(), False, 0, False)
    before = deflate_memory()
    assert deflater.deflate(b"Hello", True) == deflater.deflate(b"Hello", True) == HELLO
    assert deflate_memory() == before, "nothing is kept"


def test_incompressible_data_grows_little() -> None:
    data = random.Random(1).randbytes(MIB)
    deflater = Deflater(usual(), True, 0, False)
    assert len(deflater.deflate(data, True)) < len(data) * 1.01


@pytest.mark.parametrize(
    ("keeps_context", "always", "least"), [(True, False, 0), (True, True, 100), (False, False, 100)]
)
def test_a132_threshold(keeps_context: bool, always: bool, least: int) -> None:
    deflater = Deflater(usual(), keeps_context, 100, always)
    assert deflater.wants(least)
    assert not deflater.wants(least - 1)


def test_another_compressors_message_fills_the_window(zlibs: str) -> None:
    before, message, after = text_of(1, 500), text_of(2, 700), text_of(2, 700)
    deflater = Deflater(usual(zlibs=zlibs), True, 0, False)
    peer = zlib.decompressobj(-12)
    assert peer.decompress(deflater.deflate(before, True) + TAIL) == before
    assert peer.decompress(raw(message, 12) + TAIL) == message
    deflater.follow(message[-4096:])
    encoded = deflater.deflate(after, True)
    alone = Deflater(usual(zlibs=zlibs), True, 0, False).deflate(after, True)
    # (At level 1 zlib-ng does not look for all that there is.)
    assert len(encoded) < len(alone) * (0.7 if zlibs == "zlib-ng" else 0.2), "it refers to the message"
    assert peer.decompress(encoded + TAIL) == after


def test_without_context_another_compressors_message_changes_nothing() -> None:
    deflater = Deflater(usual(), False, 0, False)
    deflater.follow(b"Hello")
    assert deflater.deflate(b"Hello", True) == HELLO


# -- jobs


def test_a_job_compresses_elsewhere() -> None:
    deflater = Deflater(usual(), False, 0, False)
    before = deflate_memory()
    job = DeflateJob(deflater, TEXT, b"Hello", True)
    assert (job.opcode, job.fin, job.size) == (TEXT, True, 5)
    job.run()
    assert (job.result, job.error) == (HELLO, None)
    assert deflate_memory() > before
    job.end()
    assert deflate_memory() == before


def test_a_job_that_fails_keeps_its_error() -> None:
    deflater = Deflater(usual(), True, 0, False)
    job = DeflateJob(deflater, TEXT, b"Hello", True)
    deflater.drop()
    job.run()
    assert isinstance(job.error, AttributeError)
    assert job.result == b""


# -- memory


def test_memory_is_accounted_for() -> None:
    gc.collect()
    before = deflate_memory()
    deflater = Deflater(usual(), True, 0, False)
    inflater = Inflater(12, True, MIB, 65536)
    assert deflate_memory() == before, "nothing is held before the first message"
    inflater.inflate(deflater.deflate(b"Hello", True), True, Assembly())
    assert deflate_memory() == before + usual().size + 4096 + 7 * 1024
    assert usual().size == 38 * 1024
    deflater.drop()
    del inflater
    assert deflate_memory() == before


def test_a_budget_is_compared_with_what_is_held() -> None:
    deflater = Deflater(usual(), True, 0, False)
    deflater.begin()
    held = deflate_memory()
    assert is_over_budget(Deflate(memory_budget=held - 1))
    assert not is_over_budget(Deflate(memory_budget=held))
    assert not is_over_budget(Deflate())
    assert not is_over_budget(None)


# -- what is agreed and what is made of it


@pytest.mark.parametrize(
    ("role", "options", "parameters", "bits", "keeps"),
    [
        (Role.SERVER, {}, DeflateParameters(), 12, True),
        (Role.SERVER, {}, DeflateParameters(server_max_window_bits=10), 10, True),
        (Role.SERVER, {"server_max_window_bits": False}, DeflateParameters(), 12, True),
        (Role.SERVER, {"server_max_window_bits": 15}, DeflateParameters(), 15, True),
        (Role.SERVER, {}, DeflateParameters(server_no_context_takeover=True), 12, False),
        (Role.CLIENT, {}, DeflateParameters(server_no_context_takeover=True), 12, True),
        (Role.CLIENT, {}, DeflateParameters(client_no_context_takeover=True), 12, False),
        (Role.CLIENT, {}, DeflateParameters(client_max_window_bits=9), 9, True),
        (Role.CLIENT, {"client_max_window_bits": True}, DeflateParameters(), 12, True),
        (Role.CLIENT, {"client_max_window_bits": 14}, DeflateParameters(client_max_window_bits=14), 14, True),
    ],
)
def test_a_deflater_keeps_to_the_agreement(
    role: Role, options: dict[str, Any], parameters: DeflateParameters, bits: int, keeps: bool
) -> None:
    deflater = make_deflater(role, parameters, Options(per_message_deflate=Deflate(**options)))
    assert deflater.settings == Settings(bits, 1, 5, 0, "zlib")
    first, second = deflater.deflate(b"Hello", True), deflater.deflate(b"Hello", True)
    assert (first != second) is keeps


def test_a134_a135_zlib_is_told_what_the_options_say() -> None:
    told = Deflate(
        zlib_deflate_options={"level": 9, "mem_level": 8, "strategy": 1},
        zlib_inflate_options={"chunk_size": 1024},
        threshold=7,
        threshold_always=True,
    )
    options = Options(per_message_deflate=told)
    deflater = make_deflater(Role.SERVER, DeflateParameters(), options)
    assert deflater.settings == Settings(12, 9, 8, 1)
    assert not deflater.wants(6)
    chunks: list[int] = []
    real = zlib.decompressobj

    class Noting:
        def __init__(self) -> None:
            self._inner = real(-15)

        def decompress(self, data: bytes, most: int) -> bytes:
            chunks.append(most)
            return self._inner.decompress(data, most)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zlib, "decompressobj", lambda bits: Noting())
        assembly = Assembly()
        inflater = make_inflater(Role.SERVER, DeflateParameters(), options)
        inflater.inflate(raw(bytes(5000)), True, assembly)
    assert assembly.take_bytes() == bytes(5000)
    assert max(chunks) == 1024


# -- in

CUTS = [None, 1, 2, 7]


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("role", Role)
def test_messages_are_inflated(role: Role, size: int | None, zlibs: str) -> None:
    key = KEY if role is Role.SERVER else None
    compressor = Deflater(usual(15), True, 0, False)
    text, data = "žluť " * 50, random.Random(2).randbytes(500)
    first, second = compressor.deflate(text.encode(), True), compressor.deflate(data, True)
    parts = [compressor.deflate(b"Hel", False), compressor.deflate(b"lo", True)]
    wire = (
        build(TEXT, first, rsv=4, key=key)
        + build(TEXT, b"plain", key=key)
        + build(BINARY, second, rsv=4, key=key)
        + build(TEXT, parts[0], fin=False, rsv=4, key=key)
        + build(PING, b"p", key=key)
        + build(CONTINUATION, b"", fin=False, key=key)
        + build(CONTINUATION, parts[1][:2], fin=False, key=key)
        + build(CONTINUATION, parts[1][2:], key=key)
        + build(TEXT, b"\x00", rsv=4, key=key)
        + build(BINARY, b"", fin=False, key=key)
        + build(CONTINUATION, b"x", key=key)
    )
    events = feed(reader(role, zlibs=zlibs), wire, size)
    del events[3]  # the ping
    assert events == [text, "plain", data, "Hello", "", b"x"]


@pytest.mark.parametrize("size", CUTS)
def test_the_last_frame_may_be_empty(size: int | None, zlibs: str) -> None:
    wire = build(TEXT, HELLO, fin=False, rsv=4) + build(CONTINUATION)
    assert feed(reader(zlibs=zlibs), wire * 2, size) == ["Hello"] * 2


def test_nothing_at_all_is_an_empty_message() -> None:
    wire = build(BINARY, b"", rsv=4) + build(TEXT, HELLO, rsv=4)
    assert feed(reader(), wire) == [b"", "Hello"]


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("keeps_context", [True, False])
@pytest.mark.parametrize(
    "payload",
    [
        "f348cdc9c9070000",  # RFC 7692 §7.2.3.4: a block that says it is the last
        "f348cdc9c90700",  # without the empty block that should follow
        "f248050000 00ffff cac9c90700",  # RFC 7692 §7.2.3.5: two blocks
        "000500faff48656c6c6f00",  # §7.2.3.3: no compression
    ],
)
def test_the_examples_of_the_rfc(payload: str, keeps_context: bool, size: int | None, zlibs: str) -> None:
    parameters = DeflateParameters(server_no_context_takeover=not keeps_context)
    wire = build(TEXT, bytes.fromhex(payload), rsv=4)
    assert feed(reader(parameters=parameters, zlibs=zlibs), wire * 3, size) == ["Hello"] * 3


def test_a_final_block_in_the_middle_is_followed_by_another_stream(zlibs: str) -> None:
    def final(data: bytes) -> bytes:
        return zlib.compress(data, wbits=-15)

    payload = final(b"one ") + final(b"two ") + raw(b"three")
    for size in CUTS:
        assert feed(reader(zlibs=zlibs), build(TEXT, payload, rsv=4) * 2, size) == ["one two three"] * 2
    parts = build(TEXT, final(b"one"), fin=False, rsv=4) + build(CONTINUATION)
    assert feed(reader(zlibs=zlibs), parts * 2) == ["one"] * 2


def test_a158_rsv1_is_for_the_first_frame_of_a_message() -> None:
    wrong = [
        build(TEXT, HELLO, fin=False, rsv=4) + build(CONTINUATION, b"\x00", rsv=4),
        build(TEXT, b"x", fin=False) + build(CONTINUATION, HELLO, rsv=4),
        build(CONTINUATION, HELLO, rsv=4),
        build(PING, b"x", rsv=4),
    ]
    for wire in wrong:
        assert provoke(reader(), wire).violation is Violation.UNEXPECTED_RSV_1
    assert provoke(MessageReader(Role.CLIENT, Options()), build(TEXT, HELLO, rsv=4)).close_code == 1002


BAD_DATA = {
    "an unknown kind of block": b"\x07",
    "lengths that do not agree": b"\x00\x05\x00\x00\x00Hello",
    "a distance too far back": raw(text_of(1, 3000))[40:],
    "a block that does not end": raw(text_of(1, 3000), fin=False)[:-30],
    "a text cut short": HELLO[:-3],
    "stored bytes that are missing": b"\x00\xff\x00\x00\xff" + b"x" * 250,
    "a few stored bytes that are missing": b"\x00\x07\x00\xf8\xffH",
    "the head of a block": b"\x00\x05",
}


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("keeps_context", [True, False])
@pytest.mark.parametrize("case", BAD_DATA)
def test_a137_data_that_cannot_be_inflated(
    case: str, keeps_context: bool, size: int | None, zlibs: str
) -> None:
    parameters = DeflateParameters(server_no_context_takeover=not keeps_context)
    error = provoke(reader(parameters=parameters, zlibs=zlibs), build(BINARY, BAD_DATA[case], rsv=4), size)
    assert error.violation is Violation.INVALID_COMPRESSED_DATA
    assert error.close_code == 1007
    assert str(error).startswith("Invalid WebSocket frame: a compressed message cannot be inflated: ")
    assert str(error).endswith(" (RFC 7692 §7.2.2)")


def test_text_is_checked_as_it_is_inflated() -> None:
    wire = build(TEXT, raw(b"abc\xff" + bytes(20), fin=False), fin=False, rsv=4)
    assert provoke(reader(), wire).violation is Violation.INVALID_UTF8
    assert provoke(reader(), build(TEXT, raw(b"abc\xc3"), rsv=4)).violation is Violation.INVALID_UTF8
    lenient = reader(skip_utf8_validation=True)
    assert feed(lenient, wire + build(CONTINUATION, b"\x00"))[0].startswith("abc\ufffd")


# -- bounds


@pytest.mark.parametrize("limit", [0, 1, 100, 65535, 65536, 65537, MIB])
@pytest.mark.parametrize("size", [None, 4096])
def test_a14_a136_the_limit_is_on_what_is_inflated(limit: int, size: int | None, zlibs: str) -> None:
    data = text_of(1, limit)
    good = build(BINARY, raw(data), rsv=4)
    assert feed(reader(max_payload=limit, zlibs=zlibs), good * 2, size) == [data] * 2
    error = provoke(reader(max_payload=limit, zlibs=zlibs), build(BINARY, raw(data + b"x"), rsv=4), size)
    assert error.violation is Violation.UNSUPPORTED_MESSAGE_LENGTH
    assert f"a message of at least {limit + 1} bytes is over the limit of {limit}" in str(error)


def test_fragments_count_together() -> None:
    parts = [build(BINARY, raw(bytes(60), fin=False), fin=False, rsv=4), build(CONTINUATION, raw(bytes(41)))]
    error = provoke(reader(max_payload=100), b"".join(parts))
    assert error.violation is Violation.UNSUPPORTED_MESSAGE_LENGTH


def test_compressed_frames_may_be_longer_than_what_is_in_them() -> None:
    """Data that cannot be compressed grows by some bytes."""
    data = random.Random(1).randbytes(1000)
    encoded = raw(data)
    assert len(encoded) > 1000
    assert feed(reader(max_payload=1000), build(BINARY, encoded, rsv=4)) == [data]


def in_fragments(data: bytes, size: int) -> bytes:
    """Frame a message that is compressed as a whole and cut then; the last frame is empty."""
    encoded = raw(data)
    wire = b""
    for at in range(0, len(encoded), size):
        wire += build(CONTINUATION if at else TEXT, encoded[at : at + size], fin=False, rsv=0 if at else 4)
    return wire + build(CONTINUATION)


@pytest.mark.parametrize("size", [None, 1, 1000])
def test_compressed_messages_can_be_read_while_they_come(size: int | None) -> None:
    message = text_of(5, 300_000)
    taker = reader()
    taker.stream_next()
    events = feed(taker, in_fragments(message, 7000) + build(TEXT, b"next"), size)
    assert events.pop() == "next"
    assert "".join(each.data for each in events) == message.decode()
    assert [each.fin for each in events] == [False] * (len(events) - 1) + [True]
    assert len(events) > 2


def test_a_message_that_is_read_while_it_comes_has_the_same_limit() -> None:
    message = bytes(100_000)
    taker = reader(max_payload=100_000)
    taker.stream_next()
    parts = feed(taker, in_fragments(message, 20))
    assert sum(map(len, parts)) == 100_000
    taker = reader(max_payload=99_999)
    taker.stream_next()
    error = provoke(taker, in_fragments(message, 20))
    assert error.violation is Violation.UNSUPPORTED_MESSAGE_LENGTH


def test_compressed_fragments_can_be_kept_apart() -> None:
    message = text_of(6, 20_000)
    taker = reader()
    taker.split().keeps = True
    encoded = raw(message)
    half = len(encoded) // 2
    wire = build(BINARY, encoded[:half], fin=False, rsv=4)
    (kept,) = feed(taker, wire + build(CONTINUATION, encoded[half:]))
    assert len(kept.parts) == 2
    assert b"".join(kept.parts) == message


def bomb(n: int) -> Iterator[bytes]:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    for _ in range(n // MIB):
        yield compressor.compress(bytes(MIB))
    yield compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]


@pytest.mark.parametrize("chunk_size", [1024, 65536])
def test_a_bomb_is_not_inflated_further_than_allowed(chunk_size: int, zlibs: str) -> None:
    told = Deflate(zlib_inflate_options={"chunk_size": chunk_size}, implementation=zlibs)
    options = Options(per_message_deflate=told)
    inflater = make_inflater(Role.SERVER, DeflateParameters(), options)
    assembly = Assembly()
    with pytest.raises(ProtocolError, match="max_payload"):
        for piece in bomb(32 * MIB):
            inflater.inflate(piece[:16384], False, assembly)
    assert 16 * MIB - chunk_size <= assembly.length <= 16 * MIB


EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"


@pytest.mark.parametrize("fragment", [5, 50, 40_000])
def test_endless_empty_blocks_are_refused(fragment: int, zlibs: str) -> None:
    payload = EMPTY_BLOCK * (fragment // 5)
    wire = build(BINARY, payload, fin=False, rsv=4) + build(CONTINUATION, payload, fin=False) * (
        100_000 // fragment
    )
    error = provoke(reader(zlibs=zlibs), wire)
    assert error.violation is Violation.EMPTY_COMPRESSED_DATA
    assert error.close_code == 1008
    assert "bytes of a compressed message inflate to only 0 (RFC 7692 §8)" in str(error)


def test_a_flush_after_each_byte_is_no_attack(zlibs: str) -> None:
    compressor = Deflater(usual(zlibs=zlibs), True, 0, False)
    wire = build(TEXT, compressor.deflate(b"x", False), fin=False, rsv=4)
    wire += b"".join(build(CONTINUATION, compressor.deflate(b"y", False), fin=False) for _ in range(20_000))
    wire += build(CONTINUATION, compressor.deflate(b"z", True))
    assert feed(reader(zlibs=zlibs), wire) == ["x" + "y" * 20_000 + "z"]


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=300),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 40)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
    st.sampled_from(list(IMPLEMENTATIONS)),
)
def test_spoilt_data_is_refused_or_bounded(
    data: bytes, compressed: bool, size: int | None, changes: list[tuple[int, int]], zlibs: str
) -> None:
    payload = bytearray(raw(data) if compressed else data)
    for at, value in changes:
        if at < len(payload):
            payload[at] = value
    made = reader(max_payload=500, zlibs=zlibs)
    try:
        events = feed(made, build(BINARY, bytes(payload), rsv=4), size)
    except ProtocolError as error:
        assert error.close_code in (1007, 1009)
    else:
        assert len(events) == 1 and len(events[0]) <= 500
        if compressed and not changes:
            assert events == [data]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.binary(max_size=3000), st.booleans()), max_size=6),
    st.integers(8, 15),
    st.booleans(),
    st.sampled_from(list(IMPLEMENTATIONS)),
    st.sampled_from(list(IMPLEMENTATIONS)),
)
def test_what_is_deflated_is_inflated(
    messages: list[tuple[bytes, bool]], bits: int, keeps_context: bool, ours: str, theirs: str
) -> None:
    deflater = Deflater(usual(bits, ours), keeps_context, 0, False)
    inflater = Inflater(bits, keeps_context, MIB, 1024, theirs)
    for data, halved in messages:
        assembly = Assembly()
        half = len(data) // 2 if halved else 0
        if halved:
            inflater.inflate(deflater.deflate(data[:half], False), False, assembly)
        inflater.inflate(deflater.deflate(data[half:], True), True, assembly)
        assert assembly.take_bytes() == data
