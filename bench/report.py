"""Prints results for people and writes them for programs."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

from harness import Measurement
from summary import Summary, Verdict

PACKAGES = ("wsline", "picows", "uvloop")
MORE_PACKAGES = ("websockets", "aiohttp", "socketify")
NODE_PACKAGES = ("ws", "bufferutil")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _node_versions() -> dict[str, str]:
    """Return the versions of what runs on Node.js, where that is installed."""
    node = shutil.which("node")
    if node is None:
        return {}
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    versions = {"node": asked.stdout.strip()}
    for package in NODE_PACKAGES:
        description = Path(__file__).parent / "node_modules" / package / "package.json"
        if description.exists():
            versions[package] = json.loads(description.read_text())["version"]
    return versions


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def environment() -> dict[str, str | bool | int | None]:
    """What the numbers depend on besides the code."""
    compiled = getattr(import_module("wsline"), "compiled", None) if find_spec("wsline") else None
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "wsline_compiled": compiled,
        **{package: _version(package) for package in (*PACKAGES, *MORE_PACKAGES)},
        **_node_versions(),
    }


def _format(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def table(summary: Summary, floor: str, peer: str) -> str:
    """One line for each server and depth."""
    numbers = ["msg/s", "±", f"/{floor}", f"/{peer}", "user µs", "sys µs", "p50 µs", "p99 µs"]
    lines = [["server", "depth", *numbers, "server busy", "load busy"]]
    for row in sorted(summary.rows(), key=lambda row: row.workload.depth):
        lines.append(
            [
                row.server,
                str(row.workload.depth),
                f"{row.messages_per_second:,.0f}",
                f"{row.spread / 2:.0%}",
                _ratio(summary.ratio(row.server, floor, row.workload)),
                _ratio(summary.ratio(row.server, peer, row.workload)),
                f"{row.user_us:.2f}",
                f"{row.system_us:.2f}",
                f"{row.p50_us:,.0f}",
                f"{row.p99_us:,.0f}",
                f"{row.server_busy:.0%}",
                f"{row.load_busy:.0%}",
            ]
        )
    return _format(lines)


def warnings(summary: Summary) -> list[str]:
    """Reasons to distrust the table."""
    disturbed = [f"{row.server} at depth {row.workload.depth}" for row in summary.rows() if row.disturbed]
    if not disturbed:
        return []
    return [f"the machine had other work (neither side had its core to itself): {', '.join(disturbed)}"]


def goals(verdicts: Iterable[Verdict]) -> str:
    """One line for each goal: reached, missed or not measured."""
    lines = []
    for verdict in verdicts:
        goal = verdict.goal
        if verdict.ratio is None:
            outcome = "not measured"
        else:
            outcome = f"{'reached' if verdict.reached else 'MISSED'} ({verdict.ratio:.2f})"
        wanted = f"at least {goal.factor:g} × {goal.baseline}"
        lines.append([goal.server, f"depth {goal.workload.depth}", wanted, outcome])
    return _format(lines)


def write_json(path: Path, measurements: Sequence[Measurement], verdicts: Iterable[Verdict]) -> None:
    """Write every run with all its numbers, and the verdicts."""
    content = {
        "environment": environment(),
        "measurements": [asdict(one) for one in measurements],
        "goals": [{**asdict(verdict), "reached": verdict.reached} for verdict in verdicts],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
