"""Who follows which topic, and the limits of that."""

from typing import Any

import pytest

from wsline.options import ServerOptions
from wsline.topic_errors import InvalidTopic, TooManyTopics
from wsline.topics import Topics


def topics(**options: Any) -> Topics[str]:
    return Topics(ServerOptions(**options))


def held(registry: Topics[str]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    return registry._followers, registry._followed


def test_the_first_and_the_last_are_told() -> None:
    registry = topics()
    assert registry.add("a", "news") is True
    assert registry.add("b", "news") is False
    assert registry.add("a", "news") is False, "once is enough"
    assert registry.followers("news") == ("a", "b")
    assert registry.followed_by("a") == {"news"}
    assert registry.discard("a", "news") is False
    assert registry.discard("a", "news") is False, "it is gone already"
    assert registry.discard("b", "news") is True
    assert registry.discard("b", "else") is False
    assert held(registry) == ({}, {})


def test_who_is_gone_follows_nothing() -> None:
    registry = topics()
    for topic in ("one", "two", "three"):
        registry.add("a", topic)
    registry.add("b", "two")
    assert len(registry) == 3
    assert registry.names() == ("one", "two", "three")
    assert registry.drop("a") == ["one", "three"]
    assert registry.drop("a") == []
    assert registry.followers("one") == ()
    assert registry.followed_by("a") == frozenset()
    assert registry.drop("b") == ["two"]
    assert held(registry) == ({}, {})


def test_they_may_leave_while_they_are_told_something() -> None:
    registry = topics()
    for name in "abc":
        registry.add(name, "news")
    told = []
    for name in registry.followers("news"):
        told.append(name)
        registry.drop(name)
    assert told == ["a", "b", "c"]


@pytest.mark.parametrize("topic", ["x", "*", ">", "a.b c", "\0\n", "ä" * 127, "\U0001f600"], ids=ascii)
def test_names_are_any_text(topic: str) -> None:
    registry = topics()
    registry.add("a", topic)
    assert registry.followers(topic) == ("a",)


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("", r"topic='' of 0 bytes: must have 1 to 255 \(option max_topic_length\)"),
        ("ä" * 128, r"topic='ä{64}\.\.\.' of 256 bytes: must have 1 to 255 \(option max_topic_length\)"),
        ("x\ud800", r"topic='x\\ud800': must be Unicode text, without lone surrogates"),
    ],
    ids=ascii,
)
def test_names_that_are_none(topic: str, message: str) -> None:
    registry = topics()
    for call in (registry.check, lambda name: registry.add("a", name)):
        with pytest.raises(InvalidTopic, match=f"^{message}$"):
            call(topic)
    assert held(registry) == ({}, {})


def test_the_length_is_an_option() -> None:
    registry = topics(max_topic_length=3)
    registry.check("abc")
    with pytest.raises(InvalidTopic, match=r"topic='abcd' of 4 bytes: must have 1 to 3"):
        registry.check("abcd")


@pytest.mark.parametrize("topic", [b"x", 5, None])
def test_a_name_of_another_type(topic: Any) -> None:
    with pytest.raises(TypeError, match=f"topic of type {type(topic).__name__}: must be str"):
        topics().check(topic)


def test_the_limit_of_each() -> None:
    registry = topics(max_topics_per_connection=2)
    registry.add("a", "one")
    registry.add("a", "two")
    with pytest.raises(TooManyTopics, match=r"follows 2 topics already \(option max_topics_per_connection=2"):
        registry.add("a", "three")
    registry.add("a", "two")
    registry.add("b", "three")
    registry.discard("a", "one")
    registry.add("a", "three")
    assert registry.followed_by("a") == {"two", "three"}


def test_the_limit_of_all() -> None:
    registry = topics(max_topics=2)
    registry.add("a", "one")
    registry.add("a", "two")
    with pytest.raises(TooManyTopics, match=r"there are 2 topics already \(option max_topics=2\)"):
        registry.add("b", "three")
    assert registry.followed_by("b") == frozenset()
    registry.add("b", "one")
    registry.drop("a")
    registry.add("b", "three")
    assert set(registry.names()) == {"one", "three"}


def test_a_refused_name_leaves_nothing() -> None:
    registry = topics(max_topics_per_connection=0)
    with pytest.raises(TooManyTopics, match="follows 0 topics"):
        registry.add("a", "one")
    assert held(registry) == ({}, {})
    unlimited = topics(max_topics_per_connection=None, max_topics=None)
    for number in range(2000):
        unlimited.add("a", str(number))
    assert len(unlimited) == 2000
