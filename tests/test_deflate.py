"""The options of compression: each at, under and over what is allowed, and of a wrong type."""

import sys
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from wsline.deflate import Deflate

SIZE = "an integer from 0 to 2**63 - 1"

# What the error says, good values, values out of range, values of a wrong type.
Kind = tuple[str, list[Any], list[Any], list[Any]]

CHOICE: Kind = (
    "True, False or None",
    [True, False, None],
    [],
    [0, 1, "yes"],
)
DEFLATE_KINDS: dict[str, Kind] = {
    "server_no_context_takeover": CHOICE,
    "client_no_context_takeover": CHOICE,
    "server_max_window_bits": (
        "an integer from 8 to 15, False or None",
        [8, 15, False, None],
        [7, 16, -1, 2**70, True],
        ["8", 8.0],
    ),
    "client_max_window_bits": (
        "an integer from 8 to 15, True, False or None",
        [8, 15, True, False, None],
        [7, 16],
        ["8", 8.0],
    ),
    "threshold": (SIZE, [0, 1, 2**63 - 1], [-1, 2**63], ["5", True, None, 5.0]),
    "threshold_always": ("True or False", [True, False], [], [None, 0, 1]),
    "concurrency_limit": (SIZE, [0, 1], [-1], [None, True]),
    "memory_budget": (SIZE + ", or None for no budget", [0, 1, None], [-1], [True, "5"]),
    "zlib_deflate_options": (
        "a mapping of names to integers (level: -1 to 9, mem_level: 1 to 9, strategy: 0 to 4), or None",
        [None, {}, {"level": -1, "mem_level": 1, "strategy": 0}, {"level": 9, "mem_level": 9, "strategy": 4}],
        [{"level": 10}, {"level": -2}, {"mem_level": 0}, {"strategy": 5}, {"level": True}, {"levels": 1}],
        [5, [("level", 1)], "level"],
    ),
    "zlib_inflate_options": (
        "a mapping of names to integers (chunk_size: 1024 to 1048576), or None",
        [None, {}, {"chunk_size": 1024}, {"chunk_size": 1048576}],
        [{"chunk_size": 1023}, {"chunk_size": 1048577}, {"level": 1}],
        [5, "x"],
    ),
    "implementation": (
        "'zlib' or 'zlib-ng' or 'isal'",
        ["zlib", "zlib-ng", "isal"],
        ["", "zlib_ng", "zopfli"],
        [None, 1, b"zlib"],
    ),
}


def test_every_option_is_tested_here() -> None:
    assert {each.name for each in fields(Deflate)} == set(DEFLATE_KINDS)


@pytest.mark.parametrize("name", DEFLATE_KINDS)
def test_what_an_option_may_be(name: str) -> None:
    allowed, good, bad, wrong = DEFLATE_KINDS[name]
    for value in good:
        assert getattr(Deflate(**{name: value}), name) is value
    for values, kind in ((bad, ValueError), (wrong, TypeError)):
        for value in values:
            with pytest.raises(kind) as raised:
                Deflate(**{name: value})
            assert type(raised.value) is kind
            assert str(raised.value) == f"{name}={value!r}: must be {allowed}"


def test_a132_a133_defaults_as_in_ws() -> None:
    made = Deflate()
    assert (made.threshold, made.threshold_always, made.concurrency_limit) == (1024, False, 10)
    assert made == Deflate()
    with pytest.raises(FrozenInstanceError):
        made.threshold = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("implementation", "told", "problem"),
    [
        ("isal", {"level": 4}, "level must be 0 to 3"),
        ("isal", {"level": -1}, "level must be 0 to 3"),
        ("isal", {"strategy": 1}, "strategy must be 0 to 0"),
    ],
)
def test_not_every_implementation_can_do_everything(
    implementation: str, told: dict[str, int], problem: str
) -> None:
    with pytest.raises(ValueError) as raised:
        Deflate(implementation=implementation, zlib_deflate_options=told)
    assert str(raised.value) == (
        f"zlib_deflate_options={told!r}: {problem} with implementation={implementation!r}"
    )
    Deflate(implementation="zlib-ng", zlib_deflate_options=told)


def test_an_implementation_that_is_not_installed_is_missed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    with pytest.raises(ImportError, match="implementation='isal' needs the package isal"):
        Deflate(implementation="isal")
