"""How much is kept for whoever does not take it: bounds of every door that are no options."""

from typing import Any, Final

from .errors import SlowConsumer
from .wire.close import Close
from .wire.messages import Ping

__all__ = ["CLOSING_SIZE", "FULL_SIZE", "LOW_SIZE", "MESSAGE_COST", "control_only", "too_slow"]

# A queue of received messages is not full before it holds so many bytes, and is low below so many.
FULL_SIZE: Final = 65536
LOW_SIZE: Final = 32768

# So many more each message counts, there and in a backlog: the object takes them, and messages may be empty.
MESSAGE_COST: Final = 64

# So much is kept of a peer that goes on sending while we wait for its close frame.
CLOSING_SIZE: Final = 1 << 20


def control_only(events: list[Any]) -> list[Any]:
    """Return the events of `Connection.receive` without the messages.

    Once we have closed and nobody takes what still comes, only the peer's close frame matters.
    """
    return [each for each in events if isinstance(each, Ping | Close)]


def too_slow(waiting: int, most: int) -> SlowConsumer:
    """Return why a peer is cut off that has so many bytes waiting."""
    return SlowConsumer(
        f"the peer reads too slowly: {waiting} bytes wait to be sent (option max_buffered={most})"
    )
