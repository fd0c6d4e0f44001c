"""Reads the imports of the package and judges them by the floors of docs/architecture.md."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# From the ground up. What is on one floor does not see its neighbours, only what is below.
FLOORS = [
    {"spec", "speedups", "checks", "zlibs", "descriptors"},
    {"errors", "deflate", "stats", "backplane", "origin_rules"},
    {"options", "topic_errors"},
    {"wire", "handshake", "liveness", "states", "agenda", "backoff"}
    | {"clients", "topics", "envelopes", "outbox", "relaying"},
    {"closing", "payload", "bounds"},
    {"backlog"},
    {"sending"},
    {"connection"},
    {"facts", "keywords", "listening", "trust"},  # what all doors share
    {"aio", "sync"},
    {"", "http", "sans_io", "asgi", "aiohttp"},  # the public face: names only
    {"monitor", "testing"},
    {"cli"},
    {"__main__"},
]

# The modules of the standard library that have no business below the doors.
DOOR_ONLY = {"asyncio", "select", "selectors", "socket", "ssl", "threading", "time"}
DOOR_FLOOR = 8

# These may lean on nothing of the package but the vocabulary.
ONLY_SPEC = {"wsline.errors"}

CIMPORT = re.compile(r"^\s*from\s+([.\w]+)\s+cimport\s+([^#\n]+)", re.MULTILINE)


@dataclass
class Tree:
    """A package to judge: the text of its `.py` and `.pxd` files by module name, and which are packages."""

    sources: Mapping[str, str]
    declarations: Mapping[str, str] = field(default_factory=dict)
    packages: frozenset[str] = frozenset({"wsline"})

    def arrows(self) -> dict[str, set[str]]:
        """Return, for each module, what it imports and cimports: modules of the tree and other names."""
        found = {module: set(self._imports(module)) for module in self.sources}
        for module, text in self.declarations.items():
            for origin, names in CIMPORT.findall(text):
                found.setdefault(module, set()).update(self._targets(module, origin, names.split(",")))
        return found

    def _imports(self, module: str) -> Iterator[str]:
        for node in ast.walk(ast.parse(self.sources[module])):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = "." * node.level + (node.module or "")
                yield from self._targets(module, origin, [alias.name for alias in node.names])

    def _targets(self, module: str, origin: str, names: list[str]) -> Iterator[str]:
        base = self._absolute(module, origin)
        for name in names:
            submodule = f"{base}.{name.split()[0]}"
            yield submodule if submodule in self.sources else base

    def _absolute(self, module: str, origin: str) -> str:
        level = len(origin) - len(origin.lstrip("."))
        if not level:
            return origin
        parts = module.split(".")
        up = level - (module in self.packages)
        return ".".join([*parts[: len(parts) - up], *filter(None, [origin[level:]])])


def room(module: str) -> str:
    """Return the part of the package that a module belongs to: `wsline.wire.frames` is in `wire`."""
    return [*module.split(".", 2), ""][1]


def floor(module: str) -> int | None:
    """Return the number of a module's floor, or `None` if it has none."""
    return next((n for n, rooms in enumerate(FLOORS) if room(module) in rooms), None)


def is_inside(name: str) -> bool:
    """Return whether a name is one of the package."""
    return name == "wsline" or name.startswith("wsline.")


def homeless(tree: Tree) -> list[str]:
    """Modules that are on no floor."""
    return [f"{module} has no floor" for module in tree.sources if floor(module) is None]


def upward(tree: Tree) -> list[str]:
    """Imports that do not point down, or that reach into a neighbour on the same floor."""
    problems = []
    for module, targets in tree.arrows().items():
        for target in sorted(filter(is_inside, targets)):
            here, there = floor(module), floor(target)
            if room(module) == room(target) or here is None or there is None:
                continue
            if there >= here or (module in ONLY_SPEC and room(target) != "spec"):
                problems.append(f"{module} imports {target}")
    return problems


def cycles(tree: Tree) -> list[str]:
    """Import cycles, each as a path."""
    arrows = {module: sorted(targets & tree.sources.keys()) for module, targets in tree.arrows().items()}
    problems: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            problems.append(" > ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for target in arrows.get(module, []):
                visit(target, [*path, module])
            done.add(module)

    for module in arrows:
        visit(module, [])
    return problems


def worldly(tree: Tree) -> list[str]:
    """Imports of sockets, loops, clocks and threads below the doors."""
    problems = []
    for module, targets in tree.arrows().items():
        level = floor(module)
        if level is not None and level < DOOR_FLOOR:
            for target in sorted(targets):
                if target.partition(".")[0] in DOOR_ONLY:
                    problems.append(f"{module} imports {target}")
    return problems


def hidden(tree: Tree) -> list[str]:
    """Imports inside functions."""
    problems = []
    for module, text in tree.sources.items():
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        problems.append(f"{module}:{node.lineno} imports inside {function.name}")
    return problems
