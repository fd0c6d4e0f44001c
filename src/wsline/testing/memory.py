"""A server and its clients in memory: all of the protocol, and no sockets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self, Unpack

from wsline import State, WebSocket, WebSocketServer

from ..aio.channel import Channel
from ..aio.dial import ClientOpening
from ..aio.handlers import Handler
from ..aio.transport import TransportProtocol
from ..handshake.client import ClientHandshake
from ..handshake.redirects import Route
from ..handshake.uri import parse_uri
from ..keywords import ClientKeywords, ServerKeywords
from ..options import ClientOptions
from ..spec import Role
from .transport import connect_transports

__all__ = ["MemoryServer", "pair"]

_FIRST_PORT = 50000


class MemoryServer(WebSocketServer):
    """A `WebSocketServer` that is reached by its own `connect`.

    Handshakes, frames, compression, keepalive and limits are those of any other server; only the way there is
    another. `async with` closes it at the end.

    Args:
        handler: see `wsline.serve`; `None`: use the event `connection`.
        options: see `wsline.options.ServerOptions`; none of those that say where to listen.
    """

    def __init__(self, handler: Handler | None = None, **options: Unpack[ServerKeywords]) -> None:
        WebSocketServer.__init__(self, handler, no_server=True, **options)
        self._last_port = _FIRST_PORT

    async def __aenter__(self) -> Self:
        return self

    async def connect(
        self,
        url: str = "ws://localhost/",
        protocols: str | Sequence[str] | None = None,
        **options: Unpack[ClientKeywords],
    ) -> WebSocket:
        """Return a client that is connected to this server.

        Args:
            url: its path and query count; no name is resolved.
            protocols, options: see `wsline.connect`; no redirects, no proxy, no TLS.

        Raises:
            HandshakeError: as `wsline.connect`.
            TimeoutError: `handshake_timeout` was not enough.

        Cancelling leaves nothing open.
        """
        chosen = ClientOptions.from_keywords("connect", options)
        route = Route(parse_uri(url), chosen, protocols or ())
        websocket = WebSocket.__new__(WebSocket)
        websocket._set_up(Role.CLIENT, chosen, None, route.handshake.request)
        websocket._url = route.uri.url
        loop = asyncio.get_running_loop()
        opening = ClientOpening(loop, route.handshake, lambda *opened: _open(websocket, *opened))
        self._last_port += 1
        connect_transports(
            loop,
            TransportProtocol(loop, opening.start, websocket._session.connection.output),
            TransportProtocol(loop, self._openings.begin),
            ("127.0.0.1", self._last_port),
        )
        try:
            async with asyncio.timeout(chosen.handshake_timeout):
                await opening.done
        finally:
            opening.leave()
        return websocket


def _open(websocket: WebSocket, channel: Channel, handshake: ClientHandshake) -> None:
    websocket._protocol = handshake.protocol
    websocket._response = handshake.response
    websocket._begin(channel, handshake.trailing, handshake.extensions, handshake.deflate)


@asynccontextmanager
async def pair(
    *,
    protocol: str | None = None,
    client_options: ClientKeywords | None = None,
    server_options: ServerKeywords | None = None,
) -> AsyncIterator[tuple[WebSocket, WebSocket]]:
    """Yield two WebSockets that are connected to each other in memory: the client's, and the server's.

    Args:
        protocol: the subprotocol that they agree on.
        client_options: see `wsline.options.ClientOptions`.
        server_options: see `wsline.options.ServerOptions`.

    Both are closed at the end.
    """
    accepted: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()
    async with MemoryServer(**(server_options or {})) as server:
        server.on("connection", accepted.set_result)
        client = await server.connect(protocols=protocol, **(client_options or {}))
        try:
            yield client, await accepted
        finally:
            if client.ready_state is not State.CLOSED:
                await client.close()
