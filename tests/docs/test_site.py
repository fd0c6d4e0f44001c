"""The documentation site: it builds, it is whole, it asks nobody, and what it shows works."""

import ast
import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.tree import ROOT
from tests.test_snippets import COROUTINES
from wsline.cli.main import parse

pytestmark = pytest.mark.timeout(120)  # the first one builds the site

PAGES = sorted((ROOT / "docs").glob("*.md"))


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    load().lay_out(folder / "source")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, folder / "source", folder / "html"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder / "html"


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    missing = []
    for module in load().MODULES:
        text = (site / "reference" / f"{module}.html").read_text()
        for name in importlib.import_module(module).__all__:
            if not name.startswith("_") and f">{name}<a" not in text:
                missing.append(f"{module}.{name}")
    assert missing == []


def test_every_page_and_example_is_there(site: Path) -> None:
    for page in PAGES:
        assert (site / f"{page.stem}.html").exists()
    names = {path.name for path in (site / "examples").iterdir()}
    assert {"chat-server.html", "upload-server.html", "text.html"} <= names


def test_it_asks_nobody_else(site: Path) -> None:
    asked = []
    for page in site.rglob("*.html"):
        text = page.read_text()
        asked += re.findall(r"<(?:script|img|iframe)[^>]*src=\"https?:[^\"]*", text)
        asked += re.findall(r"<link[^>]*href=\"https?:[^\"]*", text)
    assert asked == []


def test_docstrings_become_lists() -> None:
    def thing() -> None:
        """Do it.

        Args:
            one: the first, with a
                second line <here>.
            two, three: `*args`.

        Raises:
            ValueError: no.

        As in:

            code(*stays)
        """

    assert "\n".join(load().docstring(thing)).split("\n") == [
        "Do it.", "", "", "**Args**", "",
        "- `one`: the first, with a", "  second line \\<here\\>.", "- `two, three`: `*args`.", "", "",
        "**Raises**", "", "- `ValueError`: no.", "", "As in:", "", "```text", "code(*stays)", "```", "",
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_on_the_pages_is_python(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        ast.parse(block)


def test_the_first_page_shows_the_program_that_is_tried() -> None:
    [block] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "index.md").read_text(), re.DOTALL)
    assert without_comments(block) == without_comments(COROUTINES)


def without_comments(program: str) -> str:
    return ast.unparse(ast.parse(program))


# At the beginning of a line of code, or behind a pipe there.
COMMAND = re.compile(r"^(?:\$ |    )?(?:[^|`\n]+ \| )?wsline ([a-z][^|\n]*)", re.MULTILINE)


def test_commands_on_the_pages_are_right() -> None:
    texts = [page.read_text() for page in (*PAGES, ROOT / "README.md")]
    commands = [shlex.split(words, comments=True) for text in texts for words in COMMAND.findall(text)]
    assert len(commands) > 8
    for words in commands:
        assert parse(words).run is not None, words
