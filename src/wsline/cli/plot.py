"""The latencies as a picture, by matplotlib."""

import importlib
from typing import Any, Final

from .histogram import Histogram

__all__ = ["MISSING_MATPLOTLIB", "draw", "load_matplotlib"]

MISSING_MATPLOTLIB: Final = "--plot needs matplotlib: pip install wsline[plot]"

_BARS: Final = 60
_MARKS: Final = ("p50", "p99", "p99.9")


def load_matplotlib() -> Any:
    """Return the package matplotlib, or `None` where it is missing."""
    try:
        return importlib.import_module("matplotlib")
    except ImportError:
        return None


def draw(figures: dict[str, Any], latencies: Histogram, path: str) -> None:
    """Draw the histogram of the latencies into a file.

    Args:
        figures: what was measured.
        latencies: its histogram.
        path: where to; its ending decides on the format.

    Raises:
        OSError: the file cannot be written.
        ValueError: there is no such format.
    """
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    bars = latencies.bars(_BARS)
    edges = [1e3 * bars[0][0], *(1e3 * to for _, to, _ in bars)]
    axes.stairs([100 * count / latencies.count for _, _, count in bars], edges, fill=True, color="#5753c6")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    for mark in _MARKS:
        at = 1e3 * figures["latency_seconds"][mark]
        axes.axvline(at, color="#62626f", linewidth=0.8, linestyle="--")
        axes.annotate(
            f" {mark}\n {at:.3g}", (at, 0.98), xycoords=("data", "axes fraction"), va="top", fontsize=8
        )
    axes.set_xlabel("round trip, in milliseconds")
    axes.set_ylabel("share of the messages, in per cent")
    axes.set_title(
        f"{figures['messages_per_second']:,.0f} messages/s: {figures['connections']} connections,"
        f" {figures['depth']} in flight, {figures['size']} bytes",
        fontsize=10,
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=120)
