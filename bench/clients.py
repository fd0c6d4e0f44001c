"""The clients that can be measured, by name: each sends a message, awaits its echo, and sends the next."""

import importlib.util
import shutil
import sys
from pathlib import Path

from catalogue import (
    AIOHTTP,
    COROUTINE,
    COROUTINE_UVLOOP,
    FLOOR,
    LISTENER,
    LISTENER_UVLOOP,
    PEERS_REMEDY,
    PICOWS,
    WEBSOCKETS,
    WS,
    WS_REMEDY,
)
from errors import BenchmarkError
from programs import built

HERE = Path(__file__).parent

GRACE = 30.0  # seconds that a client may take beyond its own

# Module of callers/, what it needs, and the loop if not the one that it chooses.
PYTHON = {
    LISTENER: ("wsline_listener", "wsline", ""),
    COROUTINE: ("wsline_coroutine", "wsline", ""),
    LISTENER_UVLOOP: ("wsline_listener", "wsline", "uvloop"),
    COROUTINE_UVLOOP: ("wsline_coroutine", "wsline", "uvloop"),
    PICOWS: ("picows_listener", "picows", ""),
    WEBSOCKETS: ("websockets_coroutine", "websockets", ""),
    AIOHTTP: ("aiohttp_coroutine", "aiohttp", ""),
}
NAMES = (FLOOR, *PYTHON, WS)


def command(name: str) -> list[str]:
    """Return the command that runs a client.

    Raises:
        BenchmarkError: something that it needs is missing.
    """
    if name == FLOOR:
        return [str(built("load")), "--connections", "1", "--depth", "1", "--json"]
    if name == WS:
        node = shutil.which("node")
        if node is None or not (HERE / "node_modules" / "ws").exists():
            raise BenchmarkError(f"{WS} is not installed: {WS_REMEDY}")
        return [node, str(HERE / "callers" / "ws_caller.mjs")]
    script, module, loop = PYTHON[name]
    for needed in (module, "uvloop"):
        if importlib.util.find_spec(needed) is None:
            raise BenchmarkError(f"{name} needs the Python module {needed}: {PEERS_REMEDY}")
    return [sys.executable, str(HERE / "call.py"), script, *(("--loop", loop) if loop else ())]
