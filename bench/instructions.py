"""The guard of the hot path: counts the instructions of a small echo, and fails above the budget.

Instructions repeat where times do not, so this can judge every commit. Counted is what the server does for
one message of 32 bytes, from the readable socket to the written one: in wsline's own extension modules, and
in all, with the interpreter and user code. The budgets are what CPython 3.11 and GCC 12 on x86-64 need, and
a few per cent more. Whoever makes the hot path cheaper lowers them; whoever must raise one says why.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

STYLES = ("listener", "coroutine")
WORKLOADS = [(style, depth) for style in STYLES for depth in (1, 16)]
MESSAGES = 640

# (style, messages that arrive together) -> instructions of (wsline, all)
BUDGETS = {
    ("listener", 1): (1570, 3050),
    ("listener", 16): (880, 1900),
    ("coroutine", 1): (2500, 5400),
    ("coroutine", 16): (1310, 2600),
}

# Where counting begins and ends, and where what was counted is written: C names of compiled methods.
COUNTED = "__pyx_f_6wsline_3aio_7reactor_13SocketChannel_on_readable"
WRITES = "__pyx_f_6wsline_3aio_7reactor_13SocketChannel__close"


@dataclass(frozen=True)
class Count:
    """Instructions.

    Attributes:
        own: of wsline's extension modules.
        total: of everything.
    """

    own: int
    total: int


def parse(lines: Iterable[str]) -> Count:
    """Return what a callgrind file counts.

    Its format: `ob=(number) name` begins the lines of an object file, `calls=` is followed by the cost of
    what was called, which its own lines count again, and a cost line is a position and a number.
    """
    names: dict[str, str] = {}
    own = total = 0
    is_own = is_callee = False
    for line in lines:
        if line.startswith("ob="):
            number, _, name = line[3:].strip().partition(" ")
            is_own = "/wsline/" in names.setdefault(number, name)
        elif line.startswith("cob="):
            number, _, name = line[4:].strip().partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            is_callee = True
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not is_callee:
                cost = int(line.split()[1])
                total += cost
                own += cost if is_own else 0
            is_callee = False
    return Count(own, total)


def count() -> dict[tuple[str, int], Count]:
    """Return the counts for one message of each workload."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            f"--callgrind-out-file={folder}/counts",
            "--collect-atstart=no",
            f"--toggle-collect={COUNTED}",
            f"--dump-before={WRITES}",
            sys.executable,
            str(Path(__file__).with_name("echo_workload.py")),
        ]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": "0"}, timeout=600)
        files = sorted(Path(folder).glob("counts.*"), key=lambda path: int(path.suffix[1:]))
        counts = [parse(path.read_text().splitlines()) for path in files]
    return {
        workload: Count(each.own // MESSAGES, each.total // MESSAGES)
        for workload, each in zip(WORKLOADS, counts[len(STYLES) :], strict=False)
    }


def judge(counts: Mapping[tuple[str, int], Count]) -> list[str]:
    """Return what is above its budget."""
    complaints = []
    for workload, (own, total) in BUDGETS.items():
        counted = counts[workload]
        if counted.own > own or counted.total > total:
            style, depth = workload
            complaints.append(
                f"{style}, {depth} at once: {counted.own} instructions in wsline and {counted.total} in all;"
                f" the budget is {own} and {total}"
            )
    return complaints


def main() -> int:
    """Count, print and judge."""
    try:
        counts = count()
    except FileNotFoundError:
        print(
            "bench/instructions.py: valgrind is missing (Debian: apt-get install valgrind)", file=sys.stderr
        )
        return 2
    for (style, depth), each in counts.items():
        own, total = BUDGETS[style, depth]
        print(
            f"{style:9}  {depth:2} at once: {each.own:5} of {own} instructions in wsline,"
            f" {each.total:5} of {total} in all"
        )
    complaints = judge(counts)
    print("\n".join(complaints), file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
