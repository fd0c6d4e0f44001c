"""What an option may be: types and ranges, and the sentence that says so."""

import sys
from collections.abc import Callable
from dataclasses import field, fields
from types import NoneType
from typing import Any, Final, NamedTuple

__all__ = ["CALLABLE", "FLAG", "TEXT", "Check", "can", "check_all", "option", "require", "seconds", "size"]


class Check(NamedTuple):
    """What an option may be: the types (others are a `TypeError`), and which of their values.

    Without types the option is known by what it can do, and what cannot do so is of a wrong type. A value
    that may hold a password is not shown.
    """

    allowed: str
    types: tuple[type, ...]
    accepts: Callable[[Any], bool] = lambda value: True
    is_secret: bool = False

    def error(self, name: str, value: Any) -> Exception | None:
        """Return the exception for this value of the option `name`, or `None` if it is allowed."""
        # A bool is an int, but not a number of anything.
        of_type = type(value) in self.types if type(value) is bool else isinstance(value, self.types)
        if (of_type or not self.types) and self.accepts(value):
            return None
        shown = f"{name} (not shown here)" if self.is_secret else f"{name}={value!r}"
        return (ValueError if of_type else TypeError)(f"{shown}: must be {self.allowed}")


def can(value: Any, method: str) -> bool:
    """Tell whether a value has this method."""
    return callable(getattr(value, method, None))


def size(least: int, *, bits: int = 63, none: str = "") -> Check:
    """Return the check of a number from `least` on; `none` says what `None` means, if it is allowed."""
    most = 2**bits - 1  # more than 63 bits the compiled twin does not take
    allowed = f"an integer from {least} to 2**{bits} - 1"
    if none:
        return Check(
            f"{allowed}, or None for {none}",
            (int, NoneType),
            lambda value: value is None or least <= value <= most,
        )
    return Check(allowed, (int,), lambda value: bool(least <= value <= most))


def seconds(*, none: str = "") -> Check:
    """Return the check of a time; `none` says what `None` means, if it is allowed."""
    # Above this an integer is no float.
    most = sys.float_info.max
    allowed = "a finite number of seconds above 0"
    if none:
        return Check(
            f"{allowed}, or None for {none}",
            (int, float, NoneType),
            lambda value: value is None or 0 < value <= most,
        )
    return Check(allowed, (int, float), lambda value: bool(0 < value <= most))


FLAG: Final = Check("True or False", (bool,))
CALLABLE: Final = Check("a callable or None", (), lambda value: value is None or callable(value))
TEXT: Final = Check("a string or None", (str, NoneType))


def require(name: str, value: Any, check: Check) -> None:
    """Raise `TypeError` or `ValueError` if this is not what `name` may be."""
    error = check.error(name, value)
    if error is not None:
        raise error


def option(default: Any, check: Check) -> Any:
    """Return the field of a dataclass for an option with this default, or what computes it, and check."""
    if callable(default):
        return field(default_factory=default, metadata={"check": check})
    return field(default=default, metadata={"check": check})


def check_all(options: Any) -> None:
    """Check each option of a dataclass.

    Raises:
        TypeError, ValueError: one of them is not what it may be; the message tells which.
    """
    for each in fields(options):
        require(each.name, getattr(options, each.name), each.metadata["check"])
