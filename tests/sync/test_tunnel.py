"""From a proxy to a socket that leads to the server, within a time: what proxies say."""

import importlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.sync.peers import DEADLINE, Task
from wsline.errors import ProxyError
from wsline.handshake.proxy import parse_proxy
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions
from wsline.sync.sockets import TimeLimit
from wsline.sync.tunnel import open_tunnel

GRANTED_4 = b"\x00\x5a" + bytes(6)
NO_AUTH_5 = b"\x05\x00"
GRANTED_5 = b"\x05\x00\x00\x01" + bytes(6)


@contextmanager
def proxy(script: Callable[[socket.socket], object]) -> Iterator[int]:
    """Run a proxy that does what the script says with one client; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE)

        def run() -> None:
            sock, _ = listening.accept()
            with sock:
                sock.settimeout(DEADLINE)
                script(sock)

        task = Task(run)
        yield listening.getsockname()[1]
        task.result()


def saying(*answers: bytes) -> Callable[[socket.socket], object]:
    """Return a script that gives these answers byte by byte, and leaves when the client does."""

    def script(sock: socket.socket) -> None:
        for answer in answers:
            assert sock.recv(1000)
            for byte in answer:
                sock.sendall(bytes([byte]))
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            pass  # it left with bytes unread

    return script


def opened(url: str, target: str = "ws://h.invalid:81/", seconds: float = 5, **options: Any) -> socket.socket:
    return open_tunnel(parse_proxy(url), parse_uri(target), ClientOptions(**options), TimeLimit(seconds))


@pytest.mark.parametrize(
    ("scheme", "answers"),
    [
        ("http", [b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"]),
        ("socks4a", [GRANTED_4]),
        ("socks5h", [NO_AUTH_5, GRANTED_5]),
    ],
)
def test_a64_an_answer_may_come_in_pieces(scheme: str, answers: list[bytes]) -> None:
    with proxy(saying(*answers)) as port, opened(f"{scheme}://127.0.0.1:{port}") as sock:
        assert sock.getpeername() == ("127.0.0.1", port)


@pytest.mark.parametrize(
    ("scheme", "target", "expected"),
    [
        ("socks4a://u@", "ws://h.invalid:258/", b"\x04\x01\x01\x02\x00\x00\x00\x01u\x00h.invalid\x00"),
        ("socks4://", "ws://localhost:258/", b"\x04\x01\x01\x02\x7f\x00\x00\x01\x00"),
        ("socks5h://", "ws://h.invalid:258/", b"\x05\x01\x00\x03\x09h.invalid\x01\x02"),
        ("socks5://", "ws://127.0.0.1:258/", b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\x02"),
    ],
)
def test_a64_who_is_told_a_name_and_who_an_address(scheme: str, target: str, expected: bytes) -> None:
    requests: list[bytes] = []

    def script(sock: socket.socket) -> None:
        if scheme.startswith("socks5"):
            sock.recv(1000)
            sock.sendall(NO_AUTH_5)
        requests.append(sock.recv(1000))
        sock.sendall(GRANTED_5 if scheme.startswith("socks5") else GRANTED_4)

    with proxy(script) as port, opened(f"{scheme}127.0.0.1:{port}", target):
        pass
    assert requests == [expected]


@pytest.mark.parametrize(
    ("scheme", "answers", "why"),
    [
        ("http", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"], "403 Forbidden"),
        ("http", [b"SSH-2.0\r\n"], "not HTTP/1.1"),
        ("socks4a", [b"\x00\x5b" + bytes(6)], r"\(code 91\)"),
        ("socks5h", [NO_AUTH_5, b"\x05\x02\x00\x01" + bytes(6)], r"\(code 2\)"),
        ("socks5h", [b"\x07\x00"], "did not connect"),
    ],
)
def test_a64_a_refusal_closes_the_socket(scheme: str, answers: list[bytes], why: str) -> None:
    with proxy(saying(*answers)) as port, pytest.raises(ProxyError, match=why):
        opened(f"{scheme}://127.0.0.1:{port}")


@pytest.mark.parametrize("scheme", ["http", "socks4a", "socks5h"])
def test_a64_a_proxy_that_leaves(scheme: str) -> None:
    with proxy(lambda sock: sock.recv(1000)) as port, pytest.raises(ProxyError):
        opened(f"{scheme}://127.0.0.1:{port}")


@pytest.mark.parametrize("scheme", ["http", "socks4a", "socks5h"])
def test_a58_a_proxy_that_dribbles_does_not_hold_us_up(scheme: str) -> None:
    """Each byte comes in time, all of them do not."""

    def script(sock: socket.socket) -> None:
        sock.recv(1000)
        try:
            for byte in b"\x05\x00" * 500 if scheme == "socks5h" else b"\x00" * 1000:
                sock.sendall(b"HTTP/1.1 200 OK"[:1] if scheme == "http" else bytes([byte]))
                time.sleep(0.02)
        except OSError:
            pass  # the client has given up

    started = time.monotonic()
    with proxy(script) as port, pytest.raises((TimeoutError, ProxyError)):
        opened(f"{scheme}://127.0.0.1:{port}", seconds=0.1)
    assert time.monotonic() - started < 5


def test_a58_a_silent_proxy_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for scheme in ("http", "socks4a", "socks5h"):
            with pytest.raises(TimeoutError):
                opened(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", seconds=0.05)


def test_a64_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(ImportError, match=r"^proxy socks5h://127.0.0.1:1 needs .*: pip install"):
        opened("socks5h://127.0.0.1:1")


def test_a64_no_proxy_is_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for scheme in ("http", "socks4a"):
            with pytest.raises(ProxyError, match=r"cannot connect to 127\.0\.0\.1 port") as caught:
                opened(f"{scheme}://127.0.0.1:{port}")
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)
