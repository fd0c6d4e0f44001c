"""Messages that are framed and compressed once."""

import zlib
from typing import Any

import pytest

from tests.wire.raw import BINARY, TEXT, build
from wsline.wire.deflate import Settings
from wsline.wire.prepared import PreparedMessage

TAIL = b"\x00\x00\xff\xff"


@pytest.mark.parametrize(
    ("data", "binary", "opcode", "payload"),
    [
        ("é", None, TEXT, "é".encode()),
        ("é", True, BINARY, "é".encode()),
        (b"x", None, BINARY, b"x"),
        (b"x", False, TEXT, b"x"),
        (bytearray(b"x"), None, BINARY, b"x"),
        ("", None, TEXT, b""),
        (memoryview(bytes(70000)), None, BINARY, bytes(70000)),
    ],
)
def test_a_message_is_framed_as_a_server_does(
    data: Any, binary: bool | None, opcode: int, payload: bytes
) -> None:
    message = PreparedMessage(data, binary)
    form = message.plain()
    assert (message.opcode, len(message)) == (opcode, len(payload))
    assert (form.payload, form.frame, form.tail) == (payload, build(opcode, payload), None)
    assert message.plain() is form


@pytest.mark.parametrize(
    ("data", "binary", "error"),
    [
        (["a"], None, TypeError),
        (5, None, TypeError),
        (None, None, TypeError),
        ("\ud800", None, UnicodeEncodeError),
        (b"\xff", False, UnicodeDecodeError),
    ],
)
def test_what_cannot_be_prepared(data: Any, binary: bool | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        PreparedMessage(data, binary)


@pytest.mark.parametrize("bits", [8, 9, 12, 15])
def test_it_is_compressed_once_for_each_way_to_do_so(bits: int) -> None:
    data = bytes(range(100)) * 30
    message = PreparedMessage(data)
    settings = Settings(bits, 1, 5, 0)
    form = message.deflated(settings)
    assert message.deflated(Settings(bits, 1, 5, 0)) is form
    assert message.deflated(Settings(bits, 6, 5, 0)) is not form
    assert form.frame == build(BINARY, form.payload, rsv=4)
    assert zlib.decompressobj(-bits).decompress(form.payload + TAIL) == data
    assert form.tail == data[-(1 << bits) :]


def test_what_does_not_get_shorter_is_not_compressed() -> None:
    message = PreparedMessage(bytes(range(256)))
    assert message.deflated(Settings(12, 9, 8, 0)) is message.plain()
    assert PreparedMessage("").deflated(Settings(12, 9, 8, 0)).tail is None


def test_it_shows_what_it_is() -> None:
    assert repr(PreparedMessage("héllo")) == "<PreparedMessage TEXT of 6 bytes>"
