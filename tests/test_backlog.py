"""What is kept back from a slow consumer, and what is dropped."""

from collections.abc import Callable
from typing import Any

import pytest

from wsline import PreparedMessage
from wsline.backlog import Backlog, content
from wsline.bounds import MESSAGE_COST
from wsline.options import Options


def backlog(policy: str, most: int | None = None, key: Callable[[Any], Any] | None = None) -> Backlog:
    return Backlog(Options(slow_consumer=policy, max_buffered=most, slow_consumer_key=key))


def rest(held: Backlog) -> list[str | bytes]:
    return [content(held.take().message) for _ in range(len(held))]


def test_with_drop_newest_nothing_is_kept() -> None:
    held = backlog("drop_newest", 1000)
    assert held.put("one", True, 0) == ["one"]
    assert held.put(b"two", True, 0) == [b"two"]
    assert (len(held), held.size, held.dropped) == (0, 0, 2)


def test_with_drop_oldest_the_order_is_kept_and_the_oldest_goes() -> None:
    held = backlog("drop_oldest", 2 * MESSAGE_COST + 8)
    assert held.put("one", True, 0) == []
    assert held.put("two", True, 0) == []
    assert held.put("three", True, 0) == []  # 6 bytes and two messages wait before it: that is not over
    assert held.put("four", True, 0) == ["one"]  # 11 bytes and three
    assert (len(held), held.size, held.dropped) == (3, 12, 1)
    assert rest(held) == ["two", "three", "four"]
    assert held.size == 0


@pytest.mark.parametrize(("before", "dropped"), [(99, 0), (100, 0), (101, 1)])
def test_what_waits_before_counts_at_the_limit(before: int, dropped: int) -> None:
    held = backlog("drop_oldest", 100 + 10 + MESSAGE_COST)
    held.put(b"x" * 10, True, 0)
    assert len(held.put(b"y", True, before)) == dropped


def test_the_message_itself_is_never_dropped_for_what_cannot_be() -> None:
    held = backlog("drop_oldest", 10)
    for message in ("a", "b"):
        held.put(message, True, 1000)
    assert rest(held) == ["b"]


def test_empty_messages_count() -> None:
    held = backlog("drop_oldest", 10 * MESSAGE_COST)
    for _ in range(1000):
        held.put(b"", True, 0)
    assert len(held) == 11
    assert held.dropped == 989


def test_without_a_limit_none_is_dropped() -> None:
    held = backlog("drop_oldest")
    for i in range(100):
        assert held.put(str(i), True, 1 << 40) == []
    assert rest(held) == [str(i) for i in range(100)]


def test_the_latest_of_each_key_is_kept_in_the_order_of_sending() -> None:
    held = backlog("latest", key=lambda message: message[0])
    assert held.put("a1", True, 0) == []
    assert held.put("b1", True, 0) == []
    assert held.put("a2", True, 0) == ["a1"]
    assert held.put("c1", True, 0) == []
    assert held.put("a3", True, 0) == ["a2"]
    assert (held.size, held.dropped) == (6, 2)
    assert rest(held) == ["b1", "c1", "a3"]


def test_without_a_key_all_are_about_the_same() -> None:
    held = backlog("latest")
    held.put("one", True, 0)
    assert held.put(b"two", True, 0) == ["one"]
    assert rest(held) == [b"two"]


def test_too_many_keys_drop_the_oldest() -> None:
    held = backlog("latest", 3 * MESSAGE_COST, key=lambda message: message)
    for message in (b"", b"a", b"b", b"c", b"d"):
        held.put(message, True, 0)
    assert rest(held) == [b"b", b"c", b"d"]


def test_the_key_sees_what_the_peer_would_get() -> None:
    seen: list[object] = []
    held = backlog("latest", key=seen.append)
    for message in ("text", b"bytes", PreparedMessage("täxt"), PreparedMessage(b"\xff")):
        held.put(message, True, 0)
    assert seen == ["text", b"bytes", "täxt", b"\xff"]


def test_what_is_taken_out_says_what_it_was() -> None:
    held = backlog("drop_oldest")
    message = PreparedMessage("prepared")
    held.put("ü", False, 0)
    held.put(message, True, 0)
    assert held.take() == ("ü", False, 2)
    assert held.take() == (message, True, 8)


def test_what_is_forgotten_at_the_end_was_not_dropped() -> None:
    held = backlog("drop_oldest")
    held.put("x", True, 0)
    held.clear()
    assert (len(held), held.size, held.dropped) == (0, 0, 0)
