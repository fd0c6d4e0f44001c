"""Listening sockets: real ones, and some that fail as told."""

import errno
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsline import listening
from wsline.listening import check_place, must_resolve
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


def open_sockets(host: str | None, port: int, options: ServerOptions) -> list[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if must_resolve(host, options) else []
    return listening.open_sockets(port, options, found)


def listen(opened: Opened, host: str | None, port: int = 0, **keywords: Any) -> list[socket.socket]:
    sockets = open_sockets(host, port, options_of(**keywords))
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


def test_an_address_and_a_free_port(opened: Opened) -> None:
    (sock,) = listen(opened, "127.0.0.1")
    assert sock.family == socket.AF_INET
    host, port = sock.getsockname()
    assert host == "127.0.0.1"
    assert port > 0
    assert not sock.getblocking()
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    assert connects(socket.AF_INET, ("127.0.0.1", port))


def test_a_port_can_be_shared(opened: Opened) -> None:
    (first,) = listen(opened, "127.0.0.1", reuse_port=True)
    port = first.getsockname()[1]
    (second,) = listen(opened, "127.0.0.1", port, reuse_port=True)
    assert second.getsockname()[1] == port


def test_a_port_in_use_is_named(opened: Opened) -> None:
    (sock,) = listen(opened, "127.0.0.1")
    port = sock.getsockname()[1]
    with pytest.raises(
        OSError, match=f"cannot listen at 127.0.0.1 port {port}: Address already in use"
    ) as caught:
        listen(opened, "127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_socket_of_the_caller_is_used(opened: Opened) -> None:
    given = socket.socket()
    opened.append(given)
    given.bind(("127.0.0.1", 0))
    assert open_sockets("ignored", 1, options_of(sock=given)) == [given]
    assert not given.getblocking()
    assert connects(socket.AF_INET, given.getsockname())


def fake_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[Any, ...]]) -> None:
    """Let every name have these addresses."""

    def getaddrinfo(host: str, port: int, **keywords: Any) -> list[Any]:
        assert keywords["type"] == socket.SOCK_STREAM
        return [
            (family, socket.SOCK_STREAM, 6, "", (address[0], port, *address[1:]))
            for family, address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


FOUR = (socket.AF_INET, ("127.0.0.1",))
OTHER_FOUR = (socket.AF_INET, ("127.0.0.2",))
# A documentation address: no machine has it.
FOREIGN = (socket.AF_INET, ("192.0.2.1",))


def test_all_addresses_of_a_name_have_one_port(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_addresses(monkeypatch, FOUR, OTHER_FOUR, FOUR)
    sockets = listen(opened, "name")
    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1", "127.0.0.2"]
    (port,) = {sock.getsockname()[1] for sock in sockets}
    assert all(connects(socket.AF_INET, (host, port)) for host in ("127.0.0.1", "127.0.0.2"))


def test_all_addresses_have_the_port_that_is_asked_for(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sock,) = listen(opened, "127.0.0.3")
    port = sock.getsockname()[1]
    fake_addresses(monkeypatch, FOUR, OTHER_FOUR)
    sockets = listen(opened, "name", port)
    assert [sock.getsockname() for sock in sockets] == [("127.0.0.1", port), ("127.0.0.2", port)]


def test_an_address_that_is_not_ours_is_left_out(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake_addresses(monkeypatch, FOREIGN, FOUR)
    with caplog.at_level(logging.WARNING, "wsline"):
        (sock,) = listen(opened, "name")
    assert sock.getsockname()[0] == "127.0.0.1"
    assert [record.getMessage() for record in caplog.records] == [
        f"[Errno {errno.EADDRNOTAVAIL}] cannot listen at 192.0.2.1 port 0: Cannot assign requested address"
    ]


def test_one_address_must_be_ours(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_addresses(monkeypatch, FOREIGN)
    with pytest.raises(OSError, match=r"cannot listen at 192\.0\.2\.1 port 0: Cannot assign"):
        listen(opened, "name")


def test_if_one_address_fails_the_others_are_closed(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    (sock,) = listen(opened, "127.0.0.2")
    port = sock.getsockname()[1]
    fake_addresses(monkeypatch, FOUR, OTHER_FOUR)
    with pytest.raises(OSError, match=f"cannot listen at 127.0.0.2 port {port}"):
        listen(opened, "name", port)
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


def test_one_socket_is_for_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    assert open_sockets(None, 80, options_of(backlog=7)) == sockets.made
    (sock,) = sockets.made
    assert (sock.family, sock.address, sock.backlog) == (socket.AF_INET6, ("::", 80), 7)
    assert sock.options[V6ONLY] == 0
    assert not sock.blocking


def test_a_machine_without_dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch, dual_stack=False)
    assert open_sockets(None, 80, options_of()) == sockets.made
    (sock,) = sockets.made
    assert (sock.family, sock.address) == (socket.AF_INET, ("0.0.0.0", 80))
    assert V6ONLY not in sock.options


@pytest.mark.parametrize("failure", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_a_machine_with_ipv6_switched_off(monkeypatch: pytest.MonkeyPatch, failure: int) -> None:
    sockets = Sockets(monkeypatch)
    sockets.fail_bind[socket.AF_INET6] = failure
    opened: list[Any] = open_sockets(None, 80, options_of())
    six, four = sockets.made
    assert six.closed
    assert opened == [four]
    assert four.address == ("0.0.0.0", 80)


def test_a_port_in_use_at_all_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    sockets.fail_bind[socket.AF_INET6] = errno.EADDRINUSE
    with pytest.raises(OSError, match="cannot listen at :: port 80: Address already in use"):
        open_sockets(None, 80, options_of())
    assert [sock.closed for sock in sockets.made] == [True]


def test_an_ipv6_address_is_for_ipv6_only(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_addresses(monkeypatch, (socket.AF_INET6, ("::1", 0, 0)))
    sockets = Sockets(monkeypatch)
    open_sockets("name", 80, options_of())
    (sock,) = sockets.made
    assert sock.address == ("::1", 80, 0, 0)
    assert sock.options[V6ONLY] == 1


def test_an_error_without_a_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)

    def bind(self: RecordingSocket, address: Any) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(RecordingSocket, "bind", bind)
    with pytest.raises(OSError, match="cannot listen at no/such/place: AF_UNIX path too long"):
        open_sockets(None, 0, options_of(unix_path="no/such/place"))
    assert sockets.made[0].closed


# -- UNIX sockets


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A short path for a socket: the system takes no long ones."""
    monkeypatch.chdir(tmp_path)
    return "server.sock"


def test_a_unix_socket(opened: Opened, path: str) -> None:
    (sock,) = listen(opened, None, unix_path=path)
    assert sock.getsockname() == path
    assert connects(socket.AF_UNIX, path)


def test_a_stale_unix_socket_is_replaced(opened: Opened, path: str) -> None:
    (stale,) = listen(opened, None, unix_path=path)
    stale.close()
    assert os.path.exists(path)
    listen(opened, None, unix_path=path)
    assert connects(socket.AF_UNIX, path)


def test_a_live_unix_socket_is_left_alone(opened: Opened, path: str) -> None:
    listen(opened, None, unix_path=path)
    with pytest.raises(OSError, match=r"cannot listen at server\.sock: Address already in use"):
        listen(opened, None, unix_path=path)
    assert connects(socket.AF_UNIX, path)


def test_a_busy_unix_socket_is_left_alone(opened: Opened, path: str) -> None:
    listen(opened, None, unix_path=path, backlog=1)
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
        listen(opened, None, unix_path=path)


def test_another_file_is_left_alone(opened: Opened, path: str) -> None:
    Path(path).write_text("precious")
    with pytest.raises(OSError, match=r"cannot listen at server\.sock: Address already in use"):
        listen(opened, None, unix_path=path)
    assert Path(path).read_text() == "precious"


def test_a_directory_that_is_not_there(opened: Opened, path: str) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"cannot listen at none/server\.sock: No such file or directory"
    ):
        listen(opened, None, unix_path=f"none/{path}")


@pytest.mark.skipif(sys.platform != "linux", reason="machine: only Linux has abstract addresses")
def test_an_abstract_unix_socket(opened: Opened) -> None:
    name = f"\0wsline-test-{os.getpid()}"
    listen(opened, None, unix_path=name)
    assert connects(socket.AF_UNIX, name)
    with pytest.raises(OSError, match="Address already in use"):
        listen(opened, None, unix_path=name)


@pytest.mark.parametrize(
    ("port", "error"),
    [(-1, ValueError), (65536, ValueError), ("80", TypeError), (1.5, TypeError), (True, TypeError)],
)
def test_what_is_no_port(port: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        check_place(None, port)
    assert str(raised.value) == f"port={port!r}: must be an integer from 0 to 65535, or None"


@pytest.mark.parametrize("host", [5, b"localhost", True])
def test_what_is_no_host(host: Any) -> None:
    with pytest.raises(TypeError) as raised:
        check_place(host, 0)
    assert str(raised.value) == f"host={host!r}: must be a host name, an IP address, or None"


@pytest.mark.parametrize("port", [None, 0, 65535])
@pytest.mark.parametrize("host", [None, "", "localhost", "::1"])
def test_what_is_a_place(host: str | None, port: Any) -> None:
    check_place(host, port)
