"""Medians of the rounds, ratios between subjects, and goals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from cases import Case, Run
from summary import UNDISTURBED

EVERY_PEER = "every peer"

# Of a run, by name: what it is called in tables, and whether more of it is better.
FIGURES = {
    "messages_per_second": ("messages/s", True),
    "user_us": ("user µs", False),
    "system_us": ("system µs", False),
    "cpu_us": ("CPU µs", False),
    "p50_us": ("p50 µs", False),
    "p99_us": ("p99 µs", False),
    "peak_bytes": ("peak memory", False),
    "bytes_per_connection": ("memory per connection", False),
    "closing_seconds": ("closing, seconds", False),
    "wire_bytes": ("bytes on the wire", False),
    "server_busy": ("server busy", True),
    "load_busy": ("load busy", True),
}


class Results:
    """All runs of a benchmark, by case and subject."""

    def __init__(self, cases: Sequence[Case], runs: Iterable[Run]) -> None:
        self.cases = tuple(cases)
        self.runs = tuple(runs)
        self._runs: dict[tuple[str, str], dict[int, Run]] = {}
        for run in self.runs:
            self._runs.setdefault((run.case, run.subject), {})[run.round] = run

    def _values(self, case: str, subject: str, figure: str) -> dict[int, float]:
        runs = self._runs.get((case, subject), {})
        return {number: run.figures[figure] for number, run in runs.items() if figure in run.figures}

    def subjects(self, case: str) -> list[str]:
        """Return who was measured in a case, failures included."""
        return [subject for name, subject in self._runs if name == case]

    def failures(self, case: str, subject: str) -> list[Run]:
        """Return the runs of the subject that failed."""
        return [run for run in self._runs.get((case, subject), {}).values() if run.failure]

    def agreed(self, case: str, subject: str) -> str:
        """Return the extension that the subject agreed to."""
        runs = self._runs.get((case, subject), {})
        return next((run.agreed for run in runs.values() if run.agreed), "")

    def disturbed(self, case: Case, subject: str) -> bool:
        """Whether something else had the machine: neither server nor load had its core to itself."""
        busy = [self.value(case.name, subject, figure) for figure in ("server_busy", "load_busy")]
        known = [value for value in busy if value is not None]
        return case.saturates and len(known) == len(busy) and max(known) < UNDISTURBED

    def value(self, case: str, subject: str, figure: str) -> float | None:
        """Return the median of the rounds, or None if there is no such figure."""
        values = self._values(case, subject, figure)
        return median(values.values()) if values else None

    def spread(self, case: str, subject: str, figure: str) -> float:
        """Return half the distance of the largest and the smallest round, as a share of the median."""
        values = self._values(case, subject, figure).values()
        middle = median(values) if values else 0
        return (max(values) - min(values)) / 2 / middle if middle else 0.0

    def ratio(
        self, case: str, subject: str, baseline: str, figure: str, baseline_case: str = ""
    ) -> float | None:
        """Return the median of the rounds' ratios, or None if either was not measured.

        Round by round, because what slowed the machine in a round slowed both.
        """
        ours = self._values(case, subject, figure)
        theirs = self._values(baseline_case or case, baseline, figure)
        ratios = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
        return median(ratios) if ratios else None

    def best(self, case: str, names: Iterable[str], figure: str) -> str | None:
        """Return who of `names` has the best median, or None if none was measured."""
        values = {name: self.value(case, name, figure) for name in names}
        measured = {name: value for name, value in values.items() if value is not None}
        if not measured:
            return None
        choose = max if FIGURES[figure][1] else min
        return choose(measured, key=lambda name: measured[name])


@dataclass(frozen=True, slots=True)
class Goal:
    """What a subject shall reach in a case.

    Attributes:
        bound: of the figure's ratio to that of `baseline`, or of the figure itself if there is none.
        baseline: a subject, `EVERY_PEER`, or "" for none.
        at_most: whether `bound` is from above.
        baseline_case: where the baseline was measured, if it was another case.
    """

    case: str
    subject: str
    bound: float
    baseline: str = ""
    figure: str = "messages_per_second"
    at_most: bool = False
    baseline_case: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    goal: Goal
    value: float | None  # None: not measured
    against: str  # whom the goal was compared with

    @property
    def reached(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.goal.bound if self.goal.at_most else self.value >= self.goal.bound

    @property
    def outcome(self) -> str:
        if self.value is None:
            return "not measured"
        return "reached" if self.reached else "MISSED"


def judge(goals: Iterable[Goal], results: Results, peers: Sequence[str]) -> list[Verdict]:
    """Compare each goal of a case that was asked for with what was measured."""
    names = {case.name for case in results.cases}
    verdicts = []
    for goal in goals:
        if goal.case not in names:
            continue
        baseline: str | None = goal.baseline
        if baseline == EVERY_PEER:
            baseline = results.best(goal.case, peers, goal.figure)
        if baseline:
            value = results.ratio(goal.case, goal.subject, baseline, goal.figure, goal.baseline_case)
        elif baseline is None:
            value = None
        else:
            value = results.value(goal.case, goal.subject, goal.figure)
        verdicts.append(Verdict(goal, value, baseline or ""))
    return verdicts
