"""The picture of a measurement."""

import struct
import sys
from pathlib import Path

import pytest

from tests.cli.test_report import FIGURES, latencies
from wsline.cli.plot import draw, load_matplotlib

MEASURED = FIGURES | {"latency_seconds": {"p50": 0.05, "p99": 0.099, "p99.9": 0.099}}


def test_it_draws_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    draw(MEASURED, latencies(), str(path))
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (960, 480)


def test_it_says_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    draw(MEASURED, latencies(), str(path))
    text = path.read_text()
    for words in ("6,172 messages/s", "round trip, in milliseconds", "p99.9"):
        assert words in text


def test_other_formats_and_places_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        draw(MEASURED, latencies(), str(tmp_path / "x.nonsense"))
    with pytest.raises(OSError, match="No such file"):
        draw(MEASURED, latencies(), str(tmp_path / "nowhere" / "x.png"))


def test_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_matplotlib() is not None
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert load_matplotlib() is None
