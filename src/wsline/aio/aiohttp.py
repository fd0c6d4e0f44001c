"""A WebSocket of ours on a connection of aiohttp's server."""

from typing import Any

from aiohttp import web

from ..errors import HandshakeError
from ..handshake.headers import Headers
from ..handshake.http1 import Request
from .server import WebSocketServer

__all__ = ["handle_upgrade"]


async def handle_upgrade(
    server: WebSocketServer, request: web.Request, *arguments: Any
) -> web.StreamResponse:
    """Make a WebSocket of a request, and serve it until it is closed: the body of a handler of aiohttp.

    The transport is taken from aiohttp; from there on it works as on a port of our own. The connection
    stays one of aiohttp's, which waits for it when it shuts down: close `server` in `on_shutdown`.

    Args:
        server: made with `no_server=True`. It emits `connection`, and starts its handler.
        request: the request, whose body nobody has read.
        arguments: for the listeners of `connection`, behind the WebSocket and the request: such as who
            the user is. They find the request of aiohttp in `request.attributes["aiohttp"]`.

    Returns:
        What the handler must return; aiohttp sends nothing of it.

    Raises:
        ConnectionError: the client is gone.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client closed the connection before it was answered")
    ours = _convert(request)
    try:
        websocket = await server.handle_upgrade(ours, transport, _take_tail(request))
    except HandshakeError as error:
        return _Answered(400 if error.response is None else error.response.status)
    server.emit("connection", websocket, ours, *arguments)
    await websocket.wait_closed()
    return _Answered(101)


def _convert(request: web.Request) -> Request:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
    version = f"HTTP/{request.version.major}.{request.version.minor}"
    return Request(
        request.method,
        request.raw_path,
        Headers(fields),
        version,
        secure=request.secure,
        attributes={"aiohttp": request},
    )


class _Tail:
    """Takes the bytes that aiohttp has received behind the request."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """There is nothing to end."""


def _take_tail(request: web.Request) -> bytes:
    tail: Any = _Tail()
    request.protocol.set_parser(tail)
    taken: bytes = tail.data
    return taken


class _Answered(web.StreamResponse):
    """The response to a request that has been answered."""

    def __init__(self, status: int) -> None:
        super().__init__(status=status)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send nothing."""

    async def write_eof(self, data: Any = b"") -> None:
        """Send nothing."""
