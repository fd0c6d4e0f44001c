"""Medians of the rounds, ratios between servers, and the goals."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from harness import Measurement, Workload

UNDISTURBED = 0.85  # of its core: what the server or the load generator uses at least, on a quiet machine


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of a server's rounds under one workload."""

    server: str
    workload: Workload
    messages_per_second: float
    spread: float  # (fastest round - slowest round) / median
    user_us: float
    system_us: float
    p50_us: float
    p99_us: float
    server_busy: float
    load_busy: float

    @property
    def disturbed(self) -> bool:
        """Whether something else had the machine: in a closed loop, one of the two is always at work."""
        return max(self.server_busy, self.load_busy) < UNDISTURBED


class Summary:
    """All measurements of a benchmark, by server and workload."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._runs: dict[tuple[str, Workload], list[Measurement]] = {}
        for one in measurements:
            self._runs.setdefault((one.server, one.workload), []).append(one)

    def rows(self) -> list[Row]:
        return [self._row(server, workload, runs) for (server, workload), runs in self._runs.items()]

    @staticmethod
    def _row(server: str, workload: Workload, runs: list[Measurement]) -> Row:
        rates = [run.messages_per_second for run in runs]
        return Row(
            server=server,
            workload=workload,
            messages_per_second=median(rates),
            spread=(max(rates) - min(rates)) / median(rates),
            user_us=median(run.user_us for run in runs),
            system_us=median(run.system_us for run in runs),
            p50_us=median(run.p50_us for run in runs),
            p99_us=median(run.p99_us for run in runs),
            server_busy=median(run.server_busy for run in runs),
            load_busy=median(run.load_busy for run in runs),
        )

    def ratio(self, server: str, baseline: str, workload: Workload) -> float | None:
        """The median of the rounds' ratios of messages per second, or None if either was not measured.

        Round by round, because what slowed the machine in a round slowed both servers.
        """
        ours = self._runs.get((server, workload))
        theirs = self._runs.get((baseline, workload))
        if not ours or not theirs:
            return None
        pairs = zip(ours, theirs, strict=True)
        return median(one.messages_per_second / other.messages_per_second for one, other in pairs)


@dataclass(frozen=True, slots=True)
class Goal:
    """`server` shall echo at least `factor` times as many messages per second as `baseline`."""

    server: str
    baseline: str
    workload: Workload
    factor: float


@dataclass(frozen=True, slots=True)
class Verdict:
    goal: Goal
    ratio: float | None  # None: not measured

    @property
    def reached(self) -> bool:
        return self.ratio is not None and self.ratio >= self.goal.factor


def judge(goals: Iterable[Goal], summary: Summary) -> list[Verdict]:
    """Compare each goal with what was measured."""
    return [Verdict(goal, summary.ratio(goal.server, goal.baseline, goal.workload)) for goal in goals]
