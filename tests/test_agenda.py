"""Deadlines as data: who is due, in which order, and who is not any more."""

import gc

from wsline.agenda import NEVER, Agenda


class Consumer:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.armed_at = NEVER


def names(agenda: Agenda[Consumer], now: float) -> list[tuple[str, float]]:
    """Take all that are due."""
    found = []
    while (due := agenda.pop(now)) is not None:
        found.append((due[0].name, due[1]))
    return found


def test_an_empty_agenda() -> None:
    agenda: Agenda[Consumer] = Agenda()
    assert agenda.next == NEVER
    assert agenda.pop(1e9) is None


def test_they_come_due_in_order_and_once() -> None:
    agenda: Agenda[Consumer] = Agenda()
    a, b, c = (Consumer(name) for name in "abc")
    for consumer, when in ((a, 3.0), (b, 1.0), (c, 1.0)):
        agenda.add(consumer, when)
    assert (agenda.next, b.armed_at) == (1.0, 1.0)
    assert names(agenda, 0.9) == []
    assert names(agenda, 2.0) == [("b", 1.0), ("c", 1.0)]
    assert (agenda.next, b.armed_at) == (3.0, NEVER)
    assert names(agenda, 3.0) == [("a", 3.0)]
    assert names(agenda, 9.0) == []


def test_a_millisecond_early_is_in_time() -> None:
    agenda: Agenda[Consumer] = Agenda()
    a = Consumer("a")
    agenda.add(a, 1.0)
    assert names(agenda, 0.998) == []
    assert names(agenda, 0.9995) == [("a", 1.0)]


def test_the_earliest_counts_and_later_ones_are_left_to_the_consumer() -> None:
    agenda: Agenda[Consumer] = Agenda()
    a = Consumer("a")
    agenda.add(a, 2.0)
    agenda.add(a, 3.0)
    agenda.add(a, 1.0)
    assert names(agenda, 9.0) == [("a", 1.0)]
    agenda.add(a, NEVER)
    assert agenda.next == NEVER


def test_it_keeps_nobody_alive() -> None:
    agenda: Agenda[Consumer] = Agenda()
    a, b = Consumer("a"), Consumer("b")
    agenda.add(a, 1.0)
    agenda.add(b, 2.0)
    del a
    gc.collect()
    assert names(agenda, 9.0) == [("b", 2.0)]


def test_what_is_forgotten() -> None:
    agenda: Agenda[Consumer] = Agenda()
    a = Consumer("a")
    agenda.add(a, 1.0)
    agenda.clear()
    assert agenda.next == NEVER
    assert names(agenda, 9.0) == []
