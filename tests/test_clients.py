"""The registry of a server's WebSockets and its limits."""

from typing import Any

import pytest

from wsline.clients import Clients, check_drain, closing_times
from wsline.errors import CloseInfo, HandshakeError, HandshakeTimeout
from wsline.options import ServerOptions
from wsline.stats import ServerStats, Stats

NOTHING = Stats(
    messages_received=0,
    messages_sent=0,
    bytes_received=0,
    bytes_sent=0,
    pings_received=0,
    pings_sent=0,
    pongs_received=0,
)


class Ended:
    """A WebSocket at its end."""

    close_info = CloseInfo()
    stats = NOTHING


def websocket() -> Ended:
    return Ended()


def test_they_are_counted_in_and_out() -> None:
    clients: Clients[Any] = Clients(ServerOptions())
    first, second = websocket(), websocket()
    clients.add(first, "a")
    clients.add(second, "a")
    assert len(clients) == 2
    assert set(clients) == {first, second}
    clients.discard(first, "a")
    assert list(clients) == [second]


def test_they_may_end_while_they_are_told_something() -> None:
    clients: Clients[Any] = Clients(ServerOptions())
    for _ in range(3):
        clients.add(websocket(), "a")
    for each in clients:
        clients.discard(each, "a")
    assert len(clients) == 0


def test_without_limits_there_is_always_room() -> None:
    clients: Clients[Any] = Clients(ServerOptions())
    for _ in range(100):
        clients.add(websocket(), "a")
    assert clients.why_full("a") is None


def test_the_limit_in_total() -> None:
    clients: Clients[Any] = Clients(ServerOptions(max_connections=2))
    first = websocket()
    clients.add(first, "a")
    assert clients.why_full("b") is None
    clients.add(websocket(), "b")
    assert clients.why_full("c") == ("too many connections (max_connections)", "max_connections")
    clients.discard(first, "a")
    assert clients.why_full("c") is None


def test_the_limit_for_one_address() -> None:
    clients: Clients[Any] = Clients(ServerOptions(max_connections_per_ip=2))
    first = websocket()
    clients.add(first, "a")
    clients.add(websocket(), "a")
    why = "too many connections from your address (max_connections_per_ip)"
    assert clients.why_full("a") == (why, "max_connections_per_ip")
    assert clients.why_full("b") is None
    clients.discard(first, "a")
    assert clients.why_full("a") is None


def test_what_has_come_is_counted() -> None:
    clients: Clients[Any] = Clients(ServerOptions())
    assert clients.stats(5) == ServerStats(
        opened=0, open=0, pending=5, refused=0, messages_dropped=0, limits={}
    )
    for limit in ("write_timeout", "max_payload", "write_timeout", None):
        each = websocket()
        each.close_info = CloseInfo(limit=limit)
        each.stats = Stats(**{**dict.fromkeys(Stats.__slots__, 0), "messages_dropped": 3})
        clients.add(each, "a")
        clients.discard(each, "a")
    clients.add(websocket(), "a")
    for error in (HandshakeError("x"), HandshakeTimeout("x"), OSError("x")):
        clients.refuse(error)
    limits = {"write_timeout": 2, "max_payload": 1, "handshake_timeout": 1}
    stats = clients.stats(0)
    assert stats == ServerStats(opened=5, open=1, pending=0, refused=3, messages_dropped=12, limits=limits)
    clients.refuse(HandshakeTimeout("x"))
    assert stats.limits == limits, "what was given does not change"


def test_closing_is_spread_evenly() -> None:
    assert closing_times(4, 10) == [0, 2.5, 5, 7.5]
    assert closing_times(3, 0.0) == [0, 0, 0]
    assert closing_times(0, 10) == []


@pytest.mark.parametrize("drain", [0, 0.0, 5, 1e9])
def test_times_to_drain(drain: float) -> None:
    check_drain(drain)


@pytest.mark.parametrize(
    ("drain", "error"),
    [
        (-1, ValueError),
        (float("inf"), ValueError),
        (float("nan"), ValueError),
        ("5", TypeError),
        (None, TypeError),
        (True, TypeError),
    ],
)
def test_what_is_no_time_to_drain(drain: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^drain=.*: must be a (finite )?number of seconds from 0"):
        check_drain(drain)
