"""Compiles the C programs of `floor/` when their sources have changed."""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from errors import BenchmarkError

HERE = Path(__file__).parent
SOURCES = HERE / "floor"
OUTPUT = HERE / "build"

FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O3", "-Wall", "-Wextra", "-Werror")

_SERVER = ("echo_server.c", "outbox.c", "handshake.c", "system.c")
_OPENING = ("opening.c", "handshake.c", "system.c", "load_options.c", "clocks.c")
_REPORT = ("measurement.c", "histogram.c")
_LOAD = ("load.c", "client.c", *_OPENING, *_REPORT)
_DEFLATE = ("codec.c", "json.c")
_PEER = ("peer.c", "inbox.c", *_DEFLATE, "stream_plain.c", *_OPENING, *_REPORT)


@dataclass(frozen=True, slots=True)
class Program:
    """C sources, and the libraries that they need."""

    sources: tuple[str, ...]
    libraries: tuple[str, ...] = ()


PROGRAMS = {
    "echo_server": Program((*_SERVER, "stream_plain.c")),
    "echo_server_tls": Program((*_SERVER, "stream_tls.c"), ("ssl", "crypto")),
    "broadcast_server": Program(("broadcast_server.c", "handshake.c", "system.c")),
    "load": Program((*_LOAD, "stream_plain.c")),
    "load_tls": Program((*_LOAD, "stream_tls.c"), ("ssl", "crypto")),
    "deflate_load": Program(
        ("deflate_load.c", "deflate_client.c", "deflate_script.c", "memory.c", *_PEER), ("z",)
    ),
    "zlib_floor": Program(
        ("zlib_floor.c", "deflate_script.c", *_DEFLATE, "stream_plain.c", *_OPENING), ("z",)
    ),
    "fanout": Program(("fanout.c", *_PEER), ("z",)),
    "crowd": Program(("crowd.c", "inbox.c", "memory.c", "stream_plain.c", *_OPENING, *_REPORT)),
}
PACKAGES = {"z": "zlib1g-dev", "ssl": "libssl-dev"}  # as Debian calls what brings the headers


def _is_stale(program: Path) -> bool:
    if not program.exists():
        return True
    made = program.stat().st_mtime
    inputs = [Path(__file__), *SOURCES.glob("*.[ch]")]
    return any(path.stat().st_mtime > made for path in inputs)


def _compiler() -> list[str]:
    command = shlex.split(os.environ.get("CC", "gcc"))
    if not command or shutil.which(command[0]) is None:
        raise BenchmarkError("no C compiler: install gcc, or name another one in the environment variable CC")
    return command


def _hint(name: str) -> str:
    packages = [PACKAGES[library] for library in PROGRAMS[name].libraries if library in PACKAGES]
    return f"; it needs the headers of Debian's {', '.join(packages)}" if packages else ""


def built(name: str) -> Path:
    """Return the path of a program of `PROGRAMS`, compiled anew if its sources have changed.

    Raises:
        BenchmarkError: there is no compiler, or it refuses the source.
    """
    program = OUTPUT / name
    if _is_stale(program):
        OUTPUT.mkdir(exist_ok=True)
        sources = [str(SOURCES / source) for source in PROGRAMS[name].sources]
        libraries = [f"-l{library}" for library in PROGRAMS[name].libraries]
        command = [*_compiler(), *FLAGS, *sources, "-o", str(program), *libraries]
        if subprocess.run(command, check=False).returncode != 0:
            raise BenchmarkError(f"cannot compile {name}: see the compiler's messages above{_hint(name)}")
    return program
