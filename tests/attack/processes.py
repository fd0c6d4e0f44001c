"""The processes of an attack: the server, the bystander, and what they need of memory and time."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).parent
MIB = 1 << 20

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Setting:
    """A loop and a style in which the server, or the client, is run."""

    loop: str
    style: str

    def __str__(self) -> str:
        return f"{self.loop} {self.style}"


class Process:
    """A Python process that prints one line when it is ready."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.attack.{script}", *arguments],
            cwd=HERE.parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process ended: {self.errors()[-300:]}")
        return line.strip()

    def errors(self) -> str:
        """End it, and return what it wrote to its standard error."""
        self._process.kill()
        assert self._process.stderr is not None
        return self._process.stderr.read()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


class Server(Process):
    """A fresh echo server.

    Attributes:
        port: where it listens.
    """

    def __init__(self, setting: Setting, *arguments: str) -> None:
        Process.__init__(self, "server", f"--loop={setting.loop}", f"--style={setting.style}", *arguments)
        self.port = int(self.line())

    def begin(self) -> None:
        """Measure memory and time from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # the peak is the present
        self._resident = self._status("VmRSS")
        self._cpu = self.cpu()

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"the server {self.pid} is gone: {self.errors()[-300:]}")

    def grown(self) -> int:
        """Return how many bytes more were resident at most."""
        return self._status("VmHWM") - self._resident

    def grown_now(self) -> int:
        """Return how many bytes more are resident now."""
        return self._status("VmRSS") - self._resident

    def cpu(self) -> float:
        """Return the seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def busy(self) -> float:
        """Return the seconds of processor time since `begin`."""
        return self.cpu() - self._cpu

    def files(self) -> int:
        """Return how many descriptors it has."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Bystander(Process):
    """A well-behaved client that has its message echoed every 100 ms."""

    def __init__(self, port: int) -> None:
        Process.__init__(self, "bystander", str(port))
        self.line()

    def worst(self) -> float:
        """End it, and return the longest round trip, in seconds."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return float(self.line())


class Client(Process):
    """A client that connects to a hostile server, and tells what came of it."""

    def __init__(self, setting: Setting, url: str, *arguments: str) -> None:
        Process.__init__(
            self, "client", f"--loop={setting.loop}", f"--style={setting.style}", *arguments, url
        )

    def told(self) -> dict[str, object]:
        """Wait for what it tells."""
        told: dict[str, object] = json.loads(self.line())
        return told


def until(condition: object, seconds: float) -> float:
    """Wait until `condition()` holds, `seconds` at most; return how long it took."""
    assert callable(condition)
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return seconds
        time.sleep(0.02)
    return time.monotonic() - began
