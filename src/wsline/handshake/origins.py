"""Which web pages may connect: the option `origins` against the Origin header (RFC 6455 §4.2.2, §10.2)."""

import re
from collections.abc import Collection

from ..options import ANY, OriginRule
from .headers import parse_host

__all__ = ["is_allowed"]


def is_allowed(
    rule: OriginRule | Collection[str | re.Pattern[str] | None], origin: str | None, host: str
) -> bool:
    """Tell whether a request of this origin may become a WebSocket.

    Args:
        rule: the option `origins`.
        origin: the Origin header, `None` if there is none.
        host: the Host header.
    """
    if isinstance(rule, OriginRule):
        return rule is ANY or origin is None or _same_host(origin, host)
    return any(_matches(allowed, origin) for allowed in rule)


def _same_host(origin: str, host: str) -> bool:
    # RFC 6454 §6.1: scheme "://" host [ ":" port ], and nothing before or after it; or "null".
    scheme, _, host_and_port = origin.partition("://")
    try:
        return scheme.isalnum() and parse_host(host_and_port)[0] == parse_host(host)[0]
    except ValueError:
        return False


def _matches(allowed: str | re.Pattern[str] | None, origin: str | None) -> bool:
    if isinstance(allowed, re.Pattern):
        return origin is not None and allowed.fullmatch(origin) is not None
    return origin == allowed
