"""Byte streams that do not block, over socket pairs: plain, and TLS in all its moods."""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from tests.doors.conftest import certificate
from tests.doors.door import Certificate
from wsline import TruncatedStream
from wsline.sync.loop import READ, WRITE
from wsline.sync.stream import WOULD_BLOCK, Stream, TLSStream
from wsline.wire.kernels import Output

__all__ = ["certificate"]  # a fixture

Pair = tuple[Any, Any]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = (Stream(sock) for sock in socket.socketpair())
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def tls(certificate: Certificate) -> Iterator[Pair]:
    one, other = socket.socketpair()
    client = TLSStream(one, certificate.client, "127.0.0.1")
    server = TLSStream(other, certificate.server, None)
    yield client, server
    client.close()
    server.close()


def output_of(data: bytes) -> Output:
    output = Output()
    output.put(data, False, 0)
    return output


def receive(stream: Stream, n: int = 1 << 18) -> bytes | int:
    """Return what comes: bytes, or 0 or WOULD_BLOCK."""
    buffer = bytearray(n + 5)
    count = stream.receive(buffer, 5, n)
    return bytes(buffer[5 : 5 + count]) if count > 0 else count


def talk(*streams: Stream) -> None:
    """Let the handshake go on until nobody has anything to say."""
    silent = Output()
    for _ in range(6):
        for stream in streams:
            assert receive(stream) == WOULD_BLOCK
            stream.send(silent)


def test_plain(pair: Pair) -> None:
    one, other = pair
    assert (one.secure, one.ssl_object, one.holds, one.has_buffered) == (False, None, False, False)
    assert receive(other) == WOULD_BLOCK
    output = output_of(b"abc")
    assert one.send(output) == 3
    assert output.pending() == 0
    assert receive(other, 2) == b"ab"
    assert receive(other) == b"c"
    one.say_farewell()
    one.end_writing()
    assert receive(other) == 0
    other.close()
    with pytest.raises(OSError):
        one.send(output_of(b"x"))


def test_a_plain_stream_that_blocks(pair: Pair) -> None:
    one, other = pair
    output = output_of(b"x" * (8 << 20))
    sent = 0
    while (n := one.send(output)) > 0:
        sent += n
    assert n == WOULD_BLOCK
    assert one.awaits == WRITE
    assert sent + output.pending() == 8 << 20
    received = 0
    while (data := receive(other)) != WOULD_BLOCK:
        assert isinstance(data, bytes)
        received += len(data)
    assert received == sent


def test_where_there_is_no_vectored_send(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain:
        """A socket of a system without `sendmsg`."""

        def __init__(self, sock: socket.socket) -> None:
            self.send, self.close = sock.send, sock.close

    one, other = pair
    one.sock = Plain(one.sock)
    output = output_of(b"a" * 40_000)
    output.put(b"b", False, 0)
    assert one.send(output) == 40_000
    assert one.send(output) == 1
    assert receive(other) == b"a" * 40_000 + b"b"


def test_a_handshake_and_data_both_ways(tls: Pair) -> None:
    client, server = tls
    assert client.secure
    output = output_of(b"hello")
    assert client.send(output) > 0
    assert output.pending() == 5, "not before the handshake is over"
    assert client.send(output) == WOULD_BLOCK
    assert client.awaits == READ
    talk(client, server)
    while client.holds or output.pending():
        client.send(output)
    assert receive(server) == b"hello"
    assert server.ssl_object.version().startswith("TLSv1.")
    large = output_of(b"x" * 200_000)
    received = b""
    while len(received) < 200_000:
        if large.pending() or server.holds:
            server.send(large)
        data = receive(client, 1000)
        received += data if isinstance(data, bytes) else b""
        if len(received) % 16384 in range(1, 15000) and client.has_buffered:
            assert client.ssl_object.pending() or client._incoming.pending
    assert received == b"x" * 200_000
    assert not client.has_buffered


def test_a_tls_stream_that_blocks(tls: Pair) -> None:
    client, server = tls
    client.send(Output())
    talk(client, server)
    output = output_of(b"x" * (8 << 20))
    while client.send(output) > 0:
        pass
    assert client.awaits == WRITE
    assert client.holds
    received = 0
    while received < 8 << 20:
        data = receive(server)
        received += len(data) if isinstance(data, bytes) else 0
        if output.pending() or client.holds:
            client.send(output)
    assert not client.holds


def test_what_comes_with_the_end_of_the_handshake_is_received(tls: Pair) -> None:
    client, server = tls
    silent, hello = Output(), output_of(b"hello")
    client.send(silent)
    assert receive(server) == WOULD_BLOCK
    server.send(silent)
    assert receive(client) == WOULD_BLOCK
    # The client's last handshake message and its first data come together.
    client._encrypt(hello)
    while client.holds:
        client.send(hello)
    assert receive(server) == b"hello"


def test_a_farewell(tls: Pair) -> None:
    client, server = tls
    client.say_farewell()  # too early: it says nothing
    assert not client.holds
    client.send(Output())
    talk(client, server)
    server.send(late := output_of(b"late"))
    assert not late.pending()
    client.say_farewell()
    client.say_farewell()
    assert client.holds
    client.send(Output())
    assert receive(server) == 0
    assert receive(client) == WOULD_BLOCK, "what still comes is for nobody"
    server.end_writing()
    assert receive(client) == 0


def test_a_truncated_stream_is_an_error(tls: Pair) -> None:
    client, server = tls
    client.send(Output())
    talk(client, server)
    server.end_writing()
    with pytest.raises(TruncatedStream, match="without TLS's close_notify"):
        receive(client)


def test_a_peer_that_hangs_up_in_the_handshake(tls: Pair) -> None:
    client, server = tls
    server.end_writing()
    with pytest.raises(ssl.SSLEOFError, match="hung up in the TLS handshake"):
        receive(client)


def test_another_protocol_than_http_is_refused(certificate: Certificate) -> None:
    context = ssl.create_default_context(cafile=str(certificate.path))
    context.set_alpn_protocols(["h2"])
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate.path, certificate.key)
    theirs.set_alpn_protocols(["h2"])
    one, other = socket.socketpair()
    client = TLSStream(one, context, "127.0.0.1")
    server = TLSStream(other, theirs, None)
    client.send(Output())
    receive(server)
    server.send(Output())
    with pytest.raises(ssl.SSLError, match="agreed on the protocol 'h2'"):
        receive(client)
    assert not client.is_ready
    client.close()
    server.close()


def test_what_tls_has_to_say_is_bounded(tls: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = tls
    client.send(Output())
    talk(client, server)
    client._outgoing.write(b"x" * ((1 << 18) + 1))  # as answers to a peer that asks and does not read
    other = output_of(b"more")
    server.send(other)
    with pytest.raises(ssl.SSLError, match="makes TLS answer and reads nothing: 262145 bytes wait"):
        receive(client)


def test_why_a_handshake_fails_is_told_to_the_peer(certificate: Certificate) -> None:
    one, other = socket.socketpair()
    client = TLSStream(one, ssl.create_default_context(), "127.0.0.1")
    server = TLSStream(other, certificate.server, None)
    client.send(Output())
    receive(server)
    server.send(Output())
    with pytest.raises(ssl.SSLCertVerificationError):
        receive(client)
    with pytest.raises(ssl.SSLError, match="ALERT_UNKNOWN_CA"):
        receive(server)
    client.close()
    server.close()


def test_a_peer_that_has_gone_is_told_nothing(certificate: Certificate) -> None:
    one, other = socket.socketpair()
    server = TLSStream(one, certificate.server, None)
    other.sendall(b"GET / HTTP/1.1\r\n\r\n")
    one.shutdown(socket.SHUT_WR)
    with pytest.raises(ssl.SSLError):
        receive(server)
    server.close()
    other.close()
