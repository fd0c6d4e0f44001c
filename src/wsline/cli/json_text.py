"""JSON laid out and coloured, without changing a single number or string of it."""

import json
import re
from collections.abc import Callable
from typing import Final

__all__ = ["pretty"]

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+')
_LONGEST: Final = 65536  # characters; more is shown as it came
_INDENT: Final = "  "


def pretty(text: str, paint: Callable[[str, str], str] = lambda kind, token: token) -> str | None:
    """Return JSON on several lines, or `None` if the text is no object or array, or too long.

    What stands in it is kept letter by letter: numbers beyond a float, keys that come twice.

    Args:
        text: what may be JSON.
        paint: called with a kind (`key`, `string`, `number`, `word`) and a token; returns what is shown.
    """
    if len(text) > _LONGEST or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _lay_out(_TOKEN.findall(text), paint)


def _lay_out(tokens: list[str], paint: Callable[[str, str], str]) -> str:
    laid: list[str] = []
    depth = 0
    for at, token in enumerate(tokens):
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        if token in "{[":
            depth += 1
            laid.append(token if following in ("}", "]") else f"{token}\n{_INDENT * depth}")
        elif token in "}]":
            depth -= 1
            is_empty = tokens[at - 1] in ("{", "[")
            laid.append(token if is_empty else f"\n{_INDENT * depth}{token}")
        elif token == ",":
            laid.append(f",\n{_INDENT * depth}")
        elif token == ":":
            laid.append(": ")
        else:
            laid.append(paint(_kind(token, following), token))
    return "".join(laid)


def _kind(token: str, following: str) -> str:
    if token.startswith('"'):
        return "key" if following == ":" else "string"
    return "word" if token in ("true", "false", "null") else "number"
