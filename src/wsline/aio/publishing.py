"""What a server says to many: to all its clients, or to those who follow a topic."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..backplane import Backplane, BackplaneHealth
from ..clients import Clients
from ..options import ServerOptions
from ..wire.prepared import PreparedMessage
from .hub import Hub, prepare, send_to_all
from .websocket import WebSocket

__all__ = ["Publishing"]


class Publishing:
    """The part of a server that says one thing to many."""

    # The server's.
    _open: Clients[WebSocket]
    _hub: Hub
    options: ServerOptions

    def broadcast(
        self,
        data: str | bytes | PreparedMessage,
        *,
        exclude: Iterable[WebSocket] = (),
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
        send_to_all(self._open, prepare(data, binary), exclude)

    def publish(
        self,
        topic: str,
        data: Any,
        *,
        exclude: Iterable[WebSocket] = (),
        binary: bool | None = None,
    ) -> int:
        """Send a message to all clients that follow a topic, a slow one of which holds up nobody.

        Those of this server get it at once, those of other processes over the backplane: in the order in
        which it was published here, at most once. See docs/scaling.md.

        It is framed once, and compressed once for all clients that agreed on the same; where nobody follows
        the topic, neither is done.

        Args:
            topic: see `WebSocket.subscribe`.
            data: see `WebSocket.send`.
            exclude: who does not get it.
            binary: see `WebSocket.send`; has no effect on a `PreparedMessage`.

        Returns:
            To how many clients of this server it was sent.

        Raises:
            TypeError: data of another type.
            TypeError, InvalidTopic: it cannot be the name of a topic.
        """
        return self._hub.publish(topic, data, exclude, binary)

    def subscribers(self, topic: str) -> frozenset[WebSocket]:
        """Return the clients of this server that follow a topic."""
        return frozenset(self._hub.topics.followers(topic))

    @property
    def topics(self) -> frozenset[str]:
        """The topics that clients of this server follow."""
        return frozenset(self._hub.topics.names())

    @property
    def backplane_health(self) -> BackplaneHealth:
        """How the backplane does: see `BackplaneHealth`."""
        return self._hub.health

    def _join_relay(self, path: str, number: int = 0) -> None:
        """Join topics with the other workers: see `Service`."""
        chosen = self.options.backplane
        if isinstance(chosen, Backplane) and chosen.scheme == "memory":
            # Several servers of an HTTP server do not share their topics.
            joined = replace(chosen, url=f"unix://{quote(path)}", prefix=f"server-{number}")
            self.options = replace(self.options, backplane=joined)
            self._hub = Hub(self.options, self._hub.tell)
