"""Runs a server and the load generator side by side and measures one workload."""

import importlib.util
import json
import os
import resource
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from errors import BenchmarkError
from programs import built

SERVER, LOAD = 0, 1  # the two roles, each on its own core

START_TIMEOUT = 15.0  # seconds until a server must have announced its port
STOP_TIMEOUT = 5.0
LOAD_GRACE = 300.0  # seconds that a load run may take beyond its own: handshakes, draining, closing


@dataclass(frozen=True, slots=True)
class Server:
    """An echo server: a command that prints `listening PORT` and serves on 127.0.0.1."""

    name: str
    command: tuple[str, ...]
    requires: tuple[str, ...] = ()  # importable modules
    remedy: str = ""  # how to get them

    def check(self) -> None:
        """Raise BenchmarkError if the server cannot run here."""
        for module in self.requires:
            if importlib.util.find_spec(module) is None:
                raise BenchmarkError(f"{self.name} needs the Python module {module}: {self.remedy}")


@dataclass(frozen=True, slots=True)
class Workload:
    """What the load generator does to a server."""

    connections: int = 100
    depth: int = 1  # messages in flight on each connection
    size: int = 32  # payload bytes of a message
    text: bool = False
    seconds: float = 2.0
    warmup: float = 0.3  # seconds that are not counted

    def arguments(self) -> list[str]:
        pairs = {
            "--connections": self.connections,
            "--depth": self.depth,
            "--size": self.size,
            "--seconds": self.seconds,
            "--warmup": self.warmup,
        }
        words = [str(word) for pair in pairs.items() for word in pair]
        return [*words, "--text" if self.text else "--binary"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one workload against one server."""

    server: str
    workload: Workload
    round: int
    messages: int
    messages_per_second: float
    p50_us: float
    p99_us: float
    max_us: float
    user_us: float  # the server's CPU time per message, in user mode
    system_us: float  # and in the kernel
    server_busy: float  # fraction of its core that the server used
    load_busy: float  # the same for the load generator: near 1, the server was not the (only) limit


@cache
def cores() -> tuple[int, int] | None:
    """One core for the server and one for the load generator, or None if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


def raise_descriptor_limit() -> None:
    """Let this process and those that it starts open as many sockets as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _pinned(role: int) -> Iterator[None]:
    """Let the processes started within this block run on one of the cores only: they inherit it."""
    pair = cores()
    if pair is None:
        yield
        return
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {pair[role]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


def _last_line(file: IO[str]) -> str:
    file.seek(0)
    lines = file.read().strip().splitlines()
    return lines[-1] if lines else "it printed nothing on standard error"


def _read_port(process: "subprocess.Popen[str]", name: str, errors: IO[str]) -> int:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT)
    words = process.stdout.readline().split() if readable else []
    if len(words) != 2 or words[0] != "listening":
        raise BenchmarkError(f"{name} did not start: {_last_line(errors)}")
    return int(words[1])


@contextmanager
def running(server: Server) -> Iterator[tuple[int, int]]:
    """Run a server on its core; yields its process id and its port."""
    with tempfile.TemporaryFile("w+") as errors:
        with _pinned(SERVER):
            process = subprocess.Popen(server.command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            yield process.pid, _read_port(process, server.name, errors)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def output_of(name: str, command: Sequence[str], timeout: float) -> dict[str, Any]:
    """Run a program on the load's core and return the JSON that it prints.

    Raises:
        BenchmarkError: it fails, or does not end in time.
    """
    try:
        with _pinned(LOAD):
            result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{name} did not finish in time") from None
    if result.returncode != 0:
        said = result.stderr.strip().splitlines() or [f"{name} failed without a word"]
        raise BenchmarkError(said[-1] if said[0].startswith("Traceback") else said[0])
    report: dict[str, Any] = json.loads(result.stdout)
    if report.get("messages") == 0:
        raise BenchmarkError("not one message arrived in time")
    return report


def load(name: str, arguments: Sequence[str], target: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Run one of the load generators against a server, `(process id, port)`, and return its report.

    Raises:
        BenchmarkError: something was wrong with an answer, or there was none: such a run has no number.
    """
    pid, port = target
    where = ["--port", str(port), "--server-pid", str(pid), "--json"]
    return output_of("the load generator", [str(built(name)), *where, *arguments], seconds + LOAD_GRACE)


def measure(server: Server, workload: Workload, round_number: int = 0) -> Measurement:
    """Start the server afresh, load it once, and return what was seen.

    Raises:
        BenchmarkError: the server did not start, or one of its answers was wrong: such a run has no number.
    """
    built("load")  # before the server waits for it
    with running(server) as target:
        try:
            seen = load("load", workload.arguments(), target, workload.warmup + workload.seconds)
        except BenchmarkError as error:
            raise BenchmarkError(f"{server.name} at depth {workload.depth}: {error}") from None
    messages, seconds = seen["messages"], seen["seconds"]
    server_cpu, load_cpu, latency = seen["server_cpu_s"], seen["load_cpu_s"], seen["latency_us"]
    return Measurement(
        server=server.name,
        workload=workload,
        round=round_number,
        messages=messages,
        messages_per_second=seen["messages_per_second"],
        p50_us=latency["p50"],
        p99_us=latency["p99"],
        max_us=latency["max"],
        user_us=server_cpu["user"] * 1e6 / messages,
        system_us=server_cpu["system"] * 1e6 / messages,
        server_busy=(server_cpu["user"] + server_cpu["system"]) / seconds,
        load_busy=(load_cpu["user"] + load_cpu["system"]) / seconds,
    )


def measure_rounds(
    servers: Sequence[Server],
    workloads: Sequence[Workload],
    rounds: int,
    progress: Callable[[Measurement], None] = lambda _: None,
) -> list[Measurement]:
    """Measure every workload on every server, `rounds` times.

    The servers take turns within a round, and another one begins each round, so that a slow minute of the
    machine hits all of them and not one.
    """
    measurements = []
    for number in range(rounds):
        first = number % len(servers)
        turn = [*servers[first:], *servers[:first]]
        for workload in workloads:
            for server in turn:
                measurement = measure(server, workload, number)
                measurements.append(measurement)
                progress(measurement)
    return measurements
