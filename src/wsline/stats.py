"""What has passed over a connection, and through a server, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ServerStats", "Stats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What has passed over a connection since it was open.

    Attributes:
        messages_received, messages_sent: messages; a fragmented one counts once it is complete. A received
            one counts when it has arrived, a sent one when it was accepted.
        bytes_received, bytes_sent: bytes of frames, headers included, without those of TLS. A byte counts
            as sent when the system, or asyncio's transport, has taken it.
        pings_received, pings_sent: pings, those of keepalive included.
        pongs_received: pongs.
        messages_dropped: messages that were sent, and dropped as `slow_consumer` says.
    """

    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    pings_received: int
    pings_sent: int
    pongs_received: int
    messages_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStats:
    """What has come to a server since it was made.

    Attributes:
        opened: WebSockets that were opened.
        open: those that are open now, or closing.
        pending: opening handshakes that are not over.
        refused: opening handshakes that failed, for whatever reason.
        messages_dropped: messages to clients that are gone, dropped as `slow_consumer` says.
        limits: for each option that has ended a connection or refused a handshake, how often.
    """

    opened: int
    open: int
    pending: int
    refused: int
    messages_dropped: int
    limits: Mapping[str, int]
