"""Lays out the pages of the documentation site: those of docs/, the reference, and the examples.

    python docs/pages.py build/docs-source

The reference is made of the docstrings, so that there is one place for what a thing does.
"""

import dataclasses
import importlib
import inspect
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).parent
EXAMPLES: Final = DOCS.parent / "examples"

MODULES: Final = {
    "wsline": "For asyncio",
    "wsline.sync": "For threads",
    "wsline.http": "Beside HTTP",
    "wsline.asgi": "On ASGI servers",
    "wsline.aiohttp": "Inside aiohttp",
    "wsline.monitor": "Figures of servers",
    "wsline.testing": "For tests",
}
OPTIONS: Final = ("Options", "ClientOptions", "ServerOptions")

_SECTION: Final = re.compile(r"([A-Z][\w ]+):")
_ITEM: Final = re.compile(r"(`?[\w*][\w*`., ()-]*?): (.*)")
_LINK: Final = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)(?:#[^)]*)?\)")
_CHART: Final = re.compile(r"!\[([^\]]*)\]\(\.\./bench/results/([\w-]+)-(light|dark)\.svg#[\w-]+\)")


def lay_out(place: Path) -> None:
    """Write all pages to a folder, which is emptied before."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(DOCS, place, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(DOCS / "conf.py", place)
    for page in place.glob("*.md"):
        page.write_text(_LINK.sub(_local_link, _CHART.sub(_chart, page.read_text())))
    for chart in (DOCS.parent / "bench" / "results").glob("*.svg"):
        shutil.copy(chart, place / "images")
    index = place / "index.md"
    listed = re.findall(r"^[\w-]+$", index.read_text(), re.MULTILINE)
    others = sorted({page.stem for page in place.glob("*.md")} - {*listed, "index"})
    index.write_text(index.read_text().replace("coming-from\n", "\n".join([*others, "coming-from\n"])))
    (place / "reference").mkdir()
    for name, title in MODULES.items():
        (place / "reference" / f"{name}.md").write_text("\n".join(reference(name, title)))
    (place / "reference" / "options.md").write_text("\n".join(options_page()))
    (place / "examples").mkdir()
    for name, text in example_pages():
        (place / "examples" / f"{name}.md").write_text(text)


def _chart(match: re.Match[str]) -> str:
    """Let a chart be shown in the theme that it is for, as GitHub does by the end of its address."""
    alt, name, theme = match.groups()
    return f"```{{image}} images/{name}-{theme}.svg\n:alt: {alt}\n:class: only-{theme}\n```"


def _local_link(match: re.Match[str]) -> str:
    """Let a link to an example lead to its page; other files are not on the site."""
    path = DOCS.parent / match[2]
    if path.is_relative_to(EXAMPLES) and path.suffix == ".py":
        return f"[{match[1]}](examples/{_example_name(path)}.md)"
    return match[1]


# -- examples


def example_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of a page for each example."""
    for path in sorted(EXAMPLES.rglob("*.py")):
        title = path.relative_to(EXAMPLES).as_posix()
        yield _example_name(path), f"# {title}\n\n```python\n{path.read_text()}```\n"


def _example_name(path: Path) -> str:
    return "-".join(path.relative_to(EXAMPLES).with_suffix("").parts)


# -- reference


def reference(name: str, title: str) -> Iterator[str]:
    """Yield the lines of the page of a module."""
    module = importlib.import_module(name)
    yield f"# {title}: `{name}`\n"
    yield from docstring(module)
    public = [each for each in module.__all__ if not each.startswith("_")]
    for each in sorted(public, key=lambda each: (inspect.isclass(getattr(module, each)), each.lower())):
        yield from entry(each, getattr(module, each))


def entry(name: str, thing: Any) -> Iterator[str]:
    """Yield the lines about a public name."""
    yield f"\n## {name}\n"
    if not callable(thing):
        yield f"`{thing!r}`\n"
        return
    if inspect.isclass(thing):
        yield from _signature(f"class {name}", thing)
        yield from docstring(thing)
        for member, function in members(thing):
            yield f"\n### {name}.{member}\n"
            yield from _signature(member, function)
            yield from docstring(function)
    else:
        yield from _signature(name, thing)
        yield from docstring(thing)


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class that say what they do."""
    for name in sorted(dir(kind)):
        member = inspect.getattr_static(kind, name)
        owner = next((each for each in kind.__mro__ if name in vars(each)), object)
        if name.startswith("_") or not owner.__module__.startswith("wsline"):
            continue
        if isinstance(member, classmethod | staticmethod):
            member = member.__func__
        if getattr(member, "__doc__", None) and (callable(member) or isinstance(member, property)):
            yield name, member


def _signature(name: str, thing: Callable[..., Any] | property) -> Iterator[str]:
    if isinstance(thing, property):
        return
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # an exception or an enum
        return
    # Names and defaults; the text below says more of the types than an annotation.
    plain = [
        each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"
    ]
    shown = inspect.Signature(plain)
    if [each.name for each in plain] != ["args", "kwds"]:
        yield f"```python\n{name}{shown}\n```\n"


def docstring(thing: Any) -> Iterator[str]:
    """Yield a docstring as Markdown: sections with lists, and indented lines as code."""
    lines = inspect.cleandoc(thing.__doc__ or "").splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        block = _block(lines, at + 1)
        section = _SECTION.fullmatch(line)
        if section is not None and block and block[0]:  # code stands behind an empty line
            yield f"\n**{section[1]}**\n"
            yield from _items(block)
            at += 1 + len(block)
        elif line.startswith("    "):
            code = _block(lines, at)
            yield "```text\n" + "\n".join(each[4:] for each in code).rstrip() + "\n```"
            at += len(code)
        else:
            yield _escape(line)
            at += 1
    yield ""


def _block(lines: list[str], at: int) -> list[str]:
    end = at
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end]):
        end += 1
    while end > at and not lines[end - 1]:
        end -= 1
    return lines[at:end]


def _items(block: list[str]) -> Iterator[str]:
    for line in inspect.cleandoc("\n" + "\n".join(block)).splitlines():
        item = _ITEM.fullmatch(line)
        if item is not None:
            yield f"- `{item[1].replace('`', '')}`: {_escape(item[2])}"
        elif line.startswith(" "):
            yield f"  {_escape(line.strip())}"
        else:
            yield _escape(line)


def _escape(text: str) -> str:
    parts = text.split("`")
    # What stands between backticks is code, and stays as it is.
    return "`".join(part if n % 2 else re.sub(r"([<>*\[\]])", r"\\\1", part) for n, part in enumerate(parts))


def options_page() -> Iterator[str]:
    """Yield the lines of the page of all options."""
    module = importlib.import_module("wsline.options")
    yield "# Options\n"
    yield "Keyword arguments of `connect`, `serve` and `WebSocketServer`, here and in `wsline.sync`."
    for name in OPTIONS:
        kind = getattr(module, name)
        yield f"\n## {name}\n"
        defaults = {each.name: each.default for each in dataclasses.fields(kind)}
        for line in docstring(kind):
            item = re.match(r"- `(\w+)`: (.*)", line)
            has_default = item is not None and item[1] in defaults
            yield f"- `{item[1]}` (`{defaults[item[1]]!r}`): {item[2]}" if item and has_default else line


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
