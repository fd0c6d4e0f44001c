"""Topics that span servers, over each real broker: order, outages, and an account of every message."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.aio.backplanes.brokers import Broker, NATSBroker, RedisBroker, RelayBroker
from tests.doors.door import DEADLINE, Door, until
from wsline import (
    Backplane,
    BackplaneUnavailable,
    MalformedEnvelope,
    ServerState,
    WebSocket,
    WebSocketServer,
)

PLAIN = Door("epoll", None)


class Node:
    """A server of several, as if in a process of its own, with one client that follows what it names."""

    def __init__(self, server: WebSocketServer, ws: WebSocket) -> None:
        self.server = server
        self.ws = ws
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        for name in ("backplane_up", "backplane_down", "backplane_loss", "error"):
            server.on(name, lambda *arguments, name=name: self.events.append((name, arguments)))

    @property
    def health(self) -> Any:
        return self.server.backplane_health

    def told(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for event, arguments in self.events if event == name]

    async def follow(self, *topics: str) -> None:
        """Let the client follow topics, and wait until the broker knows."""
        (theirs,) = self.server.clients
        async with asyncio.timeout(DEADLINE):
            for topic in topics:
                await theirs.subscribe(topic)

    async def leave(self, topic: str) -> None:
        (theirs,) = self.server.clients
        theirs.unsubscribe(topic)
        await until(lambda: self.health.topics == len(self.server.topics))

    async def hear(self, count: int) -> list[Any]:
        async with asyncio.timeout(DEADLINE):
            return [await self.ws.recv() for _ in range(count)]

    async def hear_until(self, end: str) -> list[Any]:
        messages = []
        async with asyncio.timeout(2 * DEADLINE):
            while (message := await self.ws.recv()) != end:
                messages.append(message)
        return messages

    async def is_idle(self) -> None:
        """Wait until the broker has taken everything."""
        await until(lambda: self.health.connected and self.health.waiting == 0)


@asynccontextmanager
async def node(broker: Broker | str, **options: Any) -> AsyncIterator[Node]:
    async def handler(ws: WebSocket) -> None:
        await ws.wait_closed()

    settings = {"retry_max_delay": 0.2} | options
    url = broker if isinstance(broker, str) else broker.url
    async with (
        PLAIN.serving(handler, backplane=Backplane(url=url, **settings)) as served,
        PLAIN.connect(served.url) as ws,
    ):
        await ws.ping()
        yield Node(served.server, ws)


async def test_what_one_publishes_the_others_hear(broker: Broker) -> None:
    async with node(broker) as one, node(broker) as two, node(broker) as three:
        await one.follow("news")
        await two.follow("news", "sport")
        for number in range(300):
            assert one.server.publish("news", f"{number}") == 1
        one.server.publish("sport", b"\x00\xff")
        assert three.server.publish("news", "from three") == 0
        two.server.publish("nobody", "is there")
        heard = await two.hear(302)
        # Between topics and between publishers there is no order.
        assert heard.count(b"\x00\xff") == heard.count("from three") == 1
        assert [text for text in heard if str(text).isdigit()] == [*map(str, range(300))]
        await one.is_idle()


async def test_order_is_kept_and_nothing_is_doubled(broker: Broker) -> None:
    """Two publish to one topic: each one's messages arrive in its order, once; its own at once."""
    async with node(broker) as one, node(broker) as two:
        await one.follow("news")
        await two.follow("news")
        for number in range(500):
            one.server.publish("news", f"one {number}")
            two.server.publish("news", f"two {number}")
            if number % 50 == 0:
                await asyncio.sleep(0)
        ours = [f"one {number}" for number in range(500)]
        theirs = [f"two {number}" for number in range(500)]
        for each in (one, two):
            heard = await each.hear(1000)
            assert [text for text in heard if text.startswith("one")] == ours
            assert [text for text in heard if text.startswith("two")] == theirs
            each.server.broadcast("end")
            assert await each.hear_until("end") == []
            await each.is_idle()
            assert (each.health.sent, each.health.received) == (500, 500)


async def test_text_and_binary_and_large_and_empty(broker: Broker) -> None:
    async with node(broker) as one, node(broker) as two:
        await two.follow("news")
        messages = ["", b"", "ä\U0001f600", bytes(range(256)), "x" * 900_000, b"\x01" * 900_000]
        for message in messages:
            one.server.publish("news", message)
        one.server.publish("news", "as binary", binary=True)
        assert await two.hear(7) == [*messages, b"as binary"]


async def test_the_broker_sends_what_is_followed_here_only(broker: Broker) -> None:
    async with node(broker) as one, node(broker) as two:
        await two.follow("a", "b")
        assert two.health.topics == 2
        await two.leave("a")
        assert two.health.topics == 1
        one.server.publish("a", "not this")
        one.server.publish("b", "this")
        assert await two.hear(1) == ["this"]
        assert two.health.received == 1
        await two.ws.close()
        await until(lambda: two.health.topics == 0)


HOSTILE = [
    "*",
    ">",
    "a.b",
    "a.*",
    "a b",
    "\r\nPUB wsline.x 1\r\nx",
    "other:x",
    "\0",
    "=41",
    "A",
    "ä",
    "x" * 255,
]


async def test_hostile_names_reach_nothing_else(broker: Broker) -> None:
    """Each is its own topic, and that of no other prefix."""
    async with node(broker) as one, node(broker) as two, node(broker, prefix="other") as other:
        await two.follow(*HOSTILE)
        await other.follow("x", "a", "b", "A", *HOSTILE[:4])
        for topic in HOSTILE:
            one.server.publish(topic, topic)
        assert sorted(await two.hear(len(HOSTILE))) == sorted(HOSTILE)
        await one.is_idle()
        other.server.broadcast("end")
        assert await other.hear_until("end") == []
        assert other.health.received == 0


async def test_what_is_not_ours_is_counted_and_told(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    name = "wsline.news" if isinstance(broker, NATSBroker) else "wsline:news"
    async with node(broker) as one, node(broker) as two:
        await two.follow("news")
        for data in (b"", b"rubbish from elsewhere", b"\x01" + b"8 bytes." + b"\xff\xfe"):
            await broker.publish(name, data)
        await until(lambda: two.health.malformed == 3)
        ((error,),) = two.told("error")
        assert isinstance(error, MalformedEnvelope)
        assert "prefix" in str(error)
        one.server.publish("news", "still there")
        assert await two.hear(1) == ["still there"]


async def test_an_outage_is_survived_and_every_message_accounted_for(broker: Broker) -> None:
    """The broker is killed amid a stream and comes back: see docs/scaling.md for what is promised."""
    async with node(broker) as one, node(broker) as two:
        await one.follow("news")
        await two.follow("news")
        count = 0

        async def publish(until_: Any) -> None:
            nonlocal count
            async with asyncio.timeout(2 * DEADLINE):
                while not until_():
                    one.server.publish("news", f"{count}")
                    count += 1
                    await asyncio.sleep(0.0005)

        await publish(lambda: count == 200)
        await one.is_idle()
        safe = count  # these the broker has confirmed, so they arrive
        await publish(lambda: count == 300)
        broker.kill()
        if not isinstance(broker, RelayBroker):  # its place one of them takes at once
            await publish(lambda: not one.health.connected and not two.health.connected and count > 500)
            await broker.start()
        await publish(lambda: one.health.connects == two.health.connects == 2 and two.health.topics == 1)
        back = count  # from here on all is well again
        await publish(lambda: count == back + 200)
        await one.is_idle()
        one.server.publish("news", "end")
        here = await one.hear_until("end")
        there = [int(text) for text in await two.hear_until("end")]
        assert here == [str(number) for number in range(count)], "local followers miss nothing"
        assert there == sorted(set(there)), "in order, and none twice"
        missed = sorted(set(range(count)) - set(there))
        assert all(safe <= number < back for number in missed)
        await one.is_idle()
        health = one.health
        assert health.published == count + 1 == health.sent + health.dropped + health.unconfirmed
        assert health.dropped == 0
        # What waited here through the outage was sent after it; lost is what was on its way, and what came
        # while the other one was not back yet.
        assert health.connects == two.health.connects == 2
        for each in (one, two):
            assert len(each.told("backplane_up")) == 1
            ((reason,),) = each.told("backplane_down")
            assert isinstance(reason, BackplaneUnavailable)
            assert broker.url in str(reason)
        assert sum(lost for _, lost in one.told("backplane_loss")) == health.unconfirmed


async def test_what_waits_is_bounded_and_the_rest_counted(broker: Broker) -> None:
    async with node(broker, max_waiting=1000) as one, node(broker) as two:
        await two.follow("news")
        broker.kill()
        await until(lambda: not one.health.connected and not two.health.connected)
        for number in range(100):
            one.server.publish("news", f"{number:03d}" * 10)
        kept = one.health.waiting
        assert 0 < kept < 100
        assert one.health.waiting_bytes <= 1000
        assert one.health.dropped == 100 - kept
        await until(lambda: one.told("backplane_loss"))
        assert sum(dropped for dropped, _ in one.told("backplane_loss")) == 100 - kept
        # Nobody publishes to the relay before the other one listens: what waits is sent at once.
        await broker.start()
        await until(lambda: one.health.connected and one.health.waiting == 0 and two.health.topics == 1)
        one.server.publish("news", "end")
        heard = await two.hear_until("end")
        assert heard == [f"{number:03d}" * 10 for number in range(kept)][kept - len(heard) :]


async def test_a_broker_that_hangs_is_found_out(broker: Broker) -> None:
    async with node(broker, timeout=0.3, heartbeat=0.1) as one:
        broker.freeze()
        try:
            await until(lambda: one.told("backplane_down"))
            ((reason,),) = one.told("backplane_down")
            assert "no answer within 0.3 s (Backplane option timeout)" in str(reason)
        finally:
            broker.thaw()
        await until(lambda: one.told("backplane_up"))
        await until(lambda: one.health.lag is not None)
        lag = one.health.lag
        assert lag is not None
        assert lag < 0.3


async def test_without_a_broker_a_server_does_not_start(broker: Broker) -> None:
    broker.kill()
    if isinstance(broker, RelayBroker):
        return  # it is never away: a process becomes it
    server = PLAIN.server(backplane=Backplane(url=broker.url))
    with pytest.raises(BackplaneUnavailable, match=r"cannot be reached: .*must_connect=False"):
        await server.start()
    assert server.state == ServerState.NEW
    await broker.start()
    async with server:
        assert server.backplane_health.connected


async def test_a_server_may_wait_for_its_broker(broker: Broker) -> None:
    broker.kill()
    if isinstance(broker, RelayBroker):
        return  # it is never away: a process becomes it
    async with node(broker, must_connect=False) as one, node(broker, must_connect=False) as two:
        assert not one.health.connected
        one.server.publish("news", "early")
        waiting = asyncio.ensure_future(two.follow("news"))
        await until(lambda: two.server.topics)
        assert not waiting.done()
        await broker.start()
        await waiting
        assert two.health.topics == 1
        await one.is_idle()
        one.server.publish("news", "late")
        assert (await two.hear_until("late")) in ([], ["early"])


async def test_closing_sends_what_waits(broker: Broker) -> None:
    async with node(broker) as two:
        await two.follow("news")
        async with node(broker) as one:
            for number in range(2000):
                one.server.publish("news", f"{number}")
        assert await two.hear(2000) == [str(number) for number in range(2000)]
        assert one.health.sent == 2000
        assert not one.health.connected
        one.server.publish("news", "too late")
        assert one.health.published == 2000


async def test_closing_without_a_broker_counts_what_is_left(broker: Broker) -> None:
    async with node(broker) as one:
        broker.kill()
        await until(lambda: not one.health.connected)
        one.server.publish("news", "never sent")
        if isinstance(broker, RelayBroker):
            return  # this process becomes the relay
    assert one.health.dropped == 1
    assert one.told("backplane_loss") == [(1, 0)]


async def test_cancelling_a_subscription_changes_nothing(broker: Broker) -> None:
    async with node(broker) as one, node(broker) as two:
        (theirs,) = two.server.clients
        waiting = asyncio.ensure_future(wait_for(theirs.subscribe("news")))
        await asyncio.sleep(0)
        waiting.cancel()
        await two.follow("news")
        one.server.publish("news", "x")
        assert await two.hear(1) == ["x"]


async def wait_for(awaitable: Any) -> None:
    await awaitable


async def test_who_leaves_while_waiting_waits_no_more(broker: Broker) -> None:
    broker.freeze()
    try:
        options: dict[str, Any] = {"must_connect": False, "timeout": 0.2}
        async with node(broker, **options) as one:
            (theirs,) = one.server.clients
            waiting = asyncio.ensure_future(wait_for(theirs.subscribe("news")))
            await until(lambda: one.server.topics)
            theirs.unsubscribe("news")
            async with asyncio.timeout(DEADLINE):
                await waiting
    finally:
        broker.thaw()


async def test_many_topics_come_and_go(broker: Broker) -> None:
    async with node(broker) as one, node(broker) as two:
        (theirs,) = two.server.clients
        for number in range(900):
            theirs.subscribe(f"topic {number}")
        for number in range(0, 900, 2):
            theirs.unsubscribe(f"topic {number}")
        await two.follow("last")
        await until(lambda: two.health.topics == 451)
        for number in range(900):
            one.server.publish(f"topic {number}", f"{number}")
        one.server.publish("last", "end")
        await one.is_idle()
        heard = await two.hear(451)
        assert sorted(int(text) for text in heard if text != "end") == list(range(1, 900, 2))


async def test_a_message_that_is_too_long_for_nats(caplog: pytest.LogCaptureFixture, broker: Broker) -> None:
    if not isinstance(broker, NATSBroker):
        return
    with caplog.at_level(logging.WARNING, "wsline"):
        async with node(broker) as one, node(broker) as two:
            await two.follow("news")
            one.server.publish("news", "x" * (1 << 20))
            one.server.publish("news", "short")
            assert await two.hear(1) == ["short"]
            await one.is_idle()
            assert one.told("backplane_loss") == [(1, 0)]
            assert one.health.connects == 1


async def test_redis_with_a_password_that_is_wrong(broker: Broker) -> None:
    if not isinstance(broker, RedisBroker):
        return
    url = f"redis://user:secret@127.0.0.1:{broker.port}"
    with pytest.raises(BackplaneUnavailable) as caught:
        await PLAIN.server(backplane=url).start()
    assert "secret" not in str(caught.value)
    assert "invalid username-password" in str(caught.value)
