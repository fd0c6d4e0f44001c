"""Where lines come from: a pipe; or a terminal, where prompt_toolkit edits them below the messages."""

import importlib
import os
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Final

from .lines import read_lines
from .screen import Screen
from .slash import COMMANDS

__all__ = ["history_file", "input_lines"]

STDIN: Final = 0  # file descriptor

_MISSING: Final = "For line editing and history: pip install wsline[cli]"

_REFRESH: Final = 0.5  # seconds, of the line at the bottom


async def input_lines(screen: Screen, bottom: Callable[[], str]) -> AsyncGenerator[str, None]:
    """Yield the lines of standard input. To be closed by whoever leaves it before its end.

    Args:
        screen: prints above the line that is typed, meanwhile.
        bottom: returns what stands below that line.

    Iterating raises `UnicodeDecodeError` if the input is not UTF-8.
    """
    toolkit = _load_toolkit(screen) if screen.interactive else None
    if toolkit is None:
        async for line in read_lines(STDIN):
            yield line.decode()
        return
    editor = _LineEditor(toolkit, bottom, screen.coloured)
    try:
        with editor.printing_above():
            screen.print_above(sys.stdout)
            while (typed := await editor.next_line()) is not None:
                yield typed
    finally:
        screen.print_above(None)


def _load_toolkit(screen: Screen) -> Any:
    if os.environ.get("TERM", "dumb") == "dumb":  # it cannot move its cursor
        return None
    try:
        return importlib.import_module("prompt_toolkit")
    except ImportError:
        screen.note(_MISSING)
        return None


class _LineEditor:
    """Reads lines from a terminal.

    Args:
        toolkit: the package prompt_toolkit.
        bottom: returns what stands below the line.
        coloured: the line at the bottom is set off.
    """

    def __init__(self, toolkit: Any, bottom: Callable[[], str], coloured: bool) -> None:
        self._patch_stdout = importlib.import_module("prompt_toolkit.patch_stdout").patch_stdout
        style = "noinherit reverse" if coloured else "noreverse"
        self._session = toolkit.PromptSession(
            history=_history(),
            completer=importlib.import_module("prompt_toolkit.completion").WordCompleter(
                list(COMMANDS), sentence=True
            ),
            complete_while_typing=False,
            bottom_toolbar=bottom,
            refresh_interval=_REFRESH,
            style=importlib.import_module("prompt_toolkit.styles").Style.from_dict({"bottom-toolbar": style}),
        )

    def printing_above(self) -> Any:
        """Return a context manager, in which what is printed appears above the line."""
        return self._patch_stdout(raw=True)

    async def next_line(self) -> str | None:
        """Return what is typed; `None` after Ctrl-D or Ctrl-C."""
        try:
            line: str = await self._session.prompt_async("> ", handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return None
        return line


def history_file() -> Path:
    """Return where the lines are kept: in $XDG_STATE_HOME, or ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "wsline", "history")


def _history() -> Any:
    module = importlib.import_module("prompt_toolkit.history")
    try:
        path = history_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        # What people send may be secret: nobody else reads it.
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except (OSError, RuntimeError):  # a home that cannot be written, or none
        return module.InMemoryHistory()
    return module.FileHistory(str(path))
