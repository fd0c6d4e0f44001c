"""When to try to connect again, and after which failures."""

import errno
import random
import socket
import ssl
from typing import Any

import pytest

from wsline.backoff import Backoff, is_transient
from wsline.errors import (
    CloseInfo,
    ConnectionClosedError,
    HandshakeError,
    HandshakeTimeout,
    InvalidHeader,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
    NoResponse,
    ProxyError,
    TLSError,
    TooManyRedirects,
    WebSocketError,
)
from wsline.handshake.http1 import Response
from wsline.options import ClientOptions


def backoff(draw: float = 1.0, **options: Any) -> Backoff:
    return Backoff(ClientOptions(**options), lambda: draw)


def delays(backoff: Backoff, number: int) -> list[float]:
    return [backoff.next() for _ in range(number)]


def test_the_longest_delay_grows_up_to_the_limit() -> None:
    assert delays(backoff(), 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert delays(backoff(reconnect_delay=0.5, reconnect_factor=3, reconnect_max_delay=10), 4) == [
        0.5,
        1.5,
        4.5,
        10,
    ]
    assert delays(backoff(reconnect_factor=1), 3) == [1, 1, 1]


def test_the_limit_holds_for_the_first_as_well() -> None:
    assert delays(backoff(reconnect_delay=100, reconnect_max_delay=2), 2) == [2, 2]


def test_the_jitter_is_full() -> None:
    assert delays(backoff(draw=0.25), 3) == [0.25, 0.5, 1]
    assert delays(backoff(draw=0), 3) == [0, 0, 0]
    drawn = Backoff(ClientOptions(reconnect_delay=10, reconnect_factor=1), random.Random(7).random)
    sample = delays(drawn, 1000)
    assert all(0 <= each < 10 for each in sample)
    assert min(sample) < 0.1 and max(sample) > 9.9
    assert 4.5 < sum(sample) / len(sample) < 5.5


def test_a_connection_that_lived_brings_it_down_again() -> None:
    growing = backoff()
    assert delays(growing, 3) == [1, 2, 4]
    growing.note_life(7.9)
    assert growing.next() == 8
    growing.note_life(16)
    assert delays(growing, 2) == [1, 2]


def test_who_accepts_and_closes_at_once_is_asked_less_and_less_often() -> None:
    growing = backoff()
    found = []
    for _ in range(5):
        growing.note_life(0.001)
        found.append(growing.next())
    assert found == [1, 2, 4, 8, 16]


def status(code: int) -> InvalidStatus:
    return InvalidStatus("", response=Response(code))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


NOT_TRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        OSError(errno.ENETUNREACH, "unreachable"),
        FileNotFoundError(errno.ENOENT, "no socket there yet"),
        socket.gaierror(socket.EAI_AGAIN, "no name server"),
        TimeoutError(errno.ETIMEDOUT, "out"),
        HandshakeTimeout("out"),
        caused(TLSError(""), ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer hung up")),
        NoResponse("gone"),
        ConnectionClosedError(CloseInfo()),
        status(500),
        status(503),
        status(599),
        ProxyError("", code=502),
        ProxyError("", code=5),
        ProxyError("", code=91),
        caused(ProxyError(""), ConnectionRefusedError()),
        caused(ProxyError(""), NoResponse("gone")),
    ],
    ids=repr,
)
def test_what_may_pass(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        InvalidURI("no"),
        InvalidHeader("no"),
        NegotiationError("no"),
        TooManyRedirects("no"),
        HandshakeError("no HTTP"),
        WebSocketError("other"),
        status(200),
        status(302),
        status(401),
        status(404),
        status(429),
        caused(TLSError(""), NOT_TRUSTED),
        caused(TLSError(""), ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")),
        TLSError("without a cause"),
        ProxyError("", code=407),
        ProxyError("", code=403),
        ProxyError("", code=2),
        ProxyError("answer is not HTTP"),
        caused(ProxyError(""), ValueError()),
        ImportError("python-socks"),
        ValueError("no"),
        KeyError("ours"),
    ],
    ids=repr,
)
def test_what_is_final(error: Exception) -> None:
    assert not is_transient(error)
