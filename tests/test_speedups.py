"""`WSLINE_NO_SPEEDUPS`: the sources run where they were compiled, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wsline
from tests.architecture.tree import PACKAGE
from wsline.speedups import SourceFinder, apply, is_unwanted

PROGRAM = """
import asyncio, sys, wsline

async def echo(ws):
    async for message in ws:
        await ws.send(message)

async def main():
    async with wsline.serve(echo, "127.0.0.1", 0) as server:
        async with wsline.connect(f"ws://127.0.0.1:{server.address()[1]}/") as ws:
            await ws.send("sent and received")
            print(await ws.recv())

asyncio.run(main())
print(wsline.compiled)
files = [each.__file__ for name, each in sys.modules.items() if name.startswith("wsline")]
print(*(each for each in files if not each.endswith(".py")))
"""


def run(value: str | None) -> list[str]:
    environment = {name: text for name, text in os.environ.items() if name != "WSLINE_NO_SPEEDUPS"}
    if value is not None:
        environment["WSLINE_NO_SPEEDUPS"] = value
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.row("148", "149")
def test_a147_the_sources_run_where_the_environment_asks_for_them() -> None:
    assert run("1") == ["sent and received", "False", ""]


@pytest.mark.parametrize("value", [None, "", "0"])
def test_a147_else_what_was_built_runs(value: str | None) -> None:
    text, compiled, extensions = run(value)
    assert text == "sent and received"
    built = any(Path(wsline.__path__[0]).rglob("*.so"))
    assert compiled == str(built)
    assert bool(extensions) is built


def test_a147_what_the_variable_may_be() -> None:
    assert [is_unwanted(value) for value in (None, "", "0", "1", "yes")] == [False, False, False, True, True]


def test_it_comes_before_all_other_ways_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = list(sys.meta_path)
    apply("0")
    assert sys.meta_path == before
    apply("1")
    assert type(sys.meta_path[0]) is SourceFinder
    assert sys.meta_path[1:] == before


def test_sources_are_found_beside_extensions() -> None:
    finder = SourceFinder("wsline")
    spec = finder.find_spec("wsline.wire.kernels", [str(PACKAGE / "wire")])
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).name == "kernels.py"
    package = finder.find_spec("wsline.wire", [str(PACKAGE)])
    assert package is not None
    assert package.submodule_search_locations == [str(PACKAGE / "wire")]


def test_what_is_not_there_is_left_to_others() -> None:
    finder = SourceFinder("wsline")
    assert finder.find_spec("wsline.nothing", [str(PACKAGE)]) is None
    assert finder.find_spec("wsline.nothing", None) is None
    assert finder.find_spec("json", None) is None
    assert finder.find_spec("wslines.wire", [str(PACKAGE)]) is None
