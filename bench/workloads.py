"""What `make bench` measures, and what it should show."""

import clients
from cases import Case
from catalogue import (
    COROUTINE,
    COROUTINE_UVLOOP,
    FLOOR,
    LISTENER,
    LISTENER_UVLOOP,
    OURS,
    PEERS,
    PICOWS,
    SOCKETIFY,
    WEBSOCKETS,
    WS,
    Mode,
)
from results import EVERY_PEER, Goal

KIB = 1024
MIB = 1024 * KIB
LABELS = {32: "32B", 128: "128B", KIB: "1KiB", 64 * KIB: "64KiB", MIB: "1MiB"}

# (bytes, connections, messages in flight on each). Left out is what tells nothing new: with large messages a
# single connection fills the machine, and hundreds of them only its memory.
BINARY = (
    *((32, connections, depth) for connections in (1, 100, 1000) for depth in (1, 16)),
    *((KIB, *shape) for shape in ((1, 1), (100, 1), (100, 16), (1000, 1))),
    *((64 * KIB, *shape) for shape in ((1, 1), (10, 1), (100, 1), (10, 16))),
    *((MIB, *shape) for shape in ((1, 1), (10, 1), (1, 16))),
)
TEXT = ((32, 100, 1), (32, 100, 16), (KIB, 100, 1), (64 * KIB, 10, 1), (MIB, 1, 1))
TLS = ((32, 100, 1), (32, 100, 16), (64 * KIB, 10, 1))
ON_BOTH_LOOPS = ((32, 100, 1), (32, 100, 16))  # where our servers are also measured on uvloop

EVERYBODY = (FLOOR, *OURS, *PEERS)
WITHOUT_FLOOR = (*OURS, *PEERS)
BURSTING = tuple(name for name in WITHOUT_FLOOR if name != SOCKETIFY)

BURST = 1000  # as in servers/entry.py
CROWD = 10_000
BROADCASTS = (1_000, 10_000)
BROADCAST_SIZE = 128
CALL_SIZE = 256


def _echo(group: str, shape: tuple[int, int, int], text: bool = False) -> Case:
    size, connections, depth = shape
    kind = "text" if text else "binary"
    many = connections * depth > 10_000  # messages in flight: the slowest need a second for them
    plural = "s" if connections > 1 else ""
    secured = group == "tls"
    subjects: tuple[str, ...] = EVERYBODY
    if group == "echo" and shape in ON_BOTH_LOOPS and not text:
        subjects = (*subjects, LISTENER_UVLOOP, COROUTINE_UVLOOP)
    return Case(
        name=f"{group}-{LABELS[size]}-{connections}x{depth}{'-text' if text else ''}",
        title=f"{LABELS[size]} {kind} echo{', TLS' if secured else ''}, "
        f"{connections} connection{plural}, depth {depth}",
        program="load_tls" if secured else "load",
        arguments=(
            *("--size", str(size), "--connections", str(connections), "--depth", str(depth)),
            f"--{kind}",
        ),
        subjects=subjects,
        mode=Mode(tls=secured),
        seconds=1.5 if many else 0.6,
        warmup=0.5 if many else 0.2,
        saturates=connections >= 100,
    )


def _broadcast(connections: int) -> Case:
    return Case(
        name=f"broadcast-{connections}",
        title=f"broadcast of {BROADCAST_SIZE} B to {connections:,} clients",
        program="fanout",
        arguments=("--size", str(BROADCAST_SIZE), "--connections", str(connections)),
        subjects=EVERYBODY,
        mode=Mode(app="broadcast"),
    )


CLIENT = Case(
    name="client-256B",
    title=f"client round trips of {CALL_SIZE} B, one connection, against the C server",
    program="",
    arguments=("--size", str(CALL_SIZE)),
    subjects=clients.NAMES,
    seconds=2.0,  # it is user CPU time that counts, which the kernel samples
    unit="round trips/s",
)
BURSTS = Case(
    name="burst-1000",
    title=f"bursts of {BURST:,} sends of 32 B from outside a read batch",
    program="fanout",
    arguments=("--size", "32", "--connections", "1", "--replies", str(BURST)),
    subjects=BURSTING,
    mode=Mode(app="burst"),
)


def _crowd(connections: int, on_demand: bool = False) -> Case:
    return Case(
        name=f"crowd-{connections}",
        title=f"{connections:,} connections: opening handshakes, idle memory, closing",
        program="crowd",
        arguments=("--connections", str(connections)),
        subjects=EVERYBODY,
        seconds=None,
        warmup=0.0,
        unit="handshakes/s",
        on_demand=on_demand,
    )


CROWDED = _crowd(CROWD)

CASES = (
    *(_echo("echo", shape) for shape in BINARY),
    *(_echo("echo", shape, text=True) for shape in TEXT),
    *(_echo("tls", shape) for shape in TLS),
    CLIENT,
    BURSTS,
    *(_broadcast(connections) for connections in BROADCASTS),
    CROWDED,
    _crowd(10 * CROWD, on_demand=True),
)

LARGE = ("echo-64KiB-1x1", "echo-64KiB-10x1", "echo-1MiB-1x1", "echo-1MiB-10x1")
SMALL, SMALL_DEEP = "echo-32B-100x1", "echo-32B-100x16"
LARGEST_BROADCAST = f"broadcast-{BROADCASTS[-1]}"

GOALS = (
    Goal(SMALL, LISTENER, 0.95, FLOOR),
    Goal(SMALL, LISTENER, 1.35, PICOWS),
    Goal(SMALL, COROUTINE, 0.75, FLOOR),
    Goal(SMALL, COROUTINE, 1.0, PICOWS),
    Goal(SMALL, COROUTINE, 2.5, WEBSOCKETS),
    Goal(SMALL_DEEP, LISTENER, 0.85, FLOOR),
    Goal(SMALL_DEEP, LISTENER, 12, PICOWS),
    Goal(SMALL_DEEP, LISTENER, 12, WS),
    Goal(SMALL_DEEP, COROUTINE, 0.4, FLOOR),
    Goal(SMALL_DEEP, COROUTINE, 6, PICOWS),
    *(Goal(case, LISTENER, 1.1, PICOWS) for case in LARGE),
    *(Goal(case, LISTENER, 0.9, FLOOR) for case in LARGE),
    *(Goal(case, COROUTINE, 1.05, PICOWS) for case in LARGE),
    Goal("tls-32B-100x1", LISTENER, 1.0, PICOWS),
    Goal("tls-32B-100x16", LISTENER, 7, PICOWS),
    Goal("tls-32B-100x1", COROUTINE, 0.95, PICOWS),
    Goal("tls-32B-100x16", COROUTINE, 4, PICOWS),
    *(
        Goal(CLIENT.name, ours, 0.6, PICOWS, "user_us", at_most=True)
        for ours in (LISTENER, COROUTINE, LISTENER_UVLOOP, COROUTINE_UVLOOP)
    ),
    Goal(LARGEST_BROADCAST, LISTENER, 0.9, FLOOR),
    Goal(LARGEST_BROADCAST, LISTENER, 2, EVERY_PEER),
    Goal(CROWDED.name, LISTENER, 1.5, EVERY_PEER),
    Goal(CROWDED.name, LISTENER, 2 * KIB, figure="bytes_per_connection", at_most=True),
    Goal(CROWDED.name, COROUTINE, 4 * KIB, figure="bytes_per_connection", at_most=True),
    *(
        Goal(case, ours, 0.9, uvloop)
        for case in (SMALL, SMALL_DEEP)
        for ours, uvloop in ((LISTENER, LISTENER_UVLOOP), (COROUTINE, COROUTINE_UVLOOP))
    ),
)
