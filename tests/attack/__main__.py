"""Attacks the server and the client in every way that is known, on each loop and in each style: one table.

`python -m tests.attack [--only LETTERS] [--setting "asyncio listener"]`; exit status 1: a mark was missed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.attack.attacks import ATTACKS
from tests.attack.hostile import MODES
from tests.attack.processes import Setting
from tests.attack.report import Outcome, table

SETTINGS = [Setting(loop, style) for loop in ("asyncio", "uvloop") for style in ("listener", "coroutine")]


def attempt(job: Any, setting: Setting) -> Outcome:
    """Run one job in one setting; what goes wrong with it is a failure of it."""
    try:
        outcome: Outcome = job.run(setting)
    except Exception as error:
        return Outcome("no figure", [repr(error)])
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="letters of attacks, or modes of servers, with commas between")
    parser.add_argument("--setting", help="one of " + ", ".join(map(str, SETTINGS)))
    arguments = parser.parse_args()
    settings = [each for each in SETTINGS if arguments.setting in (None, str(each))]
    wanted = arguments.only.split(",") if arguments.only else None
    every: list[Any] = [*ATTACKS, *MODES]
    jobs = [each for each in every if wanted is None or each.letter in wanted or each.name in wanted]
    began = time.monotonic()
    outcomes = run_all(jobs, settings)
    rows = [(each.letter, each.name, each.mark, outcomes[i], each.peers) for i, each in enumerate(jobs)]
    print(table(settings, rows))
    failed = sum(not each.passed for found in outcomes.values() for each in found.values())
    total = sum(len(found) for found in outcomes.values())
    print(f"\n{total - failed} of {total} passed, in {time.monotonic() - began:.0f} s")
    sys.exit(bool(failed) or not total)


def run_all(jobs: list[Any], settings: list[Setting]) -> dict[int, dict[Setting, Outcome]]:
    """Run all jobs: those that only wait beside each other, then the others one by one."""
    outcomes: dict[int, dict[Setting, Outcome]] = {i: {} for i in range(len(jobs))}
    with ThreadPoolExecutor(8) as threads:
        waiting: list[tuple[int, Setting, Future[Outcome]]] = [
            (i, setting, threads.submit(attempt, job, setting))
            for i, job in enumerate(jobs)
            if job.waits
            for setting in settings
        ]
        for i, setting, future in waiting:
            note(outcomes, i, setting, future.result, jobs[i])
    for i, job in enumerate(jobs):
        for setting in settings if not job.waits else ():
            note(outcomes, i, setting, lambda job=job, setting=setting: attempt(job, setting), job)  # type: ignore[misc]
    return outcomes


def note(
    outcomes: dict[int, dict[Setting, Outcome]],
    i: int,
    setting: Setting,
    get: Callable[[], Outcome],
    job: Any,
) -> None:
    outcomes[i][setting] = outcome = get()
    if not outcome.passed:
        print(f"{job.letter} {job.name} ({setting}): {outcome}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
