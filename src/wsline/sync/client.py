"""`connect`: a WebSocket to use in `with`."""

from collections.abc import Sequence
from typing import Unpack

from ..handshake.client import ClientHandshake
from ..handshake.uri import parse_uri
from ..keywords import ClientKeywords
from ..options import ClientOptions
from ..spec import Role
from ..wire.kernels import Output
from .channel import Channel
from .dial import dial
from .websocket import WebSocket, begin

__all__ = ["connect"]


def connect(
    url: str, protocols: str | Sequence[str] | None = None, **options: Unpack[ClientKeywords]
) -> WebSocket:
    """Connect to a WebSocket server, and wait until the WebSocket is open.

    Use it as `with connect(url) as ws`, which closes at its end.

    Args:
        url: `ws:`, `wss:`, `http:`, `https:` or `ws+unix:/path/to.sock:/resource`. User info in it
            becomes Basic authentication.
        protocols: the subprotocols to offer, the preferred one first; a string is one subprotocol.
        options: see `ClientOptions`.

    Returns:
        A `WebSocket`, open.

    Raises:
        InvalidURI, TypeError, ValueError: bad arguments; nothing was opened.
        OSError: no connection came about.
        TLSError: TLS did not, for example because the server's certificate is not trusted.
        HandshakeTimeout: it was not open after `handshake_timeout`.
        InvalidStatus: the server answered with another status; the answer is in `response`.
        HandshakeError: another fault of the opening handshake.

    Source: RFC 6455 §4.1; `ws` WebSocket.
    """
    settings = ClientOptions.from_keywords("connect", options)
    uri = parse_uri(url)
    handshake = ClientHandshake(uri, settings, protocols or ())
    output = Output()
    opened: list[WebSocket] = []

    def on_open(channel: Channel, handshake: ClientHandshake) -> None:
        session = begin(Role.CLIENT, settings, channel, output)
        opened.append(WebSocket(session, uri.url, handshake.protocol, handshake.request, handshake.response))
        channel.consumer = session
        channel.attend()
        session.take_early(handshake.trailing)

    try:
        dial(uri, settings, handshake, output, on_open)
    except BaseException:
        for websocket in opened:  # KeyboardInterrupt, at the last moment
            websocket.terminate()
        raise
    return opened[0]
