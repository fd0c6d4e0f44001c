"""What waits for a broker: bounded, in order, and counted."""

from collections import deque

__all__ = ["Outbox"]


class Outbox:
    """The messages on their way to a broker.

    They are taken in batches, one at a time: each is confirmed, or lost with the connection.

    Args:
        most: how many bytes wait at most.

    Attributes:
        size: how many bytes wait, those of the batch that was taken included.
        published, sent, dropped, unconfirmed: see `BackplaneHealth`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._messages: deque[tuple[str, bytes]] = deque()
        self._taken: list[tuple[str, bytes]] = []
        self.size = 0
        self.published = 0
        self.sent = 0
        self.dropped = 0
        self.unconfirmed = 0

    def __len__(self) -> int:
        return len(self._messages) + len(self._taken)

    def put(self, topic: str, envelope: bytes) -> bool:
        """Add a message; return whether it had room."""
        self.published += 1
        cost = len(topic) + len(envelope)
        if self.size + cost > self._most:
            self.dropped += 1
            return False
        self.size += cost
        self._messages.append((topic, envelope))
        return True

    def has_more(self) -> bool:
        """Tell whether there is more than the batch that was taken."""
        return bool(self._messages)

    def take(self, bytes_: int, count: int, longest: int | None) -> list[tuple[str, bytes]]:
        """Take the next batch.

        Args:
            bytes_, count: so much is enough for a batch, which has at least one message.
            longest: longest envelope that the broker takes; longer ones are dropped. `None`: no limit.
        """
        while self._messages and len(self._taken) < count and bytes_ > 0:
            topic, envelope = self._messages.popleft()
            if longest is not None and len(envelope) > longest:
                self.dropped += 1
                self.size -= len(topic) + len(envelope)
            else:
                self._taken.append((topic, envelope))
                bytes_ -= len(envelope)
        return self._taken

    def confirm(self) -> None:
        """Note that the broker has the batch."""
        self.sent += self._finish()

    def lose(self) -> None:
        """Note that the connection is lost, and that nobody knows whether the broker has the batch."""
        self.unconfirmed += self._finish()

    def _finish(self) -> int:
        taken, self._taken = self._taken, []
        self.size -= sum(len(topic) + len(envelope) for topic, envelope in taken)
        return len(taken)

    def discard(self) -> None:
        """Drop all that waits: nobody will send it."""
        self.lose()
        self.dropped += len(self._messages)
        self._messages.clear()
        self.size = 0
