"""What options may be: numbers, times, flags and things known by what they can do."""

import math
from dataclasses import dataclass
from typing import Any

import pytest

from wsline.checks import CALLABLE, FLAG, TEXT, Check, can, check_all, option, require, seconds, size


@dataclass
class Sample:
    """Two options."""

    first: Any = option(5, size(1))
    second: Any = option(None, TEXT)


def test_all_options_of_a_class_are_checked() -> None:
    check_all(Sample())
    check_all(Sample(1, "x"))
    with pytest.raises(ValueError, match=r"^first=0: must be an integer from 1 to 2\*\*63 - 1$"):
        check_all(Sample(0))
    with pytest.raises(TypeError, match=r"^second=b'x': must be a string or None$"):
        check_all(Sample(1, b"x"))


def test_an_option_has_its_default() -> None:
    assert (Sample().first, Sample().second) == (5, None)


def test_a_secret_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^key \(not shown here\): must be short$"):
        require("key", "secret", Check("short", (str,), lambda value: len(value) < 5, is_secret=True))
    require("key", "s", Check("short", (str,), lambda value: len(value) < 5, is_secret=True))


@pytest.mark.parametrize(
    ("check", "value", "kind"),
    [
        (FLAG, True, None),
        (FLAG, 1, TypeError),
        (TEXT, None, None),
        (CALLABLE, print, None),
        (CALLABLE, 5, TypeError),
        (size(3), 3, None),
        (size(3), 2, ValueError),
        (size(3), None, TypeError),
        (size(3), True, TypeError),
        (size(3, none="no limit"), None, None),
        (size(3, none="no limit"), 2**63, ValueError),
        (seconds(), 0.5, None),
        (seconds(), 0, ValueError),
        (seconds(), None, TypeError),
        (seconds(none="never"), None, None),
        (seconds(none="never"), math.inf, ValueError),
        (Check("an even number", (int,), lambda value: value % 2 == 0), 4, None),
        (Check("an even number", (int,), lambda value: value % 2 == 0), 3, ValueError),
    ],
)
def test_a_check_tells_what_is_wrong(check: Check, value: Any, kind: type[Exception] | None) -> None:
    error = check.error("name", value)
    assert type(error) is (kind or type(None))
    assert error is None or str(error) == f"name={value!r}: must be {check.allowed}"


def test_what_a_value_can_do() -> None:
    assert can("x", "upper")
    assert not can("x", "read")
    assert not can(Sample(), "first")
