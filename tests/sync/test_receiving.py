"""What is received and not yet taken: its bounds, the thread that waits for it, and messages in fragments."""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.doors.peer import BINARY, PING, TEXT
from tests.sync.peers import RawPeer, Task, pair, raw_server, until
from tests.wire.raw import CONTINUATION
from wsline import ConcurrencyError, ConnectionClosedError, ConnectionClosedOK, State
from wsline.bounds import MESSAGE_COST
from wsline.sync import WebSocket, connect

KIB = 1 << 10


def test_small_messages_are_queued_up_to_64_kib() -> None:
    with pair(max_queue=1) as (client, server):
        for i in range(100):
            client.send(str(i))
        client.ping(timeout=5)
        assert len(server._session._messages) == 100
        assert server._session.channel.is_reading
        assert [server.recv() for _ in range(100)] == [str(i) for i in range(100)]


def test_a_full_queue_pauses_reading_until_it_is_low() -> None:
    with pair(max_queue=4) as (client, server):
        session = server._session
        for _ in range(4):
            client.send(b"x" * (16 * KIB))
        until(lambda: not session.channel.is_reading)
        assert (session._size, len(session._messages)) == (64 * KIB + 4 * MESSAGE_COST, 4)
        server.recv()
        server.recv()
        assert not session.channel.is_reading
        server.recv()
        assert session.channel.is_reading
        server.pause()
        assert not session.channel.is_reading
        server.resume()
        assert session.channel.is_reading
        assert server.recv() == b"x" * (16 * KIB)


def test_messages_of_no_bytes_fill_the_queue() -> None:
    with pair(max_queue=4) as (client, server):
        session = server._session

        def send() -> None:
            for _ in range(65536 // MESSAGE_COST):
                client.send(b"")

        sending = Task(send)
        until(lambda: not session.channel.is_reading)
        sending.result()
        assert len(session._messages) == 65536 // MESSAGE_COST
        for _ in session._messages.copy():
            assert server.recv() == b""
        assert session.channel.is_reading
        assert session._size == 0


def test_the_early_bytes_may_be_none() -> None:
    with pair() as (client, _):
        client._session.take_early(b"")
        assert not client._session._messages


def test_what_comes_behind_our_close_is_dropped_when_it_is_much() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        peer.receive()
        for _ in range(40):
            peer.send(BINARY, b"x" * (64 * KIB))
        peer.send(8, b"\x03\xe8")

    with raw_server(script) as url, connect(url) as ws:
        ws.close()
        assert 1 << 20 <= ws._session._size <= (1 << 20) + (512 * KIB)


# -- in fragments


def begin(client: WebSocket, server: WebSocket, stream: Iterator[Any], part: str | bytes) -> None:
    """Send the first fragment to a stream that waits for it: else it is kept until more of it comes."""
    waiting = Task(lambda: next(stream))
    until(lambda: server._session._has_receiver)
    client.send(part, fin=False)
    assert waiting.result() == part


def test_fragments_come_while_the_message_arrives() -> None:
    received = threading.Semaphore(0)

    def script(peer: RawPeer) -> None:
        peer.accept()
        assert received.acquire(timeout=5)
        peer.send(TEXT, b"one", fin=False)
        assert received.acquire(timeout=5), "the first is there before the second"
        peer.send(PING, b"between")
        peer.send(CONTINUATION, b"\xc3", fin=False)
        peer.send(CONTINUATION, b"\xa9two")
        peer.send(BINARY, b"next")
        peer.answer_close()

    with raw_server(script) as url, connect(url) as ws:
        stream = ws.recv_streaming(timeout=5)
        received.release()
        parts = [next(stream)]
        received.release()
        parts += stream
        assert "".join(parts) == "oneétwo"
        assert parts[0] == "one"
        assert list(stream) == [], "it has ended"
        assert list(ws.recv_streaming()) == [b"next"]


def test_a_message_need_not_fit_into_memory() -> None:
    most = 0
    with pair(max_payload=None) as (client, server):
        sending = Task(client.send, itertools.repeat(b"x" * (256 * KIB), 64))
        size = 0
        for part in server.recv_streaming(timeout=5):
            size += len(part)
            most = max(most, server._session._size)
        sending.result()
    assert size == 64 * 256 * KIB
    assert most < 1024 * KIB


def test_what_has_come_already_is_one_fragment() -> None:
    with pair() as (client, server):
        client.send("a" * 10)
        client.send([b"b", b"c"])
        client.ping(timeout=5)
        assert list(server.recv_streaming()) == ["a" * 10]
        assert list(server.recv_streaming()) == [b"bc"]


def test_kept_fragments_come_apart() -> None:
    with pair(binary_type="fragments") as (client, server):
        client.send([b"b", b"c"])
        client.ping(timeout=5)
        assert list(server.recv_streaming()) == [b"b", b"c", b""]


def test_what_has_come_of_a_message_is_there_at_once() -> None:
    with pair() as (client, server):
        client.send("one", fin=False)
        client.ping(timeout=5)
        stream = server.recv_streaming(timeout=5)
        assert next(stream) == "one"
        client.send("two")
        assert list(stream) == ["two"]


def test_until_its_end_nobody_else_receives() -> None:
    with pair() as (client, server):
        stream = server.recv_streaming(timeout=5)
        begin(client, server, stream, "first")
        with pytest.raises(ConcurrencyError, match="go on with it to its end"):
            server.recv()
        assert server.recv_streaming(timeout=0.01) is stream, "it goes on"
        with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
            next(stream)
        with pytest.raises(ConcurrencyError):
            server.recv()
        client.send("last")
        assert list(stream) == ["last"]
        client.send("next")
        assert server.recv(timeout=5) == "next"


def test_a_stream_that_nothing_has_come_to_holds_nobody_off() -> None:
    with pair() as (client, server):
        stream = server.recv_streaming(timeout=0.01)
        with pytest.raises(TimeoutError):
            next(stream)
        client.send(["a", "b"])
        assert server.recv(timeout=5) == "ab"
        client.send(["c", "d"])
        client.ping(timeout=5)
        assert "".join(stream) == "cd"


def test_two_threads_cannot_wait_for_one_stream() -> None:
    with pair() as (client, server):
        stream = server.recv_streaming()
        waiting = Task(next, stream)
        until(lambda: server._session._has_receiver)
        takes: list[Callable[[], object]] = [lambda: next(stream), server.recv]
        for take in takes:
            with pytest.raises(ConcurrencyError, match="another thread is waiting"):
                take()
        client.send("x")
        assert waiting.result() == "x"


@pytest.mark.parametrize("amid", [False, True])
def test_the_end_of_the_connection_ends_a_stream(amid: bool) -> None:
    with pair() as (client, server):
        stream = server.recv_streaming(timeout=5)
        if amid:
            begin(client, server, stream, b"part")
            client.terminate()
        else:
            closing = Task(client.close)
        with pytest.raises(ConnectionClosedError if amid else ConnectionClosedOK):
            next(stream)
        if not amid:
            closing.result()
        assert server.ready_state is State.CLOSED
        with pytest.raises((ConnectionClosedError, ConnectionClosedOK)):
            server.recv()


def test_a_bad_timeout_of_a_stream_is_told_at_once() -> None:
    with pair() as (_, server), pytest.raises(ValueError, match="timeout=-1"):
        server.recv_streaming(timeout=-1)
