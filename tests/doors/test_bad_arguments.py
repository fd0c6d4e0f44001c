"""What the doors refuse before anything is opened: each option out of range, and each bad argument."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

import wsline
from tests.test_options import CLIENT_KINDS, HTTP_KINDS, KINDS, SERVER_KINDS, Kind
from wsline import sync
from wsline.http import HTTPServer

URL = "ws://127.0.0.1:1/"


async def handler(ws: Any) -> None:
    """Never called."""


def blocking_handler(ws: Any) -> None:
    """Never called."""


CLIENTS: dict[str, Callable[..., Any]] = {
    "connect": wsline.connect,
    "WebSocket": wsline.WebSocket,
    "sync.connect": sync.connect,
}
SERVERS: dict[str, Callable[..., Any]] = {
    "serve": lambda **options: wsline.serve(handler, **options),
    "WebSocketServer": wsline.WebSocketServer,
    "sync.serve": lambda **options: sync.serve(blocking_handler, **options),
    "sync.WebSocketServer": lambda **options: sync.WebSocketServer(blocking_handler, **options),
}
DOORS: dict[str, tuple[Callable[..., Any], dict[str, Kind]]] = {
    **{
        name: (lambda door=door, **options: door(URL, **options), KINDS | CLIENT_KINDS)
        for name, door in CLIENTS.items()
    },
    **{
        name: (lambda door=door, **options: door(port=0, **options), KINDS | SERVER_KINDS)
        for name, door in SERVERS.items()
    },
    "HTTPServer": (HTTPServer, HTTP_KINDS),
}


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened, and no name looked up."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("a socket was used")

    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", DOORS)
async def test_an_option_out_of_range_is_refused_at_construction(name: str) -> None:
    door, kinds = DOORS[name]
    count = 0
    for option, kind in kinds.items():
        for value, error in kind.faults():
            with pytest.raises(error) as raised:
                door(**{option: value})
            assert type(raised.value) is error
            assert str(raised.value) == kind.message(option, value)
            count += 1
    assert count > 80


@pytest.mark.parametrize("name", DOORS)
async def test_an_unknown_option_is_refused(name: str) -> None:
    door, _ = DOORS[name]
    with pytest.raises(
        TypeError, match=r"\(\) got an unknown option 'max_head_siz'; did you mean 'max_head_s"
    ):
        door(max_head_siz=5)


@pytest.mark.parametrize("name", CLIENTS)
async def test_a69_options_that_ws_overwrites_are_refused(name: str) -> None:
    for option in ("socket_path", "hostname", "protocol", "timeout", "method", "host", "path", "port"):
        with pytest.raises(TypeError, match=rf"\(\) got an unknown option '{option}'"):
            CLIENTS[name](url=URL, **{option: None})


# What the URL or the request decides on, and no single option.
REQUESTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"url": 5}, TypeError, "url=5: must be a string"),
    ({"url": b"ws://h/"}, TypeError, "url=b'ws://h/': must be a string"),
    ({"url": "ftp://h/"}, wsline.InvalidURI, "Invalid URL 'ftp://h/': its scheme must be ws, wss, "),
    ({"protocols": 5}, TypeError, "protocols=5: must be a subprotocol, a list of them, or None"),
    ({"protocols": ["a", b"b"]}, TypeError, "protocols=['a', b'b']: must be a subprotocol, a list "),
    ({"protocols": b"a"}, TypeError, "protocols=b'a': must be a subprotocol, a list of them, or None"),
    (
        {"protocols": ""},
        ValueError,
        "An invalid or duplicated subprotocol was specified: ''; protocols must be ",
    ),
    (
        {"protocols": "a b"},
        ValueError,
        "An invalid or duplicated subprotocol was specified: 'a b'; protocols mu",
    ),
    ({"protocols": ["a", "a"]}, ValueError, "An invalid or duplicated subprotocol was specified: 'a'; "),
    ({"headers": {"a b": "c"}}, ValueError, "header name 'a b': must be a token"),
    ({"headers": {"a": "b\r\nc: d"}}, ValueError, r"header a: '\r' is not allowed in a value"),
    ({"headers": {"Content-Length": "5"}}, ValueError, "header Content-Length cannot be set: "),
    ({"origin": "a\nb"}, ValueError, r"header Origin: '\n' is not allowed in a value"),
    ({"proxy": "ftp://h"}, ValueError, "proxy='ftp://h': must be one of http, socks4, "),
    (
        {"proxy": "http://h:0"},
        ValueError,
        "proxy='http://h:0': its port '0' must be a number from 1 to 65535",
    ),
    ({"proxy": "http://u:secret@h:x"}, ValueError, "proxy='http://u:***@h:x': its port 'x' must be"),
    ({"url": "ws+unix:/s", "unix_path": "/t"}, ValueError, "unix_path='/t': must be None: the URL has "),
]


@pytest.mark.parametrize(("arguments", "error", "message"), REQUESTS, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_request_that_cannot_be_made_is_refused(
    name: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        CLIENTS[name](**{"url": URL, **arguments})
    assert type(raised.value) is error
    assert str(raised.value).startswith(message)


PLACES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"port": "80"}, TypeError, "port='80': must be an integer from 0 to 65535, or None"),
    ({"port": True}, TypeError, "port=True: must be an integer from 0 to 65535, or None"),
    ({"port": 65536}, ValueError, "port=65536: must be an integer from 0 to 65535, or None"),
    ({"port": 0, "host": b"h"}, TypeError, "host=b'h': must be a host name, an IP address, or None"),
    ({"port": 0, "unix_path": "/s"}, TypeError, "nly one of the "),
]


@pytest.mark.parametrize(("arguments", "error", "message"), PLACES, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("name", [*SERVERS, "HTTPServer"])
async def test_a_place_that_is_none_is_refused(
    name: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    door = SERVERS.get(name, HTTPServer)
    with pytest.raises(error) as raised:
        door(**arguments)
    assert type(raised.value) is error
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"handler": 5, "port": 0},
            "handler=5: must be a coroutine function that takes a WebSocket, or None",
        ),
        ({"no_server": 1}, "no_server=1: must be True or False"),
        ({"server": 5}, "server=5: must be a wsline.http.HTTPServer or None"),
        ({"port": 0, "web_socket": int}, "web_socket=<class 'int'>: must be a subclass of WebSocket"),
        ({"no_server": True, "ssl": None, "port": 0}, "One and only one of the "),
    ],
    ids=str,
)
async def test_other_arguments_of_a_server(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as raised:
        wsline.WebSocketServer(**arguments)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("door", [wsline.serve, sync.serve, sync.WebSocketServer])
@pytest.mark.parametrize("bad", [None, 5, "handler"])
def test_a_handler_is_a_function(door: Callable[..., Any], bad: Any) -> None:
    with pytest.raises(TypeError, match=r"^handler=.*: must be a .*function that takes a WebSocket"):
        door(bad, port=0)
