"""What a WebSocket server is told when it is made: where its handshakes come from, and what they become."""

from typing import Any

from ..options import ServerOptions
from .http import HTTPServer
from .websocket import WebSocket

__all__ = ["check_class", "check_places"]


def check_places(
    port: int | None, server: HTTPServer | None, no_server: bool, options: ServerOptions
) -> None:
    """Check that a server is told where its handshakes come from, and only once.

    Raises:
        TypeError: it is not.
    """
    places = (port is not None, options.sock is not None, options.unix_path is not None)
    if sum((*places, server is not None, bool(no_server))) != 1:
        raise TypeError(
            'One and only one of the "port", "sock", "unix_path", "server", or "no_server" options'
            " must be specified"
        )
    if server is not None and not isinstance(server, HTTPServer):
        raise TypeError(f"server={server!r}: must be a wsline.http.HTTPServer or None")
    if options.ssl is not None and not any(places):
        raise TypeError("ssl: the connections are another's; give it to whoever listens")


def check_class(chosen: Any) -> type[WebSocket]:
    """Return the class of a server's WebSockets.

    Raises:
        TypeError: what was chosen is no subclass of `WebSocket`.
    """
    if chosen is None:
        return WebSocket
    if not issubclass(chosen, WebSocket):
        raise TypeError(f"web_socket={chosen!r}: must be a subclass of WebSocket")
    kind: type[WebSocket] = chosen
    return kind
