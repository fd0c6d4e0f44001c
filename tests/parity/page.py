"""Writes docs/ws-parity.md: what `ws` has, what it is called here, and the tests that show it.

    python -m tests.parity.page

The rows are in rows.txt. A test belongs to a row by its name, `test_a13_...`, or by `@pytest.mark.row(13)`.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from tests.architecture.tree import ROOT, our_files
from wsline.options import ServerOptions

PAGE = ROOT / "docs" / "ws-parity.md"
ROWS = Path(__file__).with_name("rows.txt")
DEFAULTS = Path(__file__).with_name("defaults.txt")

# More of a row's tests are counted, not named.
SHOWN = 3

NOT_YET = "not yet"

# A name may begin with several: test_a7_a35_...
_NAME = re.compile(r"^test((?:_a\d+[a-p]?)+)_")

HEAD = """\
# What `ws` has, and what it is called here

Every feature of `ws` 8.23 for Node.js, with its name here and the tests that show it.
`python -m tests.parity.page` writes this page from the names of the tests, and a test compares the two.

**{done}** of {all} rows are shown by tests, {excused} do not apply, {left} are not done yet.

## Stricter defaults

| option | here | in `ws` | why |
|---|---|---|---|
{defaults}
"""

TABLE = """
| # | `ws` | here | shown by |
|---|---|---|---|"""


class Row(NamedTuple):
    """A feature of `ws`; `excuse`: why there is nothing to test."""

    number: str
    theirs: str
    ours: str
    excuse: str = ""


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a data file, without comments and empty ones."""
    for line in path.read_text().splitlines():
        if line and not line.startswith("# "):
            yield line


def read_rows(text: Iterator[str]) -> dict[str, list[Row]]:
    """Return the rows below each heading."""
    chapters: dict[str, list[Row]] = {}
    rows: list[Row] = []
    for line in text:
        if line.startswith("## "):
            rows = chapters.setdefault(line, [])
        else:
            rows.append(Row(*line.split(" | ")))
    return chapters


def numbers_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the numbers of the rows that a test shows."""
    named = _NAME.match(function.name)
    numbers = set(named[1].split("_a")[1:]) if named else set()
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row":
            numbers |= {str(ast.literal_eval(argument)) for argument in decorator.args}
    return numbers


def find_tests(source: str) -> dict[str, set[str]]:
    """Return, for each test in a file that shows rows, their numbers."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            numbers = numbers_of(node)
            if numbers:
                found[node.name] = numbers
    return found


def collect(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Return, for each row's number, the tests that show it."""
    shown: dict[str, list[str]] = {}
    for path in our_files(folder):
        if path.name.startswith("test_") and path.suffix == ".py":
            for name, numbers in find_tests(path.read_text()).items():
                for number in numbers:
                    shown.setdefault(number, []).append(f"{path.relative_to(folder.parent)}::{name}")
    return {number: sorted(tests) for number, tests in shown.items()}


def evidence(row: Row, tests: list[str]) -> str:
    """Return what stands in the last column."""
    if not tests:
        return row.excuse or NOT_YET
    files: dict[str, list[str]] = {}
    for test in tests[:SHOWN]:
        file, _, name = test.partition("::")
        files.setdefault(file, []).append(name)
    named = [
        f"[{file.removeprefix('tests/')}](../{file}): {', '.join(names)}" for file, names in files.items()
    ]
    more = len(tests) - SHOWN
    return "; ".join(named) + (f"; {more} more" if more > 0 else "")


def default_lines() -> Iterator[str]:
    """Yield the table of the stricter defaults, with ours from the options themselves."""
    ours = {each.name: each.default for each in fields(ServerOptions)}
    for line in lines_of(DEFAULTS):
        name, theirs, why = line.split(" | ")
        yield (
            f"| `{name}` | {ours[name]:,} | {theirs} | {why} |"
            if isinstance(ours[name], int)
            else f"| `{name}` | {ours[name]} | {theirs} | {why} |"
        )


def render(chapters: Mapping[str, list[Row]], shown: Mapping[str, list[str]]) -> str:
    """Return the page."""
    rows = [row for chapter in chapters.values() for row in chapter]
    done = sum(row.number in shown for row in rows)
    excused = sum(row.number not in shown and bool(row.excuse) for row in rows)
    parts = [
        HEAD.format(
            done=done,
            all=len(rows),
            excused=excused,
            left=len(rows) - done - excused,
            defaults="\n".join(default_lines()),
        )
    ]
    for heading, chapter in chapters.items():
        parts += [heading, TABLE]
        parts += [
            f"| {row.number} | {row.theirs} | {row.ours} | {evidence(row, shown.get(row.number, []))} |"
            for row in chapter
        ]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(read_rows(lines_of(ROWS)), collect()))
