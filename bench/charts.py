"""Draws the results as bar charts, each as SVG and PNG, for light and for dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from catalogue import COROUTINE, FLOOR, LISTENER
from matplotlib.figure import Figure
from results import Results

RATE = "messages_per_second"


@dataclass(frozen=True, slots=True)
class Theme:
    name: str
    text: str
    grid: str
    ours: tuple[str, str]  # listener, coroutine
    peers: str
    floor: str


LIGHT = Theme("light", "#1f2328", "#d0d7de", ("#0969da", "#54aeff"), "#8c959f", "#57606a")
DARK = Theme("dark", "#e6edf3", "#30363d", ("#58a6ff", "#1f6feb"), "#6e7681", "#b1bac4")
THEMES = (LIGHT, DARK)


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of bars: a figure of a case, for all its subjects."""

    case: str
    title: str
    figure: str = RATE
    scale: float = 1.0  # what a bar's length is divided by
    unit: str = "messages/s"


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    title: str
    panels: tuple[Panel, ...]


CHARTS = (
    Chart(
        "echo-small",
        "Echo of 32 B over 100 connections",
        (
            Panel("echo-32B-100x1", "one message in flight", scale=1e3, unit="thousand messages/s"),
            Panel("echo-32B-100x16", "16 messages in flight", scale=1e3, unit="thousand messages/s"),
        ),
    ),
    Chart(
        "echo-large",
        "Echo of large messages over 10 connections",
        (
            Panel("echo-64KiB-10x1", "64 KiB", scale=1e3, unit="thousand messages/s"),
            Panel("echo-1MiB-10x1", "1 MiB"),
        ),
    ),
    Chart(
        "tls",
        "TLS echo of 32 B over 100 connections",
        (
            Panel("tls-32B-100x1", "one message in flight", scale=1e3, unit="thousand messages/s"),
            Panel("tls-32B-100x16", "16 messages in flight", scale=1e3, unit="thousand messages/s"),
        ),
    ),
    Chart(
        "many",
        "Many connections",
        (
            Panel("broadcast-10000", "broadcast of 128 B to 10,000", scale=1e3, unit="thousand messages/s"),
            Panel("crowd-10000", "opening handshakes", unit="handshakes/s"),
            Panel(
                "crowd-10000",
                "memory of an idle connection",
                "bytes_per_connection",
                1024,
                "KiB, less is better",
            ),
        ),
    ),
    Chart(
        "client",
        "Clients: round trips of 256 B, one connection",
        (
            Panel("client-256B", "round trips", scale=1e3, unit="thousand/s"),
            Panel("client-256B", "user CPU of a round trip", "user_us", 1.0, "µs, less is better"),
        ),
    ),
)

_Values = list[tuple[str, float]]


def _values(results: Results, panel: Panel) -> _Values:
    found = []
    for subject in results.subjects(panel.case):
        value = results.value(panel.case, subject, panel.figure)
        if value is not None:
            found.append((subject, value / panel.scale))
    return found


def _color(theme: Theme, subject: str) -> str:
    if subject == FLOOR:
        return theme.floor
    if subject.startswith(LISTENER):
        return theme.ours[0]
    return theme.ours[1] if subject.startswith(COROUTINE) else theme.peers


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bars(axes: Any, theme: Theme, panel: Panel, values: _Values) -> None:
    names = [name for name, _ in values]
    heights = [value for _, value in values]
    bars = axes.barh(names, heights, color=[_color(theme, name) for name in names], height=0.7)
    axes.bar_label(bars, [_label(value) for value in heights], padding=3, color=theme.text, fontsize=9)
    axes.set_title(panel.title, color=theme.text, fontsize=10, loc="left")
    axes.set_xlabel(panel.unit, color=theme.text, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=theme.grid, linewidth=0.8)
    axes.tick_params(colors=theme.text, labelsize=9, length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _figure(chart: Chart, theme: Theme, panels: Sequence[tuple[Panel, _Values]]) -> Figure:
    rows = max(len(values) for _, values in panels)
    figure = Figure(figsize=(4.4 * len(panels), 1.3 + 0.34 * rows), layout="constrained")
    figure.suptitle(chart.title, color=theme.text, fontsize=12, x=0.01, ha="left")
    for axes, (panel, values) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.set_facecolor("none")
        _bars(axes, theme, panel, values)
    return figure


def draw(results: Results, directory: Path) -> None:
    """Write every chart of which all panels were measured: `NAME-THEME.svg` and `.png`, transparent."""
    mpl.rcParams["svg.hashsalt"] = "wsline"  # the same results make the same file
    mpl.rcParams["svg.fonttype"] = "none"
    for chart in CHARTS:
        panels = [(panel, _values(results, panel)) for panel in chart.panels]
        if not all(values for _, values in panels):
            continue
        for theme in THEMES:
            figure = _figure(chart, theme, panels)
            for kind, more in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 120})):
                path = directory / f"{chart.name}-{theme.name}.{kind}"
                figure.savefig(path, transparent=True, **more)
