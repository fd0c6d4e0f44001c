"""Results as text: Markdown tables, and JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import report
from cases import Case
from catalogue import FLOOR, PEERS, ZLIB
from results import FIGURES, Goal, Results, Verdict

MIB = 1024 * 1024
RATE = "messages_per_second"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _fraction(value: float) -> str:
    return f"{value:.2f}" if value < 100 else _whole(value)


FORMATS = {
    "messages_per_second": _whole,
    "peak_bytes": lambda value: f"{value / MIB:.1f} MiB",
    "bytes_per_connection": lambda value: f"{value / 1024:.1f} KiB",
    "server_busy": lambda value: f"{value:.0%}",
    "load_busy": lambda value: f"{value:.0%}",
    "wire_bytes": _whole,
}
# Columns that stand in a table only where somebody has such a figure.
COLUMNS = tuple(figure for figure in FIGURES if figure not in ("messages_per_second", "cpu_us"))


def _cell(figure: str, value: float | None) -> str:
    return "–" if value is None else FORMATS.get(figure, _fraction)(value)


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def grid(lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns line up; the first one to the left, the others to the right."""
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(lines[0]))]

    def row(cells: Sequence[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return "| " + " | ".join([cells[0].ljust(widths[0]), *padded[1:]]) + " |"

    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([row(lines[0]), f"|{rule}|", *(row(line) for line in lines[1:])])


def case_table(results: Results, case: Case) -> str:
    """One line for each subject of a case, the best peer's and the floor's ratios included."""
    subjects = results.subjects(case.name)
    floor = next((name for name in (FLOOR, ZLIB) if name in subjects), None)
    best = results.best(case.name, PEERS, RATE)
    shown = [
        figure
        for figure in COLUMNS
        if any(results.value(case.name, subject, figure) is not None for subject in subjects)
    ]
    bases = [name for name in (floor, best) if name]
    lines = [["", case.unit, "±", *(f"/ {name}" for name in bases), *(FIGURES[name][0] for name in shown)]]
    for subject in subjects:
        value = results.value(case.name, subject, RATE)
        lines.append(
            [
                subject,
                "failed" if value is None and results.failures(case.name, subject) else _cell(RATE, value),
                f"{results.spread(case.name, subject, RATE):.0%}",
                *(_ratio(results.ratio(case.name, subject, base, RATE)) for base in bases),
                *(_cell(figure, results.value(case.name, subject, figure)) for figure in shown),
            ]
        )
    return grid(lines)


def _wanted(goal: Goal) -> str:
    sign = "≤" if goal.at_most else "≥"
    if not goal.baseline:
        return f"{sign} {_cell(goal.figure, goal.bound)}"
    where = f" in {goal.baseline_case}" if goal.baseline_case else ""
    return f"{sign} {goal.bound:g} × {goal.baseline}{where}"


def _measured(verdict: Verdict) -> str:
    goal = verdict.goal
    if verdict.value is None or not goal.baseline:
        return _cell(goal.figure, verdict.value)
    against = f" ({verdict.against})" if verdict.against != goal.baseline else ""
    return f"{verdict.value:.2f}{against}"


def goals_table(verdicts: Iterable[Verdict], cases: Sequence[Case]) -> str:
    """One line for each goal: what was wanted, and what it came to."""
    lines = [["case", "subject", "figure", "goal", "measured", ""]]
    units = {case.name: case.unit for case in cases}
    for verdict in verdicts:
        goal = verdict.goal
        title = units[goal.case] if goal.figure == RATE else FIGURES[goal.figure][0]
        lines.append([goal.case, goal.subject, title, _wanted(goal), _measured(verdict), verdict.outcome])
    return grid(lines)


def _notes(results: Results) -> list[str]:
    """What a reader must know beside the numbers: failures, and what was agreed about compression."""
    lines = []
    for case in results.cases:
        for subject in results.subjects(case.name):
            agreed = results.agreed(case.name, subject)
            if results.disturbed(case, subject):
                lines.append(f"- {case.name}, {subject}: the machine had other work, **measure again**")
            for run in results.failures(case.name, subject):
                lines.append(f"- {case.name}, {subject} **failed** in round {run.round + 1}: {run.failure}")
            if agreed:
                lines.append(f"- {case.name}, {subject} agreed to `{agreed}`")
    return lines


def markdown(title: str, results: Results, verdicts: Sequence[Verdict], settings: dict[str, Any]) -> str:
    """Return the whole page of results."""
    facts = ", ".join(f"{key} {value}" for key, value in report.environment().items())
    said = ", ".join(f"{key} {value}" for key, value in settings.items())
    parts = [f"# {title}", f"Medians of the rounds. Settings: {said}.\n\nMeasured on: {facts}."]
    if verdicts:
        parts += ["## Goals", goals_table(verdicts, results.cases)]
    parts.append("## Measurements")
    for case in results.cases:
        parts += [f"### {case.title}", f"`{case.name}`", case_table(results, case)]
    notes = _notes(results)
    if notes:
        parts += ["## Notes", "\n".join(notes)]
    return "\n\n".join(parts) + "\n"


def _ratios(results: Results, case: str, subject: str, figure: str) -> dict[str, float | None]:
    """Return a figure's ratio to the floor, and to the peer that is best at it."""
    best = results.best(case, PEERS, figure)
    return {
        "floor": results.ratio(case, subject, FLOOR, figure),
        "best_peer": results.ratio(case, subject, best, figure) if best else None,
    }


def as_json(results: Results, verdicts: Iterable[Verdict], settings: dict[str, Any]) -> str:
    """Return every run with all its figures, the medians, and the verdicts."""
    pairs = [(case.name, subject) for case in results.cases for subject in results.subjects(case.name)]
    medians: dict[str, dict[str, Any]] = {case.name: {} for case in results.cases}
    ratios: dict[str, dict[str, Any]] = {case.name: {} for case in results.cases}
    for case, subject in pairs:
        figures = {name: results.value(case, subject, name) for name in FIGURES}
        medians[case][subject] = {name: value for name, value in figures.items() if value is not None}
        ratios[case][subject] = {
            name: _ratios(results, case, subject, name) for name in medians[case][subject]
        }
    content = {
        "environment": report.environment(),
        "settings": settings,
        "cases": {case.name: case.title for case in results.cases},
        "medians": medians,
        "ratios": ratios,
        "goals": [
            {**asdict(verdict.goal), "measured": verdict.value, "outcome": verdict.outcome}
            for verdict in verdicts
        ],
        "runs": [asdict(run) for run in results.runs],
    }
    return json.dumps(content, indent=1) + "\n"


def write(directory: Path, name: str, page: str, data: str) -> None:
    """Write `NAME.md` and `NAME.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.md").write_text(page)
    (directory / f"{name}.json").write_text(data)
