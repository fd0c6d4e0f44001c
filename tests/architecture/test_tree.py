"""The shape of the tree: tests mirror the sources, files and functions are short, no machine shows."""

import ast
import re
from pathlib import Path

from tests.architecture.tree import PACKAGE, ROOT, our_files

# Modules that need no test file of their own, and why.
WITHOUT_TEST = {
    "__init__.py": "names only; the public face is tested by everything that imports it",
    "__main__.py": "one call, made by tests/cli",
}

MAX_FILE = 400
MAX_FUNCTION = 60

# The brackets keep this file from holding what it looks for.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:wor[k]|roo[t]|hom[e])/",
    "a tool of one machine": r"\bpye[n]v\b",
    "the address of a package registry": r"pythonh[o]sted|registry\.n[p]mjs|pyp[i]\.org|extra-ind[e]x-url",
    "the number of an issue": r"(?i)\b(?:issue|GH)[ -]?#?\d+",
}


def sources(*suffixes: str) -> list[Path]:
    """Return the source files of the package with these suffixes."""
    return [path for path in our_files(PACKAGE) if path.suffix in suffixes]


def test_the_tests_mirror_the_sources() -> None:
    missing = []
    for path in sources(".py"):
        place = ROOT / "tests" / path.relative_to(PACKAGE)
        test = place.with_name(f"test_{place.name}")
        if path.name not in WITHOUT_TEST and not test.exists():
            missing.append(str(test.relative_to(ROOT)))
    assert missing == []


def test_files_are_short() -> None:
    paths = sources(".py", ".pyx", ".pxd", ".h")
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in paths}
    assert lines
    assert {path: n for path, n in lines.items() if n > MAX_FILE} == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function's body without its docstring."""
    first = function.body[ast.get_docstring(function) is not None :]
    assert function.end_lineno is not None
    return function.end_lineno - first[0].lineno + 1 if first else 0


def test_functions_are_short() -> None:
    long = []
    for path in sources(".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > MAX_FUNCTION:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {body_lines(node)} lines")
    assert long == []


def test_a_body_is_counted_without_its_docstring() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    if 1:\n        pass\n    return 2\n'
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == 3


def forbidden(text: str) -> list[str]:
    """Return what a text names and should not."""
    found = []
    for what, pattern in FORBIDDEN.items():
        found += [f"{match[0]!r}: {what}" for match in re.finditer(pattern, text)]
    return found


def test_nothing_names_a_machine_or_a_workplace() -> None:
    found = []
    for path in our_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # an image
        found += [f"{path.relative_to(ROOT)}: {problem}" for problem in forbidden(text)]
    assert found == []


# A tilde stands where nothing is.
SEEN = ["see /ro~ot/x", "'/wo~rk/a'", "a py~env shim", "files.python~hosted.org", "issue~ 12", "issue~ #7"]
UNSEEN = ["/network/", "at work/here", "no issue", "a tissue of 12", "ws://host/root"]


def test_forbidden_words_are_seen() -> None:
    assert [text for text in SEEN if not forbidden(text.replace("~", ""))] == []
    assert [text for text in UNSEEN if forbidden(text)] == []
