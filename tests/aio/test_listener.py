"""Listening sockets and who accepts from them: real sockets, and some that fail as told."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

import wsline.aio.reactor
from tests.listening import FakeListening
from wsline.aio import listener
from wsline.aio.channel import Channel
from wsline.aio.listener import Acceptor, Listener, open_sockets
from wsline.handshake.http_options import HTTPOptions
from wsline.options import ServerOptions


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    """Sockets that are closed after the test."""
    sockets: list[socket.socket] = []
    yield sockets
    for sock in sockets:
        sock.close()


Opened = list[socket.socket]


def options_of(**keywords: Any) -> ServerOptions:
    return ServerOptions(**keywords)


async def listen(opened: Opened, host: str | None, port: int = 0, **keywords: Any) -> list[socket.socket]:
    sockets = await open_sockets(host, port, options_of(**keywords))
    opened += sockets
    return sockets


def connects(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        try:
            sock.connect(address)
        except OSError:
            return False
        return True


# -- open_sockets


async def test_the_addresses_of_a_name_are_looked_up(opened: Opened) -> None:
    sockets = await listen(opened, "localhost")
    assert {sock.getsockname()[0] for sock in sockets} <= {"127.0.0.1", "::1"}
    assert all(not sock.getblocking() for sock in sockets)
    assert connects(sockets[0].family, sockets[0].getsockname())


async def test_where_no_name_is_needed_none_is_looked_up(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", None)
    (sock,) = await listen(opened, None)
    assert sock.getsockname()[0] in ("::", "0.0.0.0")
    given = socket.socket()
    opened.append(given)
    given.bind(("127.0.0.1", 0))
    assert await open_sockets("ignored", 1, options_of(sock=given)) == [given]


# -- the acceptor


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_connections_are_accepted(opened: Opened) -> None:
    (sock,) = await listen(opened, "127.0.0.1")
    accepted: list[socket.socket] = []
    acceptor = Acceptor(asyncio.get_running_loop(), sock, accepted.append)
    address = sock.getsockname()
    clients = [socket.create_connection(address) for _ in range(100)]
    await until(lambda: len(accepted) == 100)
    assert {each.getpeername() for each in accepted} == {each.getsockname() for each in clients}
    opened += clients + accepted
    acceptor.close()
    assert sock.fileno() == -1
    assert not connects(socket.AF_INET, address)


def accept_from(fake: Any, on_accepted: Callable[[Any], object]) -> Acceptor:
    return Acceptor(asyncio.get_running_loop(), fake, on_accepted)


async def test_a_connection_that_has_gone_is_passed_over() -> None:
    gone = ConnectionAbortedError(errno.ECONNABORTED, "gone")
    fake = FakeListening("a", gone, "b", InterruptedError(), gone, "c")
    accepted: list[Any] = []
    acceptor = accept_from(fake, accepted.append)
    await until(lambda: len(accepted) == 3)
    acceptor.close()
    assert accepted == ["a", "b", "c"]
    assert fake.closed


async def test_a_flood_leaves_the_loop_its_turns() -> None:
    fake = FakeListening(*range(1000))
    accepted: list[Any] = []
    acceptor = accept_from(fake, accepted.append)
    seen = []
    while len(accepted) < 1000:
        await asyncio.sleep(0)
        seen.append(len(accepted))
    acceptor.close()
    assert max(after - before for before, after in pairwise(seen)) <= 64
    assert accepted == list(range(1000))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_without_descriptors_it_pauses_and_goes_on(
    number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "PAUSE", 0.25)
    monkeypatch.setattr(listener, "FIRST_PAUSE", 0.25)
    exhausted = OSError(number, os.strerror(number))
    fake = FakeListening("a", exhausted, exhausted, "b")
    accepted: list[Any] = []
    acceptor = accept_from(fake, accepted.append)
    await until(lambda: len(accepted) == 1)
    accepts = fake.accepts
    assert accepts == 2
    await asyncio.sleep(0)
    assert fake.accepts == accepts, "it does not spin"
    await until(lambda: len(accepted) == 2)
    acceptor.close()
    assert accepted == ["a", "b"]
    # The log is not flooded.
    (record,) = [each for each in caplog.records if each.name == "wsline"]
    assert record.getMessage() == f"cannot accept a connection, trying again every 0.25 s: {exhausted}"


async def test_the_log_is_repeated_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "PAUSE", 0.001)
    monkeypatch.setattr(listener, "LOG_INTERVAL", 0.0)
    fake = FakeListening(OSError(errno.EMFILE, "a"), OSError(errno.EMFILE, "b"), "c")
    accepted: list[Any] = []
    acceptor = accept_from(fake, accepted.append)
    await until(lambda: accepted)
    acceptor.close()
    assert len([each for each in caplog.records if each.name == "wsline"]) == 2


async def test_it_can_be_closed_while_it_pauses() -> None:
    fake = FakeListening(OSError(errno.EMFILE, "none left"))
    acceptor = accept_from(fake, print)
    await until(lambda: fake.accepts)
    acceptor.close()
    assert fake.closed
    await asyncio.sleep(0.01)
    assert fake.accepts == 1


async def test_it_can_be_closed_by_whoever_takes_a_connection(opened: Opened) -> None:
    (sock,) = await listen(opened, "127.0.0.1")
    loop = asyncio.get_running_loop()
    problems: list[Any] = []
    loop.set_exception_handler(lambda loop, context: problems.append(context))
    accepted: list[socket.socket] = []

    def take(each: socket.socket) -> None:
        accepted.append(each)
        acceptor.close()

    opened += [socket.create_connection(sock.getsockname()) for _ in range(2)]
    acceptor = Acceptor(loop, sock, take)
    await until(lambda: accepted)
    opened += accepted
    assert len(accepted) == 1
    assert problems == []


async def test_another_error_is_the_loops() -> None:
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    fake = FakeListening(OSError(errno.EPERM, "a firewall"), "a")
    accepted: list[Any] = []
    acceptor = accept_from(fake, accepted.append)
    await until(lambda: accepted)
    acceptor.close()
    assert accepted == ["a"], "it goes on"
    (problem,) = problems
    assert problem["exception"].errno == errno.EPERM


# -- Listener


@pytest.mark.parametrize("available", [True, False])
async def test_a_channel_is_made_of_each_connection(available: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsline.aio.reactor, "AVAILABLE", available)
    channels: list[Channel] = []
    here = Listener(HTTPOptions(), None, channels.append)
    assert here.addresses == []
    await here.open("127.0.0.1", 0)
    (address,) = here.addresses
    with socket.create_connection(address) as sock:
        async with asyncio.timeout(10):
            while not channels:
                await asyncio.sleep(0.001)
        assert channels[0].remote_address == sock.getsockname()
        here.close()
        assert not connects(socket.AF_INET, address)
        assert not channels[0].closed, "it lives on"
        channels[0].abort()
        await asyncio.sleep(0)
