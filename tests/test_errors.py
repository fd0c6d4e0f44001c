"""The exceptions: their tree, their texts, and what they carry."""

import copy
import pickle
import string

import pytest

from wsline import errors
from wsline.errors import (
    CloseInfo,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeError,
    HandshakeTimeout,
    InvalidStatus,
    InvalidURI,
    KeepaliveTimeout,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    TLSError,
    TruncatedStream,
    Violation,
    WebSocketError,
    WriteTimeout,
)
from wsline.handshake.http1 import Response
from wsline.spec import CloseCode

EXCEPTIONS = [getattr(errors, name) for name in errors.__all__ if name not in ("CloseInfo", "Violation")]


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_every_exception_is_a_websocket_error_that_says_what_it_is(kind: type[Exception]) -> None:
    assert issubclass(kind, WebSocketError)
    assert kind.__doc__


def test_the_public_names_are_all_exceptions_there_are() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)


def test_builtin_exceptions_that_callers_expect() -> None:
    for kind in (HandshakeTimeout, KeepaliveTimeout, WriteTimeout):
        assert issubclass(kind, TimeoutError)
    assert issubclass(InvalidURI, ValueError)
    assert issubclass(TLSError, OSError)
    assert issubclass(TruncatedStream, ConnectionError)


def test_a_handshake_error_carries_both_heads() -> None:
    error = InvalidStatus("no", request="the request", response="the response")
    assert (str(error), error.request, error.response) == ("no", "the request", "the response")
    bare = HandshakeError("no")
    assert bare.request is None
    assert bare.response is None
    assert bare.hint == ""


def test_a_handshake_error_ends_with_what_to_do() -> None:
    error = HandshakeTimeout("too late", hint="be patient")
    assert str(error) == "too late; be patient"
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(again), again.hint) == ("too late; be patient", "be patient")


def test_a165d_an_invalid_status_tells_the_answer() -> None:
    response = Response(404, {"X": "1"}, "none")
    error = InvalidStatus("no", response=response)
    assert (error.status, error.headers, error.body) == (404, response.headers, b"none")


# -- violations


@pytest.mark.parametrize("violation", Violation)
def test_each_violation_has_code_section_and_sentence(violation: Violation) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(violation.sentence) if name}
    error = violation.error(**dict.fromkeys(names, 7))
    assert type(error) is LocalProtocolError
    assert error.violation is violation
    assert error.code == violation.name
    assert error.close_code is violation.close_code
    assert error.close_code in (1002, 1007, 1008, 1009)
    assert (
        str(error) == f"Invalid WebSocket frame: {error.sentence} (RFC {violation.rfc} §{violation.section})"
    )
    assert error.sentence.count("7") == len(names)
    known = {"TOO_MANY_BUFFERED_PARTS": "7", "UNSUPPORTED_MESSAGE_LENGTH": "max_payload"}
    known["TOO_MANY_CONTROL_FRAMES"] = "max_control_rate"
    assert error.limit == known.get(violation.name)
    assert "\n" not in str(error)


def test_the_codes_are_those_of_ws() -> None:
    assert {each.name: int(each.close_code) for each in Violation} == {
        "EXPECTED_FIN": 1002,
        "EXPECTED_MASK": 1002,
        "UNEXPECTED_MASK": 1002,
        "INVALID_CLOSE_CODE": 1002,
        "INVALID_CONTROL_PAYLOAD_LENGTH": 1002,
        "INVALID_OPCODE": 1002,
        "INVALID_UTF8": 1007,
        "UNEXPECTED_RSV_1": 1002,
        "UNEXPECTED_RSV_2_3": 1002,
        "TOO_MANY_BUFFERED_PARTS": 1008,
        "UNSUPPORTED_DATA_PAYLOAD_LENGTH": 1009,
        "UNSUPPORTED_MESSAGE_LENGTH": 1009,
        "TOO_MANY_CONTROL_FRAMES": 1008,
        "INVALID_COMPRESSED_DATA": 1007,
        "EMPTY_COMPRESSED_DATA": 1008,
    }


def test_a_sentence_without_its_values_is_a_bug_that_shows() -> None:
    with pytest.raises(KeyError, match="opcode"):
        Violation.INVALID_OPCODE.error()


@pytest.mark.parametrize("kind", [ProtocolError, LocalProtocolError, RemoteProtocolError])
def test_protocol_errors_are_pickled(kind: type[ProtocolError]) -> None:
    error = kind(Violation.INVALID_CLOSE_CODE, "invalid status code 5")
    error.limit = "max_payload"
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert (again.violation, again.sentence) == (error.violation, error.sentence)
        assert again.limit == "max_payload"


# -- the end


def test_close_info_shows_what_applications_see() -> None:
    info = CloseInfo(peer_code=1001, peer_reason="bye", local_code=1000)
    assert (info.code, info.reason) == (1001, "bye")
    assert CloseInfo().code == CloseCode.ABNORMAL_CLOSURE
    assert CloseInfo(peer_code=1005).code == 1005


@pytest.mark.parametrize(
    ("local", "peer", "was_clean", "cause", "ok"),
    [
        (1000, 1000, True, None, True),
        (1001, 1001, True, None, True),
        (1005, 1005, True, None, True),
        (1000, 1005, True, None, True),
        (1000, 1011, True, None, False),
        (1011, 1000, True, None, False),
        (1000, 1000, False, None, False),
        (1000, 1000, True, OSError(), False),
        (1000, None, False, None, False),
        (None, None, False, None, False),
        (3000, 3000, True, None, False),
    ],
)
def test_what_is_a_good_end(
    local: int | None, peer: int | None, was_clean: bool, cause: OSError | None, ok: bool
) -> None:
    assert CloseInfo(local_code=local, peer_code=peer, was_clean=was_clean, cause=cause).is_ok is ok


@pytest.mark.parametrize("kind", [ConnectionClosed, ConnectionClosedOK, ConnectionClosedError])
def test_connection_closed_tells_how(kind: type[ConnectionClosed]) -> None:
    error = kind(CloseInfo(peer_code=1001, peer_reason="bye", hint="the server went away"))
    assert str(error) == "the server went away"
    for again in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert (again.code, again.reason) == (1001, "bye")
        assert again.close_info == error.close_info
