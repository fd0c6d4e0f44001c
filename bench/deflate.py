"""The benchmark of permessage-deflate: JSON echoes, idle memory, broadcasts; beside peers and plain zlib."""

import sys
from dataclasses import replace

import command
from cases import Case, run_once
from catalogue import (
    AIOHTTP,
    COROUTINE,
    LISTENER,
    LISTENER_LEVEL6,
    OURS,
    WEBSOCKETS,
    WS,
    ZLIB,
    ZLIB_LEVEL6,
    ZLIBS,
    Mode,
)
from results import EVERY_PEER, Goal

OFFER = "permessage-deflate; client_max_window_bits"  # what browsers offer
NO_TAKEOVER = f"{OFFER}; server_no_context_takeover; client_no_context_takeover"

KIB = 1024
SIZES = {"64B": 64, "1KiB": KIB, "16KiB": 16 * KIB, "1MiB": KIB * KIB}
SHAPES = {"64B": (100, 16), "1KiB": (100, 16), "16KiB": (20, 4), "1MiB": (4, 2)}  # connections, depth
SECONDS = {"1MiB": 2.0}  # the others take the usual time

PEERS = (WEBSOCKETS, AIOHTTP, WS)
SUBJECTS = (*OURS, *PEERS)

IDLE, COMPRESSED, PLAIN = "idle-1000", "broadcast-deflate", "broadcast-plain"
BROADCAST = ("--size", str(KIB), "--connections", "1000")


def _offered(offer: str) -> tuple[str, str]:
    return ("--offer", offer)


def _echo(label: str, offer: str) -> Case:
    connections, depth = SHAPES[label]
    return Case(
        name=f"deflate-{label}",
        title=f"{label} JSON echo with permessage-deflate, {connections} connections, depth {depth}",
        program="deflate_load",
        arguments=(
            *("--size", str(SIZES[label]), "--connections", str(connections), "--depth", str(depth)),
            *_offered(offer),
        ),
        subjects=(*ZLIBS, *SUBJECTS, LISTENER_LEVEL6),
        mode=Mode(deflate=True),
        seconds=SECONDS.get(label, 1.0),
        saturates=True,
        zlib=("--size", str(SIZES[label])),
    )


def cases(offer: str) -> list[Case]:
    """Return what is measured with an offer."""
    return [
        *(_echo(label, offer) for label in SIZES),
        Case(
            name=IDLE,
            title="1,000 idle connections, each after one deflated echo of 1 KiB",
            program="deflate_load",
            arguments=("--idle", "--size", str(KIB), "--connections", "1000", *_offered(offer)),
            subjects=SUBJECTS,
            mode=Mode(deflate=True),
            seconds=None,
            warmup=0.0,
        ),
        Case(
            name=COMPRESSED,
            title="broadcast of 1 KiB to 1,000 clients with permessage-deflate",
            program="fanout",
            arguments=(*BROADCAST, *_offered(offer)),
            subjects=SUBJECTS,
            mode=Mode(app="broadcast", deflate=True),
            seconds=1.0,
        ),
        Case(
            name=PLAIN,
            title="broadcast of 1 KiB to 1,000 clients without compression",
            program="fanout",
            arguments=BROADCAST,
            subjects=SUBJECTS,
            mode=Mode(app="broadcast"),
            seconds=1.0,
        ),
    ]


GOALS = (
    *(Goal(f"deflate-{label}", ours, 1.0, EVERY_PEER) for label in SIZES for ours in OURS),
    *(
        Goal(f"deflate-{label}", ours, 1.15, zlib, "user_us", at_most=True)
        for label in SIZES
        if label != "64B"
        for ours, zlib in ((LISTENER, ZLIB), (LISTENER_LEVEL6, ZLIB_LEVEL6))
    ),
    *(Goal(IDLE, ours, 60 * KIB, figure="bytes_per_connection", at_most=True) for ours in OURS),
    *(Goal(IDLE, ours, 1.0, EVERY_PEER, "bytes_per_connection", at_most=True) for ours in OURS),
    Goal(COMPRESSED, LISTENER, 1.3, LISTENER, "cpu_us", at_most=True, baseline_case=PLAIN),
)


def _as_agreed(case: Case) -> Case:
    """Let zlib work under the parameters that our server agrees to."""
    if not any(name in ZLIBS for name in case.subjects):
        return case
    ours = next((name for name in (LISTENER, COROUTINE) if name in case.subjects), None)
    if ours is None:
        return case
    probe = replace(case, arguments=(*case.arguments, "--connections", "1"), seconds=0.05, warmup=0.0)
    agreed = run_once(probe, ours, 0).agreed
    return replace(case, zlib=(*case.zlib, "--agreed", agreed)) if agreed else case


def main() -> int:
    """Run the benchmark that the command line asks for."""
    parser = command.parser(__doc__ or "")
    parser.add_argument(
        "--no-takeover", action="store_true", help="offer no context takeover, in either direction"
    )
    options = parser.parse_args()
    title, name = "Benchmarks of permessage-deflate", "deflate"
    if options.no_takeover:
        title, name = f"{title}, without context takeover", f"{name}-no-takeover"
    wanted = cases(NO_TAKEOVER if options.no_takeover else OFFER)
    if not options.list:
        wanted = [_as_agreed(case) for case in wanted]
    return command.run(options, title, name, wanted, GOALS)


if __name__ == "__main__":
    sys.exit(command.guarded(main))
