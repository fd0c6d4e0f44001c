"""What an option may be: types and ranges, and the sentence that says so."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, fields
from types import NoneType
from typing import Any, Final, NamedTuple

__all__ = [
    "ADDRESS",
    "AUTH",
    "CALLABLE",
    "CONTEXT",
    "FAMILY",
    "FLAG",
    "HEADERS",
    "HOST",
    "PATH",
    "SOCKET",
    "SSL",
    "TEXT",
    "UNIX",
    "Check",
    "can",
    "check_all",
    "option",
    "require",
    "seconds",
    "size",
]


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


# RFC 7617 §2: the first colon ends the user.
AUTH: Final = Check(
    "a tuple (user, password) of strings, the user without a colon, or None",
    (tuple, NoneType),
    lambda value: value is None or (_are_pairs([value]) and ":" not in value[0]),
    is_secret=True,
)
ADDRESS: Final = Check(
    "a tuple (host, port) of a string and an integer from 0 to 65535, or None",
    (tuple, NoneType),
    lambda value: value is None or _is_address(*value[:3]),
)
HOST: Final = Check(
    "a host name, an IP address, or None",
    (str, NoneType),
    lambda value: value is None or (value.isprintable() and not value.startswith((".", " ")) and value != ""),
)
# By the name: which number means IPv6 depends on the system.
FAMILY: Final = Check(
    "socket.AF_INET, socket.AF_INET6, or 0 for both",
    (int,),
    lambda value: value == 0 or getattr(value, "name", "") in ("AF_INET", "AF_INET6"),
)
UNIX: Final = Check(
    "a path, or None",
    (str, NoneType),
    lambda value: value is None or (value != "" and "\0" not in value[1:]),
)
# Not looked at more closely: what these are is known only to the doors.
SSL: Final = Check(
    "an ssl.SSLContext for clients, True, False or None",
    (),
    lambda value: value is None or type(value) is bool or _is_context(value, "CLIENT"),
)
CONTEXT: Final = Check(
    "an ssl.SSLContext for servers, or None",
    (),
    lambda value: value is None or _is_context(value, "SERVER"),
)
SOCKET: Final = Check("a stream socket or None", (), lambda value: value is None or _is_stream(value))
PATH: Final = Check(
    'a string that begins with "/", or None',
    (str, NoneType),
    lambda value: value is None or value.startswith("/"),
)
HEADERS: Final = Check(
    "a mapping, or a list of pairs, of strings",
    (Mapping, list, tuple, NoneType),
    lambda value: value is None or _are_pairs(value.items() if isinstance(value, Mapping) else value),
    is_secret=True,
)


def _is_context(value: Any, side: str) -> bool:
    protocol: str = getattr(getattr(value, "protocol", None), "name", "")
    fits = not protocol.endswith(("_CLIENT", "_SERVER")) or protocol.endswith(side)
    return can(value, "wrap_bio") and fits


def _is_address(host: Any = None, port: Any = None, *more: Any) -> bool:
    return isinstance(host, str) and type(port) is int and 0 <= port <= 65535 and not more


def _is_stream(value: Any) -> bool:
    return can(value, "fileno") and getattr(getattr(value, "type", None), "name", "") == "SOCK_STREAM"


def _are_pairs(values: Iterable[Any]) -> bool:
    return all(
        isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in values
    )


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
