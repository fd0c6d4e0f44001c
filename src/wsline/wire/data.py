"""What can be sent: whatever has text or bytes."""

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

__all__ = ["to_message"]


def to_message(data: Any, binary: bool | None) -> str | bytes | None:
    """Return `data` as `str` or `bytes`; `None` if it is an iterable; else raise `TypeError`."""
    if isinstance(data, str):
        # Of a subclass (an enum, say) the characters count, not what it shows.
        return str.encode(data) if binary else str.__str__(data)
    if type(data) is not bytes:
        try:
            with memoryview(data) as view:
                data = view.tobytes()
        except TypeError:
            if isinstance(data, AsyncIterable) or (
                isinstance(data, Iterable) and not isinstance(data, Mapping)
            ):
                return None
            raise TypeError(
                f"data of type {type(data).__name__}: must be str, bytes, an object with a buffer,"
                f" or an iterable of these"
            ) from None
    return str(data, "utf-8") if binary is False else data
