"""Topics of a server: subscribe, publish, and what is left behind (nothing)."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import wsline.aio.hub
from tests.doors.door import Door, Served, until
from wsline import (
    ConnectionClosedOK,
    Deflate,
    InvalidTopic,
    PreparedMessage,
    SlowConsumer,
    TooManyTopics,
    WebSocket,
    WebSocketServer,
)

PLAIN = Door("epoll", None)


class Room:
    """A server and its clients, both ends of each."""

    def __init__(self, served: Served) -> None:
        self.server = served.server
        self.ours: list[WebSocket] = []
        self.theirs: list[WebSocket] = []

    async def enter(self, ours: WebSocket) -> None:
        await ours.ping()
        self.ours.append(ours)
        self.theirs += self.server.clients - set(self.theirs)


@asynccontextmanager
async def room(clients: int, client: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Room]:
    """Yield a server with clients; the handlers only wait."""

    async def handler(ws: WebSocket) -> None:
        await ws.wait_closed()

    async with PLAIN.serving(handler, **options) as served:
        here = Room(served)
        for _ in range(clients):
            await here.enter(await PLAIN.connect(served.url, **(client or {})))
        yield here
        for ours in here.ours:
            await ours.close()


async def heard(ws: WebSocket, end: str = "end") -> list[Any]:
    """Return what comes before the end."""
    messages = []
    async with asyncio.timeout(10):
        while (message := await ws.recv()) != end:
            messages.append(message)
    return messages


async def test_who_follows_gets_it_and_nobody_else() -> None:
    async with room(3) as here:
        one, two, _three = here.theirs
        await one.subscribe("news")
        two.subscribe("news")
        two.subscribe("sport")
        assert two.topics == {"news", "sport"}
        assert here.server.topics == {"news", "sport"}
        assert here.server.subscribers("news") == {one, two}
        assert here.server.subscribers("else") == frozenset()
        assert here.server.publish("news", "to two") == 2
        assert here.server.publish("sport", b"binary") == 1
        assert here.server.publish("else", "to nobody") == 0
        assert here.server.publish("news", "as binary", binary=True, exclude=[one]) == 1
        assert here.server.publish("news", PreparedMessage("prepared")) == 2
        two.unsubscribe("news")
        two.unsubscribe("never followed")
        assert here.server.publish("news", "to one") == 1
        here.server.broadcast("end")
        assert await heard(here.ours[0]) == ["to two", "prepared", "to one"]
        assert await heard(here.ours[1]) == ["to two", b"binary", b"as binary", "prepared"]
        assert await heard(here.ours[2]) == []


async def test_the_first_and_the_last_follower_are_events() -> None:
    async with room(2) as here:
        told: list[str] = []
        here.server.on("topic_added", lambda topic: told.append(f"+{topic}"))
        here.server.on("topic_removed", lambda topic: told.append(f"-{topic}"))
        one, two = here.theirs
        one.subscribe("a")
        two.subscribe("a")
        two.subscribe("a")
        two.subscribe("b")
        one.unsubscribe("a")
        assert told == ["+a", "+b"]
        await here.ours[1].close()
        await until(lambda: len(told) == 4)
        assert told == ["+a", "+b", "-a", "-b"]


async def test_an_exception_in_a_listener_harms_nobody() -> None:
    async with room(1) as here:
        errors: list[Exception] = []
        here.server.on("error", errors.append)

        @here.server.on("topic_added")
        def fail() -> None:
            raise LookupError("a fault")

        here.theirs[0].subscribe("a")
        assert [str(each) for each in errors] == ["a fault"]
        assert here.server.publish("a", "still") == 1
        assert await here.ours[0].recv() == "still"


async def test_the_end_of_a_connection_frees_everything() -> None:
    async with room(2) as here:
        one, two = here.theirs
        for number in range(100):
            one.subscribe(f"topic {number}")
        two.subscribe("topic 7")
        gone = weakref.ref(one)
        await here.ours[0].close()
        await until(lambda: here.server.topics == {"topic 7"})
        assert one.topics == frozenset()
        with pytest.raises(ConnectionClosedOK):
            one.subscribe("topic 7")
        here.theirs.remove(one)
        del one
        await until(lambda: len(here.server.clients) == 1)
        await asyncio.sleep(0)
        gc.collect()
        assert gone() is None


async def test_limits_are_named_and_nothing_is_sent() -> None:
    async with room(2, max_topics_per_connection=2, max_topics=3, max_topic_length=5) as here:
        one, two = here.theirs
        for call in (one.subscribe, here.server.publish):
            with pytest.raises(InvalidTopic, match=r"'123456' of 6 bytes: .* \(option max_topic_length\)"):
                call("123456", *["data"] * (call == here.server.publish))
        for topic in ("a", "b"):
            one.subscribe(topic)
        with pytest.raises(TooManyTopics, match="max_topics_per_connection=2"):
            one.subscribe("c")
        two.subscribe("c")
        with pytest.raises(TooManyTopics, match="max_topics=3"):
            two.subscribe("d")
        with pytest.raises(TypeError, match="data of type int"):
            here.server.publish("a", 5)
        here.server.broadcast("end")
        assert await heard(here.ours[0]) == []


async def test_a_client_has_no_topics() -> None:
    async with room(1) as here:
        (ws,) = here.ours
        for call in (ws.subscribe, ws.unsubscribe):
            with pytest.raises(wsline.InvalidState, match="only a server has topics"):
                call("news")
        assert ws.topics == frozenset()


async def test_a_message_is_made_once_and_only_if_somebody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[PreparedMessage] = []

    class Counted(PreparedMessage):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(wsline.aio.hub, "PreparedMessage", Counted)
    deflate = Deflate(threshold=0)
    async with room(4, {"per_message_deflate": deflate}, per_message_deflate=deflate) as here:
        assert here.server.publish("news", "x" * 5000) == 0
        assert made == []
        for ws in here.theirs:
            ws.subscribe("news")
        assert here.server.publish("news", "y" * 5000) == 4
        assert len(made) == 1
        assert len(made[0]._deflated) == 1, "compressed once for all of them"
        for ws in here.ours:
            assert await ws.recv() == "y" * 5000


async def test_a_slow_consumer_holds_up_nobody() -> None:
    async with room(2, max_buffered=1 << 20) as here:
        slow, quick = here.ours
        for ws in here.theirs:
            ws.subscribe("flood")
        slow.pause()
        sent = 2
        for _ in range(1000):
            sent = here.server.publish("flood", b"x" * 65536)
            assert len(await quick.recv()) == 65536
            if sent == 1:
                break
        assert sent == 1
        assert isinstance(here.theirs[0].close_info.cause, SlowConsumer)
        await until(lambda: here.server.subscribers("flood") == {here.theirs[1]})
        slow.terminate()


async def test_who_is_closing_gets_nothing() -> None:
    async with room(2) as here:
        one, two = here.theirs
        one.subscribe("news")
        two.subscribe("news")
        one.close()
        assert here.server.publish("news", "late") == 1
        with pytest.raises(wsline.ConnectionClosed):
            one.subscribe("else")
        assert [message async for message in here.ours[0]] == []
        assert await here.ours[1].recv() == "late"


async def test_topics_belong_to_their_server() -> None:
    async with room(1) as here, room(1) as there:
        here.theirs[0].subscribe("news")
        there.theirs[0].subscribe("news")
        assert here.server.publish("news", "here") == 1
        assert there.server.publish("news", "there") == 1
        assert await here.ours[0].recv() == "here"
        assert await there.ours[0].recv() == "there"


def test_a_server_that_does_not_run_has_none() -> None:
    server = WebSocketServer(port=0)
    assert server.publish("news", "x") == 0
    assert (len(server.topics), len(server.subscribers("news"))) == (0, 0)
