"""The command line: which subcommands there are, and what each takes."""

import argparse
import asyncio
from collections.abc import Sequence

from wsline import __version__

from .connect import run

__all__ = ["main"]

INTERRUPTED = 130  # what a shell gives a command that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after the command's name; by default those of the process.

    Returns:
        The exit status: 0 for a normal close, 1 if the connection failed or was closed abnormally,
        130 if Ctrl-C ended it before it was open. Wrong usage exits with 2.
    """
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(run(options))
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wsline", description="WebSocket from the command line.")
    parser.add_argument("--version", action="version", version=f"wsline {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_connect(
        commands.add_parser(
            "connect",
            help="talk to a server",
            description="Connect to a server, send it the lines of standard input, print its messages.",
            epilog=(
                "On a terminal, Ctrl-D or Ctrl-C closes the connection. Elsewhere messages are printed as "
                "they are, one a line, and the connection is closed at the end of the input, when the "
                "answers have come (see --wait). Binary messages are printed as hex:68656c6c6f. "
                "Exit status: 0 after a normal close, 1 after a failed connection or an abnormal close, "
                "2 after wrong usage."
            ),
        )
    )
    return parser


def _add_connect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="for example ws://127.0.0.1:8080/chat")
    parser.add_argument(
        "-H",
        "--header",
        metavar="NAME:VALUE",
        dest="headers",
        action="append",
        default=[],
        type=_header,
        help="add a header to the request (repeatable)",
    )
    parser.add_argument("-o", "--origin", help="set the Origin header")
    parser.add_argument(
        "-s",
        "--subprotocol",
        metavar="NAME",
        dest="subprotocols",
        action="append",
        default=[],
        help="offer a subprotocol (repeatable, the preferred one first)",
    )
    parser.add_argument(
        "-n", "--no-check", action="store_true", help="accept any TLS certificate, also a forged one"
    )
    parser.add_argument(
        "-w",
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="at the end of piped input, close when no message has come for so long "
        "(default: 1; 0: at once; -1: never, wait until the server closes)",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME:VALUE")
    return name.strip(), value.strip()


def _seconds(text: str) -> float | None:
    seconds = float(text)
    if seconds >= 0:
        return seconds
    if seconds == -1:
        return None
    raise argparse.ArgumentTypeError(f"{text!r} is neither -1 nor a number of seconds")
