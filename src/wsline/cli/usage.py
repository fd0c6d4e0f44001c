"""How the command reads its words: help of one screen, complaints of one line, and what values may be."""

import argparse
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from .screen import complain

__all__ = [
    "USAGE",
    "Parser",
    "add_options",
    "count",
    "duration",
    "header",
    "hide",
    "option",
    "port",
    "seconds",
    "size",
]

USAGE: Final = 2
"""The exit status after wrong usage."""

_WIDTH: Final = 80
_UNITS: Final = {"": 1, "k": 1024, "m": 1024**2}
_SIZE: Final = re.compile(r"(\d+)([km]?)b?", re.IGNORECASE)
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(s|m|h)?")
_SECONDS: Final = {None: 1, "s": 1, "m": 60, "h": 3600}


class _Help(argparse.RawDescriptionHelpFormatter):
    """Gives each option one line: its metavar once, its help beside it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=_WIDTH)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {self._format_args(action, str(action.dest).upper())}"


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line.

    Args:
        command: how the command is called.
        words: what stands behind it, for the first line of the help.
        purpose: what it does.
        example: lines that can be tried.
        settings: more for `ArgumentParser`.
    """

    def __init__(self, command: str, words: str, purpose: str, example: str, **settings: Any) -> None:
        super().__init__(
            prog=command,
            usage=f"{command} {words}",
            description=purpose,
            epilog=f"{example}\n",
            formatter_class=_Help,
            allow_abbrev=False,
            **settings,
        )
        self._optionals.title = "options"

    def format_help(self) -> str:
        """Return the help: on one screen, so that the first two lines stand together."""
        return super().format_help().replace("\n\n", "\n", 1)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse words, all of which must be known: so it is this command that complains, not the whole."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where the right words are told; exit with 2."""
        complain(f"{message} (see {self.prog} --help)")
        raise SystemExit(USAGE)


def option(*names: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return an option as data, for `add_options`."""
    return names, settings


def add_options(parser: argparse.ArgumentParser, *options: tuple[tuple[str, ...], dict[str, Any]]) -> None:
    """Add options to a parser, in their order."""
    for names, settings in options:
        parser.add_argument(*names, **settings)


def hide(parser: argparse.ArgumentParser, add: Callable[[argparse.ArgumentParser], object]) -> None:
    """Add options that the help of another command lists."""
    known = set(parser._actions)
    add(parser)
    for action in parser._actions:
        if action not in known:
            action.help = argparse.SUPPRESS


# The types of values: each returns what it reads, or says of what form it should be.


def header(text: str) -> tuple[str, str]:
    """Read `NAME:VALUE`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME:VALUE")
    return name.strip(), value.strip()


def seconds(text: str) -> float | None:
    """Read a number of seconds; -1 is `None`: without end."""
    number = _number(float, text, "is neither -1 nor a number of seconds")
    if number == -1:
        return None
    if 0 <= number < float("inf"):
        return float(number)
    raise argparse.ArgumentTypeError(f"{text!r} is neither -1 nor a number of seconds")


def duration(text: str) -> float:
    """Read a time: `10`, `10s`, `2m`, `1h`."""
    match = _DURATION.fullmatch(text)
    length = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not length:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 10s, 2m or 1h")
    return length


def size(text: str) -> int:
    """Read a number of bytes: `125`, `64k`, `1m`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 125, 64k or 1m")
    return int(match[1]) * _UNITS[match[2].lower()]


def port(text: str) -> int:
    """Read a TCP port; 0: one that is free."""
    number = _number(int, text, "is not a port, 0 to 65535")
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(number)


def count(text: str) -> int:
    """Read a number from 1 on."""
    number = _number(int, text, "is not a number from 1 on")
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(number)


def _number(kind: Callable[[str], float], text: str, complaint: str) -> float:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} {complaint}") from None
