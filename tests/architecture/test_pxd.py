"""Each augmenting `.pxd` says of its `.py` only what is so. Cython itself lets most of it go stale."""

import ast
import re
from collections.abc import Mapping

import pytest

from tests.architecture.declarations import Function, Names, parse_cython, parse_python
from tests.architecture.tree import modules

SOURCES = modules()
DECLARATIONS = {name: text for name, text in modules(".pxd").items() if name not in modules(".pyx")}

# What Cython adds to a class when it is declared, and Python classes have anyway.
SLOTS = {"__dict__", "__weakref__"}


def stale(pxd: Names, py: Names, where: str = "") -> list[str]:
    """Return what `pxd` declares and `py` has not, or has otherwise."""
    problems = []
    for name in pxd.variables.keys() - py.variables.keys() - SLOTS:
        problems.append(f"{where}{name}: no such variable")
    for name, function in pxd.functions.items():
        if name in py.functions:
            problems += differences(function, py.functions[name], where + name)
        else:
            problems.append(f"{where}{name}: no such function")
    for name, names in pxd.classes.items():
        if name in py.classes:
            problems += stale(names, py.classes[name], f"{where}{name}.")
        else:
            problems.append(f"{where}{name}: no such class")
    return sorted(problems)


def differences(declared: Function, actual: Function, where: str) -> list[str]:
    """Return how a declared function differs from the actual one."""
    problems = [f"{where}: no local {name}" for name in declared.locals - actual.locals]
    if declared.arguments != actual.arguments:
        problems.append(f"{where}: arguments {declared.arguments}, not {actual.arguments}")
    elif declared.defaults != actual.defaults:
        problems.append(f"{where}: {declared.defaults} defaults, not {actual.defaults}")
    return problems


@pytest.mark.parametrize("module", DECLARATIONS)
def test_a_pxd_fits_its_module(module: str) -> None:
    pxd = parse_cython(DECLARATIONS[module], is_pxd=True)
    assert pxd.classes or pxd.functions, "the file declares nothing"
    assert stale(pxd, parse_python(SOURCES[module])) == []


SAMPLE = """
limit: int = 3
shared = object()

class Box:
    __slots__ = ("slotted",)
    annotated: int

    def __init__(self, size, label=""):
        self.size, self.label = size, label
        with open(label) as self.file:
            pass

    def take(self, data, at=0, *, lenient=False):
        for index, (low, high) in enumerate(data):
            total = low
        try:
            pass
        except OSError as error:
            pass
        return [inner for inner in data]

def helper(x):
    def nested():
        deep = 1
    return nested
"""

FITTING = """
cimport cython
from libc.stdint cimport uint32_t

cdef int limit
cdef object shared

cdef extern from "box.h":
    int box_limit(int n)

@cython.final
cdef class Box:
    cdef public int size, annotated
    cdef readonly str label
    cdef object slotted
    cdef unsigned char *file
    cdef object __weakref__

    @cython.locals(index=Py_ssize_t, low=int, high=int, total=int, error=object, data=bytes)
    cpdef int take(self, const unsigned char *data, at=*, bint lenient=*) except -1

@cython.locals(nested=object)
cdef int *helper(uint32_t x)
"""

BAD = {
    "a stale class": ("cdef class Bag:\n    cdef int size", ["Bag: no such class"]),
    "a stale field": ("cdef class Box:\n    cdef int size, weight", ["Box.weight: no such variable"]),
    "a stale pointer": ("cdef class Box:\n    cdef char *weight", ["Box.weight: no such variable"]),
    "a stale method": ("cdef class Box:\n    cdef int give(self)", ["Box.give: no such function"]),
    "a stale function": ("cdef inline int help(x): return 1", ["help: no such function"]),
    "a stale global": ("cdef int limits", ["limits: no such variable"]),
    "a stale local": ("@cython.locals(x=int, deep=int)\ncdef helper(x)", ["helper: no local deep"]),
    "a comprehension's local": (
        "cdef class Box:\n    @cython.locals(inner=int)\n    cpdef take(self, data, at=*, lenient=*)",
        ["Box.take: no local inner"],
    ),
    "another name of an argument": ("cdef int helper(int y)", ["helper: arguments ['y'], not ['x']"]),
    "an argument too few": ("cdef int helper()", ["helper: arguments [], not ['x']"]),
    "an argument too many": ("cdef int helper(x, char *y)", ["helper: arguments ['x', 'y'], not ['x']"]),
    "a missing default": (
        "cdef class Box:\n    cpdef take(self, data, at, lenient=*)",
        ["Box.take: 1 defaults, not 2"],
    ),
}


def test_a_fitting_sample_passes() -> None:
    pxd = parse_cython(FITTING, is_pxd=True)
    assert {"size", "annotated", "label", "slotted", "file"} <= pxd.classes["Box"].variables.keys()
    assert stale(pxd, parse_python(SAMPLE)) == []


@pytest.mark.parametrize("case", BAD)
def test_a_stale_sample_is_seen(case: str) -> None:
    text, problems = BAD[case]
    assert stale(parse_cython("cimport cython\n" + text, is_pxd=True), parse_python(SAMPLE)) == problems


def uncimported(module: str, sources: Mapping[str, str], declarations: Mapping[str, str]) -> list[str]:
    """Return the kernels that a compiled module imports and its `.pxd` does not cimport.

    Such a call goes by way of Python: a pointer becomes a copy, and what is written to it is lost.
    """
    cimported = set(re.findall(r"\w+", " ".join(CIMPORT.findall(declarations[module]))))
    problems = []
    for node in ast.walk(ast.parse(sources[module])):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        package = module.rsplit(".", node.level)[0]
        target = f"{package}.{node.module}" if node.module else package
        kernels = set(KERNEL.findall(declarations.get(target, "")))
        problems += [each.name for each in node.names if each.name in kernels - cimported]
    return sorted(problems)


CIMPORT = re.compile(r"^from\s+[.\w]+\s+cimport\s+(.+)$", re.MULTILINE)
KERNEL = re.compile(r"^c(?:p)?def (?!class)[^\n(]*?(\w+)\(", re.MULTILINE)


@pytest.mark.parametrize("module", DECLARATIONS)
def test_kernels_are_called_as_kernels(module: str) -> None:
    assert uncimported(module, SOURCES, modules(".pxd")) == []


def test_a_kernel_that_is_not_cimported_is_found() -> None:
    declarations = {
        "wsline.a": "from .k cimport one\n",
        "wsline.k": "cpdef int one(int x)\ncpdef inline void two(unsigned char *x) noexcept:\n",
    }
    sources = {"wsline.a": "from .k import one, two, THREE"}
    assert uncimported("wsline.a", sources, declarations) == ["two"]
