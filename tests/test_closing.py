"""How the end of a connection is told."""

import pytest

from wsline.closing import close_info, closed_error, given_up
from wsline.errors import CloseInfo, ConnectionClosedError, ConnectionClosedOK, KeepaliveTimeout
from wsline.spec import Role
from wsline.wire.close import Close

LOST = KeepaliveTimeout("the peer is silent")


def info(
    sent: Close | None = None,
    received: Close | None = None,
    initiator: str | None = None,
    cause: BaseException | None = None,
    *,
    role: Role = Role.CLIENT,
    is_terminated: bool = False,
) -> CloseInfo:
    return close_info(role, sent, received, initiator, cause, is_terminated)


def test_a_clean_end_has_both_sides() -> None:
    found = info(Close(1000, "bye"), Close(1001, "later"), "local")
    assert (found.local_code, found.local_reason) == (1000, "bye")
    assert (found.peer_code, found.peer_reason) == (1001, "later")
    assert (found.code, found.reason) == (1001, "later")
    assert found.was_clean and found.is_ok and found.initiator == "local" and found.cause is None


def test_without_a_close_frame_of_the_peer_the_code_is_1006() -> None:
    found = info(Close(1000), None, "local")
    assert (found.code, found.reason, found.peer_code) == (1006, "", None)
    assert not found.was_clean and not found.is_ok


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        (info(is_terminated=True), "we cut the connection (terminate)"),
        (info(cause=LOST), "the connection failed: the peer is silent"),
        (
            info(Close(1011, "x"), cause=LOST),
            "the connection failed: the peer is silent; we closed with Close(1011, 'x')",
        ),
        (
            info(Close(1000), Close(1000), "local"),
            "we closed the connection; the server sent Close(1000, '')",
        ),
        (
            info(Close(1001), Close(1001), "peer", role=Role.SERVER),
            "the client closed the connection; the client sent Close(1001, '')",
        ),
        (
            info(Close(4000, "why"), None, "local"),
            "we sent Close(4000, 'why'), and the server has not answered it",
        ),
        (info(role=Role.SERVER), "the client ended the TCP connection without a close frame"),
    ],
)
def test_the_hint_says_what_happened(found: CloseInfo, hint: str) -> None:
    assert found.hint == hint
    assert str(closed_error(found)) == hint


def test_the_exception_tells_normal_ends_from_others() -> None:
    assert type(closed_error(info(Close(1000), Close(1000), "peer"))) is ConnectionClosedOK
    assert type(closed_error(info(Close(1002), Close(1002), "local"))) is ConnectionClosedError


def test_the_exception_is_chained_to_the_cause() -> None:
    error = closed_error(info(cause=LOST))
    assert type(error) is ConnectionClosedError
    assert error.__cause__ is LOST
    assert error.close_info.cause is LOST


def test_who_gives_up_is_told_so() -> None:
    error = given_up()
    assert str(error).startswith("WebSocket was closed before the connection was established; ")
    assert "terminate()" in error.hint
