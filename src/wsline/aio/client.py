"""`connect`: a WebSocket to await, or to use in `async with`."""

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any, Unpack

from ..handshake.redirects import Route
from ..handshake.uri import parse_uri
from ..keywords import ClientKeywords
from ..options import ClientOptions
from .reconnect import connections
from .websocket import WebSocket

__all__ = ["Connect", "connect"]


def connect(
    url: str, protocols: str | Sequence[str] | None = None, **options: Unpack[ClientKeywords]
) -> "Connect":
    """Connect to a WebSocket server.

    Use it as `ws = await connect(url)`; as `async with connect(url) as ws`, which closes at its end; or to
    stay connected:

        async for ws in connect(url, on_reconnect=subscribe):
            async for message in ws:
                ...

    Each turn of the outer loop gets a new open WebSocket. The last one is closed (1000) first, and a delay
    passes: see `reconnect_delay`. Attempts that fail are repeated, but for what is final, which is raised:
    see `process_exception`. Catch `ConnectionClosed` in the loop where the end of a connection is no reason
    to leave it. `break`, or an exception, leaves it; Python does not tell the loop's iterator so, and only
    closes it when nobody holds it any more: the connection is closed a moment later. To have it closed when
    the loop is left, as by `async with`, hold the iterator: `async with aclosing(aiter(connect(url))) as
    sockets:`, with `contextlib.aclosing`, around `async for ws in sockets:`.

    Args:
        url: `ws:`, `wss:`, `http:`, `https:` or `ws+unix:/path/to.sock:/resource`. User info in it
            becomes Basic authentication.
        protocols: the subprotocols to offer, the preferred one first; a string is one subprotocol.
        options: see `ClientOptions`.

    Returns:
        An awaitable and asynchronous context manager of a `WebSocket`, and an asynchronous iterable.

    Raises:
        InvalidURI, TypeError, ValueError: bad arguments; nothing was opened.

    Awaiting it raises:
        OSError: no connection came about.
        TLSError: TLS did not, for example because the server's certificate is not trusted.
        ProxyError: none came about through the proxy.
        ImportError: a SOCKS proxy needs the extra `wsline[proxy]`.
        HandshakeTimeout: it was not open after `handshake_timeout`.
        InvalidStatus: the server answered with another status; its `status`, `headers` and `body`.
        TooManyRedirects, UnsafeRedirect: it redirected where the options do not allow to follow.
        HandshakeError: another fault of the opening handshake.

    Cancelling leaves nothing open.

    Source: RFC 6455 §4.1; `ws` WebSocket.
    """
    return Connect(url, protocols, ClientOptions.from_keywords("connect", options))


class Connect:
    """What `connect` returns."""

    def __init__(self, url: str, protocols: str | Sequence[str] | None, options: ClientOptions) -> None:
        # Bad arguments fail here, before anything is awaited.
        Route(parse_uri(url), options, protocols)
        self._arguments = (url, protocols, options)
        self._websocket: WebSocket | None = None

    async def _open(self) -> WebSocket:
        websocket, opening = WebSocket._connect(*self._arguments)
        await opening
        return websocket

    def __aiter__(self) -> AsyncGenerator[WebSocket, None]:
        options = self._arguments[2]
        if options.sock is not None:
            raise ValueError("sock in `async for`: must be left out, a socket cannot be connected again")
        return connections(self._open, options)

    def __await__(self) -> Generator[Any, None, WebSocket]:
        return self._open().__await__()

    async def __aenter__(self) -> WebSocket:
        self._websocket = await self._open()
        return await self._websocket.__aenter__()

    async def __aexit__(self, *details: Any) -> None:
        if self._websocket is not None:
            websocket, self._websocket = self._websocket, None
            await websocket.__aexit__(*details)
