"""Topics of the blocking server."""

import threading

import pytest

from tests.sync.peers import DEADLINE, serving, until
from wsline import ConnectionClosed, InvalidState, InvalidTopic, SlowConsumer, TooManyTopics
from wsline.sync import WebSocket, WebSocketServer, connect


def follow(ws: WebSocket) -> None:
    """Follow what the client names."""
    for message in ws:
        verb, _, topic = message.partition(" ")
        getattr(ws, verb)(topic)
        ws.send("done")


def ask(ws: WebSocket, order: str) -> None:
    ws.send(order)
    assert ws.recv(DEADLINE) == "done"


def test_who_follows_gets_it_and_nobody_else() -> None:
    with serving(follow) as (server, url), connect(url) as one, connect(url) as two:
        ask(one, "subscribe news")
        ask(two, "subscribe news")
        ask(two, "subscribe sport")
        assert server.topics == {"news", "sport"}
        (first,) = (each for each in server.subscribers("news") if each.topics == {"news"})
        assert server.publish("news", "to two") == 2
        assert server.publish("sport", b"binary") == 1
        assert server.publish("else", "to nobody") == 0
        assert server.publish("news", "but one", exclude=[first], binary=True) == 1
        assert one.recv(DEADLINE) == "to two"
        assert [two.recv(DEADLINE) for _ in range(3)] == ["to two", b"binary", b"but one"]
        ask(two, "unsubscribe news")
        assert server.subscribers("news") == {first}


def test_the_end_of_a_connection_frees_everything() -> None:
    with serving(follow) as (server, url):
        with connect(url) as ws:
            for number in range(20):
                ask(ws, f"subscribe {number}")
            (theirs,) = server.clients
        until(lambda: server.topics == frozenset())
        assert theirs.topics == frozenset()
        with pytest.raises(ConnectionClosed):
            theirs.subscribe("late")
        assert server.publish("1", "x") == 0


def test_limits_are_named() -> None:
    errors: list[BaseException] = []

    def handler(ws: WebSocket) -> None:
        for topic in ("", "123456", "a", "b", "c"):
            try:
                ws.subscribe(topic)
            except Exception as error:
                errors.append(error)
        ws.wait_closed()

    options = {"max_topics_per_connection": 2, "max_topic_length": 5}
    with serving(handler, **options) as (server, url), connect(url):
        until(lambda: len(errors) == 3)
        assert [type(each) for each in errors] == [InvalidTopic, InvalidTopic, TooManyTopics]
        assert server.topics == {"a", "b"}
        with pytest.raises(InvalidTopic, match="max_topic_length"):
            server.publish("123456", "x")
        with pytest.raises(TypeError, match="data of type int"):
            server.publish("a", 5)


def test_a_client_has_no_topics() -> None:
    with serving(follow) as (_, url), connect(url) as ws:
        for call in (ws.subscribe, ws.unsubscribe):
            with pytest.raises(InvalidState, match="only a server has topics"):
                call("news")
        assert ws.topics == frozenset()


def test_a_slow_consumer_holds_up_nobody() -> None:
    options = {"max_buffered": 1 << 20}
    with serving(follow, **options) as (server, url), connect(url) as slow, connect(url) as quick:
        ask(slow, "subscribe flood")
        (theirs,) = server.subscribers("flood")
        ask(quick, "subscribe flood")
        slow.pause()
        for _ in range(1000):
            sent = server.publish("flood", b"x" * 65536)
            assert len(quick.recv(DEADLINE)) == 65536
            if sent == 1:
                break
        assert isinstance(theirs.close_info.cause, SlowConsumer)
        until(lambda: len(server.subscribers("flood")) == 1)
        slow.terminate()


def test_from_many_threads() -> None:
    """Everybody follows and publishes at the same time; each message arrives, in the publisher's order."""
    threads, each_sends = 4, 50
    ready = threading.Barrier(threads)

    def handler(ws: WebSocket) -> None:
        name = ws.recv(DEADLINE)
        ws.subscribe("all")
        ready.wait(DEADLINE)
        for number in range(each_sends):
            ws.subscribe(f"{name} {number}")
            server.publish("all", f"{name} {number}")
            ws.unsubscribe(f"{name} {number}")
        ws.wait_closed()

    with serving(handler) as (server, url):
        clients = [connect(url) for _ in range(threads)]
        for number, ws in enumerate(clients):
            ws.send(str(number))
        for ws in clients:
            messages = [ws.recv(DEADLINE).split() for _ in range(threads * each_sends)]
            for name in range(threads):
                said = [int(number) for who, number in messages if who == str(name)]
                assert said == list(range(each_sends))
        assert server.topics == {"all"}
        for ws in clients:
            ws.close()


def test_a_server_that_does_not_run_has_none() -> None:
    server = WebSocketServer(follow, port=0)
    assert server.publish("news", "x") == 0
    assert (len(server.topics), len(server.subscribers("news"))) == (0, 0)


def test_a_backplane_needs_a_loop() -> None:
    url = "redis://user:secret@127.0.0.1"
    with pytest.raises(TypeError, match=r"needs an event loop, that is wsline\.serve") as caught:
        WebSocketServer(follow, port=0, backplane=url)
    assert "secret" not in str(caught.value)
