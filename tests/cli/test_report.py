"""How measurements are told."""

import argparse
import asyncio
import sys
from typing import Any

import pytest

from tests.cli.command import echo, serving, terminal
from wsline.cli.histogram import Histogram
from wsline.cli.report import as_json, as_text, progress, show

FIGURES: dict[str, Any] = {
    "url": "ws://here/", "connections": 2, "depth": 3, "size": 125, "deflate": True, "tls": True,
    "messages": 12345, "seconds": 2.0, "messages_per_second": 6172.5, "megabytes_per_second": 0.77,
    "latency_seconds": {"mean": 0.001, "p50": 0.0009, "most": 1.5},
}  # fmt: skip


def latencies() -> Histogram:
    histogram = Histogram()
    for n in range(1, 100):
        histogram.add(n / 1000)
    return histogram


def test_text_is_a_few_lines() -> None:
    assert as_text(FIGURES) == (
        "server      ws://here/\n"
        "load        2 connections x 3 in flight, 125 bytes, deflate, tls\n"
        "messages    12,345 in 2.0 s\n"
        "rate        6,172 messages/s, 0.8 MB/s in each direction\n"
        "latency     mean 1 ms  p50 900 µs  most 1.5 s"
    )


def test_json_has_the_histogram() -> None:
    found = as_json(FIGURES, latencies())
    assert found["messages"] == 12345
    assert sum(count for _, count in found["histogram"]) == 99


def test_a_pipe_gets_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert not show(FIGURES, latencies())
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_bars(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert show(FIGURES, latencies())
    shown = capsys.readouterr().out
    assert "6,172 messages/s" in shown
    assert shown.count("≤") == len(latencies().bars(16))
    assert "█" * 40 in shown
    assert "%" in shown


def test_without_rich_it_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert not show(FIGURES, latencies())
    assert capsys.readouterr().err == "wsline: for a progress bar and a histogram: pip install wsline[cli]\n"


async def test_no_progress_in_a_pipe() -> None:
    before = asyncio.all_tasks()
    with progress(argparse.Namespace(time=1.0)):
        assert asyncio.all_tasks() == before


async def test_progress_and_bars_on_a_real_terminal() -> None:
    async with serving(echo) as url, terminal("bench", "-t", "0.5", "-c", "2", url, kind="xterm") as screen:
        await screen.wait_for("━".encode())
        await screen.wait_for("≤".encode())
        await screen.wait_for(b"messages/s")
        assert await screen.end() == 0
