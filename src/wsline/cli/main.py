"""The command line: which subcommands there are, and what each takes."""

import argparse
import asyncio
import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

from wsline import __version__

from . import bench, connect, doctor, listen, proxy, serve
from .usage import Parser

__all__ = ["main", "parse"]

INTERRUPTED: Final = 130  # what a shell gives a command that Ctrl-C ended

_COMMANDS: Final[dict[str, tuple[ModuleType, str, str]]] = {
    "connect": (connect, "[OPTIONS] URL", "talk to a server, line by line"),
    "listen": (listen, "[OPTIONS] [PORT]", "serve: print, echo, broadcast, show a folder and a dashboard"),
    "serve": (serve, "[OPTIONS] MODULE:NAME", "run a server of yours in several processes"),
    "bench": (bench, "[OPTIONS] [URL]", "measure an echo server"),
    "proxy": (proxy, "[OPTIONS] LISTEN TARGET", "carry TCP over WebSockets, at either end"),
    "doctor": (doctor, "[OPTIONS] URL", "explain why a connection does not come about"),
}

_EXAMPLE: Final = """\
example: wsline connect ws://127.0.0.1:8080/
`wsline COMMAND --help` tells more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after the command's name; by default those of the process.

    Returns:
        The exit status, which each subcommand explains; 130 if Ctrl-C ended it where that is no good end.
        Wrong usage exits with 2.
    """
    options = parse(arguments)
    try:
        outcome: Any = options.run(options)
        status: int = asyncio.run(outcome) if inspect.iscoroutine(outcome) else outcome
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the words mean; `run` of it is the function of the subcommand, mostly a coroutine function.

    Raises:
        SystemExit: they mean nothing, which is told, or ask for help or the version.
    """
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("wsline", "COMMAND [OPTIONS]", "WebSocket from the command line.", _EXAMPLE)
    parser.add_argument(
        "--version", action="version", version=f"wsline {__version__}", help="tell the version"
    )
    make: Any = _make_parser
    commands = parser.add_subparsers(
        prog="wsline", title="commands", metavar="COMMAND", required=True, parser_class=make
    )
    for name, (module, words, purpose) in _COMMANDS.items():
        each = commands.add_parser(name, help=purpose, words=words, module=module)
        module.add_arguments(each)
        each.set_defaults(run=module.run)
    return parser


def _make_parser(*, prog: str, words: str, module: Any, **settings: Any) -> Parser:
    return Parser(prog, words, module.PURPOSE, module.EXAMPLE, **settings)
