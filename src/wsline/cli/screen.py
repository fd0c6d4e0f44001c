"""What the command prints: messages on standard output, the rest on standard error."""

import os
import re
import sys
from typing import Final, TextIO

from .json_text import pretty

__all__ = ["Screen", "complain", "escape"]

# All control characters but tab and line feed, and the characters that turn the direction of a line.
UNSAFE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

DIM: Final = "\x1b[2m"
CYAN: Final = "\x1b[36m"
RESET: Final = "\x1b[0m"

_JSON: Final = {"key": "\x1b[34m", "string": "\x1b[32m", "number": "\x1b[33m", "word": "\x1b[35m"}


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
        colour: colours are welcome, unless NO_COLOR is set.

    Attributes:
        interactive: somebody sits there, who types and reads.
        coloured: what is shown has colours.
    """

    def __init__(self, stdin: TextIO | None, stdout: TextIO, stderr: TextIO, *, colour: bool = True) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._editor: TextIO | None = None
        self._safe = stdout.isatty()
        self.interactive = self._safe and stdin is not None and stdin.isatty()
        self.coloured = colour and self._safe and not os.environ.get("NO_COLOR")

    def print_above(self, editor: TextIO | None) -> None:
        """Print everything by way of a line editor, above the line that is typed; `None`: no more."""
        self._editor = editor

    def show(self, message: str | bytes, whose: str = "") -> None:
        """Print a message; a binary one as `hex:` and its bytes, JSON on several lines if it is read here.

        Args:
            message: the message.
            whose: shown before it at a terminal.

        Raises:
            BrokenPipeError: nobody reads standard output any more.
        """
        text = message if isinstance(message, str) else f"hex:{message.hex()}"
        if self.interactive:
            laid = pretty(escape(text), self._paint_json)
            text = laid if laid is not None else escape(text)
            text = self._paint(CYAN, f"{whose}< ") + text.replace("\n", "\n  ")
        elif self._safe:
            text = escape(text)
        if self._editor is not None:
            self._editor.write(text + "\n")
            return
        self._stdout.buffer.write(text.encode() + b"\n")
        self._stdout.buffer.flush()

    def note(self, text: str) -> None:
        """Tell somebody at the terminal how things stand; print nothing in a pipe."""
        if self.interactive:
            print(self._paint(DIM, escape(text)), file=self._editor or self._stderr, flush=True)

    def tell(self, text: str) -> None:
        """Print what was asked for and is no message: a note at a terminal, on standard error in a pipe."""
        if self.interactive:
            self.note(text)
        else:
            print(escape(text), file=self._stderr, flush=True)

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self.coloured else text

    def _paint_json(self, kind: str, token: str) -> str:
        return self._paint(_JSON[kind], token)
