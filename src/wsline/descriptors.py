"""How many connections the system lets a process have."""

from typing import Final

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

__all__ = ["most_connections"]

# So many descriptors, but no more than a quarter, are left for files, listening sockets and handshakes.
_RESERVED: Final = 64


def most_connections() -> int | None:
    """Return how many connections can be open at a time; `None`: the system sets no limit."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else max(1, limit - min(_RESERVED, limit // 4))
