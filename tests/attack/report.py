"""What came of an attack, the marks it must reach, and the table of all."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.attack.processes import MIB, Bystander, Server, Setting

__all__ = ["MEMORY", "WORST", "Attack", "Outcome", "Run", "table"]

# The marks of every attack: resident memory, in bytes, and the bystander's worst round trip, in seconds.
MEMORY = 16 * MIB
WORST = 1.0

Figures = tuple[str, str, str, str]


@dataclass
class Outcome:
    """What came of one attack in one setting."""

    figure: str
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        return self.figure if self.passed else f"FAILED {self.figure} ({'; '.join(self.failures)})"


class Run:
    """An attack on a fresh server, beside which a bystander goes on.

    Attributes:
        server: the server.
        figures: what is to be told, in a few words each.
        failures: the marks that were missed.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.figures: list[str] = []
        self.failures: list[str] = []

    def tell(self, figure: str) -> None:
        """Put a figure into the table."""
        self.figures.append(figure)

    def demand(self, holds: bool, failure: str) -> None:
        """Note a mark that was missed."""
        if not holds:
            self.failures.append(failure)

    def expect(self, name: str, found: object, *allowed: object) -> None:
        """Demand that something is one of those that are allowed."""
        self.demand(found in allowed, f"{name}: {found}, not {' or '.join(map(str, allowed))}")

    def outcome(self) -> Outcome:
        return Outcome(", ".join(self.figures), self.failures)


@dataclass(frozen=True)
class Attack:
    """A kind of attack.

    Attributes:
        letter: as the documents on security name it.
        name: what is done.
        mark: what must come of it, beside the marks of all.
        peers: what came of it with ws, websockets, aiohttp, picows.
        do: does it.
        arguments: of the server.
        memory: how much more may be resident, in bytes.
        waits: it takes long and computes little: others may go on beside it.
        has_bystander: without, where the server can take nobody more.
    """

    letter: str
    name: str
    mark: str
    peers: Figures
    do: Callable[[Run], None]
    arguments: tuple[str, ...] = ()
    memory: int = MEMORY
    waits: bool = False
    has_bystander: bool = True

    def run(self, setting: Setting) -> Outcome:
        """Do it in one setting."""
        with Server(setting, *self.arguments) as server:
            run = Run(server)
            with watched(run, self):
                self.do(run)
            return run.outcome()


@contextmanager
def watched(run: Run, attack: Attack) -> Iterator[None]:
    """Measure memory and the bystander meanwhile."""
    server = run.server
    if not attack.has_bystander:
        server.begin()
        yield
    else:
        with Bystander(server.port) as bystander:
            time.sleep(0.25)
            server.begin()
            yield
            worst = bystander.worst()
        run.tell(f"worst {1000 * worst:.0f} ms")
        run.demand(worst < WORST, f"the bystander's worst round trip was {worst:.2f} s")
    grown = server.grown()
    run.tell(f"{grown / MIB:+.1f} MB")
    run.demand(grown < attack.memory, f"{grown / MIB:.1f} MB more were resident")


def table(settings: list[Setting], rows: list[tuple[str, str, str, dict[Setting, Outcome], Figures]]) -> str:
    """Return the table: letter, name, mark, outcomes by setting, and the figures of the peers."""
    heads = ["", "attack", "pass mark", *map(str, settings), "ws", "websockets", "aiohttp", "picows"]
    lines = [heads, ["---"] * len(heads)]
    for letter, name, mark, outcomes, peers in rows:
        ours = [str(outcomes[each]) if each in outcomes else "" for each in settings]
        lines.append([letter, name, mark, *ours, *peers])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
