"""What a session does that no peer and no user shows: its bounds, and the child of a fork."""

import threading

import pytest

from tests.doors.peer import TEXT
from tests.sync.peers import RawPeer, Task, pair, raw_server, until
from wsline import ConnectionClosedError, State
from wsline.sync import connect

KIB = 1 << 10


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
