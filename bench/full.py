"""The full benchmark: all workloads, beside all peers and the C floor, in less than half an hour."""

import sys

import charts
import command
from workloads import CASES, GOALS


def main() -> int:
    """Run the benchmark that the command line asks for."""
    options = command.parser(__doc__ or "").parse_args()
    return command.run(options, "Benchmarks", "latest", CASES, GOALS, charts.draw)


if __name__ == "__main__":
    sys.exit(command.guarded(main))
