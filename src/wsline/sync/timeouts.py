"""The timeouts that callers give."""

import threading

__all__ = ["limited"]


def limited(timeout: float | None) -> float | None:
    """Return a timeout as the system takes it; raises `TypeError` or `ValueError` if it is none."""
    if timeout is None:
        return None
    if not isinstance(timeout, int | float) or isinstance(timeout, bool):
        raise TypeError(f"timeout={timeout!r}: must be a number of seconds from 0, or None for no limit")
    if not timeout >= 0:
        raise ValueError(f"timeout={timeout!r}: must be a number of seconds from 0, or None for no limit")
    return min(timeout, threading.TIMEOUT_MAX)
