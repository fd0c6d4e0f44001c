"""`wsline serve`: from a module to workers, its reload, and what is wrong with the words."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.aio.workers import DEADLINE, command
from wsline import WebSocketServer
from wsline.cli.serve import LoadError, load

MODULE = """
import os
from wsline import WebSocketServer

VERSION = "one"

async def handler(ws):
    await ws.subscribe("all")
    await ws.send(f"{server.worker} {os.getpid()}")
    async for message in ws:
        server.publish("all", f"{VERSION} {message}")

def make():
    global server
    server = WebSocketServer(handler, "127.0.0.1", 0)
    server.on("listening", lambda: print("at", server.address()[1], flush=True))
    return server

server = make()
number = 5
broken = None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module, which is the current one."""
    (tmp_path / "rooms_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "rooms_module", raising=False)
    return tmp_path


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_reload_takes_the_module_as_it_is_then(folder: Path, loop: str) -> None:
    words = (sys.executable, "-B", "-m", "wsline", "serve", "rooms_module:make", "-w", "2", "--loop", loop)
    async with command(*words) as running:
        await running.says("at ", 2)
        found = await running.join_all([0, 1])
        (one, _), (two, _) = found[0], found[1]
        await one.send("hello")
        async with asyncio.timeout(DEADLINE):
            assert await two.recv() == "one hello"
        (folder / "rooms_module.py").write_text(MODULE.replace('"one"', '"two"'))
        running.signal(signal.SIGHUP)
        for ws in (one, two):
            async with asyncio.timeout(DEADLINE):
                await ws.wait_closed()
        (one, _), (two, _) = (await running.join_all([0, 1])).values()
        await one.send("hello")
        async with asyncio.timeout(DEADLINE):
            assert await two.recv() == "two hello"
        (folder / "rooms_module.py").write_text("this is no Python")
        running.signal(signal.SIGHUP)
        await running.says("its successor did not serve, so the workers stay as they are")
        await one.send("still here")
        async with asyncio.timeout(DEADLINE):
            assert await two.recv() == "two still here"
        running.signal(signal.SIGTERM)
        assert await running.ends() == 0


WRONG = {
    "rooms_module": "'rooms_module' is not of the form MODULE:NAME, for example package.module:server",
    ":server": "':server' is not of the form",
    "missing_module:server": "missing_module:server: No module named 'missing_module'",
    "rooms_module:missing": "rooms_module:missing: module 'rooms_module' has no attribute 'missing'",
    "rooms_module:number": "rooms_module:number is of type int: must be a WebSocketServer or an HTTPServer",
    "rooms_module:broken": "rooms_module:broken is of type NoneType",
}


@pytest.mark.parametrize("target", WRONG)
def test_what_is_no_server(folder: Path, target: str) -> None:
    with pytest.raises(LoadError) as caught:
        load(target)
    assert str(caught.value).startswith(WRONG[target])


@pytest.mark.parametrize("target", ["rooms_module:server", "rooms_module:make"])
def test_what_is_one(folder: Path, target: str) -> None:
    assert isinstance(load(target), WebSocketServer)


async def test_complaints_are_one_line(folder: Path) -> None:
    for words, status in (
        (["rooms_module:number"], 1),
        (["rooms_module:server", "-w", "0"], 2),
        (["rooms_module:server", "-w", "5000"], 1),
        ([], 2),
    ):
        async with command(sys.executable, "-B", "-m", "wsline", "serve", *words) as running:
            assert await running.ends() == status
            (line,) = running.lines
            assert line.startswith("wsline: ")
