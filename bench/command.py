"""What `full.py` and `deflate.py` do alike: their command line, the run, and what they write."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from time import monotonic
from typing import Any

import tables
from cases import Case, run_rounds, show_progress
from catalogue import PEERS
from errors import BenchmarkError
from harness import cores, raise_descriptor_limit
from programs import OUTPUT
from results import Goal, Results, Verdict, judge

RESULTS = Path(__file__).parent / "results"
PART = OUTPUT / "results"  # where a run of some cases or servers only is written


def parser(description: str) -> argparse.ArgumentParser:
    """Return the parser of the options that both commands have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case on each server (3)")
    parser.add_argument("--seconds", type=float, help="length of a run, without its warm-up (0.6)")
    parser.add_argument(
        "--workloads",
        metavar="NAME,NAME",
        help="only these cases: names, groups (before the first hyphen) or patterns such as '*-1MiB-*'",
    )
    parser.add_argument("--servers", metavar="NAME,NAME", help="only these servers and clients")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIRECTORY",
        help="where to write (bench/results; bench/build/results if not all was measured)",
    )
    parser.add_argument("--list", action="store_true", help="only list the cases and who takes part")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless all goals are reached")
    return parser


def _matches(case: Case, wanted: Sequence[str]) -> bool:
    if case.on_demand:
        return case.name in wanted
    return any(case.group == each or fnmatchcase(case.name, each) for each in wanted)


def select(
    cases: Sequence[Case], workloads: str | None, servers: str | None, seconds: float | None
) -> list[Case]:
    """Return the cases that the command line asks for.

    Raises:
        BenchmarkError: a name stands for nothing.
    """
    chosen = [case for case in cases if not case.on_demand]
    if workloads:
        wanted = workloads.split(",")
        for each in wanted:
            if not any(_matches(case, [each]) for case in cases):
                raise BenchmarkError(f"no case is called {each!r}: see --list")
        chosen = [case for case in cases if _matches(case, wanted)]
    if servers:
        names = servers.split(",")
        known = {subject for case in cases for subject in case.subjects}
        for name in names:
            if name not in known:
                raise BenchmarkError(f"{name!r} is not one of {', '.join(sorted(known))}")
        kept = (replace(case, subjects=tuple(s for s in case.subjects if s in names)) for case in chosen)
        chosen = [case for case in kept if case.subjects]
    if not chosen:
        raise BenchmarkError("none of these servers takes part in these cases")
    if seconds is not None:
        chosen = [case if case.seconds is None else replace(case, seconds=seconds) for case in chosen]
    return chosen


def measure(cases: Sequence[Case], goals: Sequence[Goal], rounds: int) -> tuple[Results, list[Verdict]]:
    """Run all cases and judge the goals."""
    raise_descriptor_limit()
    if cores() is None:
        print("warning: server and load generator share the one core: trust no ratio", file=sys.stderr)
    results = Results(cases, run_rounds(cases, rounds, show_progress))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return results, judge(goals, results, PEERS)


def run(
    options: argparse.Namespace,
    title: str,
    name: str,
    cases: Sequence[Case],
    goals: Sequence[Goal],
    finish: Callable[[Results, Path], None] = lambda _results, _directory: None,
) -> int:
    """Do what the command line asks for; returns the exit status."""
    if options.rounds < 1 or (options.seconds is not None and options.seconds <= 0):
        raise BenchmarkError("--rounds and --seconds must be positive")
    chosen = select(cases, options.workloads, options.servers, options.seconds)
    if options.list:
        for case in chosen:
            print(f"{case.name:28} {case.title}: {', '.join(case.subjects)}")
        return 0
    began = monotonic()
    results, verdicts = measure(chosen, goals, options.rounds)
    settings: dict[str, Any] = {
        "rounds": options.rounds,
        "seconds": options.seconds or "as each case has it",
        "took": str(timedelta(seconds=round(monotonic() - began))),
    }
    page = tables.markdown(title, results, verdicts, settings)
    directory = options.results or (PART if options.workloads or options.servers else RESULTS)
    tables.write(directory, name, page, tables.as_json(results, verdicts, settings))
    finish(results, directory)
    print(page)
    return 1 if options.check and not all(verdict.reached for verdict in verdicts) else 0


def guarded(main: Callable[[], int]) -> int:
    """Run a command; what it cannot do is one line on standard error."""
    try:
        return main()
    except BenchmarkError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
