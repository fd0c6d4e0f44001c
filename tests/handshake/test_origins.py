"""The option `origins`."""

import re
from typing import Any

import pytest

from wsline.handshake.origins import is_allowed
from wsline.options import ANY, SAME_HOST

PATTERN = re.compile(r"https://[a-z]+\.example")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "example.com"),
        ("http://example.com", "example.com"),
        ("https://Example.com", "EXAMPLE.com:8080"),
        ("http://example.com:3000", "example.com"),
        ("http://[::1]:3000", "[::1]:8080"),
    ],
)
def test_the_same_host_is_allowed(origin: str | None, host: str) -> None:
    assert is_allowed(SAME_HOST, origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "example.com",
        "http://evil.example",
        "http://example.com.evil.example",
        "http://evilexample.com",
        "http://example.com@evil.example",
        "http://evil.example/example.com",
        "http://example.com/",
        "http://sub.example.com",
        "http://evil.example, http://example.com",
        "http://example.com http://evil.example",
        "://example.com",
        "file://",
        "http://",
    ],
)
def test_a_foreign_origin_is_not_the_same_host(origin: str) -> None:
    assert not is_allowed(SAME_HOST, origin, "example.com")
    assert is_allowed(ANY, origin, "example.com")


def test_a_bad_host_is_nobodys_origin() -> None:
    assert not is_allowed(SAME_HOST, "http://example.com", "")


@pytest.mark.parametrize(
    ("rule", "origin", "allowed"),
    [
        (["https://a.example"], "https://a.example", True),
        (["https://a.example"], "https://a.example.evil", False),
        (["https://a.example"], None, False),
        (["https://a.example", None], None, True),
        ((PATTERN,), "https://b.example", True),
        ((PATTERN,), "https://b.example.evil", False),
        ((PATTERN,), "xhttps://b.example", False),
        ((PATTERN,), None, False),
        ([], "https://a.example", False),
        ([None], "null", False),
        (["null"], "null", True),
    ],
)
def test_lists_are_exact(rule: Any, origin: str | None, allowed: bool) -> None:
    assert is_allowed(rule, origin, "c.example") is allowed
