"""Pings and their pongs, and keepalive on a clock of our own."""

import math

import pytest

from wsline.errors import InvalidState
from wsline.liveness import (
    NEVER,
    ControlRate,
    Keepalive,
    PingLedger,
    Stalls,
    keepalive_timeout,
    write_timeout,
)
from wsline.options import ServerOptions

# -- the ledger


def test_a_pong_answers_its_ping() -> None:
    ledger = PingLedger()
    assert ledger.latency is None
    ledger.sent(b"a", 10.0, "waiter")
    assert len(ledger) == 1
    assert ledger.acknowledge(b"a", 10.25) == [("waiter", 0.25)]
    assert ledger.latency == 0.25
    assert len(ledger) == 0


def test_a_pong_answers_all_older_pings() -> None:
    ledger = PingLedger()
    for i, payload in enumerate([b"a", b"b", b"c", b"d"]):
        ledger.sent(payload, float(i), payload.decode())
    assert ledger.acknowledge(b"c", 10.0) == [("a", 10.0), ("b", 9.0), ("c", 8.0)]
    assert ledger.latency == 8.0
    assert ledger.acknowledge(b"a", 11.0) == []
    assert ledger.acknowledge(b"d", 12.0) == [("d", 9.0)]


def test_an_unsolicited_pong_changes_nothing() -> None:
    ledger = PingLedger()
    ledger.sent(b"a", 0.0, None)
    assert ledger.acknowledge(b"", 1.0) == []
    assert ledger.acknowledge(b"b", 1.0) == []
    assert ledger.latency is None
    assert len(ledger) == 1


def test_of_equal_payloads_the_oldest_is_answered_first() -> None:
    ledger = PingLedger()
    ledger.sent(b"x", 0.0, 1)
    ledger.sent(b"x", 1.0, 2)
    assert ledger.acknowledge(b"x", 5.0) == [(1, 5.0)]
    assert ledger.acknowledge(b"x", 5.0) == [(2, 4.0)]


def test_payloads_are_new() -> None:
    ledger = PingLedger()
    payloads = [ledger.admit(None, None) for _ in range(100)]
    assert len(set(payloads)) == 100
    assert all(len(payload) <= 125 for payload in payloads)
    assert ledger.admit(b"mine", "waiter") == b"mine"


def test_all_are_dropped_at_the_end() -> None:
    ledger = PingLedger()
    ledger.sent(b"a", 0.0, 1)
    ledger.sent(b"b", 0.0, None)
    assert ledger.drop_all() == [1, None]
    assert ledger.drop_all() == []
    assert ledger.acknowledge(b"a", 1.0) == []


# -- keepalive


def test_a_ping_is_due_after_each_interval() -> None:
    keepalive = Keepalive(20, 15, 100.0)
    assert keepalive.deadline == 120
    assert not keepalive.is_ping_due(119.9)
    assert keepalive.is_ping_due(120)
    assert not keepalive.is_ping_due(120)
    # The pong is due before the next ping.
    assert keepalive.deadline == 135
    assert not keepalive.is_lost(121, True)
    assert keepalive.deadline == 140
    assert keepalive.is_ping_due(141)
    assert keepalive.deadline == 156


def test_a_silent_peer_is_lost_after_the_timeout() -> None:
    keepalive = Keepalive(20, 5, 0.0)
    assert not keepalive.is_lost(1000, False), "no ping was sent"
    assert keepalive.is_ping_due(20)
    assert not keepalive.is_lost(24.9, False)
    assert keepalive.is_lost(25, False)
    assert not keepalive.is_lost(25, True)
    assert not keepalive.is_lost(1000, False), "it was heard since"


def test_more_pings_do_not_put_off_the_end() -> None:
    keepalive = Keepalive(10, 25, 0.0)
    for now in (10, 20, 30):
        assert not keepalive.is_lost(now, False)
        assert keepalive.is_ping_due(now)
    assert keepalive.deadline == 35
    assert keepalive.is_lost(35, False)


@pytest.mark.parametrize(
    ("interval", "timeout", "first"), [(None, 5, NEVER), (None, None, NEVER), (7, None, 7)]
)
def test_what_is_none_is_never(interval: float | None, timeout: float | None, first: float) -> None:
    keepalive = Keepalive(interval, timeout, 0.0)
    assert keepalive.deadline == first
    assert keepalive.is_ping_due(1e9) is (interval is not None)
    assert not keepalive.is_lost(1e12, False)
    assert math.inf == NEVER


def test_pings_that_nobody_awaits_do_not_pile_up() -> None:
    ledger = PingLedger()
    for n in range(1000):
        ledger.sent(b"%d" % n, float(n), None)
    assert len(ledger) == 64
    assert ledger.acknowledge(b"0", 1000.0) == []
    assert len(ledger.acknowledge(b"999", 1000.0)) == 64


def test_a_ping_that_someone_awaits_is_kept() -> None:
    ledger = PingLedger()
    ledger.sent(b"awaited", 0.0, "waiter")
    for n in range(100):
        ledger.sent(b"%d" % n, float(n), None)
    assert ledger.drop_all()[0] == "waiter"


def test_pings_that_someone_awaits_do_not_pile_up() -> None:
    ledger = PingLedger()
    for n in range(1024):
        ledger.admit(b"", n)
        ledger.sent(b"%d" % n, float(n), n)
    with pytest.raises(InvalidState, match="1024 pings wait for their pongs, the most that can"):
        ledger.admit(b"", "one more")
    for n in range(200):
        ledger.admit(b"", None)
        ledger.sent(b"keepalive %d" % n, 2000.0, None)
    assert len(ledger) == 1024 + 64
    assert ledger.acknowledge(b"1", 3000.0) == [(0, 3000.0), (1, 2999.0)]
    for n in range(2):
        ledger.admit(b"", n)
        ledger.sent(b"again %d" % n, 3000.0, n)
    with pytest.raises(InvalidState):
        ledger.admit(b"", "one more")
    assert len(ledger.drop_all()) == 1024 + 64
    ledger.admit(b"", "one more")


def test_pings_that_nobody_awaits_any_more_do_not_pile_up() -> None:
    ledger = PingLedger()
    for n in range(1, 5000):
        ledger.admit(b"", n)
        ledger.sent(b"%d" % n, float(n), n)
        ledger.forget(n)
        ledger.forget(n)
        assert len(ledger) == min(n, 64)
    assert ledger.acknowledge(b"4999", 5000.0)[-1] == (None, 1.0)


def test_pings_and_pongs_are_counted() -> None:
    ledger = PingLedger()
    for _ in range(100):
        ledger.sent(ledger.new_payload(), 0.0, None)
    ledger.acknowledge(b"unasked", 1.0)
    assert (ledger.pings_sent, ledger.pongs_received) == (100, 1)


# -- our own loop


def test_a_loop_that_stood_still_is_excused_once() -> None:
    stalls = Stalls()
    assert stalls.excuse(0.05) == 0, "timers are a little late"
    assert stalls.told() == ""
    assert stalls.excuse(3.0) == 3.0
    assert stalls.excuse(2.0) == 0, "once is enough"
    assert stalls.told() == "; our own loop stood still for 5.0 s meanwhile"
    stalls.forget()
    assert stalls.told() == ""
    assert stalls.excuse(1.0) == 1.0


def test_who_would_be_lost_can_get_more_time() -> None:
    keepalive = Keepalive(20, 10, 0.0)
    keepalive.put_off(100.0, 5.0)
    assert keepalive.deadline == 20, "without a ping nobody would be lost"
    assert keepalive.is_ping_due(20)
    keepalive.put_off(29.0, 5.0)
    assert keepalive.deadline == 30, "nobody would be lost yet"
    keepalive.put_off(60.0, 5.0)
    assert not keepalive.is_lost(64.0, False)
    assert keepalive.is_lost(65.0, False)
    keepalive.put_off(100.0, 70.0)
    assert not keepalive.is_lost(109.0, False)
    assert keepalive.is_lost(110.0, False), "no more than the time itself"


def test_a_rate_can_be_saved_up() -> None:
    rate = ControlRate(3, 0.0)
    assert rate.admits(30, 0.0)
    assert not rate.admits(1, 0.0)
    rate = ControlRate(3, 0.0)
    assert rate.admits(30, 0.0)
    assert rate.admits(3, 1.0)
    assert not rate.admits(31, 1000.0)


# -- what is told of it


def test_the_exceptions_name_the_options_and_what_they_were() -> None:
    options = ServerOptions(ping_timeout=7.0, write_timeout=3.0)
    stalls = Stalls()
    assert str(keepalive_timeout(options, stalls)) == (
        "the peer answered no ping for 7.0 s (options ping_interval, ping_timeout)"
    )
    stalls.excuse(2.5)
    assert str(keepalive_timeout(options, stalls)).endswith("our own loop stood still for 2.5 s meanwhile")
    assert "read nothing for 3.0 s while 99 bytes waited (option write_timeout)" in str(
        write_timeout(options, 99)
    )
