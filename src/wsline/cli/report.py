"""What `wsline bench` tells: text, JSON, and at a terminal a progress bar and a histogram, by rich."""

import argparse
import asyncio
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from .histogram import Histogram, shown
from .screen import complain

__all__ = ["as_json", "as_text", "progress", "show"]

_MISSING: Final = "for a progress bar and a histogram: pip install wsline[cli]"
_BARS: Final = 16
_WIDTH: Final = 40  # of the longest bar
_REFRESH: Final = 0.1  # seconds
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def as_json(figures: dict[str, Any], latencies: Histogram) -> dict[str, Any]:
    """Return the figures with the whole histogram: upper edges in seconds, and counts."""
    return figures | {"histogram": [[edge, count] for edge, count in latencies]}


def as_text(figures: dict[str, Any]) -> str:
    """Return the figures on a few lines."""
    return "\n".join(f"{name:<12}{value}" for name, value in _lines(figures))


def _lines(figures: dict[str, Any]) -> list[tuple[str, str]]:
    latency = figures["latency_seconds"]
    with_what = [name for name in ("deflate", "tls") if figures[name]]
    return [
        ("server", figures["url"]),
        (
            "load",
            f"{figures['connections']} connections x {figures['depth']} in flight,"
            f" {figures['size']} bytes{''.join(f', {each}' for each in with_what)}",
        ),
        ("messages", f"{figures['messages']:,} in {figures['seconds']:.1f} s"),
        (
            "rate",
            f"{figures['messages_per_second']:,.0f} messages/s, {figures['megabytes_per_second']:,.1f} MB/s"
            " in each direction",
        ),
        ("latency", "  ".join(f"{name} {shown(value)}" for name, value in latency.items())),
    ]


def show(figures: dict[str, Any], latencies: Histogram) -> bool:
    """Show the figures and a histogram at the terminal; return `False` where that cannot be done."""
    if not sys.stdout.isatty():
        return False
    try:
        console = importlib.import_module("rich.console").Console(highlight=False)
        table = importlib.import_module("rich.table").Table
    except ImportError:
        complain(_MISSING)
        return False
    grid = table.grid(padding=(0, 2))
    for name, value in _lines(figures):
        grid.add_row(f"[dim]{name}[/]", value)
    console.print(grid)
    console.print()
    bars = table.grid(padding=(0, 1))
    for column in ("right", "left", "right"):
        bars.add_column(justify=column)
    highest = max(count for _, _, count in latencies.bars(_BARS))
    for _, edge, count in latencies.bars(_BARS):
        share = f"{count / latencies.count:.1%}" if count else ""
        bars.add_row(f"[dim]≤ {shown(edge)}[/]", f"[cyan]{_bar(count / highest)}[/]", f"[dim]{share}[/]")
    console.print(bars)
    return True


def _bar(share: float) -> str:
    eighths = round(share * _WIDTH * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(1)


@contextmanager
def progress(options: argparse.Namespace) -> Iterator[None]:
    """Show how much of the time has passed, where somebody sees it."""
    task = None
    if sys.stderr.isatty():
        try:
            rich = importlib.import_module("rich.progress")
            console = importlib.import_module("rich.console").Console(stderr=True)
        except ImportError:
            pass  # `show` tells what is missing
        else:
            task = asyncio.ensure_future(_advance(rich, console, options))
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _advance(rich: Any, console: Any, options: argparse.Namespace) -> None:
    words = f"{options.connections} x {options.depth} x {options.size} bytes"
    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.TimeRemainingColumn())
    # It draws when it is told to: a thread of its own would disturb what is measured.
    with rich.Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        whole = bar.add_task(words, total=options.time)
        begun = monotonic()
        while True:
            await asyncio.sleep(_REFRESH)
            bar.update(whole, completed=monotonic() - begun)
            bar.refresh()
