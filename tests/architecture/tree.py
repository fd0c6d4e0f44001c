"""Where the project's files are."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "wsline"

# What was built or installed, by name.
NOT_OURS = {".git", ".venv", "build", "dist", "node_modules", "__pycache__", ".hypothesis"}


def our_files(folder: Path = ROOT) -> Iterator[Path]:
    """Yield the files of the project, without what was built or installed."""
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or path.suffix in (".egg-info", ".so", ".pyd"):
            continue
        if path.is_dir():
            yield from our_files(path)
        else:
            yield path


def module_name(path: Path) -> str:
    """Return the dotted name of a source file: `src/wsline/wire/frames.py` is `wsline.wire.frames`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(suffix: str = ".py") -> dict[str, str]:
    """Return the text of each source file with this suffix, by the name of its module."""
    return {module_name(path): path.read_text() for path in sorted(PACKAGE.rglob(f"*{suffix}"))}


def packages() -> set[str]:
    """Return the names of the modules that are packages."""
    return {module_name(path) for path in PACKAGE.rglob("__init__.py")}
