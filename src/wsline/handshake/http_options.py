"""What an HTTP server can be told: as `options.py`, for servers of pages."""

from dataclasses import dataclass
from typing import Any

from ..checks import CONTEXT, FLAG, SOCKET, UNIX, option, seconds, size
from ..options import MIB, HeadOptions

__all__ = ["HTTPOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOptions(HeadOptions):
    """What an HTTP server can be told.

    Attributes:
        max_body: largest body of a request, in bytes; more gets 413.
        header_timeout: longest time from the first byte of a request (of the first one: from the
            connection) to the end of its head, and longest time of a TLS handshake; `None`: no limit.
        body_timeout: longest time from there to the end of its body; `None`: no limit.
        idle_timeout: longest time between a response and the next request; `None`: no limit.
        write_timeout: longest time in which the client takes nothing of a response; `None`: no limit.
        max_connections: most connections at a time, without those that have become WebSockets; more
            get 503. `None`: no limit.
        backlog, sock, unix_path, ssl, reuse_port: see `ServerOptions`.
    """

    max_body: int = option(1 * MIB, size(0))
    header_timeout: float | None = option(10.0, seconds(none="no limit"))
    body_timeout: float | None = option(30.0, seconds(none="no limit"))
    idle_timeout: float | None = option(15.0, seconds(none="no limit"))
    write_timeout: float | None = option(30.0, seconds(none="no limit"))
    max_connections: int | None = option(None, size(1, none="no limit"))
    backlog: int = option(511, size(1, bits=31))
    sock: Any = option(None, SOCKET)
    unix_path: str | None = option(None, UNIX)
    ssl: Any = option(None, CONTEXT)
    reuse_port: bool = option(False, FLAG)
