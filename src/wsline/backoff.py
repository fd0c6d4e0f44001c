"""When to try to connect again, and after which failures."""

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from .errors import ConnectionClosed, InvalidStatus, NoResponse, ProxyError, TLSError
from .options import ClientOptions

__all__ = ["Backoff", "is_transient"]

# What a SOCKS proxy says when it cannot reach the server, for now: RFC 1928 §6, and 91 of SOCKS4.
_SOCKS_UNREACHABLE: Final = frozenset({1, 3, 4, 5, 6, 91})


# Of an `ssl.SSLEOFError`; the module is for doors only.
_SSL_ERROR_EOF: Final = 8


class Backoff:
    """The delays between attempts to connect: they grow exponentially, with full jitter.

    Each is drawn evenly between 0 and a ceiling, so that the clients of a server that has failed do not come
    back all at once. The ceiling grows by a factor with each delay, up to the longest.

    Args:
        options: has `reconnect_delay`, `reconnect_factor` and `reconnect_max_delay`.
        draw: returns a number from 0 to 1.
    """

    def __init__(self, options: ClientOptions, draw: Callable[[], float] = random.random) -> None:
        self._first = min(options.reconnect_delay, options.reconnect_max_delay)
        self._factor = options.reconnect_factor
        self._longest = options.reconnect_max_delay
        self._draw = draw
        self._ceiling = self._first

    def next(self) -> float:
        """Return the delay before the next attempt, in seconds."""
        delay = self._draw() * self._ceiling
        self._ceiling = min(self._ceiling * self._factor, self._longest)
        return delay

    def note_life(self, seconds: float) -> None:
        """Note for how long a connection was open; one that outlived the ceiling brings it down again.

        A server that accepts and closes at once is so asked less and less often, like one that refuses.
        """
        if seconds >= self._ceiling:
            self._ceiling = self._first


def is_transient(error: BaseException) -> bool:
    """Tell whether a later attempt to connect may succeed where this one has failed.

    So it is for errors of the network, timeouts, connections that were lost, and answers from 500 on, also
    those of a proxy. All others are final: what was asked for would be refused again.
    """
    if isinstance(error, ProxyError):
        return _is_proxy_transient(error)
    if isinstance(error, InvalidStatus):
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, TLSError):
        # Certificates and versions stay what they are; a peer that hung up may have been restarted.
        return getattr(error.__cause__, "errno", None) == _SSL_ERROR_EOF
    # A timeout is an OSError as well.
    return isinstance(error, OSError | NoResponse | ConnectionClosed)


def _is_proxy_transient(error: ProxyError) -> bool:
    if error.code is None:
        return error.__cause__ is not None and is_transient(error.__cause__)
    return error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in _SOCKS_UNREACHABLE
