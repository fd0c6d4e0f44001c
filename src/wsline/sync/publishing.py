"""What a server says to many, and who follows which topic: in one process, from any thread."""

import logging
import threading
from collections.abc import Iterable
from typing import Any, Final

from ..backplane import Backplane
from ..clients import Clients
from ..errors import ConnectionClosed, InvalidState
from ..options import ServerOptions
from ..topics import Topics
from ..wire.prepared import PreparedMessage

__all__ = ["Hub", "Publishing", "Subscribing"]

logger: Final = logging.getLogger("wsline")


class Hub:
    """The topics of a server.

    Args:
        options: has the limits.
        lock: the server's, which guards them.
    """

    def __init__(self, options: ServerOptions, lock: threading.Lock) -> None:
        if isinstance(options.backplane, Backplane) and options.backplane.scheme != "memory":
            raise TypeError(f"backplane={options.backplane!r}: needs an event loop, that is wsline.serve")
        self.topics: Topics[Any] = Topics(options)
        self.lock = lock


class Subscribing:
    """The part of a WebSocket that follows topics."""

    # The door's session, and the hub of the server that has accepted the WebSocket.
    _session: Any
    _hub: Hub | None = None

    def subscribe(self, topic: str) -> None:
        """Follow a topic: get what is published to it from now on. Only a server's WebSockets do.

        To follow a topic twice is to follow it once.

        Args:
            topic: its name: any text of 1 to `max_topic_length` bytes in UTF-8. A client must not be
                trusted with the choice without a check of yours: it hears what is said there.

        Raises:
            TypeError, InvalidTopic: it cannot be the name of a topic.
            TooManyTopics: a limit is reached.
            InvalidState, ConnectionClosed: the WebSocket is a client's, or not open.
        """
        hub = self._of_server()
        with hub.lock:
            # Under the lock: else its end could come in between, and the topic be kept for ever.
            self._session.connection.check_open()
            hub.topics.add(self, topic)

    def unsubscribe(self, topic: str) -> None:
        """Follow a topic no more; one that is not followed is ignored.

        The end of the connection does so by itself.

        Raises:
            InvalidState: the WebSocket is a client's.
        """
        hub = self._of_server()
        with hub.lock:
            hub.topics.discard(self, topic)

    @property
    def topics(self) -> frozenset[str]:
        """The topics that are followed; of a client none."""
        if self._hub is None:
            return frozenset()
        with self._hub.lock:
            return self._hub.topics.followed_by(self)

    def _of_server(self) -> Hub:
        if self._hub is None:
            raise InvalidState("only a server has topics: ask it in a message of yours to subscribe you")
        return self._hub


class Publishing:
    """The part of a server that says one thing to many."""

    # The server's.
    _lock: threading.Lock
    _open: Clients[Any]
    _hub: Hub

    def broadcast(
        self,
        data: str | bytes | PreparedMessage,
        *,
        exclude: Iterable[Any] = (),
        binary: bool | None = None,
    ) -> None:
        """Send a message to all clients, a slow one of which holds up nobody.

        It is framed once, and compressed once for all clients that agreed on the same.

        Args:
            data: see `WebSocket.send`.
            exclude: who does not get it.
            binary: see `WebSocket.send`; has no effect on a `PreparedMessage`.

        Raises:
            TypeError: data of another type.
        """
        message = _prepare(data, binary)
        with self._lock:
            clients = tuple(self._open)
        _send_to_all(clients, message, exclude)

    def publish(
        self,
        topic: str,
        data: Any,
        *,
        exclude: Iterable[Any] = (),
        binary: bool | None = None,
    ) -> int:
        """Send a message to all clients that follow a topic, a slow one of which holds up nobody.

        It is framed once, and compressed once for all clients that agreed on the same; where nobody follows
        the topic, neither is done.

        Args:
            topic: see `WebSocket.subscribe`.
            data: see `WebSocket.send`.
            exclude: who does not get it.
            binary: see `WebSocket.send`; has no effect on a `PreparedMessage`.

        Returns:
            To how many clients it was sent.

        Raises:
            TypeError: data of another type.
            TypeError, InvalidTopic: it cannot be the name of a topic.
        """
        with self._lock:
            self._hub.topics.check(topic)
            followers = self._hub.topics.followers(topic)
        return _send_to_all(followers, _prepare(data, binary), exclude) if followers else 0

    def subscribers(self, topic: str) -> frozenset[Any]:
        """Return the clients that follow a topic."""
        with self._lock:
            return frozenset(self._hub.topics.followers(topic))

    @property
    def topics(self) -> frozenset[str]:
        """The topics that clients follow."""
        with self._lock:
            return frozenset(self._hub.topics.names())


def _prepare(data: Any, binary: bool | None) -> PreparedMessage:
    return data if isinstance(data, PreparedMessage) else PreparedMessage(data, binary)


def _send_to_all(websockets: Iterable[Any], message: PreparedMessage, exclude: Iterable[Any]) -> int:
    excluded = set(exclude)
    sent = 0
    for websocket in websockets:
        if websocket not in excluded and websocket.ready_state == websocket.OPEN:
            try:
                websocket._session.send_prepared(message, True, False)
                sent += 1
            except ConnectionClosed as error:
                logger.info("a client was left out: %s", error)
    return sent
