"""The loops over bytes: masks, numbers, text; the payload that grows; the bytes that wait."""

import random
import tracemalloc

import pytest

import wsline
from tests.wire.costs import grown, ratio
from tests.wire.raw import mask, put_into_window
from wsline.wire import kernels
from wsline.wire.kernels import Assembly, Output

EAGER = 1 << 20
SEGMENT = 1 << 15
BLOCK = 1 << 16

SIZES = [*range(20), 31, 32, 33, 127, 128, 129, 135, 1000, 4099]
KEY = 0x3D21FA37  # the bytes 37 fa 21 3d
KEY_BYTES = bytes.fromhex("37fa213d")


def noise(n: int) -> bytes:
    return random.Random(n).randbytes(n)


@pytest.mark.row(149)
def test_the_twin_tells_which_it_is() -> None:
    assert kernels.COMPILED is wsline.compiled


# -- masks


@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("n", SIZES)
def test_unmask_and_masked_give_the_xor(n: int, phase: int) -> None:
    plain = noise(n)
    expected = mask(plain, KEY_BYTES[phase:] + KEY_BYTES[:phase])
    buffer = bytearray(b"<<<") + plain + b">>>"
    assert kernels.masked(buffer, 3, n, KEY, phase) == expected
    assert buffer == b"<<<" + plain + b">>>"
    kernels.unmask(buffer, 3, n, KEY, phase)
    assert buffer == b"<<<" + expected + b">>>"


def test_a_phase_counts_modulo_four() -> None:
    plain = noise(50)
    assert kernels.masked(plain, 0, 50, KEY, 7) == kernels.masked(plain, 0, 50, KEY, 3)


@pytest.mark.parametrize("key", [0, 0xFFFFFFFF, 0x80000000, 1])
def test_keys_at_the_ends_of_their_range(key: int) -> None:
    plain = noise(77)
    expected = mask(plain, key.to_bytes(4, "little"))
    buffer = bytearray(plain)
    kernels.unmask(buffer, 0, 77, key, 0)
    assert bytes(buffer) == kernels.masked(plain, 0, 77, key, 0) == expected


# -- numbers, bytes, text


@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_numbers_are_in_network_byte_order(n: int) -> None:
    for value in (0, 1, 0x7F << (8 * n - 8), (1 << (8 * n)) - 1):
        buffer = bytearray(b"\xee" * (n + 2))
        kernels.write_uint(buffer, 1, n, value)
        assert buffer == b"\xee" + value.to_bytes(n, "big") + b"\xee"
        assert kernels.read_uint(buffer, 1, n) == value
        assert kernels.read_uint(bytes(buffer), 1, n) == value


def test_a_key_is_written_as_it_was_read() -> None:
    assert kernels.read_key(b"--" + KEY_BYTES, 2) == KEY
    buffer = bytearray(8)
    kernels.write_key(buffer, 2, KEY)
    assert buffer == b"\0\0" + KEY_BYTES + b"\0\0"
    assert kernels.read_key(b"\xff" * 4, 0) == 0xFFFFFFFF


def test_bytes_are_copied_in_and_out() -> None:
    buffer = bytearray(b"........")
    kernels.write_bytes(buffer, 2, b"abc")
    assert buffer == b"..abc..."
    kernels.write_bytes(buffer, 8, b"")
    assert kernels.take_bytes(buffer, 1, 4) == b".abc"
    assert type(kernels.take_bytes(buffer, 1, 4)) is bytes
    assert kernels.take_bytes(buffer, 3, 0) == b""


def test_text_is_decoded_or_refused() -> None:
    buffer = bytearray("<é€😀>".encode())
    assert kernels.take_text(buffer, 1, len(buffer) - 2, False) == "é€😀"
    assert kernels.take_text(buffer, 1, 0, False) == ""
    assert kernels.take_text(buffer, 1, 1, False) is None
    assert kernels.take_text(buffer, 1, 1, True) == "\ufffd"
    assert kernels.take_text(b"a\xed\xa0\x80", 0, 4, False) is None
    assert kernels.take_text(b"nul\0", 0, 4, False) == "nul\0"


@pytest.mark.parametrize("text", ["", "abc", "\0", "é", "€uro", "😀", "a" * 5000])
def test_the_size_of_text_is_that_of_its_bytes(text: str) -> None:
    assert kernels.utf8_size(text) == len(text.encode())


def test_a_lone_surrogate_has_no_size() -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        kernels.utf8_size("a\ud800")


# -- Assembly


def test_an_assembly_gathers_and_gives() -> None:
    assembly = Assembly()
    assembly.append(bytearray(b"xabc"), 1, 3, 0, 0)
    assembly.append(b"def", 0, 3, 0, 2)
    assembly.append(b"def", 3, 0, 0, 2)
    assert assembly.length == 6
    assert assembly.take_bytes() == b"abcdef"
    assert assembly.length == 0
    assert assembly.take_bytes() == b""
    assert assembly.take_text(False) == ""


def test_an_assembly_unmasks_with_the_phase() -> None:
    plain = noise(1003)
    wire = mask(plain, KEY_BYTES)
    assembly = Assembly()
    at = 0
    for n in (1, 2, 3, 5, 130, 862):
        assembly.append(wire, at, n, KEY, at)
        at += n
    assert assembly.take_bytes() == plain


def test_an_assembly_decodes() -> None:
    assembly = Assembly()
    for byte in "é€😀".encode():
        assembly.append(bytes([byte]), 0, 1, 0, 0)
    assert assembly.take_text(False) == "é€😀"
    assembly.append(b"a\xff", 0, 2, 0, 0)
    assert assembly.take_text(False) is None
    assert assembly.length == 0
    assembly.append(b"a\xff", 0, 2, 0, 0)
    assert assembly.take_text(True) == "a\ufffd"


def test_an_assembly_is_used_again_after_clear() -> None:
    assembly = Assembly()
    assembly.append(b"\xe2\x82", 0, 2, 0, 0)
    assert assembly.is_utf8()
    assembly.clear()
    assert assembly.length == 0
    assembly.append(b"new", 0, 3, 0, 0)
    assert assembly.is_utf8()
    assert assembly.take_bytes() == b"new"


def test_what_was_taken_does_not_change_with_what_comes() -> None:
    assembly = Assembly()
    assembly.append(b"first", 0, 5, 0, 0)
    taken = assembly.take_bytes()
    assembly.append(b"OTHER", 0, 5, 0, 0)
    assert taken == b"first"


@pytest.mark.parametrize(
    ("announced", "room"),
    [(0, 0), (1, 1), (EAGER - 1, EAGER - 1), (EAGER, EAGER), (EAGER + 1, EAGER), (1 << 40, EAGER)],
)
def test_no_more_is_reserved_for_an_announcement_than_a_mebibyte(announced: int, room: int) -> None:
    assembly = Assembly()
    assembly.expect(announced)
    if room:
        assert assembly.room(1 << 40) == room
    assert assembly.room(min(announced, 10)) == min(announced, 10)


def test_room_is_made_when_there_is_none() -> None:
    assembly = Assembly()
    assembly.append(noise(1000), 0, 1000, 0, 0)
    # As many as announced, and a quarter of what is there.
    assert assembly.room(5000) == 5000
    assert assembly.room(1 << 30) == 5250


def test_above_a_mebibyte_memory_doubles_at_most() -> None:
    assembly = Assembly()
    data = bytes(3 * EAGER)
    assembly.append(data, 0, len(data), 0, 0)
    assert assembly.room(1 << 40) == 3 * EAGER + 3 * EAGER // 4


def test_memory_follows_what_has_arrived() -> None:
    tracemalloc.start()
    try:
        assembly = Assembly()
        piece = bytes(1000)
        for _ in range(1000):
            assembly.append(piece, 0, 1000, 0, 0)
            assert tracemalloc.get_traced_memory()[0] <= 1.25 * assembly.length + 3000
        # Growing copies: then there are two.
        assert tracemalloc.get_traced_memory()[1] <= 2.5 * assembly.length + 3000
        assembly.clear()
        assert tracemalloc.get_traced_memory()[0] < 3000
    finally:
        tracemalloc.stop()


def test_what_is_received_into_the_window_is_unmasked_there() -> None:
    plain = noise(4000)
    wire = mask(plain, KEY_BYTES)
    assembly = Assembly()
    assembly.expect(4000)
    put_into_window(assembly, wire[:1001])
    assembly.commit(1001, KEY, 0)
    put_into_window(assembly, wire[1001:])
    assembly.commit(2999, KEY, 1001)
    assert assembly.length == 4000
    assert assembly.take_bytes() == plain


def test_a_window_without_mask_is_only_counted() -> None:
    assembly = Assembly()
    assembly.expect(5)
    put_into_window(assembly, b"plain")
    assembly.commit(5, 0, 0)
    assert assembly.take_bytes() == b"plain"


@pytest.mark.parametrize("shift", range(4))
def test_long_text_is_checked_whole(shift: int) -> None:
    """Wherever its characters lie: checking goes step by step."""
    text = b"a" * shift + "\U0001f600".encode() * 50_000
    for bad, good in ((b"", True), (b"\xff", False), (b"\xed\xa0", False), (b"\xf0\x9f", True)):
        assembly = Assembly()
        assembly.append(text + bad, 0, len(text) + len(bad), 0, 0)
        assert assembly.is_utf8() is good
    assembly.append(b"\x98\x80", 0, 2, 0, 0)
    assert assembly.is_utf8(), "the last character goes on"


@pytest.mark.parametrize(
    "text", [b"\xc0", b"\xc1", b"\xf5", b"\xe0\x80", b"\xed\xa0", b"\xf0\x80", b"\xf4\x90", b"ab\x80"]
)
def test_the_first_impossible_byte_is_seen(text: bytes) -> None:
    assembly = Assembly()
    for at in range(len(text) - 1):
        assembly.append(text, at, 1, 0, 0)
        assert assembly.is_utf8()
    assembly.append(text, len(text) - 1, 1, 0, 0)
    assert not assembly.is_utf8()


def test_a_character_may_come_in_pieces() -> None:
    assembly = Assembly()
    for byte in ("a" * 50 + "é€😀").encode():
        assembly.append(bytes([byte]), 0, 1, 0, 0)
        assert assembly.is_utf8()
    assert assembly.take_text(False) == "a" * 50 + "é€😀"


# -- Output


def test_small_pieces_are_gathered() -> None:
    output = Output()
    output.put(b"ab", False, 0)
    output.put(b"", False, 0)
    output.put(mask(b"cd", KEY_BYTES), True, KEY)
    output.put_text("é", 2, False, 0)
    output.put_text(mask(b"f", KEY_BYTES).decode("latin-1"), 1, True, KEY)
    assert output.pending() == 7
    assert [bytes(view) for view in output.views(9)] == [b"abcd\xc3\xa9f"]
    assert output.take() == b"abcd\xc3\xa9f"
    assert output.pending() == 0
    assert output.take() == b""


@pytest.mark.parametrize(("size", "kept"), [(SEGMENT - 1, False), (SEGMENT, True), (SEGMENT + 1, True)])
def test_large_data_is_kept_and_not_copied(size: int, kept: bool) -> None:
    data = noise(size)
    output = Output()
    output.put(b"head", False, 0)
    output.put(data, False, 0)
    assert output.pending() == 4 + size
    last = output.views(9)[-1]
    assert (last.obj is data) is kept
    assert output.take() == b"head" + data


@pytest.mark.parametrize("size", [SEGMENT - 1, SEGMENT])
def test_large_masked_data_is_copied(size: int) -> None:
    data = noise(size)
    output = Output()
    output.put(data, True, KEY)
    (view,) = output.views(1)
    assert view.obj is not data
    assert bytes(view) == mask(data, KEY_BYTES)


@pytest.mark.parametrize("masking", [False, True])
@pytest.mark.parametrize("text", ["a" * (SEGMENT - 1), "a" * SEGMENT, "€" * SEGMENT])
def test_large_text(text: str, masking: bool) -> None:
    data = text.encode()
    output = Output()
    output.put_text(text, len(data), masking, KEY)
    assert output.pending() == len(data)
    assert output.take() == (mask(data, KEY_BYTES) if masking else data)


def mixed() -> tuple[Output, bytes]:
    """Return an output that holds small and large pieces, and the bytes in it."""
    output = Output()
    pieces = [b"small", noise(SEGMENT), b"more", noise(SEGMENT + 7), b"the end"]
    for piece in pieces:
        output.put(piece, False, 0)
    return output, b"".join(pieces)


CUTS = [
    *range(8), 100, SEGMENT + 4, SEGMENT + 5, SEGMENT + 6, SEGMENT + 9, SEGMENT + 10,
    2 * SEGMENT + 15, 2 * SEGMENT + 16, 2 * SEGMENT + 17, 2 * SEGMENT + 22, 2 * SEGMENT + 23,
]  # fmt: skip


@pytest.mark.parametrize("second", [0, 1, SEGMENT])
@pytest.mark.parametrize("first", CUTS)
def test_sent_bytes_are_dropped_at_any_cut(first: int, second: int) -> None:
    output, data = mixed()
    assert len(data) == max(CUTS)
    output.consume(first)
    second = min(second, len(data) - first)
    output.consume(second)
    assert output.pending() == len(data) - first - second
    output.put(b"!", False, 0)
    assert output.take() == data[first + second :] + b"!"


@pytest.mark.parametrize("cut", range(101))
def test_a_block_is_dropped_at_any_cut(cut: int) -> None:
    output = Output()
    data = noise(100)
    output.put(data, False, 0)
    output.consume(cut)
    output.settle()
    assert output.pending() == 100 - cut
    output.put(b"next", False, 0)
    assert output.take() == data[cut:] + b"next"


def test_views_begin_where_sending_stopped() -> None:
    output, data = mixed()
    output.seal()
    output.consume(2)
    views = [bytes(view) for view in output.views(2)]
    assert views == [b"all", data[5 : 5 + SEGMENT]]
    assert output.views(0) == []
    assert b"".join(output.views(99)) == data[2:]
    assert output.pending() == len(data) - 2


def test_an_output_is_sealed_without_content() -> None:
    output = Output()
    output.seal()
    assert output.views(5) == []
    assert output.pending() == 0
    output.settle()
    assert output.take() == b""


def test_clear_drops_all() -> None:
    output, _ = mixed()
    output.consume(3)
    output.clear()
    assert output.pending() == 0
    output.put(b"new", False, 0)
    assert output.take() == b"new"


def test_reserve_tells_the_end() -> None:
    output = Output()
    assert output.reserve(10) == 0
    output.put(b"abc", False, 0)
    assert output.reserve(10) == 3
    assert (output.start, output.end) == (0, 3)


def test_the_block_grows_past_its_size() -> None:
    output = Output()
    data = noise(1000)
    for _ in range(200):
        output.put(data, False, 0)
    assert output.pending() == 200_000
    output.consume(150_500)
    for _ in range(200):
        output.put(data, False, 0)
    assert output.take() == (data * 400)[150_500:]


def test_many_outputs_use_blocks_in_turn() -> None:
    outputs = [Output() for _ in range(40)]
    for turn in range(3):
        for i, output in enumerate(outputs):
            output.put(b"%d/%d" % (turn, i), False, 0)
        for i, output in enumerate(outputs):
            assert output.take() == b"%d/%d" % (turn, i)


def test_an_idle_output_owns_no_block() -> None:
    def work() -> list[Output]:
        outputs = [Output() for _ in range(2000)]
        for output in outputs:
            for _ in range(3):
                output.put(b"x" * 20_000, False, 0)
            output.consume(output.pending())
        return outputs

    assert grown(work) < 2000 * BLOCK // 8


def test_a_settled_output_owns_what_waits() -> None:
    def work() -> list[Output]:
        outputs = [Output() for _ in range(2000)]
        for output in outputs:
            for _ in range(3):
                output.put(b"x" * 20_000, False, 0)
            output.consume(59_900)
            output.settle()
        return outputs

    assert grown(work) < 2000 * BLOCK // 8


def test_an_output_that_is_never_empty_stays_small() -> None:
    output = Output()
    piece = bytes(1000)
    output.put(piece, False, 0)

    def work() -> None:
        for _ in range(50_000):
            output.put(piece, False, 0)
            output.consume(1000)

    assert grown(work) < 8 << 20
    assert output.take() == piece


def test_settling_while_it_drains_is_not_quadratic() -> None:
    def drain(size: int) -> None:
        output = Output()
        for _ in range(size // 16384):
            output.put(bytes(16384), False, 0)
        while output.pending():
            output.consume(8192)
            output.settle()

    assert ratio(lambda: drain(4 << 20), lambda: drain(16 << 20), 8) < 8


def test_what_was_sent_is_counted() -> None:
    output = Output()
    output.put(b"abc", False, 0)
    output.consume(2)
    assert output.sent == 2
    output.put(bytes(100_000), False, 0)
    output.consume(50_001)
    assert output.sent == 50_003
    output.clear()
    assert output.sent == 50_003
