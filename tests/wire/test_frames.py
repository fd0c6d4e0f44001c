"""Frame headers, masking keys, and frames as they are written."""

import os
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.raw import BINARY, KEY, PING, PONG, TEXT, Frame, build, header, key_from, mask, parse
from wsline.errors import LocalProtocolError, Violation
from wsline.spec import Opcode, Role
from wsline.wire.frames import FrameReader, FrameWriter, MaskingKeys
from wsline.wire.kernels import Output, read_key

LENGTHS = [0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1]


def read(role: Role, data: bytes) -> FrameReader:
    """Read one header, which must be complete and end where `data` ends."""
    reader = FrameReader(role)
    assert reader.read(bytearray(b"xx" + data + b"payload"), 2, len(data) + 9) == len(data) + 2
    return reader


def refused(role: Role, data: bytes) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as raised:
        FrameReader(role).read(bytearray(data), 0, len(data))
    return raised.value


# -- reading


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_are_read(role: Role, length: int) -> None:
    key = key_from(role) or b""
    reader = read(role, header(BINARY, length, masked=bool(key)) + key)
    assert reader.length == length
    assert reader.opcode == BINARY
    assert reader.fin
    assert not reader.rsv1
    assert reader.key == (read_key(key, 0) if key else 0)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("length", LENGTHS)
def test_an_incomplete_header_is_not_read(role: Role, length: int) -> None:
    key = key_from(role) or b""
    data = header(TEXT, length, fin=False, masked=bool(key)) + key
    reader = FrameReader(role)
    for end in range(len(data)):
        assert reader.read(bytearray(data), 0, end) == 0
    assert reader.read(bytearray(data), 0, len(data)) == len(data)
    assert not reader.fin


# RFC 6455 §5.2 asks for the shortest form; like other servers this one takes any.
@pytest.mark.parametrize("data", ["827e0005", "827f0000000000000005"])
def test_a_longer_form_of_a_length_is_read(data: str) -> None:
    assert read(Role.CLIENT, bytes.fromhex(data)).length == 5


@pytest.mark.parametrize("length", [2**63, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize("role", Role)
def test_a_length_with_the_top_bit_is_refused_before_anything_is_allocated(role: Role, length: int) -> None:
    data = header(BINARY, length, masked=role is Role.SERVER)
    tracemalloc.start()
    try:
        error = refused(role, data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert error.violation is Violation.UNSUPPORTED_DATA_PAYLOAD_LENGTH
    assert error.close_code == 1009
    assert str(length) in str(error)


@pytest.mark.parametrize("opcode", range(16))
@pytest.mark.parametrize("role", Role)
def test_opcodes(role: Role, opcode: int) -> None:
    key = key_from(role)
    data = build(opcode, b"", key=key)
    if opcode in list(Opcode):
        assert read(role, data).opcode == opcode
        return
    error = refused(role, data)
    assert error.violation is Violation.INVALID_OPCODE
    kind = "control" if opcode > 7 else "data"
    assert f"invalid opcode {opcode}: reserved for {kind} frames" in str(error)


@pytest.mark.parametrize("opcode", list(Opcode))
@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("role", Role)
def test_reserved_bits(role: Role, rsv: int, opcode: int) -> None:
    error = refused(role, build(opcode, b"", rsv=rsv, key=key_from(role)))
    expected = Violation.UNEXPECTED_RSV_2_3 if rsv & 3 else Violation.UNEXPECTED_RSV_1
    assert error.violation is expected


def test_rsv1_may_be_allowed_on_data_frames_only() -> None:
    reader = FrameReader(Role.CLIENT)
    reader.allow_rsv1 = True
    assert reader.read(bytearray(build(TEXT, b"", rsv=4)), 0, 2) == 2
    assert reader.rsv1
    for data in (build(PING, b"", rsv=4), build(TEXT, b"", rsv=5)):
        with pytest.raises(LocalProtocolError, match="RSV"):
            reader.read(bytearray(data), 0, 2)


def test_masks_by_role() -> None:
    unmasked = refused(Role.SERVER, build(TEXT))
    assert unmasked.violation is Violation.EXPECTED_MASK
    masked = refused(Role.CLIENT, build(TEXT, key=KEY))
    assert masked.violation is Violation.UNEXPECTED_MASK


@pytest.mark.parametrize("length", [125, 126, 65536])
@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_control_frames_are_short(opcode: int, length: int) -> None:
    data = header(opcode, length)
    if length <= 125:
        assert read(Role.CLIENT, data).length == length
        return
    # The first two bytes are enough to tell.
    error = refused(Role.CLIENT, data[:2])
    assert error.violation is Violation.INVALID_CONTROL_PAYLOAD_LENGTH


@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_control_frames_are_whole(opcode: int) -> None:
    error = refused(Role.CLIENT, header(opcode, 0, fin=False))
    assert error.violation is Violation.EXPECTED_FIN


# -- masking keys


def test_keys_are_distinct_and_drawn_in_portions() -> None:
    asked = []

    def draw(n: int) -> bytes:
        asked.append(n)
        return os.urandom(n)

    keys = MaskingKeys(draw)
    drawn = [keys.next() for _ in range(3000)]
    assert asked == [4096] * 3
    # Two of 3000 random 32-bit numbers are the same in one run of a thousand; three or more pairs, never.
    assert len(set(drawn)) > 2997
    assert all(0 <= key < 1 << 32 for key in drawn)


def test_keys_are_the_bytes_drawn() -> None:
    pool = bytes(range(256)) * 16
    keys = MaskingKeys(lambda n: pool[:n])
    assert [keys.next() for _ in range(1025)] == [read_key(pool, at % 4096) for at in range(0, 4100, 4)]


def test_keys_drawn_before_are_forgotten() -> None:
    portions = iter([b"a" * 4096, b"b" * 4096])
    keys = MaskingKeys(lambda n: next(portions))
    assert keys.next() == read_key(b"aaaa", 0)
    keys.forget()
    assert keys.next() == read_key(b"bbbb", 0)


def test_no_key_comes_from_beyond_the_portion() -> None:
    # As if another thread took the last key of the portion between a look and a take.
    keys = MaskingKeys(lambda n: b"k" * n)
    for _ in range(5000):
        assert keys.next() == read_key(b"kkkk", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="machine: no fork")
def test_a_forked_child_has_keys_of_its_own() -> None:
    writer = FrameWriter(Role.CLIENT, Output())
    writer.next_key()  # there are keys in store
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writable, b"".join(writer.next_key().to_bytes(4, "big") for _ in range(100)))
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    theirs = {data[at : at + 4] for at in range(0, 400, 4)}
    ours = {writer.next_key().to_bytes(4, "big") for _ in range(100)}
    assert len(theirs) > 97
    assert not theirs & ours


# -- writing


def make_writer(role: Role, generate_mask: Callable[[], Any] | None = None) -> FrameWriter:
    return FrameWriter(role, Output(), generate_mask)


@pytest.mark.parametrize("length", LENGTHS)
def test_headers_are_written(length: int) -> None:
    writer = make_writer(Role.SERVER)
    writer.header(0x82, length, False, 0)
    writer.header(0x01, length, True, read_key(KEY, 0))
    first = header(BINARY, length)
    second = header(TEXT, length, fin=False, masked=True) + KEY
    assert writer.output.take() == first + second


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_frames_are_written(length: int) -> None:
    payload = bytes(range(256)) * (length // 256) + bytes(range(length % 256))
    server = make_writer(Role.SERVER)
    server.write(0x82, payload)
    assert parse(server.output.take()) == [Frame(BINARY, payload)]
    client = make_writer(Role.CLIENT)
    client.write(0x02, payload)
    assert parse(client.output.take()) == [Frame(BINARY, payload, False, True)]


@pytest.mark.parametrize("text", ["", "abc", "é€😀", "a" * 70000, "€" * 30000])
def test_text_frames_are_written(text: str) -> None:
    payload = text.encode()
    for role in Role:
        writer = make_writer(role)
        writer.write_text(0x81, text, len(payload))
        assert parse(writer.output.take()) == [Frame(TEXT, payload, True, role is Role.CLIENT)]


@pytest.mark.parametrize("n", [0, 125])
def test_control_frames_are_written(n: int) -> None:
    for role in Role:
        writer = make_writer(role)
        writer.write_control(Opcode.PONG, b"p" * n)
        assert parse(writer.output.take()) == [Frame(PONG, b"p" * n, True, role is Role.CLIENT)]


def test_a_control_frame_that_is_too_long_is_not_written() -> None:
    writer = make_writer(Role.SERVER)
    with pytest.raises(LocalProtocolError, match="invalid payload length 126 of a control frame") as raised:
        writer.write_control(Opcode.PING, b"p" * 126)
    assert raised.value.violation is Violation.INVALID_CONTROL_PAYLOAD_LENGTH
    assert writer.output.pending() == 0


def test_each_frame_has_a_key_of_its_own() -> None:
    writer = make_writer(Role.CLIENT)
    for _ in range(1000):
        writer.write(0x82, b"\0\0\0\0")
    data = writer.output.take()
    keys = [data[at + 2 : at + 6] for at in range(0, len(data), 10)]
    assert len(set(keys)) > 997
    # The payload is zeros: masked, it is the key.
    assert all(data[at + 6 : at + 10] == data[at + 2 : at + 6] for at in range(0, len(data), 10))


@pytest.mark.row(62)
def test_generate_mask_is_asked_for_each_frame() -> None:
    keys = iter([b"abcd", b"\0\0\0\0", b"\xff\xfe\xfd\xfc"])
    writer = make_writer(Role.CLIENT, lambda: next(keys))
    for payload in (b"one", b"two", b"three"):
        writer.write(0x82, payload)
    expected = [
        build(BINARY, payload, key=key)
        for payload, key in ((b"one", b"abcd"), (b"two", b"\0\0\0\0"), (b"three", b"\xff\xfe\xfd\xfc"))
    ]
    assert writer.output.take() == b"".join(expected)


def test_a_server_asks_for_no_mask() -> None:
    def never() -> bytes:
        raise AssertionError("asked")

    writer = make_writer(Role.SERVER, never)
    writer.write(0x82, b"x")
    assert parse(writer.output.take()) == [Frame(BINARY, b"x")]


@pytest.mark.row(62)
@pytest.mark.parametrize("key", [b"", b"abc", b"abcde", "abcd", bytearray(b"abcd"), None, 5])
def test_a_masking_key_is_four_bytes(key: Any) -> None:
    writer = make_writer(Role.CLIENT, lambda: key)
    with pytest.raises(ValueError, match=r"generate_mask returned .*: must be 4 bytes"):
        writer.write(0x82, b"x")
    assert writer.output.pending() == 0


def test_the_mask_by_hand_is_that_of_the_rfc() -> None:
    assert build(TEXT, b"Hello", key=KEY) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert mask(mask(b"Hello", KEY), KEY) == b"Hello"
