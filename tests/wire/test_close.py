"""The payload of close frames."""

import re
from enum import IntEnum
from typing import Any

import pytest

from wsline.errors import LocalProtocolError, Violation
from wsline.spec import CloseCode
from wsline.wire.close import Close, build_close, check_close, is_sendable_code, parse_close

SENDABLE = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}


def test_every_code_is_sendable_or_not() -> None:
    sendable = {code for code in range(65536) if is_sendable_code(code)}
    assert sendable == SENDABLE | set(range(3000, 5000))
    assert not is_sendable_code(-1)
    assert not is_sendable_code(1 << 40)


@pytest.mark.parametrize("code", sorted(set(CloseCode) | {3000, 4999}))
def test_close_frames_are_built_and_read(code: int) -> None:
    if is_sendable_code(code):
        assert build_close(code, "é") == code.to_bytes(2, "big") + b"\xc3\xa9"
        assert parse_close(build_close(code, "é")) == Close(code, "é")
        assert parse_close(build_close(code)) == Close(code)
    else:
        with pytest.raises(LocalProtocolError, match=f"invalid status code {int(code)} ") as raised:
            parse_close(int(code).to_bytes(2, "big"))
        assert raised.value.violation is Violation.INVALID_CLOSE_CODE


def test_no_code_is_an_empty_payload() -> None:
    assert build_close(CloseCode.NO_STATUS_RECEIVED) == b""
    assert parse_close(b"") == Close(1005, "")


def test_one_byte_is_no_code() -> None:
    with pytest.raises(LocalProtocolError, match="invalid payload length 1 of a control frame") as raised:
        parse_close(b"\x03")
    assert raised.value.violation is Violation.INVALID_CONTROL_PAYLOAD_LENGTH


@pytest.mark.parametrize("reason", [b"\xff", b"a\xe2\x82", b"\xed\xa0\x80"])
def test_a_reason_is_utf8(reason: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="invalid UTF-8 sequence in a close reason") as raised:
        parse_close(b"\x03\xe8" + reason)
    assert raised.value.close_code == 1007
    mended = parse_close(b"\x03\xe8" + reason, True)
    assert mended == Close(1000, reason.decode(errors="replace"))


def test_the_longest_reason() -> None:
    assert parse_close(b"\x03\xe8" + b"r" * 123) == Close(1000, "r" * 123)


# -- what an application may say


class Code(IntEnum):
    OURS = 4000


@pytest.mark.parametrize(
    ("code", "reason"),
    [(None, ""), (1000, ""), (1014, "x"), (3000, ""), (4999, ""), (Code.OURS, ""), (1000, "r" * 123),
     (1000, "é" * 61 + "x")],
)  # fmt: skip
def test_what_may_be_closed_with(code: int | None, reason: str) -> None:
    check_close(code, reason)


@pytest.mark.row(114)
@pytest.mark.parametrize("code", [-1, 0, 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65536, 1 << 70])
def test_codes_that_may_not_be_sent(code: int) -> None:
    text = f"code={code}: must be 1000 to 1014 except 1004, 1005 and 1006, or 3000 to 4999"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_close(code, "")


@pytest.mark.parametrize("code", [True, 1000.0, "1000", b"\x03\xe8"])
def test_a_code_is_an_integer(code: Any) -> None:
    with pytest.raises(TypeError, match=f"^code={re.escape(repr(code))}: must be an integer or None$"):
        check_close(code, "")


@pytest.mark.parametrize("reason", [None, b"bye", 5])
def test_a_reason_is_a_string(reason: Any) -> None:
    with pytest.raises(TypeError, match=f"^reason={re.escape(repr(reason))}: must be a string$"):
        check_close(1000, reason)


@pytest.mark.parametrize("reason", ["r" * 124, "é" * 62])
def test_a_reason_is_short(reason: str) -> None:
    with pytest.raises(ValueError, match=r"^reason of 124 bytes: must be at most 123 bytes in UTF-8$"):
        check_close(1000, reason)


def test_a_reason_needs_a_code() -> None:
    with pytest.raises(ValueError, match=r"^reason='bye': must be empty when there is no code$"):
        check_close(None, "bye")


def test_a_reason_can_be_encoded() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        check_close(1000, "\ud800")


def test_close_objects_are_values() -> None:
    assert repr(Close(1000, "bye")) == "Close(1000, 'bye')"
    assert Close(1000) == Close(1000, "")
    assert Close(1000) != Close(1001)
    assert Close(1000) != (1000, "")
    assert len({Close(1000), Close(1000, ""), Close(1000, "x")}) == 2
