"""From a host to a connected socket: which address, from where, and what becomes of the others."""

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import until
from wsline.aio.sockets import open_socket, open_unix_socket
from wsline.options import ClientOptions

DEADLINE = 10  # seconds, for whatever must come
LONG = 60  # seconds, that nobody waits for

# Addresses that nobody connects to: `Network` decides what becomes of them.
A, B, C = ("192.0.2.1", 1), ("192.0.2.2", 1), ("2001:db8::1", 1, 0, 0)


@pytest.fixture
def deaf() -> Iterator[tuple[str, int]]:
    """A port that is taken, where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


@pytest.fixture
def heard() -> Iterator[tuple[str, int]]:
    """A port where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


class Network:
    """What becomes of connecting to an address: nothing, an error, or success after a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outcomes: dict[Any, Callable[[], Awaitable[object]]] = {}
        self.sockets: dict[Any, socket.socket] = {}
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", self._connect)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._resolve)

    async def _connect(self, sock: socket.socket, address: Any) -> None:
        self.sockets[address] = sock
        await self.outcomes[address]()

    async def _resolve(self, *arguments: Any, **keywords: Any) -> list[Any]:
        return [
            (socket.AF_INET if len(each) == 2 else socket.AF_INET6, socket.SOCK_STREAM, 6, "", each)
            for each in self.outcomes
        ]

    def closed(self) -> set[Any]:
        """The addresses whose sockets were opened and are closed."""
        return {address for address, sock in self.sockets.items() if sock.fileno() == -1}


async def refuse() -> None:
    raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")


async def hang() -> None:
    await asyncio.sleep(LONG)


async def succeed() -> None:
    pass


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


async def opened(host: str, port: int, **options: Any) -> socket.socket:
    async with asyncio.timeout(DEADLINE):
        return await open_socket(host, port, ClientOptions(**options))


# -- one address


async def test_an_address_needs_no_resolver(monkeypatch: pytest.MonkeyPatch, heard: tuple[str, int]) -> None:
    async def getaddrinfo(*arguments: Any, **keywords: Any) -> list[Any]:
        raise AssertionError("asked a resolver, in a thread")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with await opened(*heard) as sock:
        assert sock.getpeername() == heard
        assert not sock.getblocking()


async def test_a_name_is_resolved(heard: tuple[str, int]) -> None:
    with await opened("localhost", heard[1], family=socket.AF_INET) as sock:
        assert sock.getpeername() == heard


async def test_an_address_of_another_family_than_asked_for_is_an_error(heard: tuple[str, int]) -> None:
    with pytest.raises(socket.gaierror):
        await opened(*heard, family=socket.AF_INET6)


async def test_a_refusal_names_the_address(deaf: tuple[str, int]) -> None:
    with pytest.raises(ConnectionRefusedError, match=rf"cannot connect to 127.0.0.1 port {deaf[1]}: "):
        await opened(*deaf)


async def test_a_name_without_an_address_is_an_error(network: Network) -> None:
    with pytest.raises(OSError, match=r"cannot connect to none.invalid:80: it has no address"):
        await opened("none.invalid", 80)


async def test_an_error_without_a_number_keeps_its_words(network: Network) -> None:
    async def fail() -> None:
        raise OSError("the words")

    network.outcomes[A] = fail
    with pytest.raises(OSError, match=r"cannot connect to 192.0.2.1 port 1: the words"):
        await opened("one.invalid", 1)
    assert network.closed() == {A}


async def test_giving_up_while_connecting_closes_the_socket(network: Network) -> None:
    network.outcomes[A] = hang
    task = asyncio.ensure_future(opened("one.invalid", 1))
    await until(lambda: network.sockets)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert network.closed() == {A}


async def test_a67_connections_come_from_the_address_that_is_asked_for(heard: tuple[str, int]) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
    with await opened(*heard, local_address=address, family=socket.AF_INET) as sock:
        assert sock.getsockname() == address


async def test_an_address_that_is_taken_is_no_place_to_connect_from(
    deaf: tuple[str, int], heard: tuple[str, int]
) -> None:
    with pytest.raises(OSError, match=r"cannot connect to 127.0.0.1 port") as raised:
        await opened(*heard, local_address=deaf)
    assert raised.value.errno == errno.EADDRINUSE


async def test_a_unix_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        with await open_unix_socket(str(tmp_path / "s")) as sock:
            assert sock.getpeername() == str(tmp_path / "s")
    with pytest.raises(FileNotFoundError, match=f"cannot connect to {tmp_path}/none: No such file"):
        await open_unix_socket(str(tmp_path / "none"))


# -- several


async def test_a67_the_next_address_is_tried_at_once_when_one_fails(network: Network) -> None:
    network.outcomes |= {A: refuse, B: succeed}
    with await opened("two.invalid", 1, happy_eyeballs_delay=LONG) as sock:
        assert sock is network.sockets[B]
    assert network.closed() == {A, B}  # `with` has closed ours


async def test_a67_the_next_address_is_tried_beside_one_that_is_slow(network: Network) -> None:
    network.outcomes |= {A: hang, B: succeed}
    begun = time.monotonic()
    with await opened("two.invalid", 1, happy_eyeballs_delay=0.05) as sock:
        assert sock is network.sockets[B]
        assert time.monotonic() - begun >= 0.045
        await until(lambda: network.closed() == {A})


async def test_a67_a_slow_one_may_still_win(network: Network) -> None:
    both = asyncio.Event()

    async def slow() -> None:
        await both.wait()

    async def hang_and_tell() -> None:
        both.set()
        await hang()

    network.outcomes |= {A: slow, B: hang_and_tell}
    with await opened("two.invalid", 1, happy_eyeballs_delay=0.01) as sock:
        assert sock is network.sockets[A]
        await until(lambda: network.closed() == {B})


async def test_a67_the_last_one_to_fail_does_not_end_the_others(network: Network) -> None:
    refused = asyncio.Event()

    async def refuse_and_tell() -> None:
        refused.set()
        await refuse()

    network.outcomes |= {A: lambda: asyncio.sleep(0.05), B: refuse_and_tell}
    with await opened("two.invalid", 1, happy_eyeballs_delay=0.01) as sock:
        assert refused.is_set()
        assert sock is network.sockets[A]


async def test_a67_families_take_turns(network: Network) -> None:
    network.outcomes |= {A: refuse, B: succeed, C: refuse}
    with await opened("three.invalid", 1):
        assert list(network.sockets) == [A, C, B]


async def test_a67_without_a_delay_one_waits_for_the_other(network: Network) -> None:
    network.outcomes |= {A: hang, B: succeed}
    task = asyncio.ensure_future(opened("two.invalid", 1, happy_eyeballs_delay=None))
    await until(lambda: network.sockets)
    await asyncio.sleep(0.3)
    assert list(network.sockets) == [A]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a67_two_winners_at_once_leave_one_open(network: Network) -> None:
    both = asyncio.Event()
    network.outcomes |= {A: both.wait, B: both.wait}
    task = asyncio.ensure_future(opened("two.invalid", 1, happy_eyeballs_delay=0.01))
    await until(lambda: len(network.sockets) == 2)
    both.set()
    with await task as sock:
        await until(lambda: len(network.closed()) == 1)
        assert sock.fileno() != -1


async def test_all_refusals_are_told(network: Network) -> None:
    network.outcomes |= {A: refuse, C: refuse}
    with pytest.raises(
        OSError,
        match=r"to two.invalid:81: .*connect to 192.0.2.1 port 1: .*; .*connect to 2001:db8::1 port 1: ",
    ) as raised:
        await opened("two.invalid", 81)
    assert raised.value.errno == errno.ECONNREFUSED
    assert network.closed() == {A, C}


async def test_what_is_no_failure_of_the_network_is_raised(network: Network) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    network.outcomes |= {A: fail, B: hang}
    with pytest.raises(ZeroDivisionError):
        await opened("two.invalid", 1)


async def test_giving_up_closes_all(network: Network) -> None:
    network.outcomes |= {A: hang, B: hang, C: hang}
    task = asyncio.ensure_future(opened("three.invalid", 1, happy_eyeballs_delay=0.01))
    await until(lambda: len(network.sockets) == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: network.closed() == {A, B, C})
