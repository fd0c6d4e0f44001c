"""From a URL to an open channel: what can go wrong on the way, and that it leaves nothing."""

import socket
import ssl
import threading
import time
from typing import Any

import pytest

from tests.doors.conftest import certificate
from tests.doors.door import Certificate
from tests.doors.peer import TEXT, frame
from tests.sync.peers import RawPeer, Task, echo, raw_server, serving
from wsline import (
    ConnectionClosedError,
    HandshakeError,
    HandshakeTimeout,
    InvalidStatus,
    InvalidUpgrade,
    NoResponse,
    TLSError,
    TruncatedStream,
)
from wsline.sync import connect, dial, serve
from wsline.sync.channel import Channel

__all__ = ["certificate"]  # a fixture


def test_another_status_comes_with_its_body() -> None:
    answer = b"HTTP/1.1 402 Payment Required\r\nContent-Length: 9\r\nX-Price: 5\r\n\r\npay first"

    def script(peer: RawPeer) -> None:
        peer.read_head()
        for at in range(0, len(answer), 20):
            peer.sock.sendall(answer[at : at + 20])
            time.sleep(0.001)
        assert peer.is_at_end()

    with raw_server(script) as url, pytest.raises(InvalidStatus, match="402") as caught:
        connect(url)
    assert caught.value.response.body == b"pay first"
    assert caught.value.response.headers["X-Price"] == "5"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", HandshakeError),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\n", InvalidUpgrade),
        (b"HTTP/1.1 10", HandshakeError),
        (b"", HandshakeError),
    ],
)
def test_no_websocket_there(answer: bytes, error: type[Exception]) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        peer.sock.sendall(answer)

    with raw_server(script) as url, pytest.raises(error):
        connect(url)


def test_a_server_that_resets() -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        peer.cut()

    with raw_server(script) as url, pytest.raises(NoResponse) as caught:
        connect(url)
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_a_server_that_dribbles() -> None:
    """The deadline is one for all of it."""
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.read_head()
        peer.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
        try:
            while not over.wait(0.01):
                peer.sock.sendall(b"x")
        except OSError:
            pass  # the client has given up

    with raw_server(script) as url:
        started = time.monotonic()
        with pytest.raises(HandshakeTimeout, match=r"after 0\.1 s \(option handshake_timeout\)") as caught:
            connect(url, handshake_timeout=0.1)
        assert 0.08 < time.monotonic() - started < 3
        assert caught.value.request.path == "/"
        over.set()


def test_a_server_that_accepts_and_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = f"ws://127.0.0.1:{sock.getsockname()[1]}/"
        with pytest.raises(HandshakeTimeout):
            connect(url, handshake_timeout=0.1)
        with pytest.raises(HandshakeTimeout):
            connect(url.replace("ws:", "wss:"), handshake_timeout=0.1, ssl=False)


def test_a_system_that_loses_patience_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def patience(*arguments: Any) -> socket.socket:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(dial, "open_socket", patience)
    with pytest.raises(TimeoutError, match="Connection timed out") as caught:
        connect("ws://127.0.0.1/")
    assert not isinstance(caught.value, HandshakeError)


def test_a_socket_that_cannot_be_used_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Channel, *arguments: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Channel, "__init__", fail)
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(RuntimeError, match="on purpose"):
        connect("ws://x/", sock=ours)
    assert ours.fileno() == -1


# -- TLS


def test_tls_both_ways(certificate: Certificate) -> None:
    message = b"x" * (4 << 20)
    with serve(echo, "127.0.0.1", 0, ssl=certificate.server) as server:
        url = f"wss://127.0.0.1:{server.address()[1]}/"
        with connect(url, ssl=certificate.client) as ws:
            assert ws.ssl_object.version().startswith("TLSv1.")
            assert ws.request.secure
            receiving = Task(ws.recv)
            ws.send(message)
            same = receiving.result() == message
            assert same
        assert ws.close_info.is_ok
        with connect(url, ssl=False) as ws:
            ws.send("x")
            assert ws.recv() == "x"
            ws.terminate()


def test_certificates(certificate: Certificate) -> None:
    with serve(echo, "127.0.0.1", 0, ssl=certificate.server) as server:
        url = f"wss://127.0.0.1:{server.address()[1]}/"
        for choice in (None, True):
            with pytest.raises(TLSError, match="it is self-signed") as caught:
                connect(url, ssl=choice)
            assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        with pytest.raises(TLSError, match=r"it is for other names than 'elsewhere\.example'"):
            connect(url, ssl=certificate.client, server_hostname="elsewhere.example")
        with pytest.raises((HandshakeError, OSError)):
            connect(url.replace("wss:", "ws:"))
    with serving(echo) as (_, url), pytest.raises(TLSError, match="the server does not speak TLS"):
        connect(url.replace("ws:", "wss:"), ssl=certificate.client)


def test_a_server_that_hangs_up_in_the_tls_handshake(certificate: Certificate) -> None:
    def script(peer: RawPeer) -> None:
        peer.sock.recv(10)

    with raw_server(script) as url, pytest.raises(TLSError, match="hung up in the TLS h"):
        connect(url.replace("ws:", "wss:"), ssl=certificate.client)


def test_a_truncated_stream_is_no_good_end(certificate: Certificate) -> None:
    def script(peer: RawPeer) -> None:
        peer.sock = certificate.server.wrap_socket(peer.sock, server_side=True)
        peer.accept(behind=frame(TEXT, b"whole"))
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.is_at_end()
        peer.sock.close()

    with raw_server(script) as url, connect(url.replace("ws:", "wss:"), ssl=certificate.client) as ws:
        assert ws.recv() == "whole"
        with pytest.raises(ConnectionClosedError, match="without TLS's close_notify") as caught:
            ws.recv()
        assert isinstance(caught.value.__cause__, TruncatedStream)
        assert ws.close_code == 1006
