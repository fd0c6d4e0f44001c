"""Connecting within a time: names, addresses in turns, errors that tell of each."""

import errno
import socket
import threading
import time
from typing import Any

import pytest

from tests.sync.peers import DEADLINE
from wsline.options import ClientOptions
from wsline.sync import sockets
from wsline.sync.sockets import TimeLimit, open_socket, open_unix_socket


def options_of(**keywords: Any) -> ClientOptions:
    return ClientOptions(**keywords)


def fake_addresses(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let every name have these addresses."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *arguments: Any, **keywords: Any) -> list[Any]:
        if keywords.get("flags"):
            raise socket.gaierror
        return [info for each in hosts for info in real(each, port, *arguments)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_time_limit() -> None:
    assert TimeLimit(None).left() is None
    assert not TimeLimit(None).is_over
    limit = TimeLimit(10)
    left = limit.left()
    assert left is not None and 9 < left <= 10
    assert not limit.is_over
    limit = TimeLimit(0)
    assert limit.is_over
    with pytest.raises(TimeoutError):
        limit.left()
    assert TimeLimit(1e300).left() == threading.TIMEOUT_MAX


def test_an_address_needs_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_look_up", None)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        open_socket("127.0.0.1", server.getsockname()[1], options_of(), TimeLimit(5)) as sock,
    ):
        assert sock.getpeername() == server.getsockname()


def test_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an address to connect from."""
    fake_addresses(monkeypatch, "127.0.0.1")
    options = options_of(local_address=("127.0.0.3", 0), family=socket.AF_INET)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        open_socket("name", server.getsockname()[1], options, TimeLimit(None)) as sock,
    ):
        assert sock.getsockname()[0] == "127.0.0.3"


def test_a_name_that_is_none() -> None:
    with pytest.raises(socket.gaierror):
        open_socket("no such name.invalid", 80, options_of(), TimeLimit(10))


def test_a_resolver_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def getaddrinfo(*arguments: Any, **keywords: Any) -> list[Any]:
        if keywords.get("flags"):
            raise socket.gaierror
        go_on.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="the addresses of name were not found in time"):
        open_socket("name", 80, options_of(), TimeLimit(0.05))
    assert time.monotonic() - started < DEADLINE
    go_on.set()


def test_the_first_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        fake_addresses(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.4")
        with open_socket("name", server.getsockname()[1], options_of(), TimeLimit(5)) as sock:
            assert sock.getpeername() == server.getsockname()


def full_server() -> tuple[socket.socket, list[socket.socket]]:
    """Return a server that answers nobody any more, and those who fill its queue."""
    server = socket.create_server(("127.0.0.1", 0), backlog=0)
    clients = []
    for _ in range(8):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        clients.append(client)
    return server, clients


def test_one_that_does_not_answer_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    server, clients = full_server()
    port = server.getsockname()[1]
    fake_addresses(monkeypatch, "127.0.0.1", "127.0.0.2")
    with socket.create_server(("127.0.0.2", port)) as second:
        for limit in (TimeLimit(5), TimeLimit(None)):
            with open_socket("name", port, options_of(happy_eyeballs_delay=0.05), limit) as sock:
                assert sock.getpeername() == second.getsockname()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            open_socket("name", port, options_of(happy_eyeballs_delay=None), TimeLimit(0.1))
        assert time.monotonic() - started < DEADLINE
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        open_socket("127.0.0.1", port, options_of(), TimeLimit(0.1))
    assert time.monotonic() - started < DEADLINE
    for each in (server, *clients):
        each.close()


def test_errors_tell_of_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectionRefusedError, match=f"cannot connect to 127.0.0.1 port {port}: Conn"):
            open_socket("127.0.0.1", port, options_of(), TimeLimit(5))
        fake_addresses(monkeypatch, "127.0.0.1", "127.0.0.2")
        with pytest.raises(
            OSError, match=f"cannot connect to name:{port}: .*127.0.0.1.*; .*127.0.0.2"
        ) as caught:
            open_socket("name", port, options_of(), TimeLimit(5))
        assert caught.value.errno == errno.ECONNREFUSED
        with pytest.raises(OSError, match="Cannot assign requested address"):
            open_socket("127.0.0.1", port, options_of(local_address=("192.0.2.1", 0)), TimeLimit(5))


def test_a_socket_that_is_connected_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems do so on loopback."""
    connect_ex = socket.socket.connect_ex

    def at_once(sock: socket.socket, address: Any) -> int:
        sock.setblocking(True)
        return connect_ex(sock, address)

    monkeypatch.setattr(socket.socket, "connect_ex", at_once)
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_socket("127.0.0.1", server.getsockname()[1], options_of(), TimeLimit(5)).close()
    with pytest.raises(ConnectionRefusedError):
        open_socket("127.0.0.1", 1, options_of(), TimeLimit(5))


def interrupt(*arguments: Any) -> None:
    raise KeyboardInterrupt


def test_unix_sockets(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="cannot connect to place: No such file"):
        open_unix_socket("place", TimeLimit(5))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("place")
        server.listen(0)
        waiting = []
        with pytest.raises(BlockingIOError, match="cannot connect to place: Resource temporarily"):
            while True:
                waiting.append(open_unix_socket("place", TimeLimit(5)))
        assert waiting
        with pytest.raises(TimeoutError, match="cannot connect to place: the time is over"):
            open_unix_socket("place", TimeLimit(0))
        monkeypatch.setattr(socket.socket, "connect", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_unix_socket("place", TimeLimit(5))
        for each in waiting:
            each.close()
