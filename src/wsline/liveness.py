"""Is the peer there? Pings and who awaits which pong, and keepalive, with deadlines as data."""

import math
from typing import Any, Final, NamedTuple

from .errors import InvalidState, KeepaliveTimeout, WriteTimeout
from .options import Options

__all__ = [
    "BURST",
    "ControlRate",
    "Keepalive",
    "PingLedger",
    "PingRecord",
    "Stalls",
    "keepalive_timeout",
    "write_timeout",
]

NEVER: Final = math.inf

# So many seconds a peer may save up what it has not used of its rate of control frames.
BURST: Final = 10.0

# A deadline that is noticed later than this was missed: our own loop stood still.
_LATE: Final = 0.1

# So many pings are kept that nobody awaits, and so many that somebody does.
_MOST_RECORDS: Final = 64
_MOST_AWAITED: Final = 1024


class PingRecord(NamedTuple):
    """A ping that waits for its pong."""

    payload: bytes
    sent_at: float
    waiter: Any


class PingLedger:
    """The pings that were sent and not yet answered, oldest first.

    Attributes:
        latency: the last round-trip time, in seconds; `None` before the first pong.
        pings_sent, pongs_received: how many there were.
    """

    __slots__ = ("_awaited", "_count", "_records", "latency", "pings_sent", "pongs_received")

    def __init__(self) -> None:
        self.latency: float | None = None
        self.pings_sent = self.pongs_received = 0
        self._records: list[PingRecord] = []
        self._awaited = 0
        self._count = 0

    def __len__(self) -> int:
        return len(self._records)

    def new_payload(self) -> bytes:
        """Return a payload that no ping in the ledger has: a pong to it is an answer to it alone."""
        self._count += 1
        return b"wsline %d" % self._count

    def admit(self, payload: bytes | None, waiter: Any) -> bytes:
        """Return the payload for a ping that is about to be sent: the one given, or a new one.

        Raises:
            InvalidState: too many pings that somebody awaits are not answered.
        """
        if waiter is not None and self._awaited >= _MOST_AWAITED:
            raise InvalidState(
                f"{self._awaited} pings wait for their pongs, the most that can: the peer answers none;"
                f" close the connection, or wait for each pong before the next ping"
            )
        return self.new_payload() if payload is None else payload

    def sent(self, payload: bytes, now: float, waiter: Any) -> None:
        """Note a ping.

        Args:
            payload: what the pong will repeat.
            now: the time, in seconds.
            waiter: given back by `acknowledge`.
        """
        self.pings_sent += 1
        self._records.append(PingRecord(payload, now, waiter))
        if waiter is None:
            self._limit_unawaited()
        else:
            self._awaited += 1

    def _limit_unawaited(self) -> None:
        # A peer that sends data but no pong is alive; its pings are not worth keeping.
        if len(self._records) - self._awaited > _MOST_RECORDS:
            del self._records[next(i for i, each in enumerate(self._records) if each.waiter is None)]

    def forget(self, waiter: Any) -> None:
        """Note that a ping is not awaited any more; one that is not in the ledger is none."""
        for i, each in enumerate(self._records):
            if each.waiter is waiter:
                self._records[i] = each._replace(waiter=None)
                self._awaited -= 1
                self._limit_unawaited()
                return

    def acknowledge(self, payload: bytes, now: float) -> list[tuple[Any, float]]:
        """Note a pong.

        RFC 6455 §5.5.3 lets the peer answer only the newest of several pings, so a pong answers its ping
        and all older ones. A pong that answers none (it is unsolicited) changes nothing.

        Args:
            payload: what it carries.
            now: the time, in seconds.

        Returns:
            The waiters it answers, oldest first, each with its round-trip time in seconds.
        """
        self.pongs_received += 1
        if not self._records:
            return []
        found = next((i for i, each in enumerate(self._records) if each.payload == payload), None)
        if found is None:
            return []
        answered = self._records[: found + 1]
        del self._records[: found + 1]
        self._awaited -= sum(each.waiter is not None for each in answered)
        self.latency = now - answered[-1].sent_at
        return [(each.waiter, now - each.sent_at) for each in answered]

    def drop_all(self) -> list[Any]:
        """Forget all pings, for the connection is closed; return their waiters."""
        waiters = [each.waiter for each in self._records]
        self._records.clear()
        self._awaited = 0
        return waiters


class Keepalive:
    """When to ping, and when the peer is lost.

    A ping goes out every `interval` seconds. The peer is lost when nothing at all was heard of it for
    `timeout` seconds after a ping: not only a pong counts, for one cannot come in the middle of a frame
    that takes long to arrive.

    Args:
        interval: seconds between pings, or `None` for no keepalive.
        timeout: seconds, or `None` for never.
        now: the time, in seconds.
    """

    __slots__ = ("_interval", "_lost_at", "_ping_at", "_timeout")

    def __init__(self, interval: float | None, timeout: float | None, now: float) -> None:
        self._interval = NEVER if interval is None else interval
        self._timeout = NEVER if timeout is None else timeout
        self._ping_at = now + self._interval
        self._lost_at = NEVER

    @property
    def deadline(self) -> float:
        """When there is something to decide."""
        return min(self._ping_at, self._lost_at)

    def put_off(self, now: float, seconds: float) -> None:
        """Give a peer that would be lost now so much more time, but no more than `timeout`."""
        if now >= self._lost_at:
            self._lost_at = now + min(seconds, self._timeout)

    def is_lost(self, now: float, heard: bool) -> bool:
        """Decide whether the peer is lost.

        Args:
            now: the time, in seconds.
            heard: whether anything was received since the last ping.
        """
        if heard:
            self._lost_at = NEVER
        return now >= self._lost_at

    def is_ping_due(self, now: float) -> bool:
        """Decide whether a ping must be sent now; if so, it counts as sent."""
        if now < self._ping_at:
            return False
        self._ping_at = now + self._interval
        if self._lost_at == NEVER:
            self._lost_at = now + self._timeout
        return True


class ControlRate:
    """How many control frames the peer may send.

    Args:
        rate: so many a second, over `BURST` seconds.
        now: the time, in seconds.
    """

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._left = rate * BURST
        self._at = now

    def admits(self, count: int, now: float) -> bool:
        """Note so many more; returns whether the peer may send them."""
        self._left = min(self._rate * BURST, self._left + (now - self._at) * self._rate) - count
        self._at = now
        return self._left >= 0


class Stalls:
    """How long our own loop stood still: that does not count against the peer.

    What the peer has sent or taken meanwhile is noticed only when the loop goes on. So what is due then is
    put off, by as long as the loop stood still; once, or a loop that always is late would never judge.

    Attributes:
        seconds: how long it stood still since the peer was heard.
    """

    __slots__ = ("_is_used", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._is_used = False

    def forget(self) -> None:
        """Note that the peer was heard."""
        self.seconds = 0.0
        self._is_used = False

    def excuse(self, late: float) -> float:
        """Note that a deadline was noticed `late` seconds late; returns how long to put off what is due."""
        if late <= _LATE:
            return 0.0
        self.seconds += late
        if self._is_used:
            return 0.0
        self._is_used = True
        return late

    def told(self) -> str:
        """Return what an exception says of it; nothing, if there was none."""
        return f"; our own loop stood still for {self.seconds:.1f} s meanwhile" if self.seconds else ""


def keepalive_timeout(options: Options, stalls: Stalls) -> KeepaliveTimeout:
    """Return the exception for a peer that is lost."""
    return KeepaliveTimeout(
        f"the peer answered no ping for {options.ping_timeout} s"
        f" (options ping_interval, ping_timeout){stalls.told()}"
    )


def write_timeout(options: Options, pending: int) -> WriteTimeout:
    """Return the exception for a peer that reads nothing while so many bytes are `pending`."""
    return WriteTimeout(
        f"the peer read nothing for {options.write_timeout} s while {pending} bytes waited"
        " (option write_timeout)"
    )
