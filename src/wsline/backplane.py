"""The backplane, which joins the topics of many processes: how to reach it, and how it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from .checks import FLAG, Check, check_all, option, seconds, size

__all__ = ["SCHEMES", "Backplane", "BackplaneHealth"]

SCHEMES: Final = ("memory", "unix", "redis", "rediss", "nats")

_MIB: Final = 1 << 20
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")

_URL: Final = Check("a URL, for example redis://127.0.0.1:6379", (str,))
# What separates it from the topic, in the key spaces of all brokers, is none of these.
_PREFIX: Final = Check(
    "1 to 64 letters, digits, _ or -", (str,), lambda value: 1 <= len(value) <= 64 and set(value) <= _PLAIN
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backplane:
    """How the topics of a server are joined with those of other processes.

    Attributes:
        url: the broker: `memory://` (none: this process alone), `unix:///path` (a relay at a UNIX socket,
            which one of the processes that use it runs), `redis://` or `rediss://` (with the extra
            `wsline[redis]`), `nats://` (with `wsline[nats]`).
        prefix: what the names of this application's topics begin with at the broker. Processes with the same
            URL and prefix share their topics.
        must_connect: a server whose broker cannot be reached does not start. `False`: it starts, and the
            connection is made when it can be.
        max_waiting: most bytes kept for a broker that does not take them; what comes then is dropped, and
            counted.
        timeout: longest time for the broker to be connected to, and to confirm what it was sent; after that
            the connection is made anew.
        heartbeat: time after which a silent broker is asked whether it is there.
        retry_max_delay: longest delay between attempts to connect; they begin at 0.1 s, double, and have
            full jitter.

    Raises:
        TypeError, ValueError: a value is not allowed.
    """

    url: str = option("memory://", _URL)
    prefix: str = option("wsline", _PREFIX)
    must_connect: bool = option(True, FLAG)
    max_waiting: int = option(16 * _MIB, size(0))
    timeout: float = option(5.0, seconds())
    heartbeat: float = option(5.0, seconds())
    retry_max_delay: float = option(5.0, seconds())

    def __post_init__(self) -> None:
        # What is shown is never the whole URL: a password may be in it.
        if isinstance(self.url, str):
            _check_url(self.url)
        check_all(self)

    @property
    def scheme(self) -> str:
        """Which broker it is."""
        return urlsplit(self.url).scheme

    @property
    def place(self) -> str:
        """The URL without user, password and settings."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.place} prefix={self.prefix!r}>"


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        scheme, host, path = parts.scheme, parts.hostname or "", parts.path
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"backplane: the URL is ill-formed: {error}") from None
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise ValueError(f"backplane: a URL of the scheme {scheme!r}: must be one of {known}")
    problem = _PROBLEMS[scheme](host, path)
    if problem:
        raise ValueError(f"backplane: {problem}")


def _no_place(host: str, path: str) -> str:
    return "memory:// has neither host nor path: it is this process" if host or path else ""


def _a_path(host: str, path: str) -> str:
    absolute = not host and len(path) > 1
    return "" if absolute else "a unix:// URL must have an absolute path: unix:///run/app.sock"


def _a_host(host: str, path: str) -> str:
    return "" if host else "the URL names no host: for example redis://127.0.0.1:6379"


_PROBLEMS: Final[dict[str, Callable[[str, str], str]]] = {
    "memory": _no_place,
    "unix": _a_path,
    "redis": _a_host,
    "rediss": _a_host,
    "nats": _a_host,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackplaneHealth:
    """How a server's backplane does, in numbers since its start.

    Attributes:
        connected: the broker is there.
        lag: how long it took to confirm the last that it was sent, in seconds; `None` before the first.
        topics: how many topics the broker sends to this process.
        waiting, waiting_bytes: messages that wait for the broker to confirm them, or to be sent at all.
        published: messages given to the backplane.
        sent: those that the broker has confirmed.
        dropped: those that were never sent: too many bytes waited, or the broker takes none that large.
        unconfirmed: those that were on their way when the connection was lost: they may have arrived.
        received: messages of other processes.
        malformed: what came over the broker and was none of ours.
        connects: how often the broker was connected to.
    """

    connected: bool = True
    lag: float | None = None
    topics: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    published: int = 0
    sent: int = 0
    dropped: int = 0
    unconfirmed: int = 0
    received: int = 0
    malformed: int = 0
    connects: int = 0
