"""Accepting in the loop's thread: what comes, what fails, and the end."""

import errno
import logging
import os
import socket
import threading
from typing import Any

import pytest

from tests.listening import FakeListening
from tests.sync.peers import held, until
from wsline.options import ServerOptions
from wsline.sync import listener
from wsline.sync.listener import Acceptor, open_sockets


def test_connections_are_accepted() -> None:
    (sock,) = open_sockets("127.0.0.1", 0, ServerOptions())
    accepted: list[socket.socket] = []
    gone: list[int] = []
    acceptor = Acceptor(sock, accepted.append, lambda: gone.append(1))
    clients = [socket.create_connection(sock.getsockname()) for _ in range(100)]
    until(lambda: len(accepted) == 100)
    address = sock.getsockname()
    acceptor.close()
    acceptor.close()
    assert (sock.fileno(), gone) == (-1, [1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    for each in clients + accepted:
        each.close()


def test_where_no_name_is_needed_none_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    (sock,) = open_sockets(None, 0, ServerOptions())
    with sock:
        assert sock.getsockname()[0] in ("::", "0.0.0.0")


def test_a_connection_that_has_gone_is_passed_over() -> None:
    fake = FakeListening(ConnectionAbortedError(), "sock")
    accepted: list[Any] = []
    acceptor = Acceptor(fake, accepted.append, lambda: None)  # type: ignore[arg-type]
    until(lambda: accepted == ["sock"])
    acceptor.close()


def test_a_flood_leaves_others_their_turns() -> None:
    fake = FakeListening(*range(1000))
    accepted: list[Any] = []
    turns: list[int] = []
    begun = threading.Event()

    def on_accepted(sock: Any) -> None:
        assert begun.wait(10)  # this is another thread, and may be here first
        accepted.append(sock)
        if len(accepted) == 1:
            acceptor._loop.call(lambda: turns.append(len(accepted)))

    acceptor = Acceptor(fake, on_accepted, lambda: None)  # type: ignore[arg-type]
    begun.set()
    until(lambda: len(accepted) == 1000)
    assert turns == [64]
    acceptor.close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOMEM])
def test_without_descriptors_it_pauses_and_goes_on(
    code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "PAUSE", 0.05)
    error = OSError(code, os.strerror(code))
    fake = FakeListening("first", error, error, "second")
    accepted: list[Any] = []
    acceptor = Acceptor(fake, accepted.append, lambda: None)  # type: ignore[arg-type]
    until(lambda: accepted)
    until(lambda: fake.accepts == 2)  # it is not asked again and again
    until(lambda: len(accepted) == 2)
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(logged) == 1, "it does not repeat itself"
    assert "cannot accept a connection, trying again every 0.05 s" in logged[0].getMessage()
    acceptor.close()


def test_it_can_be_closed_while_it_pauses() -> None:
    fake = FakeListening(OSError(errno.EMFILE, "full"))
    acceptor = Acceptor(fake, lambda sock: None, lambda: None)  # type: ignore[arg-type]
    until(lambda: fake.accepts)
    acceptor.close()
    assert fake.fileno() == -1


def test_it_can_be_closed_by_whoever_takes_a_connection() -> None:
    fake = FakeListening("one", "two")
    accepted: list[Any] = []
    gone = threading.Event()

    def on_accepted(sock: Any) -> None:
        accepted.append(sock)
        acceptor.close()

    acceptor = Acceptor(fake, on_accepted, gone.set)  # type: ignore[arg-type]
    assert gone.wait(5)
    assert accepted == ["one"]


def test_another_error_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeListening(OSError(errno.EINVAL, "not listening"))
    gone = threading.Event()
    Acceptor(fake, lambda sock: None, gone.set)  # type: ignore[arg-type]
    assert gone.wait(5)
    assert "not listening" in caplog.text


def test_an_orphan_is_closed() -> None:
    fake, copy = FakeListening(), FakeListening()
    acceptor = Acceptor(fake, lambda sock: None, lambda: None)  # type: ignore[arg-type]
    with held(acceptor._loop):
        acceptor._sock = copy  # type: ignore[assignment]
        acceptor.orphan()
        assert copy.fileno() == -1
        acceptor._sock = fake  # type: ignore[assignment]
    acceptor.close()
    assert fake.fileno() == -1
