"""In which order the addresses of a host are tried, and how it is told that none has answered (RFC 8305)."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

__all__ = ["Address", "all_failed", "interleave"]

Address = tuple[int, Any]
"""An address family, and an address of it as `socket.connect` takes it."""


def interleave(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses so that their families alternate, beginning with that of the first one.

    Within a family they keep the order of the resolver, which knows what is near.
    """
    # RFC 8305 §4: so that a family that does not work costs one attempt, not one for each of its addresses.
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return [each for turn in zip_longest(*families.values()) for each in turn if each is not None]


def all_failed(host: str, port: int, errors: Sequence[OSError]) -> OSError:
    """Return the one error that tells of all attempts; a single attempt is told by its own."""
    if len(errors) == 1:
        return errors[0]
    tried = "; ".join(str(each) for each in errors) or "it has no address"
    return OSError(errors[-1].errno if errors else None, f"cannot connect to {host}:{port}: {tried}")
