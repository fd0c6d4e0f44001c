"""The vocabulary: numbers and names that must not drift."""

from wsline.spec import (
    GUID,
    MAX_CLOSE_REASON,
    MAX_CONTROL_PAYLOAD,
    MAX_FRAME_HEADER,
    SUPPORTED_VERSIONS,
    CloseCode,
    DeflateParameters,
    Opcode,
    Role,
    State,
)


def test_numbers_of_the_rfc() -> None:
    assert GUID == "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    assert SUPPORTED_VERSIONS == (13, 8)
    assert (MAX_CONTROL_PAYLOAD, MAX_CLOSE_REASON, MAX_FRAME_HEADER) == (125, 123, 14)
    assert {each.name: int(each) for each in Opcode} == {
        "CONTINUATION": 0, "TEXT": 1, "BINARY": 2, "CLOSE": 8, "PING": 9, "PONG": 10,
    }  # fmt: skip
    assert {int(each) for each in CloseCode} == {*range(1000, 1004), *range(1005, 1016)}
    assert [CloseCode(code).name for code in (1000, 1001, 1005, 1006, 1009, 1011)] == [
        "NORMAL_CLOSURE",
        "GOING_AWAY",
        "NO_STATUS_RECEIVED",
        "ABNORMAL_CLOSURE",
        "MESSAGE_TOO_BIG",
        "INTERNAL_ERROR",
    ]


def test_states_are_numbered_as_in_browsers() -> None:
    assert [each.name for each in sorted(State)] == ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]
    assert [int(each) for each in State] == [0, 1, 2, 3]


def test_each_role_has_the_other_as_its_peer() -> None:
    assert Role.CLIENT.peer is Role.SERVER
    assert Role.SERVER.peer is Role.CLIENT


def test_compression_is_unbounded_where_nothing_is_said() -> None:
    assert DeflateParameters() == (False, False, 15, 15)
