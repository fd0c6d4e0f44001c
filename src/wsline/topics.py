"""Who follows which topic at a server."""

from collections.abc import Hashable
from typing import Any, Final, Generic, TypeVar

from .options import ServerOptions
from .topic_errors import InvalidTopic, TooManyTopics

__all__ = ["Topics"]

_WebSocket = TypeVar("_WebSocket", bound=Hashable)  # that of the door

_NOBODY: Final[dict[Any, None]] = {}


class Topics(Generic[_WebSocket]):
    """The topics of a server, and who follows them. A topic exists while somebody follows it.

    Args:
        options: has the limits.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        # Dictionaries, for they keep the order: who came first gets a message first.
        self._followers: dict[str, dict[_WebSocket, None]] = {}
        self._followed: dict[_WebSocket, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._followers)

    def names(self) -> tuple[str, ...]:
        """Return the topics."""
        return tuple(self._followers)

    def followers(self, topic: str) -> tuple[_WebSocket, ...]:
        """Return who follows a topic now: while they are told something, some may leave."""
        return tuple(self._followers.get(topic, _NOBODY))

    def followed_by(self, websocket: _WebSocket) -> frozenset[str]:
        """Return the topics that a WebSocket follows."""
        return frozenset(self._followed.get(websocket, _NOBODY))

    def check(self, topic: str) -> None:
        """Check the name of a topic.

        Raises:
            TypeError: it is no string.
            InvalidTopic: it is empty, too long, or not encodable.
        """
        if not isinstance(topic, str):
            raise TypeError(f"topic of type {type(topic).__name__}: must be str")
        most = self._options.max_topic_length
        try:
            length = len(topic.encode())
        except UnicodeEncodeError:
            raise InvalidTopic(f"topic={topic!r}: must be Unicode text, without lone surrogates") from None
        if not 1 <= length <= most:
            shown = topic if len(topic) <= 64 else f"{topic[:64]}..."
            raise InvalidTopic(
                f"topic={shown!r} of {length} bytes: must have 1 to {most} (option max_topic_length)"
            )

    def add(self, websocket: _WebSocket, topic: str) -> bool:
        """Let a WebSocket follow a topic; return whether it is the first one.

        Raises:
            TypeError, InvalidTopic: as `check` does.
            TooManyTopics: a limit is reached; nothing was changed.
        """
        self.check(topic)
        followed = self._followed.get(websocket, _NOBODY)
        if topic in followed:
            return False
        is_first = topic not in self._followers
        self._check_room(len(followed), is_first)
        self._followed.setdefault(websocket, {})[topic] = None
        self._followers.setdefault(topic, {})[websocket] = None
        return is_first

    def _check_room(self, followed: int, is_first: bool) -> None:
        options = self._options
        most = options.max_topics_per_connection
        if most is not None and followed >= most:
            raise TooManyTopics(
                f"the connection follows {followed} topics already (option max_topics_per_connection={most})"
            )
        most = options.max_topics
        if is_first and most is not None and len(self._followers) >= most:
            raise TooManyTopics(f"there are {len(self)} topics already (option max_topics={most})")

    def discard(self, websocket: _WebSocket, topic: str) -> bool:
        """Let a WebSocket follow a topic no more; return whether it was the last one."""
        followed = self._followed.get(websocket, _NOBODY)
        if topic not in followed:
            return False
        del followed[topic]
        if not followed:
            del self._followed[websocket]
        return self._remove(websocket, topic)

    def drop(self, websocket: _WebSocket) -> list[str]:
        """Let a WebSocket follow nothing more; return the topics of which it was the last one."""
        followed = self._followed.pop(websocket, _NOBODY)
        return [topic for topic in followed if self._remove(websocket, topic)]

    def _remove(self, websocket: _WebSocket, topic: str) -> bool:
        followers = self._followers[topic]
        del followers[websocket]
        if followers:
            return False
        del self._followers[topic]
        return True
