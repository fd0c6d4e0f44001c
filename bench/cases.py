"""A case: one thing that is measured, on several servers or clients, in rounds."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clients
from catalogue import CANNOT_CLOSE, ECHO, FLOOR, ZLIBS, Mode, find
from errors import BenchmarkError
from harness import load, output_of, running
from programs import built


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the tables.

    Attributes:
        name: unique; its first word, up to a hyphen, is its group.
        title: for people.
        program: the load generator, or "" where clients are measured against the C server.
        arguments: for the load generator.
        subjects: names of servers in `catalogue`, or of clients in `clients`.
        mode: how the servers are started.
        seconds: how long a run counts, or None where it takes as long as its work.
        warmup: seconds that are not counted.
        unit: what the rate counts.
        saturates: whether server or load must always be at work, so that something else had the machine if
            neither was.
        on_demand: whether it runs only when it is named.
        zlib: arguments for `zlib_floor`, where those of `ZLIBS` are among the subjects.
    """

    name: str
    title: str
    program: str
    arguments: tuple[str, ...]
    subjects: tuple[str, ...]
    mode: Mode = ECHO
    seconds: float | None = 0.6
    warmup: float = 0.2
    unit: str = "messages/s"
    saturates: bool = False
    on_demand: bool = False
    zlib: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return self.name.partition("-")[0]

    def timing(self) -> list[str]:
        if self.seconds is None:
            return []
        return ["--seconds", str(self.seconds), "--warmup", str(self.warmup)]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a case: its figures by name, see `FIGURES` in `results.py`; or why there are none."""

    case: str
    subject: str
    round: int
    figures: dict[str, float] = field(default_factory=dict)
    agreed: str = ""  # the server's Sec-WebSocket-Extensions
    failure: str = ""


def _peak_memory(pid: int) -> int:
    """Return the most resident memory that a process had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _figures(report: dict[str, Any]) -> dict[str, float]:
    """Turn the report of a load generator or a client into figures per message."""
    known = ("messages_per_second", "wire_bytes", "bytes_per_connection", "resident_bytes", "closing_seconds")
    figures = {name: float(report[name]) for name in known if report.get(name, -1) >= 0}
    messages, seconds = report.get("messages", 0), report.get("seconds", 0)
    if "load_cpu_s" in report:
        figures["load_busy"] = sum(report["load_cpu_s"].values()) / seconds
    if "server_cpu_s" in report:
        cpu = report["server_cpu_s"]
        figures["server_busy"] = sum(cpu.values()) / seconds
        figures["user_us"] = cpu["user"] * 1e6 / messages
        figures["system_us"] = cpu["system"] * 1e6 / messages
        figures["cpu_us"] = figures["user_us"] + figures["system_us"]
    latency = report.get("latency_us", {})
    if latency.get("max"):
        figures |= {"p50_us": latency["p50"], "p99_us": latency["p99"]}
    return figures


def _run_server(case: Case, name: str) -> tuple[dict[str, Any], int]:
    built(case.program)  # before the server waits for it
    with running(find(name, case.mode)) as target:
        arguments = [*case.arguments, *case.timing()]
        if case.program == "crowd" and name in CANNOT_CLOSE:
            arguments.append("--idle")
        report = load(case.program, arguments, target, (case.seconds or 0) + case.warmup)
        return report, _peak_memory(target[0])


def _run_client(case: Case, name: str) -> dict[str, Any]:
    command = clients.command(name)
    with running(find(FLOOR)) as (_, port):
        arguments = ["--port", str(port), *case.arguments, *case.timing()]
        report = output_of(name, [*command, *arguments], (case.seconds or 0) + clients.GRACE)
    # Here the client is what is measured. The C client calls its own time that of the load.
    report["server_cpu_s"] = report.pop("cpu_s", None) or report.pop("load_cpu_s")
    return report


def _run_zlib(case: Case, name: str) -> dict[str, Any]:
    """Let zlib alone do the work of the case: the floor of compressed echoes."""
    arguments = [*case.zlib, *ZLIBS[name], "--seconds", str(case.seconds)]
    report = output_of(name, [str(built("zlib_floor")), *arguments], (case.seconds or 0) + clients.GRACE)
    microseconds = report["us_per_message"]
    cpu = {"user": microseconds / 1e6, "system": 0.0}
    rate = 1e6 / microseconds
    known = {"messages": 1, "seconds": microseconds / 1e6, "messages_per_second": rate, "server_cpu_s": cpu}
    return known | {"wire_bytes": report["wire_bytes"]}


def run_once(case: Case, name: str, number: int) -> Run:
    """Run a case once on one of its subjects; a failure is a result as well."""
    try:
        if name in ZLIBS:
            report = _run_zlib(case, name)
            figures = _figures(report)
        elif case.program:
            report, memory = _run_server(case, name)
            figures = _figures(report) | {"peak_bytes": float(memory)}
        else:
            report = _run_client(case, name)
            figures = _figures(report)
    except BenchmarkError as error:
        return Run(case.name, name, number, failure=str(error))
    return Run(case.name, name, number, figures, str(report.get("agreed", "")))


def run_rounds(
    cases: Sequence[Case], rounds: int, progress: Callable[[Run], None] = lambda _: None
) -> list[Run]:
    """Run every case on each of its subjects, `rounds` times.

    The subjects take turns within a round, and another one begins each round, so that a slow minute of the
    machine hits all of them and not one.
    """
    runs = []
    for number in range(rounds):
        for case in cases:
            first = number % len(case.subjects)
            for name in (*case.subjects[first:], *case.subjects[:first]):
                run = run_once(case, name, number)
                runs.append(run)
                progress(run)
    return runs


def show_progress(run: Run) -> None:
    """Say on standard error what was measured; failures stay visible."""
    if run.failure:
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{clear}{run.case}: {run.subject} failed: {run.failure}", file=sys.stderr)
    elif sys.stderr.isatty():
        line = f"round {run.round + 1}: {run.case}: {run.subject}"
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
