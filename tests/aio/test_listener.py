"""Listening sockets and who accepts from them: real sockets, and some that fail as told."""

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from wsline.aio import listener
from wsline.aio.listener import Acceptor, open_sockets
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


async def test_an_address_and_a_free_port(opened: Opened) -> None:
    (sock,) = await listen(opened, "127.0.0.1")
    assert sock.family == socket.AF_INET
    host, port = sock.getsockname()
    assert host == "127.0.0.1"
    assert port > 0
    assert not sock.getblocking()
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    assert connects(socket.AF_INET, ("127.0.0.1", port))


async def test_a_port_can_be_shared(opened: Opened) -> None:
    (first,) = await listen(opened, "127.0.0.1", reuse_port=True)
    port = first.getsockname()[1]
    (second,) = await listen(opened, "127.0.0.1", port, reuse_port=True)
    assert second.getsockname()[1] == port


async def test_a_port_in_use_is_named(opened: Opened) -> None:
    (sock,) = await listen(opened, "127.0.0.1")
    port = sock.getsockname()[1]
    with pytest.raises(
        OSError, match=f"cannot listen at 127.0.0.1 port {port}: Address already in use"
    ) as caught:
        await listen(opened, "127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE


async def test_a_socket_of_the_caller_is_used(opened: Opened) -> None:
    given = socket.socket()
    opened.append(given)
    given.bind(("127.0.0.1", 0))
    assert await open_sockets("ignored", 1, options_of(sock=given)) == [given]
    assert not given.getblocking()
    assert connects(socket.AF_INET, given.getsockname())


def fake_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[Any, ...]]) -> None:
    """Let every name have these addresses."""

    async def getaddrinfo(host: str, port: int, **keywords: Any) -> list[Any]:
        assert keywords["type"] == socket.SOCK_STREAM
        return [
            (family, socket.SOCK_STREAM, 6, "", (address[0], port, *address[1:]))
            for family, address in addresses
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


FOUR = (socket.AF_INET, ("127.0.0.1",))
OTHER_FOUR = (socket.AF_INET, ("127.0.0.2",))
# A documentation address: no machine has it.
FOREIGN = (socket.AF_INET, ("192.0.2.1",))


async def test_all_addresses_of_a_name_have_one_port(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_addresses(monkeypatch, FOUR, OTHER_FOUR, FOUR)
    sockets = await listen(opened, "name")
    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1", "127.0.0.2"]
    (port,) = {sock.getsockname()[1] for sock in sockets}
    assert all(connects(socket.AF_INET, (host, port)) for host in ("127.0.0.1", "127.0.0.2"))


async def test_all_addresses_have_the_port_that_is_asked_for(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sock,) = await listen(opened, "127.0.0.3")
    port = sock.getsockname()[1]
    fake_addresses(monkeypatch, FOUR, OTHER_FOUR)
    sockets = await listen(opened, "name", port)
    assert [sock.getsockname() for sock in sockets] == [("127.0.0.1", port), ("127.0.0.2", port)]


async def test_an_address_that_is_not_ours_is_left_out(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake_addresses(monkeypatch, FOREIGN, FOUR)
    with caplog.at_level(logging.WARNING, "wsline"):
        (sock,) = await listen(opened, "name")
    assert sock.getsockname()[0] == "127.0.0.1"
    assert [record.getMessage() for record in caplog.records] == [
        f"[Errno {errno.EADDRNOTAVAIL}] cannot listen at 192.0.2.1 port 0: Cannot assign requested address"
    ]


async def test_one_address_must_be_ours(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_addresses(monkeypatch, FOREIGN)
    with pytest.raises(OSError, match=r"cannot listen at 192\.0\.2\.1 port 0: Cannot assign"):
        await listen(opened, "name")


async def test_if_one_address_fails_the_others_are_closed(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sock,) = await listen(opened, "127.0.0.2")
    port = sock.getsockname()[1]
    fake_addresses(monkeypatch, FOUR, OTHER_FOUR)
    with pytest.raises(OSError, match=f"cannot listen at 127.0.0.2 port {port}"):
        await listen(opened, "name", port)
    assert not connects(socket.AF_INET, ("127.0.0.1", port))


# -- all interfaces


class Sockets:
    """Makes sockets of a machine that lacks something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dual_stack: bool = True) -> None:
        self.made: list[Any] = []
        self.fail_bind: dict[int, int] = {}
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: dual_stack)
        monkeypatch.setattr(socket, "socket", self)

    def __call__(self, family: int, kind: int) -> Any:
        self.made.append(RecordingSocket(family, self.fail_bind.get(family)))
        return self.made[-1]


class RecordingSocket:
    """Notes what is asked of it."""

    def __init__(self, family: int, failure: int | None) -> None:
        self.family = family
        self.failure = failure
        self.options: dict[tuple[int, int], int] = {}
        self.address: Any = None
        self.backlog = 0
        self.blocking = True
        self.closed = False

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self.options[level, name] = value

    def setblocking(self, blocking: bool) -> None:
        self.blocking = blocking

    def bind(self, address: Any) -> None:
        if self.failure is not None:
            raise OSError(self.failure, "fails")
        self.address = address

    def listen(self, backlog: int) -> None:
        self.backlog = backlog

    def close(self) -> None:
        self.closed = True


V6ONLY = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


async def test_one_socket_is_for_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    assert await open_sockets(None, 80, options_of(backlog=7)) == sockets.made
    (sock,) = sockets.made
    assert (sock.family, sock.address, sock.backlog) == (socket.AF_INET6, ("::", 80), 7)
    assert sock.options[V6ONLY] == 0
    assert not sock.blocking


async def test_a_machine_without_dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch, dual_stack=False)
    assert await open_sockets(None, 80, options_of()) == sockets.made
    (sock,) = sockets.made
    assert (sock.family, sock.address) == (socket.AF_INET, ("0.0.0.0", 80))
    assert V6ONLY not in sock.options


@pytest.mark.parametrize("failure", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
async def test_a_machine_with_ipv6_switched_off(monkeypatch: pytest.MonkeyPatch, failure: int) -> None:
    sockets = Sockets(monkeypatch)
    sockets.fail_bind[socket.AF_INET6] = failure
    opened: list[Any] = await open_sockets(None, 80, options_of())
    six, four = sockets.made
    assert six.closed
    assert opened == [four]
    assert four.address == ("0.0.0.0", 80)


async def test_a_port_in_use_at_all_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    sockets.fail_bind[socket.AF_INET6] = errno.EADDRINUSE
    with pytest.raises(OSError, match="cannot listen at :: port 80: Address already in use"):
        await open_sockets(None, 80, options_of())
    assert [sock.closed for sock in sockets.made] == [True]


async def test_an_ipv6_address_is_for_ipv6_only(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_addresses(monkeypatch, (socket.AF_INET6, ("::1", 0, 0)))
    sockets = Sockets(monkeypatch)
    await open_sockets("name", 80, options_of())
    (sock,) = sockets.made
    assert sock.address == ("::1", 80, 0, 0)
    assert sock.options[V6ONLY] == 1


async def test_an_error_without_a_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)

    def bind(self: RecordingSocket, address: Any) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(RecordingSocket, "bind", bind)
    with pytest.raises(OSError, match="cannot listen at no/such/place: AF_UNIX path too long"):
        await open_sockets(None, 0, options_of(unix_path="no/such/place"))
    assert sockets.made[0].closed


# -- UNIX sockets


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A short path for a socket: the system takes no long ones."""
    monkeypatch.chdir(tmp_path)
    return "server.sock"


async def test_a_unix_socket(opened: Opened, path: str) -> None:
    (sock,) = await listen(opened, None, unix_path=path)
    assert sock.getsockname() == path
    assert connects(socket.AF_UNIX, path)


async def test_a_stale_unix_socket_is_replaced(opened: Opened, path: str) -> None:
    (stale,) = await listen(opened, None, unix_path=path)
    stale.close()
    assert os.path.exists(path)
    await listen(opened, None, unix_path=path)
    assert connects(socket.AF_UNIX, path)


async def test_a_live_unix_socket_is_left_alone(opened: Opened, path: str) -> None:
    await listen(opened, None, unix_path=path)
    with pytest.raises(OSError, match=r"cannot listen at server\.sock: Address already in use"):
        await listen(opened, None, unix_path=path)
    assert connects(socket.AF_UNIX, path)


async def test_a_busy_unix_socket_is_left_alone(opened: Opened, path: str) -> None:
    await listen(opened, None, unix_path=path, backlog=1)
    for _ in range(10):
        client = socket.socket(socket.AF_UNIX)
        opened.append(client)
        client.setblocking(False)
        try:
            client.connect(path)
        except BlockingIOError:
            break
    else:
        pytest.fail("the backlog has no end")
    # Whoever knocks now, and waits, waits for ever.
    with pytest.raises(OSError, match="Address already in use"):
        await listen(opened, None, unix_path=path)


async def test_another_file_is_left_alone(opened: Opened, path: str) -> None:
    Path(path).write_text("precious")
    with pytest.raises(OSError, match=r"cannot listen at server\.sock: Address already in use"):
        await listen(opened, None, unix_path=path)
    assert Path(path).read_text() == "precious"


async def test_a_directory_that_is_not_there(opened: Opened, path: str) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"cannot listen at none/server\.sock: No such file or directory"
    ):
        await listen(opened, None, unix_path=f"none/{path}")


@pytest.mark.skipif(sys.platform != "linux", reason="machine: only Linux has abstract addresses")
async def test_an_abstract_unix_socket(opened: Opened) -> None:
    name = f"\0wsline-test-{os.getpid()}"
    await listen(opened, None, unix_path=name)
    assert connects(socket.AF_UNIX, name)
    with pytest.raises(OSError, match="Address already in use"):
        await listen(opened, None, unix_path=name)


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


class FakeListening:
    """A listening socket that is always ready, and accepts as told."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.accepts = 0
        self.closed = False
        # What is at its end is readable.
        self.ready, other = socket.socketpair()
        other.close()

    def fileno(self) -> int:
        return self.ready.fileno()

    def accept(self) -> tuple[Any, Any]:
        assert not self.closed
        self.accepts += 1
        outcome = self.outcomes.pop(0) if self.outcomes else BlockingIOError(errno.EAGAIN, "later")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome, None

    def close(self) -> None:
        self.closed = True
        self.ready.close()


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
    monkeypatch.setattr(listener, "_PAUSE", 0.01)
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
    assert record.getMessage() == f"cannot accept a connection, trying again every 0.01 s: {exhausted}"


async def test_the_log_is_repeated_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "_PAUSE", 0.001)
    monkeypatch.setattr(listener, "_LOG_INTERVAL", 0.0)
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
