"""Compiles the C programs of `floor/` when their sources have changed."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from errors import BenchmarkError

HERE = Path(__file__).parent
SOURCES = HERE / "floor"
OUTPUT = HERE / "build"

FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O3", "-Wall", "-Wextra", "-Werror")

PROGRAMS = {
    "echo_server": ("echo_server.c", "outbox.c", "handshake.c", "system.c"),
    "load": ("load.c", "client.c", "load_options.c", "histogram.c", "clocks.c", "handshake.c", "system.c"),
}


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


def built(name: str) -> Path:
    """Return the path of a program of `PROGRAMS`, compiled anew if its sources have changed.

    Raises:
        BenchmarkError: there is no compiler, or it refuses the source.
    """
    program = OUTPUT / name
    if _is_stale(program):
        OUTPUT.mkdir(exist_ok=True)
        sources = [str(SOURCES / source) for source in PROGRAMS[name]]
        result = subprocess.run([*_compiler(), *FLAGS, *sources, "-o", str(program)], check=False)
        if result.returncode != 0:
            raise BenchmarkError(f"cannot compile {name}: see the compiler's messages above")
    return program
