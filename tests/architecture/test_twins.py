"""The two twins of each compiled module: they declare the same, and the one that should run does."""

import os
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

import wsline
from tests.architecture.declarations import Names, parse_cython, parse_python
from tests.architecture.tree import PACKAGE, modules
from tests.twins import compiled_modules, load_pure

PYX = modules(".pyx")


def is_extension(module: str) -> bool:
    """Return whether a module of the package was loaded from an extension file."""
    path = import_module(f"wsline.{module}").__file__
    assert path is not None
    return path.endswith(tuple(EXTENSION_SUFFIXES))


def test_the_expected_twin_runs() -> None:
    expected = os.environ.get("WSLINE_EXPECT", "compiled" if wsline.compiled else "pure")
    assert expected in ("compiled", "pure")
    assert wsline.compiled is (expected == "compiled")
    assert {module for module in compiled_modules() if is_extension(module) is not wsline.compiled} == set()


def test_no_extension_is_left_behind() -> None:
    built = {
        path.with_name(path.name.split(".")[0])
        for path in PACKAGE.rglob("*")
        if path.suffix in (".so", ".pyd")
    }
    declared = {path.with_suffix("") for path in PACKAGE.rglob("*.pxd")}
    assert built <= declared, "run: make clean"


def test_the_interpreted_twin_is_loaded_beside_the_other() -> None:
    pure = load_pure("wire.frames")
    assert pure.wire.frames.__file__ == str(PACKAGE / "wire" / "frames.py")
    assert pure.wire.frames.Output is pure.wire.kernels.Output
    assert pure.wire.kernels.Output is not import_module("wsline.wire.kernels").Output


def test_every_compiled_module_has_an_interpreted_twin() -> None:
    pure = load_pure()
    for name in compiled_modules():
        module = pure
        for part in name.split("."):
            module = getattr(module, part)
        assert module.__file__.endswith(".py")


def is_public(name: str) -> bool:
    """Return whether a name is without an underscore."""
    return not name.startswith("_")


def apart(cython: Names, python: Names, where: str = "") -> list[str]:
    """Return what Python sees of the C twin and the other has not, or has otherwise, and the reverse.

    The C twin may keep functions and fields of its own, as long as Python does not see them.
    """
    problems = []
    for name, function in cython.functions.items():
        if not is_public(name):
            continue
        if name not in python.functions:
            problems += [f"{where}{name}: not in the Python twin"] * function.visible
        elif function.arguments != python.functions[name].arguments:
            problems.append(f"{where}{name}: other arguments in the Python twin")
    for name in filter(is_public, python.functions.keys() - cython.functions.keys()):
        problems.append(f"{where}{name}: not in the C twin")
    for name in (name for name, visible in cython.variables.items() if visible and is_public(name)):
        if name not in python.variables:
            problems.append(f"{where}{name}: not in the Python twin")
    for name in filter(is_public, cython.classes.keys() ^ python.classes.keys()):
        problems.append(f"{where}{name}: a class of one twin only")
    for name in filter(is_public, cython.classes.keys() & python.classes.keys()):
        problems += apart(cython.classes[name], python.classes[name], f"{where}{name}.")
    return sorted(problems)


@pytest.mark.parametrize("module", PYX)
def test_a_pyx_declares_what_its_twin_does(module: str) -> None:
    cython = parse_cython(PYX[module], is_pxd=False)
    cython.update(parse_cython(modules(".pxd")[module], is_pxd=True))
    assert cython.functions
    assert apart(cython, parse_python(modules()[module])) == []


SAMPLE = """
COMPILED = False

def read(buffer, at): ...

class Output:
    def __init__(self):
        self.size = 0
    def take(self): ...
"""

GOOD = """
cdef extern from "x.h":
    int c_only(int n)
COMPILED = True
cdef int block = 3
cpdef inline int read(const unsigned char *buffer, Py_ssize_t at) noexcept: return 0
cdef int helper(int n): return n
cdef class Output:
    cdef readonly int size
    cdef int hidden
    cpdef bytes take(self): return b""
    cdef int grow(self): return 0
"""

BAD = {
    "a function more": ("def more(): pass", ["more: not in the Python twin"]),
    "other arguments": ("cdef int read(char *data, int at)", ["read: other arguments in the Python twin"]),
    "a class more": ("cdef class Input: pass", ["Input: a class of one twin only"]),
    "a constant more": ("LIMIT = 3", ["LIMIT: not in the Python twin"]),
    "a field more": (
        "cdef class Output:\n    cdef public int weight",
        ["Output.weight: not in the Python twin"],
    ),
    "a method more": (
        "cdef class Output:\n    cpdef put(self): pass",
        ["Output.put: not in the Python twin"],
    ),
}


def test_a_fitting_sample_passes() -> None:
    assert apart(parse_cython(GOOD, is_pxd=False), parse_python(SAMPLE)) == []


@pytest.mark.parametrize("case", BAD)
def test_what_only_the_c_twin_has_is_seen(case: str) -> None:
    text, problems = BAD[case]
    cython = parse_cython(text, is_pxd=False).update(parse_cython(GOOD, is_pxd=False))
    assert apart(cython, parse_python(SAMPLE)) == problems


def test_what_only_the_python_twin_has_is_seen() -> None:
    python = parse_python(SAMPLE + "    def put(self): ...\n\ndef more(): ...\n\nclass Input: ...\n")
    assert apart(parse_cython(GOOD, is_pxd=False), python) == [
        "Input: a class of one twin only",
        "Output.put: not in the C twin",
        "more: not in the C twin",
    ]
