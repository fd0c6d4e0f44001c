"""From which origins browsers may connect."""

import re
from types import NoneType
from typing import Any, Final

from .checks import Check

__all__ = ["ANY", "ORIGINS", "SAME_HOST", "OriginRule"]


class OriginRule:
    """A named answer to "from which origins may a browser connect?"."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


SAME_HOST: Final = OriginRule("SAME_HOST")
"""Accept an Origin whose host is the host of the Host header (any port), and no Origin at all."""

ANY: Final = OriginRule("ANY")
"""Accept every Origin: any web page in any browser may connect."""

ORIGINS: Final = Check(
    "SAME_HOST, ANY, or a list of origins (strings, compiled patterns of text, None)",
    (OriginRule, list, tuple, set, frozenset),
    lambda value: (
        isinstance(value, OriginRule) or all(isinstance(_of_text(each), str | NoneType) for each in value)
    ),
)


def _of_text(origin: Any) -> Any:
    return origin.pattern if isinstance(origin, re.Pattern) else origin
