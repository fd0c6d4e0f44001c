"""Messages that are kept back from a slow consumer, and which of them are dropped."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from .bounds import MESSAGE_COST
from .options import Options
from .spec import Opcode
from .wire.prepared import PreparedMessage

__all__ = ["Backlog", "Held", "Message", "content"]

Message = str | bytes | PreparedMessage


class Held(NamedTuple):
    """A message that is kept back.

    Attributes:
        message: the message.
        compress: whether it may be compressed.
        size: its bytes.
    """

    message: Message
    compress: bool
    size: int


def content(message: Message) -> str | bytes:
    """Return a message as its receiver gets it."""
    if isinstance(message, PreparedMessage):
        payload = message.plain().payload
        return payload.decode() if message.opcode == Opcode.TEXT else payload
    return message


class Backlog:
    """The messages that wait behind the output of a slow consumer, in order.

    With `slow_consumer="drop_oldest"` the oldest are dropped when there are too many bytes; with `"latest"`,
    at once also those about the same (`slow_consumer_key`) as a newer one; with `"drop_newest"` it is empty.

    Args:
        options: say what is dropped, and when.

    Attributes:
        size: how many bytes wait.
        dropped: how many messages were dropped.
    """

    def __init__(self, options: Options) -> None:
        self.size = 0
        self.dropped = 0
        self._policy = options.slow_consumer
        self._key = options.slow_consumer_key
        self._most = options.max_buffered
        self._held: OrderedDict[Hashable, Held] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, message: Message, compress: bool, before: int) -> list[str | bytes]:
        """Take a message that cannot be sent now.

        Args:
            message: the message.
            compress: whether it may be compressed.
            before: how many bytes wait before those here, which cannot be dropped any more.

        Returns:
            What is dropped for it, oldest first; may be the message itself.
        """
        if self._policy == "drop_newest":
            self.dropped += 1
            return [content(message)]
        key = self._key_of(message)
        superseded = self._held.pop(key, None)
        dropped = [] if superseded is None else [self._drop(superseded)]
        while self._held and self._is_over(before):
            dropped.append(self._drop(self._held.popitem(last=False)[1]))
        held = Held(message, compress, _size(message))
        self._held[key] = held
        self.size += held.size
        return dropped

    def _key_of(self, message: Message) -> Hashable:
        if self._policy == "latest":
            return None if self._key is None else self._key(content(message))
        self._count += 1
        return self._count

    def _is_over(self, before: int) -> bool:
        most = self._most
        return most is not None and before + self.size + MESSAGE_COST * len(self._held) > most

    def _drop(self, held: Held) -> str | bytes:
        self.size -= held.size
        self.dropped += 1
        return content(held.message)

    def take(self) -> Held:
        """Take the oldest message out, to be sent."""
        _, held = self._held.popitem(last=False)
        self.size -= held.size
        return held

    def clear(self) -> None:
        """Forget all, for the connection is closed; that is not called dropped."""
        self._held.clear()
        self.size = 0


def _size(message: Message) -> int:
    if isinstance(message, str):
        return len(message) if message.isascii() else len(message.encode())
    return len(message)
