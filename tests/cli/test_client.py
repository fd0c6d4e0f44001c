"""What the options of a client mean, and how failures are told."""

import argparse
import re
import socket
from typing import Any

import pytest

from wsline import HandshakeError, InvalidStatus, Response
from wsline.cli.client import CONNECT_FAILED, add_client_options, explain, refuse, settings_of, shown_url
from wsline.cli.usage import USAGE
from wsline.handshake import hints, tls
from wsline.handshake.tls import tls_error
from wsline.options import ClientOptions

PYTHON = re.compile(r"\w=|\w\(|async |option |`|see body|__|context|_")


def settings(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_client_options(parser)
    return settings_of(parser.parse_args(words))


@pytest.mark.row(197)
def test_who_asks_and_for_what() -> None:
    words = ["-H", "A: 1", "-H", "B:2", "-o", "http://x.example", "-p", "8", "--auth", "me:se:cret"]
    assert settings(*words) == {
        "headers": [("A", "1"), ("B", "2")],
        "origin": "http://x.example",
        "protocol_version": 8,
        "auth": ("me", "se:cret"),
        "follow_redirects": False,
        "max_redirects": 10,
        "ssl": None,
    }


@pytest.mark.row(198)
def test_whom_it_trusts() -> None:
    assert settings("--no-check")["ssl"] is False
    with pytest.raises(ValueError, match="nowhere"):
        settings("--ca", "nowhere")


@pytest.mark.row(199)
def test_which_way_it_takes() -> None:
    found = settings("--proxy", "http://127.0.0.1:3128", "-L", "--max-redirects", "3")
    assert found["proxy"] == "http://127.0.0.1:3128"
    assert (found["follow_redirects"], found["max_redirects"]) == (True, 3)
    assert settings("--proxy", "env")["proxy"] is True


def test_all_are_options_of_the_library() -> None:
    words = ["--auth", "me:x", "--proxy", "env", "--no-check"]
    assert ClientOptions.from_keywords("connect", settings(*words)).proxy is True


def test_a_password_is_not_shown() -> None:
    assert shown_url("wss://me:secret@example.org/a?b") == "wss://example.org/a?b"
    assert shown_url("nonsense") == "nonsense"


def status(code: int, body: bytes = b"", **headers: str) -> InvalidStatus:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(code, fields, body)
    return InvalidStatus("Unexpected", response=response, hint=hints.hint_for(response, False))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            status(401),
            "the server answered 401 Unauthorized; give credentials with --auth USER:PASSWORD, in the URL,",
        ),
        (status(403), "the server may want another --origin, other credentials, or a cookie in --header"),
        (
            status(302, Location="/there"),
            "302 Found (to /there); --location goes where its Location header tells",
        ),
        (status(407), "put the user and the password in the URL of --proxy"),
        (status(400, b"no\nmore", Content_Type="text/plain"), "400 Bad Request (no)"),
        (status(503), "has failed: try again later"),
        (ConnectionRefusedError(111, "x"), "connection refused, is a server listening there?"),
        (socket.gaierror(-2, "Name not known"), "the host name cannot be resolved, Name not known"),
        (OSError(113, "No route"), "No route"),
        (HandshakeError("bad", hint="do it well"), "bad; do it well"),
    ],
    ids=str,
)
def test_failures_are_told_in_the_words_of_the_command(error: Exception, told: str) -> None:
    assert told in explain(error)


def test_no_advice_speaks_python() -> None:
    texts = [hints.NOT_A_WEBSOCKET, *hints._BY_STATUS.values(), *hints._BY_CLASS.values()]
    failures = [explain(HandshakeError("x", hint=text)) for text in texts]
    for code in (*tls._CERTIFICATE, 1):
        error = OSError("x")
        error.verify_message, error.verify_code = "bad", code  # type: ignore[attr-defined]
        failures.append(explain(tls_error(error, "example.org")))
    for name in tls._ALERTS:
        error = OSError("x")
        error.reason = f"TLSV1_ALERT_{name}"  # type: ignore[attr-defined]
        failures.append(explain(tls_error(error, "example.org")))
    for text in failures:
        assert PYTHON.search(text) is None, text


def test_a_refusal_tells_what_and_returns_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert refuse("ws://a:b@c/", ConnectionRefusedError(111, "x")) == CONNECT_FAILED
    assert refuse("ws://c/", ValueError("nonsense")) == USAGE
    assert capsys.readouterr().err == (
        "wsline: cannot connect to ws://c/: connection refused, is a server listening there?\n"
        "wsline: nonsense\n"
    )
