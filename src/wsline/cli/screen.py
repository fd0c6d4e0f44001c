"""What the command prints: messages on standard output, the rest on standard error."""

import os
import re
import sys
from typing import Final, TextIO

__all__ = ["Screen", "complain", "escape"]

# All control characters but tab and line feed, and the characters that turn the direction of a line.
UNSAFE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

DIM: Final = "\x1b[2m"
CYAN: Final = "\x1b[36m"
RESET: Final = "\x1b[0m"


def escape(text: str) -> str:
    r"""Return the text with what could command a terminal shown as `\x1b` or `\u202e`."""
    return UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def complain(text: str) -> None:
    """Print an error on standard error, on one line."""
    line = " ".join(escape(text).split())
    print(f"wsline: {line}", file=sys.stderr, flush=True)


class Screen:
    """Shows messages: as they are in a pipe, escaped on a terminal, marked where somebody types too.

    Args:
        stdin: where input comes from; `None` if it is closed.
        stdout: where messages go.
        stderr: where notes go.
    """

    def __init__(self, stdin: TextIO | None, stdout: TextIO, stderr: TextIO) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._safe = stdout.isatty()
        self.interactive = self._safe and stdin is not None and stdin.isatty()
        self._coloured = self._safe and not os.environ.get("NO_COLOR")

    def show(self, message: str | bytes) -> None:
        """Print a message; a binary one as `hex:` and its bytes.

        Raises:
            BrokenPipeError: nobody reads standard output any more.
        """
        text = message if isinstance(message, str) else f"hex:{message.hex()}"
        if self._safe:
            text = escape(text)
        if self.interactive:
            text = self._paint(CYAN, "< ") + text.replace("\n", "\n  ")
        self._stdout.buffer.write(text.encode() + b"\n")
        self._stdout.buffer.flush()

    def note(self, text: str) -> None:
        """Tell somebody at the terminal how things stand; print nothing in a pipe."""
        if self.interactive:
            print(self._paint(DIM, escape(text)), file=self._stderr, flush=True)

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._coloured else text
