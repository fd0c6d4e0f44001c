"""The blocking WebSocket in the hands of threads: messages whole and in order, waits that end."""

import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.doors.peer import BINARY, CLOSE, PING, PONG, TEXT, close
from tests.sync.peers import RawPeer, Task, pair, raw_server, until
from wsline import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    SlowConsumer,
    State,
)
from wsline.sync import connect

KIB, MIB = 1 << 10, 1 << 20


# -- messages


def test_messages_both_ways() -> None:
    with pair() as (client, server):
        client.send("text")
        client.send(b"bytes")
        client.send(bytearray(b"buffer"), binary=True)
        client.send(["frag", "ments"])
        client.send("plain", compress=True)
        assert [server.recv() for _ in range(5)] == ["text", b"bytes", b"buffer", "fragments", "plain"]
        server.send("ü")
        server.send(b"\xc3\xbc")
        assert client.recv(decode=False) == b"\xc3\xbc"
        assert client.recv(decode=True) == "ü"


def test_other_types_are_errors() -> None:
    async def items() -> AsyncIterator[str]:
        yield "x"

    with pair() as (client, server):
        for data in (5, None, {"a": 1}):
            with pytest.raises(TypeError, match=f"type {type(data).__name__}"):
                client.send(data)
        with pytest.raises(TypeError, match="an asynchronous iterable needs an event loop"):
            client.send(items())
        client.send("unharmed")
        assert server.recv() == "unharmed"


def test_iteration() -> None:
    with pair() as (client, server):
        server.send("one")
        server.send("two")
        server.close(1001)
        assert list(client) == ["one", "two"]
        with pytest.raises(ConnectionClosedOK):
            client.recv()


def test_iteration_raises_if_it_is_an_error() -> None:
    received = []
    with pair() as (client, server):
        server.send("one")
        closing = Task(server.close, 4000, "why")
        with pytest.raises(ConnectionClosedError) as caught:
            for message in client:
                received.append(message)
        assert (received, caught.value.code, caught.value.reason) == (["one"], 4000, "why")
        closing.result()


def test_properties() -> None:
    with pair() as (client, server):
        assert (client.ready_state, client.OPEN) == (State.OPEN, State.OPEN)
        assert client.url is not None and client.url.startswith("ws://127.0.0.1:")
        assert (server.url, client.protocol, client.extensions, client.buffered_amount) == (None, None, (), 0)
        assert client.local_address == server.remote_address
        assert client.request.path == server.request.path == "/"
        assert client.response is not None and client.response.status == 101
        assert (server.response, client.ssl_object) == (None, None)
        assert (client.close_code, client.close_reason) == (None, None)
        assert repr(client) == f"<WebSocket OPEN {client.url}>"
    assert (client.close_code, client.close_reason) == (1000, "")
    assert client.close_info.is_ok


# -- time


def test_a_timeout_of_recv_leaves_everything_as_it_was() -> None:
    with pair() as (client, server):
        started = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no message came within 0\.05 s"):
            client.recv(timeout=0.05)
        assert 0.04 < time.monotonic() - started < 2
        with pytest.raises(TimeoutError):
            client.recv(0)
        server.send("late")
        assert client.recv(timeout=5) == "late"
        server.send("there")
        until(lambda: client._session._messages)
        assert client.recv(timeout=0) == "there"
        assert client.ready_state is State.OPEN


def test_timeouts_lose_no_message() -> None:
    total = 300
    received: list[Any] = []
    with pair() as (client, server):

        def send() -> None:
            for i in range(total):
                server.send(str(i))
                time.sleep(random.random() / 2000)

        sending = Task(send)
        while len(received) < total:
            try:
                received.append(client.recv(timeout=random.random() / 2000))
            except TimeoutError:
                pass
        sending.result()
    assert received == [str(i) for i in range(total)]


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError)]
)
def test_bad_timeouts(timeout: Any, error: type[Exception]) -> None:
    with pair() as (client, _):
        for call in (client.recv, lambda timeout: client.ping(timeout=timeout), client.wait_closed):
            with pytest.raises(error, match="timeout="):
                call(timeout)
        assert client.ping(timeout=float("inf")) > 0


def test_ping() -> None:
    with pair() as (client, server):
        for ws in (client, server):
            assert ws.latency is None
            seconds = ws.ping(timeout=5)
            assert 0 < seconds < 5
            assert ws.latency == seconds
        server.pong(b"nobody asked")
        assert client.ping("text") > 0
        with pytest.raises(ValueError, match="125 bytes"):
            client.ping(b"x" * 126)


def test_a_ping_without_an_answer() -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        assert peer.receive() == (PING, b"1", True)
        assert peer.receive() == (PING, b"2", True)
        over.wait(5)

    with raw_server(script) as url, connect(url) as ws:
        with pytest.raises(TimeoutError, match=r"no pong came within 0\.05 s"):
            ws.ping("1", 0.05)
        assert ws.ready_state is State.OPEN
        assert [each.waiter for each in ws._session.connection.pings._records] == [None]
        pinging = Task(ws.ping, "2")
        over.set()
        with pytest.raises(ConnectionClosedError):
            pinging.result()


def test_keepalive_goes_on_while_the_application_computes() -> None:
    """Neither side calls anything for much longer than the peer may be silent."""
    options: dict[str, Any] = {"ping_interval": 0.03, "ping_timeout": 0.25}
    with pair(options, **options) as (client, server):
        end = time.monotonic() + 0.75
        while time.monotonic() < end:
            sum(range(1000))
        assert (client.ready_state, server.ready_state) == (State.OPEN, State.OPEN)
        assert client.latency is not None
        assert server.latency is not None


def test_a_silent_peer_is_given_up_while_recv_waits() -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        over.wait(5)

    with raw_server(script) as url, connect(url, ping_interval=0.05, ping_timeout=0.05) as ws:
        with pytest.raises(ConnectionClosedError, match="answered no ping"):
            ws.recv()
        over.set()


# -- several threads


def test_eight_threads_send_at_once() -> None:
    """Each message arrives whole, and those of one thread in their order."""
    sizes = [0, 1, 125, 126, 70_000]
    per_thread = 60
    received: list[bytes] = []
    with pair() as (client, server):

        def send(name: int) -> None:
            for i in range(per_thread):
                head = b"%d %d " % (name, i)
                client.send(head + bytes([name]) * sizes[i % len(sizes)])

        tasks = [Task(send, name) for name in range(8)]
        received += [server.recv(timeout=10) for _ in range(8 * per_thread)]
        for task in tasks:
            task.result()
        assert server.ping(timeout=5) > 0
    assert client.close_info.is_ok
    for name in range(8):
        of_it = [each for each in received if each.startswith(b"%d " % name)]
        bodies = [bytes([name]) * sizes[i % len(sizes)] for i in range(per_thread)]
        assert of_it == [b"%d %d " % (name, i) + body for i, body in enumerate(bodies)]


def test_iterables_of_several_threads_are_not_mixed() -> None:
    def items(name: str) -> Iterator[str]:
        for _ in range(20):
            time.sleep(random.random() / 5000)
            yield name

    with pair() as (client, server):

        def send(name: str) -> None:
            for i in range(10):
                client.send(items(name) if i % 2 else name * 20)

        tasks = [Task(send, name) for name in "abcd"]
        received = [server.recv(timeout=10) for _ in range(40)]
        for task in tasks:
            task.result()
    assert sorted(received) == sorted(name * 20 for name in "abcd" for _ in range(10))


def test_a_message_begun_with_fin_false_keeps_other_threads_waiting() -> None:
    with pair() as (client, server):
        client.send("be", fin=False)
        other = Task(client.send, "other")
        assert client.ping(timeout=5) > 0  # control frames go between fragments
        assert not other.is_over
        client.send("gun", fin=False)
        client.send("")
        other.result()
        assert [server.recv(), server.recv()] == ["begun", "other"]


def test_what_an_iterable_itself_sends_follows_its_message() -> None:
    with pair() as (client, server):

        def items() -> Iterator[str]:
            yield "a"
            client.send("aside")
            with pytest.raises(ConcurrencyError, match="another fragmented message"):
                client.send(["no"])
            yield "b"

        client.send(items())
        client.send("after")
        assert [server.recv() for _ in range(3)] == ["ab", "aside", "after"]


@pytest.mark.parametrize("items", [["a", b"b"], ["a", 7]])
def test_an_iterable_that_fails_fails_the_connection(items: list[Any]) -> None:
    with pair() as (client, server):
        with pytest.raises(TypeError, match="type"):
            client.send(items)
        with pytest.raises(ConnectionClosedError):
            server.recv(timeout=5)
        assert (server.close_code, server.close_reason) == (1011, "message not completed")
        with pytest.raises(ConnectionClosed):
            client.send("x")


def test_an_iterable_whose_connection_closes_meanwhile() -> None:
    with pair() as (client, server):

        def items() -> Iterator[str]:
            yield "a"
            server.close()
            yield "b"

        with pytest.raises(ConnectionClosedOK):
            client.send(items())
        assert client.close_info.is_ok


def test_two_cannot_receive_at_a_time() -> None:
    with pair() as (client, server):
        first = Task(client.recv)
        until(lambda: client._session._has_receiver)
        with pytest.raises(ConcurrencyError, match="another thread is waiting"):
            client.recv(timeout=5)
        server.send("for the first")
        assert first.result() == "for the first"


# -- backpressure


def test_send_waits_for_a_peer_that_does_not_read() -> None:
    message = b"x" * (256 * KIB)
    with pair() as (client, server):
        server.pause()
        assert server.is_paused
        sent: list[int] = []

        def send() -> None:
            while len(sent) < 200:
                client.send(message)
                sent.append(1)

        sending = [Task(send), Task(send)]
        last = -1
        while last != len(sent):  # until nothing goes on any more
            last = len(sent)
            time.sleep(0.1)
        assert last < 150
        # Beside the one that is being sent none is kept, however many threads send.
        assert 64 * KIB < client.buffered_amount < 257 * KIB
        server.resume()
        assert not server.is_paused
        while not (sending[0].is_over and sending[1].is_over and client.buffered_amount == 0):
            try:
                assert server.recv(timeout=0.1) == message
            except TimeoutError:
                pass
        for task in sending:
            task.result()
        client.terminate()  # the rest is not read: a close frame behind it would not be seen


def test_a_waiting_send_ends_with_the_connection() -> None:
    with pair() as (client, server):
        server.pause()
        sending = [Task(client.send, b"x" * (16 * MIB)), Task(client.send, b"y" * MIB)]
        until(lambda: client.buffered_amount > MIB)
        client.terminate()
        for task in sending:
            with pytest.raises(ConnectionClosedError, match="we cut the connection"):
                task.result()
        assert client.buffered_amount == 0


def test_a_waiting_send_ends_when_the_connection_closes() -> None:
    """Who has not begun need not wait for the end."""
    with pair() as (client, server):
        server.pause()
        first, second = Task(client.send, b"x" * (8 * MIB)), None
        until(lambda: client.buffered_amount > MIB)
        second = Task(client.send, "second")
        closing = Task(client.close)
        with pytest.raises(ConnectionClosed):
            second.result()
        server.resume()
        first.result()
        closing.result()
        assert server.recv() == b"x" * (8 * MIB)


def test_who_does_not_receive_is_not_drowned() -> None:
    message = b"x" * (64 * KIB)
    with pair() as (client, server):

        def send() -> None:
            for _ in range(400):
                client.send(message)
            client.send("end")

        sending = Task(send)
        until(lambda: not server._session.channel.is_reading)
        assert 16 <= len(server._session._messages) <= 40
        count = 0
        while server.recv(timeout=10) != "end":
            count += 1
        assert count == 400
        sending.result()


def test_a_peer_that_takes_nothing_is_given_up() -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        over.wait(10)

    with raw_server(script) as url, connect(url, write_timeout=0.1) as ws:
        with pytest.raises(ConnectionClosedError, match="write_timeout"):
            ws.send(b"x" * (16 * MIB))
        over.set()


def test_what_an_iterable_sends_aside_is_bounded() -> None:
    with pair({"max_buffered": 100_000}) as (client, _):

        def items() -> Iterator[str]:
            yield "a"
            while True:
                client.send("x" * 50_000)

        with pytest.raises(ConnectionClosedError) as caught:
            client.send(items())
        assert isinstance(caught.value.__cause__, SlowConsumer)


def test_the_newest_of_many_pings_is_answered_behind_what_waits() -> None:
    """RFC 6455 §5.5.3: not all of them, if the peer does not read."""
    blocked, answered = threading.Event(), threading.Event()
    payloads: list[bytes] = []

    def script(peer: RawPeer) -> None:
        peer.accept()
        blocked.wait(5)
        for i in range(50):
            peer.send(PING, b"%d" % i)
        peer.send(TEXT, b"all sent")
        answered.wait(5)
        while not payloads or payloads[-1] != b"49":
            received = peer.receive()
            if received.opcode == PONG:
                payloads.append(received.payload)
        peer.answer_close()

    with raw_server(script) as url, connect(url) as ws:
        sending = Task(ws.send, b"x" * (16 * MIB))
        until(lambda: ws.buffered_amount)
        blocked.set()
        assert ws.recv(timeout=5) == "all sent"
        answered.set()
        sending.result()
        until(lambda: b"49" in payloads)
    assert len(payloads) < 50


# -- the end


@pytest.mark.parametrize("closer", ["client", "server"])
def test_close_wakes_a_recv_in_another_thread(closer: str) -> None:
    with pair() as (client, server):
        receiving = [Task(client.recv), Task(server.recv)]
        until(lambda: client._session._has_receiver and server._session._has_receiver)
        (client if closer == "client" else server).close(1000, "bye")
        for task in receiving:
            with pytest.raises(ConnectionClosedOK, match="bye"):
                task.result()
        for ws in (client, server):
            assert ws.wait_closed(5)
            assert ws.close_info.initiator == ("local" if (ws is client) is (closer == "client") else "peer")


def test_both_close_at_once() -> None:
    with pair() as (client, server):
        closing = [Task(client.close, 4001), Task(server.close, 4002), Task(client.close, 4003)]
        for task in closing:
            task.result()
        assert client.close_info.was_clean
        assert server.close_info.was_clean
        assert client.ready_state is server.ready_state is State.CLOSED


def test_close_waits_for_an_answer_at_most_close_timeout() -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        over.wait(5)

    with raw_server(script) as url, connect(url, close_timeout=0.1) as ws:
        receiving = Task(ws.recv)
        started = time.monotonic()
        ws.close()
        assert 0.08 < time.monotonic() - started < 3
        assert "has not answered" in ws.close_info.hint
        with pytest.raises(ConnectionClosedError):
            receiving.result()
        over.set()


def test_what_was_sent_before_the_close_arrives() -> None:
    with pair() as (client, server):
        for i in range(100):
            client.send(b"%d" % i * 1000)
        closing = Task(client.close)
        assert list(server) == [b"%d" % i * 1000 for i in range(100)]
        closing.result()


def test_messages_that_come_while_closing_can_be_received() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        assert peer.receive().opcode == CLOSE
        peer.send(TEXT, b"late")
        peer.send(CLOSE, close(1000))
        assert peer.is_at_end()

    with raw_server(script) as url, connect(url) as ws:
        ws.close()
        assert ws.recv() == "late"
        with pytest.raises(ConnectionClosedOK):
            ws.recv()


def test_what_comes_after_our_close_is_not_kept_without_end() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        assert peer.receive().opcode == CLOSE
        for _ in range(64):
            peer.send(BINARY, b"x" * (64 * KIB))
        peer.send(CLOSE, close(1000))

    with raw_server(script) as url, connect(url) as ws:
        ws.close()
        assert ws.close_info.is_ok
        assert ws._session._size < 2 * MIB


def test_a_body_that_raises_closes_with_1011() -> None:
    with pair() as (_, server):
        pass
    assert server.wait_closed(5)
    assert server.close_code == 1000
    with pytest.raises(ZeroDivisionError), pair() as (client, server), client:
        raise ZeroDivisionError
    assert server.close_code == 1011


def test_bad_arguments_of_close_change_nothing() -> None:
    with pair() as (client, server):
        for arguments in ((999,), (1006,), (1000, "x" * 124)):
            with pytest.raises(ValueError):
                client.close(*arguments)
        with pytest.raises(TypeError):
            client.close("1000")  # type: ignore[arg-type]
        client.send("still open")
        assert server.recv() == "still open"


def test_terminate() -> None:
    with pair() as (client, server):
        waiting = [Task(client.recv), Task(server.recv)]
        until(lambda: client._session._has_receiver and server._session._has_receiver)
        client.terminate()
        for task in waiting:
            with pytest.raises(ConnectionClosedError):
                task.result()
        assert client.close_info.hint == "we cut the connection (terminate)"
        assert client.wait_closed(5)
        client.terminate()
        client.close()
        for call in (
            lambda: client.send("x"),
            client.ping,
            client.pong,
            client.recv,
            lambda: client.send(["x"]),
        ):
            with pytest.raises(ConnectionClosedError):
                call()
        client.pause()
        assert not client.is_paused


def test_wait_closed_has_a_limit() -> None:
    with pair() as (client, _):
        assert not client.wait_closed(0.01)
        assert client.wait_closed(0) is False
    assert client.wait_closed() is True


def test_closing_while_paused_reads_on() -> None:
    with pair() as (client, server):
        client.pause()
        server.send("x")
        client.close()
        assert client.close_info.is_ok
        assert client.recv() == "x"


def test_fragments_of_the_peer_are_one_message() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        peer.send(TEXT, b"to", fin=False)
        peer.send(PING, b"?")
        peer.send(0, b"gether")
        assert peer.receive() == (PONG, b"?", True)
        peer.answer_close()

    with raw_server(script) as url, connect(url) as ws:
        assert ws.recv() == "together"


# -- the form of binary messages, and numbers


@pytest.mark.parametrize(
    ("form", "expected"),
    [("bytearray", bytearray(b"ab")), ("memoryview", memoryview(b"ab")), ("fragments", [b"a", b"b"])],
)
def test_a98_binary_type(form: str, expected: Any) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        for _ in range(4):
            peer.send(BINARY, b"a", fin=False)
            peer.send(0, b"b")
        peer.send(TEXT, b"text")
        peer.send(CLOSE, peer.receive().payload)

    with raw_server(script) as url, connect(url, binary_type=form) as ws:
        assert ws.binary_type == form
        received = ws.recv()
        assert (received, type(received)) == (expected, type(expected))
        assert next(iter(ws)) == expected
        assert ws.recv(decode=False) == b"ab"
        ws.binary_type = "bytes"
        assert ws.recv() == b"ab"
        assert ws.recv() == "text"


def test_binary_type_on_the_fly() -> None:
    with pair() as (client, server):
        assert client.binary_type == "bytes"
        server.send(b"ab")
        client.binary_type = "fragments"
        assert client.recv() == [b"ab"]
        server.send([b"a", b"b"])
        assert client.recv() == [b"a", b"b", b""]
        with pytest.raises(ValueError, match="binary_type='blob'"):
            client.binary_type = "blob"


def test_stats() -> None:
    with pair() as (client, server):
        client.send("hello")
        assert server.recv() == "hello"
        client.ping()
        assert (client.stats.messages_sent, client.stats.bytes_sent) == (1, 11 + 6)
        assert (server.stats.messages_received, server.stats.bytes_received) == (1, 11 + 6)
        assert (client.stats.pings_sent, client.stats.pongs_received) == (1, 1)
