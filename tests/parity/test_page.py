"""docs/ws-parity.md is what the tests say; and what it is made by sees what it should."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.parity.page import (
    NOT_YET,
    PAGE,
    ROWS,
    Row,
    collect,
    default_lines,
    evidence,
    find_tests,
    lines_of,
    read_rows,
    render,
)


def all_rows() -> list[Row]:
    return [row for rows in read_rows(lines_of(ROWS)).values() for row in rows]


def test_the_page_is_up_to_date() -> None:
    same = PAGE.read_text() == render(read_rows(lines_of(ROWS)), collect())
    assert same, "write it anew: python -m tests.parity.page"


def test_every_row_on_the_page_that_counts_as_done_has_a_test() -> None:
    """Read from the page itself: it may not say of a row what no test shows."""
    shown = collect()
    cells = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    claimed = {number: claim for number, _, _, claim in cells if number[0].isdigit()}
    assert claimed.keys() == {row.number for row in all_rows()}
    excuses = {row.number: row.excuse for row in all_rows()}
    for number, claim in claimed.items():
        if number not in shown:
            assert claim == (excuses[number] or NOT_YET), number


def test_the_rows_are_complete_and_in_order() -> None:
    numbers = [row.number for row in all_rows()]
    plain = [str(n) for n in range(1, 203) if n not in (53, 165, 166, 167, 168, 169, 170)]
    letters = [f"53{each}" for each in "abcdefgh"] + [f"165{each}" for each in "abcdefghijklmnop"]
    assert set(numbers) == {*plain, *letters}
    assert numbers == sorted(numbers, key=lambda each: (int(each.rstrip("abcdefghijklmnop")), each))


def test_every_recipe_names_a_file_that_is_there_and_a_test_that_runs_it() -> None:
    recipes = next(rows for heading, rows in read_rows(lines_of(ROWS)).items() if heading == "## Recipes")
    shown = collect()
    for row in recipes:
        name = re.match(r"`examples/(\w+\.py)`", row.ours)
        if name is None:
            assert row.number in ("194", "195"), row  # options, and a command
            continue
        assert (ROOT / "examples" / name[1]).is_file()
        files = {ROOT / test.partition("::")[0] for test in shown[row.number]}
        assert any(name[1] in file.read_text() for file in files), row


def test_no_test_shows_a_row_that_does_not_exist() -> None:
    assert set(collect()) <= {row.number for row in all_rows()}


SOURCE = """
def test_a13_by_its_name(): ...

class TestInAClass:
    async def test_a53b_too(self): ...

@pytest.mark.parametrize("x", [1])
@pytest.mark.row(14, "165a")
def test_by_a_mark(x): ...

@pytest.mark.row(15)
async def test_a16_by_both(): ...

def test_a17_a18_a19a_several(): ...

def test_a_thing(): ...
def test_a20_to_a22_is_no_list(): ...
def test_alone(): ...
def helper_a17_is_no_test(): ...
"""


def test_tests_of_rows_are_found() -> None:
    assert find_tests(SOURCE) == {
        "test_a13_by_its_name": {"13"},
        "test_a53b_too": {"53b"},
        "test_by_a_mark": {"14", "165a"},
        "test_a16_by_both": {"15", "16"},
        "test_a17_a18_a19a_several": {"17", "18", "19a"},
        "test_a20_to_a22_is_no_list": {"20"},
    }


def test_tests_are_collected_from_files(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    (folder / "sub").mkdir(parents=True)
    (folder / "test_one.py").write_text("def test_a1_x(): ...\ndef test_a1_y(): ...")
    (folder / "sub" / "test_two.py").write_text("def test_a1_z(): ...")
    (folder / "helper.py").write_text("def test_a2_x(): ...")
    assert collect(folder) == {
        "1": [
            "tests/sub/test_two.py::test_a1_z",
            "tests/test_one.py::test_a1_x",
            "tests/test_one.py::test_a1_y",
        ]
    }


@pytest.mark.parametrize(
    ("excuse", "tests", "text"),
    [
        ("", [], NOT_YET),
        ("not in Python", [], "not in Python"),
        ("not in Python", ["tests/a.py::test_x"], "[a.py](../tests/a.py): test_x"),
        ("", ["tests/a.py::x", "tests/a.py::y"], "[a.py](../tests/a.py): x, y"),
        (
            "",
            [f"tests/a.py::{each}" for each in "wxyzv"],
            "[a.py](../tests/a.py): w, x, y; 2 more",
        ),
        ("", ["tests/a.py::x", "tests/b.py::y"], "[a.py](../tests/a.py): x; [b.py](../tests/b.py): y"),
    ],
)
def test_what_shows_a_row(excuse: str, tests: list[str], text: str) -> None:
    assert evidence(Row("1", "theirs", "ours", excuse), tests) == text


def test_the_page_counts() -> None:
    chapters = read_rows(iter(["## One", "1 | a | b", "2 | a | none | why", "## Two", "3 | a | b"]))
    page = render(chapters, {"1": ["tests/a.py::x"]})
    assert "**1** of 3 rows are shown by tests, 1 do not apply, 1 are not done yet." in page
    assert "## One\n\n| # |" in page
    assert "| 2 | a | none | why |" in page
    assert f"| 3 | a | b | {NOT_YET} |" in page


def test_defaults_are_those_of_the_options() -> None:
    found = {line.split("`")[1]: line for line in default_lines()}
    assert "| 16,777,216 | 100 MiB |" in found["max_payload"]
    assert "| SAME_HOST | any |" in found["origins"]
