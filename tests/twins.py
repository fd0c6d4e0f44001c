"""Loads the interpreted twin of a module, also where an extension shadows it.

    pure = load_pure("wire.frames", "wire.messages")
    pure.wire.messages.MessageReader(...)

The twins live under a package of their own, `wsline_interpreted`, whose modules import each other: an
interpreted `messages` meets an interpreted `frames`, and its exceptions and enums are not those of `wsline`.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parents[1] / "src" / "wsline"
ALIAS = "wsline_interpreted"


class SourceFinder(MetaPathFinder):
    """Finds the modules of the alias package as source, whatever else lies beside it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, _, name = fullname.partition(".")
        if root != ALIAS:
            return None
        if not name:
            # The public face would import every door: the twins do without it.
            return ModuleSpec(ALIAS, loader=None, is_package=True)
        place = PACKAGE.joinpath(*name.split("."))
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if not source.exists():
            return None
        return spec_from_file_location(
            fullname,
            source,
            loader=SourceFileLoader(fullname, str(source)),
            submodule_search_locations=[str(place)] if place.is_dir() else None,
        )


def load_pure(*modules: str) -> Any:
    """Load the interpreted twins of modules.

    Args:
        modules: their names inside the package, like `"wire.frames"`; by default all that have a `.pxd`.

    Returns:
        The package that holds them, and what they import: `load_pure("wire.frames").wire.frames`.
    """
    if not any(isinstance(finder, SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, SourceFinder())
    for name in modules or compiled_modules():
        import_module(f"{ALIAS}.{name}")
    return sys.modules[ALIAS]


def compiled_modules() -> list[str]:
    """Return the names, inside the package, of the modules that have a `.pxd`."""
    return [
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in sorted(PACKAGE.rglob("*.pxd"))
    ]
