"""The quick benchmark: small echoes against the C floor and picows, in about a minute."""

import argparse
import sys
from pathlib import Path

import report
from catalogue import COROUTINE, DEFAULT, FLOOR, LISTENER, MAKERS, PICOWS, find
from errors import BenchmarkError
from harness import Measurement, Workload, cores, measure_rounds
from summary import Goal, Summary, Verdict, judge

DEPTHS = (1, 16)

# (server, baseline, depth) -> how many times the baseline's messages per second
GOALS = {
    (LISTENER, FLOOR, 1): 0.85,
    (LISTENER, FLOOR, 16): 0.85,
    (COROUTINE, FLOOR, 1): 0.6,
    (COROUTINE, FLOOR, 16): 0.25,
    (LISTENER, PICOWS, 1): 1.2,
    (LISTENER, PICOWS, 16): 8.0,
    (COROUTINE, PICOWS, 1): 1.2,
    (COROUTINE, PICOWS, 16): 3.0,
}


def _server_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in MAKERS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(MAKERS)}")
    return list(dict.fromkeys(names))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each server at each depth (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run, without its warm-up (2)")
    parser.add_argument(
        "--servers",
        type=_server_names,
        default=list(DEFAULT),
        metavar="NAME,NAME",
        help=f"which servers; of {', '.join(MAKERS)}",
    )
    parser.add_argument("--text", action="store_true", help="text messages instead of binary ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every run's numbers to FILE")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless all goals are reached")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return options


def _show_progress(one: Measurement) -> None:
    if sys.stderr.isatty():
        rate = f"{one.messages_per_second:,.0f}/s"
        line = f"round {one.round + 1}: {one.server}, depth {one.workload.depth}: {rate}"
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _print_report(summary: Summary, verdicts: list[Verdict], options: argparse.Namespace) -> None:
    facts = report.environment()
    print(", ".join(f"{key} {facts[key]}" for key in ("python", *report.PACKAGES)))
    shape, kind = Workload(), "text" if options.text else "binary"
    load = f"{shape.connections} connections, {shape.size}-byte {kind} echo"
    print(f"{load}, medians of {options.rounds} x {options.seconds:g} s\n")
    print(report.table(summary, FLOOR, PICOWS))
    for warning in report.warnings(summary):
        print(f"\nWarning: {warning}")
    print("\nGoals")
    print(report.goals(verdicts))


def _run(options: argparse.Namespace) -> int:
    servers = [find(name) for name in options.servers]
    workloads = {depth: Workload(depth=depth, text=options.text, seconds=options.seconds) for depth in DEPTHS}
    if cores() is None:
        print("warning: server and load generator share the one core: trust no ratio", file=sys.stderr)
    try:
        measurements = measure_rounds(servers, list(workloads.values()), options.rounds, _show_progress)
    finally:
        _clear_progress()
    summary = Summary(measurements)
    goals = [
        Goal(server, baseline, workloads[depth], factor)
        for (server, baseline, depth), factor in GOALS.items()
    ]
    verdicts = judge(goals, summary)
    _print_report(summary, verdicts, options)
    if options.json:
        report.write_json(options.json, measurements, verdicts)
    return 1 if options.check and not all(verdict.reached for verdict in verdicts) else 0


def main() -> int:
    """Run the benchmark that the command line asks for."""
    try:
        return _run(_parse(sys.argv[1:]))
    except BenchmarkError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
