"""What a session does that no peer and no user shows: its bounds, and the child of a fork."""

import threading

import pytest

from tests.doors.peer import BINARY, TEXT
from tests.sync.peers import RawPeer, Task, pair, raw_server, until
from wsline import ConnectionClosedError, State
from wsline.bounds import MESSAGE_COST
from wsline.sync import connect

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


def test_an_unsolicited_pong_and_a_late_one() -> None:
    """The answer to a ping that nobody awaits any more is noted, and harms nobody."""
    go_on = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        payload = peer.receive().payload
        go_on.wait(5)
        peer.send(10, b"nobody asked")
        peer.send(10, payload)
        peer.send(TEXT, b"then")
        peer.answer_close()

    with raw_server(script) as url, connect(url) as ws:
        with pytest.raises(TimeoutError):
            ws.ping("late", 0.01)
        go_on.set()
        assert ws.recv(timeout=5) == "then"
        assert ws.latency is not None


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


def test_the_child_of_a_fork_is_told() -> None:
    """What happens there, without a fork: a real one is in test_server.py."""
    with pair() as (client, server):
        session = client._session
        channel, lock = session.channel, session.channel.lock
        with lock:
            channel.lock = threading.Lock()
            session.on_orphaned()
            assert session._lock is channel.lock
        with pytest.raises(ConnectionClosedError, match="belongs to the process that was forked"):
            client.send("x")
        client.close()
        assert client.wait_closed()
        assert client.ready_state is State.CLOSED
        with lock:
            channel.abort()
        assert Task(server.wait_closed, 5).result() is True


def test_whose_messages_are_not_read_is_not_given_up() -> None:
    """What is not heard may well have been said."""
    with pair({"ping_interval": 0.02, "ping_timeout": 0.25}) as (client, server):
        client.pause()
        for _ in range(20):
            server.send(b"x" * (64 * KIB))
        pings = client._session.connection.pings
        until(lambda: len(pings) >= 20)  # so many intervals without an answer that is read
        assert client.ready_state is State.OPEN
        client.resume()
        assert [len(client.recv(timeout=5)) for _ in range(20)] == [64 * KIB] * 20
