"""The topics of a server at work: who follows them, and how what is published gets there."""

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable
from typing import Any, Final

from ..backplane import Backplane, BackplaneHealth
from ..errors import ConnectionClosed, InvalidState
from ..options import ServerOptions
from ..spec import State
from ..topics import Topics
from ..wire.prepared import PreparedMessage
from .backplanes.link import Link
from .flow import DONE

__all__ = ["Hub", "Subscribing", "send_to_all"]

logger: Final = logging.getLogger("wsline")

_OPEN: Final = int(State.OPEN)


class Subscribing:
    """The part of a WebSocket that follows topics."""

    __slots__ = ()

    # The door's session, and the hub of the server that has accepted the WebSocket.
    _session: Any
    _hub: "Hub | None"

    def subscribe(self, topic: str) -> Any:
        """Follow a topic: get what is published to it from now on. Only a server's WebSockets do.

        What this process publishes comes at once. To follow a topic twice is to follow it once.

        Args:
            topic: its name: any text of 1 to `max_topic_length` bytes in UTF-8. A client must not be
                trusted with the choice without a check of yours: it hears what is said there.

        Returns:
            An awaitable, which waits until what other processes publish comes too; it need not be awaited.

        Raises:
            TypeError, InvalidTopic: it cannot be the name of a topic.
            TooManyTopics: a limit is reached.
            InvalidState, ConnectionClosed: the WebSocket is a client's, or not open.

        Cancelling the wait changes nothing: the topic is followed.
        """
        hub = self._of_server()
        self._session.connection.check_open()
        return hub.subscribe(self, topic)

    def unsubscribe(self, topic: str) -> None:
        """Follow a topic no more; one that is not followed is ignored.

        The end of the connection does so by itself.

        Raises:
            InvalidState: the WebSocket is a client's.
        """
        self._of_server().unsubscribe(self, topic)

    @property
    def topics(self) -> frozenset[str]:
        """The topics that are followed; of a client none."""
        return frozenset() if self._hub is None else self._hub.topics.followed_by(self)

    def _of_server(self) -> "Hub":
        if self._hub is None:
            raise InvalidState("only a server has topics: ask it in a message of yours to subscribe you")
        return self._hub


class Subscribed:
    """The wait until a broker sends the messages of a topic; it costs nothing before it is awaited."""

    def __init__(self, link: Link, topic: str) -> None:
        self._link = link
        self._topic = topic

    def __await__(self) -> Generator[Any, None, None]:
        return self._link.wait_subscribed(self._topic).__await__()


class Hub:
    """The topics of one server, and their link to those of other processes.

    Args:
        options: has the limits, and where the broker is.
        tell: called with the name and the arguments of each event.

    Attributes:
        topics: who follows what.
        tell: as above.

    Raises:
        ImportError: what the broker needs is not installed.
    """

    def __init__(self, options: ServerOptions, tell: Callable[..., object]) -> None:
        assert isinstance(options.backplane, Backplane)
        self.topics: Topics[Any] = Topics(options)
        self.tell = tell
        self._link: Link | None = None
        self._closing: asyncio.Task[None] | None = None
        if options.backplane.scheme != "memory":
            self._link = Link(options.backplane, self._deliver, tell)

    # -- a life

    async def start(self) -> None:
        """Connect to the broker.

        Raises:
            BackplaneUnavailable: it cannot be reached.
        """
        if self._link is not None:
            await self._link.start()

    async def stop(self) -> None:
        """End the connection to the broker, when it has taken what waits for it."""
        if self._link is not None:
            await self._link.close()

    def close(self, on_closed: Callable[[], object]) -> bool:
        """Begin to stop; return whether it is done. If not, `on_closed` is called when it is."""
        if self._link is None or not self._link.is_begun:
            return True
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.stop())
            self._closing.add_done_callback(lambda task: on_closed())
        return self._closing.done()

    @property
    def health(self) -> BackplaneHealth:
        """How the connection to the broker does."""
        return BackplaneHealth() if self._link is None else self._link.health

    # -- topics

    def subscribe(self, websocket: Any, topic: str) -> Any:
        """Let a WebSocket follow a topic: see `Subscribing.subscribe`."""
        link = self._link
        if self.topics.add(websocket, topic):
            if link is not None:
                link.subscribe(topic)
            self.tell("topic_added", topic)
        return DONE if link is None or link.is_subscribed(topic) else Subscribed(link, topic)

    def unsubscribe(self, websocket: Any, topic: str) -> None:
        """Let a WebSocket follow a topic no more."""
        if self.topics.discard(websocket, topic):
            self._remove(topic)

    def drop(self, websocket: Any) -> None:
        """Let a WebSocket that is gone follow nothing more."""
        for topic in self.topics.drop(websocket):
            self._remove(topic)

    def _remove(self, topic: str) -> None:
        if self._link is not None:
            self._link.unsubscribe(topic)
        self.tell("topic_removed", topic)

    def publish(self, topic: str, data: Any, exclude: Iterable[Any], binary: bool | None) -> int:
        """Send a message to all who follow a topic: see `Publishing.publish`."""
        self.topics.check(topic)
        followers = self.topics.followers(topic)
        if self._link is None and not followers:
            return 0
        message = prepare(data, binary)
        if self._link is not None:
            self._link.publish(topic, message)
        return send_to_all(followers, message, exclude)

    def _deliver(self, topic: str, message: PreparedMessage) -> None:
        send_to_all(self.topics.followers(topic), message, ())


def prepare(data: Any, binary: bool | None) -> PreparedMessage:
    """Return the message that is sent to many; raises as `PreparedMessage` does."""
    return data if isinstance(data, PreparedMessage) else PreparedMessage(data, binary)


def send_to_all(websockets: Iterable[Any], message: PreparedMessage, exclude: Iterable[Any]) -> int:
    """Send a message to these WebSockets, a slow one of which holds up nobody; return to how many."""
    excluded = set(exclude)
    sent = 0
    for websocket in websockets:
        session = websocket._session
        if session.connection.state == _OPEN and websocket not in excluded:
            try:
                session.send_prepared(message, True)
                sent += 1
            except ConnectionClosed as error:
                logger.info("a client was left out: %s", error)
    return sent
