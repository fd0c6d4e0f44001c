"""With `WSLINE_NO_SPEEDUPS=1` in the environment the sources run, and not what was compiled of them.

So a debugger can step through them, and a fault can be told from one of the compiler (`ws`:
WS_NO_BUFFER_UTIL, WS_NO_UTF_8_VALIDATE). `wsline.compiled` is `False` then.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

__all__ = ["SourceFinder", "apply", "is_unwanted"]


def is_unwanted(value: str | None) -> bool:
    """Return whether this value of `WSLINE_NO_SPEEDUPS` asks for the sources: any but none, "" and "0"."""
    return value not in (None, "", "0")


class SourceFinder(MetaPathFinder):
    """Finds the modules of a package as source, even where an extension lies beside it.

    Args:
        package: the name of the package.
    """

    def __init__(self, package: str) -> None:
        self._inside = f"{package}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the source is, or `None` if there is none."""
        if not fullname.startswith(self._inside):
            return None
        for folder in path or ():
            spec = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(fullname)
            if spec is not None:
                return spec
        return None


def apply(value: str | None) -> None:
    """Let what is imported from now on come from the sources, if `value` asks for that."""
    if is_unwanted(value):
        sys.meta_path.insert(0, SourceFinder(__name__.rpartition(".")[0]))


apply(os.environ.get("WSLINE_NO_SPEEDUPS"))
