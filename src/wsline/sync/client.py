"""`connect`: a WebSocket to use in `with`."""

import inspect
from collections.abc import Sequence
from typing import Unpack

from ..handshake.client import ClientHandshake
from ..handshake.redirects import Route
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
        options: see `ClientOptions`. `finish_request` is a plain function, and gets `None` for the WebSocket,
            which is not there yet; nothing here reconnects.

    Returns:
        A `WebSocket`, open.

    Raises:
        InvalidURI, TypeError, ValueError: bad arguments; nothing was opened.
        OSError: no connection came about.
        TLSError: TLS did not, for example because the server's certificate is not trusted.
        ProxyError: no connection came about through the proxy.
        HandshakeTimeout: it was not open after `handshake_timeout`.
        InvalidStatus: the server answered with another status; the answer is in `response`.
        HandshakeError: another fault of the opening handshake.

    Source: RFC 6455 §4.1; `ws` WebSocket.
    """
    settings = ClientOptions.from_keywords("connect", options)
    _check_functions(settings)
    route = Route(parse_uri(url), settings, protocols)
    output = Output()
    opened: list[WebSocket] = []

    def on_open(channel: Channel, handshake: ClientHandshake) -> None:
        session = begin(Role.CLIENT, settings, channel, output, handshake.deflate)
        facts = (handshake.protocol, handshake.request, handshake.response, handshake.extensions)
        opened.append(WebSocket(session, route.uri.url, *facts))
        channel.consumer = session
        channel.attend()
        session.take_early(handshake.trailing)

    try:
        dial(route, output, on_open)
    except BaseException:
        for websocket in opened:  # KeyboardInterrupt, at the last moment
            websocket.terminate()
        raise
    return opened[0]


def _check_functions(options: ClientOptions) -> None:
    if inspect.iscoroutinefunction(options.finish_request):
        raise TypeError(f"finish_request={options.finish_request!r}: must be a plain function")
    for name in ("process_exception", "on_reconnect"):
        if getattr(options, name) is not None:
            raise TypeError(f"{name}: must be None; only `async for ws in wsline.connect(...)` reconnects")
