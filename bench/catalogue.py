"""The echo servers that can be measured, by name."""

import sys
from collections.abc import Callable
from pathlib import Path

from harness import Server
from programs import built

SCRIPTS = Path(__file__).parent / "servers"

FLOOR = "floor"
PICOWS = "picows"
LISTENER = "wsline-listener"
COROUTINE = "wsline-coroutine"

DEFAULT = (FLOOR, PICOWS, LISTENER, COROUTINE)

PEERS_REMEDY = "pip install -r bench/requirements.txt"
WSLINE_REMEDY = "install this project first, e.g. pip install -e ."


def _wsline(name: str, script: str, loop: str) -> Server:
    requires = ("wsline", "uvloop") if loop == "uvloop" else ("wsline",)
    remedy = PEERS_REMEDY if loop == "uvloop" else WSLINE_REMEDY
    return Server(name, (sys.executable, str(SCRIPTS / script), "--loop", loop), requires, remedy)


def _picows() -> Server:
    command = (sys.executable, str(SCRIPTS / "picows_echo.py"))
    return Server(PICOWS, command, ("picows", "uvloop"), PEERS_REMEDY)


def _floor() -> Server:
    return Server(FLOOR, (str(built("echo_server")), "0"))


MAKERS: dict[str, Callable[[], Server]] = {
    FLOOR: _floor,
    PICOWS: _picows,
    LISTENER: lambda: _wsline(LISTENER, "wsline_listener.py", "asyncio"),
    COROUTINE: lambda: _wsline(COROUTINE, "wsline_coroutine.py", "asyncio"),
    f"{LISTENER}-uvloop": lambda: _wsline(f"{LISTENER}-uvloop", "wsline_listener.py", "uvloop"),
    f"{COROUTINE}-uvloop": lambda: _wsline(f"{COROUTINE}-uvloop", "wsline_coroutine.py", "uvloop"),
}


def find(name: str) -> Server:
    """Return a server that can run here.

    Raises:
        BenchmarkError: something that it needs is missing.
    """
    server = MAKERS[name]()
    server.check()
    return server
