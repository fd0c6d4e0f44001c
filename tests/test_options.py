"""The options: every one at, under and over what is allowed, and of a wrong type."""

import math
import re
import socket
import ssl
import sys
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from wsline.backplane import Backplane
from wsline.deflate import Deflate
from wsline.handshake.http_options import HTTPOptions
from wsline.keywords import ClientKeywords, HeadKeywords, HTTPKeywords, Keywords, ServerKeywords
from wsline.options import (
    ANY,
    SAME_HOST,
    ClientOptions,
    HeadOptions,
    Options,
    ServerOptions,
    pairs,
)

SECOND = "a finite number of seconds above 0"

GOOD_SECONDS = [5e-324, 1, 0.5, 1e9, sys.float_info.max]
BAD_SECONDS = [0, 0.0, -1, -0.5, math.inf, -math.inf, math.nan, 10**400]
NO_NUMBER = ["5", b"5", True, False, [5], 1j]


class Kind:
    """What one option may be: the text of its errors, good values, values out of range, wrong types."""

    def __init__(
        self, allowed: str, good: list[Any], bad: list[Any], wrong: list[Any], is_secret: bool = False
    ) -> None:
        self.allowed, self.good, self.bad, self.wrong = allowed, good, bad, wrong
        self.is_secret = is_secret

    def faults(self) -> list[tuple[Any, type[Exception]]]:
        """Return each value that is not allowed, and what it raises."""
        return [(value, ValueError) for value in self.bad] + [(value, TypeError) for value in self.wrong]

    def message(self, name: str, value: Any) -> str:
        """Return what the error says: the option, the value, what is allowed."""
        shown = f"{name} (not shown here)" if self.is_secret else f"{name}={value!r}"
        return f"{shown}: must be {self.allowed}"


def size(least: int, none: str = "", bits: int = 63) -> Kind:
    allowed = f"an integer from {least} to 2**{bits} - 1" + (f", or None for {none}" if none else "")
    most = 2**bits - 1
    good = [least, least + 1, most, *([None] if none else [])]
    wrong = ["5", True, False, 5.0, [5], *([] if none else [None])]
    return Kind(allowed, good, [least - 1, -5, -(2**70), most + 1, 2**70], wrong)


def seconds(none: str = "") -> Kind:
    allowed = SECOND + (f", or None for {none}" if none else "")
    return Kind(
        allowed, GOOD_SECONDS + ([None] if none else []), BAD_SECONDS, NO_NUMBER + ([] if none else [None])
    )


def closed(kind: socket.SocketKind) -> socket.socket:
    with socket.socket(type=kind) as sock:
        return sock


TEXT = Kind("a string or None", ["", "x", None], [], [b"x", 5, True])
FLAG = Kind("True or False", [True, False], [], [None, 0, 1, "yes"])
CALLABLE = Kind("a callable or None", [None, print, lambda: None], [], [5, "x", True, b"abcd"])
SOCKET = Kind(
    "a stream socket or None",
    [None, closed(socket.SOCK_STREAM)],
    [],
    [5, "x", True, sys.stdin, closed(socket.SOCK_DGRAM)],
)
UNIX = Kind("a path, or None", [None, "/s", "s", "\0abstract"], ["", "a\0b"], [b"x", 5, True])
CLIENTS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
SERVERS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


class Context(ssl.SSLContext):
    """One that does not say for whom it is."""

    protocol = None  # type: ignore[assignment]


EITHER = Context(ssl.PROTOCOL_TLS_CLIENT)

HEAD_KINDS: dict[str, Kind] = {
    "max_head_size": size(128),
    "max_head_line": size(64),
    "max_headers": size(8),
}
KINDS: dict[str, Kind] = {
    **HEAD_KINDS,
    "max_payload": size(0, "no limit"),
    "max_fragments": size(1, "no limit"),
    "max_buffered_chunks": size(1, "no limit"),
    "max_pending_auto_pongs": size(1, "no limit"),
    "max_control_rate": Kind(
        "a finite number from 1, or None for no limit",
        [1, 1.5, 1e9, sys.float_info.max, None],
        [0.99, 0, -1, math.inf, math.nan],
        NO_NUMBER,
    ),
    "auto_pong": FLAG,
    "skip_utf8_validation": FLAG,
    "per_message_deflate": Kind(
        "True, False or a Deflate", [True, False, Deflate()], [], [None, 1, "on", {"threshold": 5}]
    ),
    "handshake_timeout": seconds("no limit"),
    "close_timeout": seconds(),
    "ping_interval": seconds("no keepalive"),
    "ping_timeout": seconds("no limit"),
    "write_timeout": seconds("no limit"),
    "binary_type": Kind(
        "one of 'bytes', 'bytearray', 'memoryview', 'fragments'",
        ["bytes", "bytearray", "memoryview", "fragments"],
        ["", "blob", "Bytes"],
        [None, bytes, b"bytes", True],
    ),
    "allow_synchronous_events": FLAG,
    "max_queue": size(1),
    "high_water": size(0),
    "max_buffered": size(0, "no limit"),
    "slow_consumer": Kind(
        "one of 'disconnect', 'drop_newest', 'drop_oldest', 'latest'",
        ["disconnect", "drop_newest", "drop_oldest", "latest"],
        ["", "drop", "Latest"],
        [None, b"latest", True],
    ),
    "slow_consumer_key": Kind("a callable or None", [None], [], [5, "x", True, b"abcd"]),
}
CLIENT_KINDS: dict[str, Kind] = {
    "protocol_version": Kind("13 or 8", [13, 8], [0, 12, 14, -13], ["13", None, True, 13.0]),
    "origin": TEXT,
    "headers": Kind(
        "a mapping, or a list of pairs, of strings",
        [None, {}, {"a": "b"}, [], [("a", "b"), ["c", "d"]], (("a", "b"),)],
        [{"a": 5}, {5: "a"}, ["ab"], [5], [("a",)], [("a", "b", "c")], [("a", b"b")], [None]],
        ["a: b", 5, {"a"}, True],
        is_secret=True,
    ),
    "auth": Kind(
        "a tuple (user, password) of strings, the user without a colon, or None",
        [None, ("u", "p"), ("", ""), ("u", "p:q")],
        [(), ("u",), ("u", "p", "x"), ("u", None), (b"u", "p"), ("u:v", "p")],
        ["u:p", ["u", "p"], True],
        is_secret=True,
    ),
    "follow_redirects": FLAG,
    "max_redirects": size(0),
    "unsafe_redirects": FLAG,
    "finish_request": CALLABLE,
    "generate_mask": CALLABLE,
    "ssl": Kind(
        "an ssl.SSLContext for clients, True, False or None",
        [None, True, False, CLIENTS, EITHER],
        [],
        [0, 1, 1.0, "yes", b"", SERVERS],
    ),
    "server_hostname": Kind(
        "a host name, an IP address, or None",
        [None, "localhost", "::1"],
        ["", ".localhost", " localhost", "a\0b", "a\nb"],
        [1, b"localhost"],
    ),
    "sock": SOCKET,
    "unix_path": UNIX,
    "proxy": Kind("a URL, True for the environment's, or None", ["http://h", True, None], [False], [5, b"x"]),
    "local_address": Kind(
        "a tuple (host, port) of a string and an integer from 0 to 65535, or None",
        [None, ("127.0.0.1", 0), ("", 65535)],
        [(), ("a",), ("a", "5"), (5, 5), ("a", 5, 0), ("a", 5, 0, 0), ("a", True), ("a", -1), ("a", 65536)],
        ["a:5", ["a", 5], True],
    ),
    "family": Kind(
        "socket.AF_INET, socket.AF_INET6, or 0 for both",
        [0, socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6],
        [1, 2, 2**70, -1, socket.AF_UNIX],
        ["AF_INET", None, True, 0.0],
    ),
    "happy_eyeballs_delay": seconds("one after the other"),
    "reconnect_delay": seconds(),
    "reconnect_factor": Kind(
        "a finite number from 1",
        [1, 1.5, 1e9, sys.float_info.max],
        [0.99, 0, -1, math.inf, math.nan],
        NO_NUMBER,
    ),
    "reconnect_max_delay": seconds(),
    "process_exception": CALLABLE,
    "on_reconnect": CALLABLE,
}
LISTEN_KINDS: dict[str, Kind] = {
    "backlog": size(1, bits=31),
    "max_connections": size(1, "no limit"),
    "sock": SOCKET,
    "unix_path": UNIX,
    "ssl": Kind(
        "an ssl.SSLContext for servers, or None",
        [None, SERVERS, EITHER],
        [],
        [True, False, 0, "yes", CLIENTS],
    ),
    "reuse_port": FLAG,
}
SERVER_KINDS: dict[str, Kind] = {
    "path": Kind(
        'a string that begins with "/", or None', [None, "/", "/a"], ["", "a", "a/"], [b"/", 5, True]
    ),
    "origins": Kind(
        "SAME_HOST, ANY, or a list of origins (strings, compiled patterns of text, None)",
        [SAME_HOST, ANY, [], ["https://a", None], (re.compile("x"),), {"a"}, frozenset({None})],
        [[5], [b"https://a"], [re.compile(b"x")], ["a", True]],
        [None, "https://a", re.compile("x"), {"a": "b"}, True],
    ),
    "handle_protocols": CALLABLE,
    "verify_client": CALLABLE,
    "process_request": CALLABLE,
    "client_tracking": FLAG,
    "web_socket": Kind("a class or None", [None, object], [], ["WebSocket", object(), True]),
    "max_connections_per_ip": size(1, "no limit"),
    "max_topic_length": Kind("an integer from 1 to 1024", [1, 1024], [0, 1025], [None, "1", True, 1.5]),
    "max_topics_per_connection": size(0, "no limit"),
    "max_topics": size(0, "no limit"),
    "max_pending_handshakes": size(1),
    "max_protocols": size(1),
    "max_protocol_length": size(1),
    "max_extensions": size(0),
    "max_extension_parameters": size(0),
    "backplane": Kind("a URL or a Backplane", [Backplane()], [], [None, 5, b"redis://h"]),
    **LISTEN_KINDS,
}
HTTP_KINDS: dict[str, Kind] = {
    **HEAD_KINDS,
    **LISTEN_KINDS,
    "max_body": size(0),
    "header_timeout": seconds("no limit"),
    "body_timeout": seconds("no limit"),
    "idle_timeout": seconds("no limit"),
    "write_timeout": seconds("no limit"),
}

EVERY = [
    *((ClientOptions, name, kind) for name, kind in (KINDS | CLIENT_KINDS).items()),
    *((ServerOptions, name, kind) for name, kind in (KINDS | SERVER_KINDS).items()),
    *((Options, name, kind) for name, kind in KINDS.items()),
    *((HTTPOptions, name, kind) for name, kind in HTTP_KINDS.items()),
    *((HeadOptions, name, kind) for name, kind in HEAD_KINDS.items()),
]
CLASSES: dict[type[HeadOptions], tuple[set[str], type]] = {
    HeadOptions: (set(HEAD_KINDS), HeadKeywords),
    HTTPOptions: (set(HTTP_KINDS), HTTPKeywords),
    Options: (set(KINDS), Keywords),
    ClientOptions: (set(KINDS | CLIENT_KINDS), ClientKeywords),
    ServerOptions: (set(KINDS | SERVER_KINDS), ServerKeywords),
}


@pytest.mark.parametrize("options", CLASSES)
def test_every_option_is_tested_here_and_typed_for_the_doors(options: type[HeadOptions]) -> None:
    tested, keywords = CLASSES[options]
    names = {each.name for each in fields(options)}
    assert names == tested
    assert set(keywords.__annotations__) == names
    assert keywords.__required_keys__ == frozenset()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("options", "name", "kind"), EVERY)
def test_what_an_option_may_be(options: type[HeadOptions], name: str, kind: Kind) -> None:
    assert kind.good
    for value in kind.good:
        assert getattr(options(**{name: value}), name) is value


@pytest.mark.parametrize(("options", "name", "kind"), EVERY)
def test_what_an_option_may_not_be(options: type[HeadOptions], name: str, kind: Kind) -> None:
    assert kind.bad or kind.wrong
    for value, error in kind.faults():
        with pytest.raises(error) as raised:
            options(**{name: value})
        assert type(raised.value) is error
        assert str(raised.value) == kind.message(name, value)


@pytest.mark.parametrize("options", CLASSES)
def test_the_defaults_are_allowed(options: type[HeadOptions]) -> None:
    made = options()
    again = options(**{each.name: getattr(made, each.name) for each in fields(options)})
    assert again == made


def test_the_defaults_that_guard() -> None:
    made = Options()
    assert made.max_payload == 16 << 20
    assert made.max_fragments == 131072
    assert made.max_buffered_chunks == 262144
    assert made.max_pending_auto_pongs == 60
    assert made.max_buffered == 8 << 20
    assert (made.handshake_timeout, made.close_timeout, made.write_timeout) == (10, 10, 30)
    assert (made.ping_interval, made.ping_timeout) == (20, 20)
    assert ServerOptions().origins is SAME_HOST


def test_a_key_of_messages_needs_the_policy_that_asks_for_it() -> None:
    Options(slow_consumer="latest", slow_consumer_key=len)
    with pytest.raises(
        ValueError, match=r'^slow_consumer_key: needs slow_consumer="latest", not .disconnect.$'
    ):
        Options(slow_consumer_key=len)


@pytest.mark.parametrize(
    ("policy", "most", "above"),
    [
        ("disconnect", 1000, 1000),
        ("drop_newest", 1000, 1000),
        ("drop_newest", None, None),
        ("drop_oldest", 1000, 500),
        ("drop_oldest", 100, 100),
        ("latest", None, 500),
    ],
)
def test_when_a_slow_consumer_is_one(policy: str, most: int | None, above: int | None) -> None:
    assert Options(slow_consumer=policy, max_buffered=most, high_water=500).held_above == above


def test_a13_a54_compression_is_on_for_clients_and_off_for_servers() -> None:
    assert ClientOptions().deflate == Deflate()
    assert ServerOptions().deflate is None
    assert ServerOptions(per_message_deflate=True).deflate == Deflate()
    chosen = Deflate(threshold=5)
    assert ServerOptions(per_message_deflate=chosen).deflate is chosen
    assert ClientOptions(per_message_deflate=False).deflate is None


def test_options_do_not_change() -> None:
    made = Options()
    with pytest.raises(FrozenInstanceError):
        made.max_payload = 5  # type: ignore[misc]


def test_headers_become_pairs() -> None:
    assert pairs({"a": "b", "c": "d"}) == pairs([("a", "b"), ("c", "d")]) == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize(
    ("name", "value"),
    [("unix_path", "/s"), ("follow_redirects", True), ("proxy", True), ("proxy", "http://u:secret@h")],
)
def test_a_connected_socket_needs_no_way(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    with (
        socket.socket() as sock,
        pytest.raises(ValueError, match=f"^{name} and sock: must not both be given") as raised,
    ):
        ClientOptions(sock=sock, **options)
    assert "secret" not in str(raised.value)


# -- keyword arguments


def test_keywords_become_options() -> None:
    made = ServerOptions.from_keywords("serve", {"max_payload": None, "path": "/chat"})
    assert made == ServerOptions(max_payload=None, path="/chat")
    assert type(Options.from_keywords("x", {})) is Options


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max_playload", "; did you mean 'max_payload'?"),
        ("maxPayload", "; did you mean 'max_payload'?"),
        ("ping_intervall", "; did you mean 'ping_interval'?"),
        ("zzz", ""),
    ],
)
def test_an_unknown_keyword_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(TypeError) as raised:
        ClientOptions.from_keywords("connect", {name: 5})
    assert str(raised.value) == f"connect() got an unknown option {name!r}{hint}"


def test_a_bad_keyword_is_refused_as_a_bad_option() -> None:
    with pytest.raises(ValueError, match=r"^max_queue=0: must be an integer from 1 to "):
        ServerOptions.from_keywords("serve", {"max_queue": 0})


def test_options_of_the_other_end_are_unknown() -> None:
    with pytest.raises(TypeError, match="unknown option 'backlog'"):
        ClientOptions.from_keywords("connect", {"backlog": 5})
