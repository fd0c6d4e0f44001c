"""The arrows of docs/architecture.md point down only; and the checker of that sees what does not."""

from collections.abc import Callable

import pytest

from tests.architecture import imports
from tests.architecture.imports import Tree
from tests.architecture.tree import modules, packages

CHECKS = [imports.homeless, imports.upward, imports.cycles, imports.worldly, imports.hidden]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(modules(), modules(".pxd"), frozenset(packages()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_keeps_to_its_floors(tree: Tree, check: Callable[[Tree], list[str]]) -> None:
    assert check(tree) == []


def test_the_arrows_are_found(tree: Tree) -> None:
    arrows = tree.arrows()
    assert {"wsline.errors", "wsline.spec", "wsline.wire.kernels"} <= arrows["wsline.wire.frames"]
    assert "wsline.spec" in arrows["wsline.errors"]


WIRE = {"wsline.spec": "", "wsline.wire": "", "wsline.wire.frames": "", "wsline.wire.messages": ""}

BAD = {
    "an unknown room": (imports.homeless, {"wsline.attic": ""}, "wsline.attic has no floor"),
    "up": (
        imports.upward,
        {"wsline.spec": "from .wire import frames"},
        "wsline.spec imports wsline.wire.frames",
    ),
    "up, absolute": (
        imports.upward,
        {"wsline.spec": "import wsline.errors"},
        "wsline.spec imports wsline.errors",
    ),
    "up to the face": (
        imports.upward,
        {"wsline.wire.frames": "from wsline import connect", "wsline": ""},
        "wsline.wire.frames imports wsline",
    ),
    "a neighbour": (
        imports.upward,
        {"wsline.handshake.client": "from ..wire.frames import x"},
        "wsline.handshake.client imports wsline.wire.frames",
    ),
    "door to door": (
        imports.upward,
        {"wsline.sync.client": "from ..aio.client import x", "wsline.aio.client": ""},
        "wsline.sync.client imports wsline.aio.client",
    ),
    "errors beside options": (
        imports.upward,
        {"wsline.errors": "from . import options", "wsline.options": ""},
        "wsline.errors imports wsline.options",
    ),
    "a cycle": (
        imports.cycles,
        {"wsline.wire.frames": "from . import messages", "wsline.wire.messages": "from .frames import x"},
        "wsline.wire.frames > wsline.wire.messages > wsline.wire.frames",
    ),
    "a socket in the cellar": (
        imports.worldly,
        {"wsline.wire.frames": "import os, socket"},
        "wsline.wire.frames imports socket",
    ),
    "a loop in the cellar": (
        imports.worldly,
        {"wsline.connection": "from asyncio.events import get_running_loop"},
        "wsline.connection imports asyncio.events",
    ),
    "an import in a function": (
        imports.hidden,
        {"wsline.spec": "def f():\n    if True:\n        import os"},
        "wsline.spec:3 imports inside f",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_import_is_seen(case: str) -> None:
    check, sources, problem = BAD[case]
    assert check(Tree(WIRE | sources, packages=frozenset({"wsline", "wsline.wire"}))) == [problem]


def test_a_bad_cimport_is_seen() -> None:
    tree = Tree(WIRE, {"wsline.spec": "from .wire.frames cimport FrameReader"})
    assert imports.upward(tree) == ["wsline.spec imports wsline.wire.frames"]


def test_a_door_may_use_everything_below() -> None:
    door = "import asyncio, socket\nfrom ..wire.frames import x\nfrom .. import spec\nfrom . import flow"
    tree = Tree(WIRE | {"wsline.aio": "", "wsline.aio.client": door, "wsline.aio.flow": ""})
    assert [problem for check in CHECKS for problem in check(tree)] == []
