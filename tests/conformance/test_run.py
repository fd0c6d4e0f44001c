"""The judgement that run.py adds to the suite's: invalid UTF-8 is refused as it arrives."""

import json
from pathlib import Path

import pytest

from tests.conformance.run import late_utf8

CASES = {f"6.4.{n}": {"behavior": "OK"} for n in range(1, 5)} | {"3.2": {"behavior": "NON-STRICT"}}


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ({}, []),
        ({"6.4.2": {"behavior": "NON-STRICT"}}, ["6.4.2"]),
        ({"6.4.4": {"behavior": "FAILED"}}, ["6.4.4"]),
    ],
)
def test_late_utf8(tmp_path: Path, changes: dict[str, object], late: list[str]) -> None:
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"wsline": CASES | changes}))
    assert late_utf8(index) == late


def test_a_case_that_did_not_run_is_late(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"wsline": {"6.4.1": {"behavior": "OK"}}}))
    assert late_utf8(index) == ["6.4.2", "6.4.3", "6.4.4"]
