"""The servers that can be measured, by name."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import certificate
from errors import BenchmarkError
from harness import Server
from programs import built

SCRIPTS = Path(__file__).parent / "servers"

FLOOR = "floor"
PICOWS = "picows"
WEBSOCKETS = "websockets"
AIOHTTP = "aiohttp"
WS = "ws"
SOCKETIFY = "socketify"
LISTENER = "wsline-listener"
COROUTINE = "wsline-coroutine"
LISTENER_UVLOOP = f"{LISTENER}-uvloop"
COROUTINE_UVLOOP = f"{COROUTINE}-uvloop"

DEFAULT = (FLOOR, PICOWS, LISTENER, COROUTINE)
PEERS = (PICOWS, WEBSOCKETS, AIOHTTP, WS, SOCKETIFY)
OURS = (LISTENER, COROUTINE)
CANNOT_CLOSE = (FLOOR, SOCKETIFY)  # all their clients with a closing handshake

LISTENER_LEVEL6 = f"{LISTENER}-level6"  # compresses as thoroughly as ws does by default

# No servers: zlib alone, doing the same work. At what is wsline's default, and at zlib's own, which is ws's.
ZLIB, ZLIB_LEVEL6 = "zlib", "zlib-level6"
ZLIBS = {
    ZLIB: ("--level", "1", "--memory-level", "5"),
    ZLIB_LEVEL6: ("--level", "6", "--memory-level", "8"),
}

PEERS_REMEDY = "pip install -r bench/requirements.txt"
WSLINE_REMEDY = "install this project first, e.g. pip install -e ."
WS_REMEDY = "install Node.js and run: npm install --prefix bench"


@dataclass(frozen=True, slots=True)
class Mode:
    """What a server is started for: see `servers/entry.py`."""

    app: str = "echo"
    tls: bool = False
    deflate: bool = False

    def arguments(self) -> tuple[str, ...]:
        words = ["--app", self.app]
        if self.tls:
            cert, key = certificate.paths()
            words += ["--certificate", str(cert), "--key", str(key)]
        if self.deflate:
            words.append("--deflate")
        return tuple(words)


ECHO = Mode()


def _python(name: str, script: str, *arguments: str, requires: tuple[str, ...], remedy: str) -> "Maker":
    def make(mode: Mode) -> Server:
        command = (sys.executable, str(SCRIPTS / script), *arguments, *mode.arguments())
        return Server(name, command, requires, remedy)

    return make


def _wsline(name: str, script: str, loop: str, *more: str) -> "Maker":
    requires = ("wsline", "uvloop") if loop == "uvloop" else ("wsline",)
    remedy = PEERS_REMEDY if loop == "uvloop" else WSLINE_REMEDY
    return _python(name, script, "--loop", loop, *more, requires=requires, remedy=remedy)


def _peer(name: str, script: str, *requires: str) -> "Maker":
    return _python(name, script, requires=requires, remedy=PEERS_REMEDY)


def _ws(mode: Mode) -> Server:
    node = shutil.which("node")
    if node is None or not (Path(__file__).parent / "node_modules" / "ws").exists():
        raise BenchmarkError(f"{WS} is not installed: {WS_REMEDY}")
    return Server(WS, (node, str(SCRIPTS / "ws_echo.mjs"), *mode.arguments()))


def _floor(mode: Mode) -> Server:
    if mode.app == "broadcast":
        return Server(FLOOR, (str(built("broadcast_server")),))
    if mode.tls:
        return Server(FLOOR, (str(built("echo_server_tls")), "0", *map(str, certificate.paths())))
    return Server(FLOOR, (str(built("echo_server")), "0"))


Maker = Callable[[Mode], Server]

MAKERS: dict[str, Maker] = {
    FLOOR: _floor,
    PICOWS: _peer(PICOWS, "picows_echo.py", "picows", "uvloop"),
    WEBSOCKETS: _peer(WEBSOCKETS, "websockets_echo.py", "websockets", "uvloop"),
    AIOHTTP: _peer(AIOHTTP, "aiohttp_echo.py", "aiohttp", "uvloop"),
    WS: _ws,
    SOCKETIFY: _peer(SOCKETIFY, "socketify_echo.py", "socketify"),
    LISTENER: _wsline(LISTENER, "wsline_listener.py", "asyncio"),
    COROUTINE: _wsline(COROUTINE, "wsline_coroutine.py", "asyncio"),
    LISTENER_LEVEL6: _wsline(LISTENER_LEVEL6, "wsline_listener.py", "asyncio", "--level", "6"),
    LISTENER_UVLOOP: _wsline(LISTENER_UVLOOP, "wsline_listener.py", "uvloop"),
    COROUTINE_UVLOOP: _wsline(COROUTINE_UVLOOP, "wsline_coroutine.py", "uvloop"),
}


def find(name: str, mode: Mode = ECHO) -> Server:
    """Return a server that can run here.

    Raises:
        BenchmarkError: something that it needs is missing.
    """
    server = MAKERS[name](mode)
    server.check()
    return server
