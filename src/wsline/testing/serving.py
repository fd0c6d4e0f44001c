"""A real server at a free port, for as long as a test needs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Unpack

from wsline import WebSocketServer

from ..aio.handlers import Handler
from ..keywords import ServerKeywords

__all__ = ["serving"]


@asynccontextmanager
async def serving(handler: Handler, **options: Unpack[ServerKeywords]) -> AsyncIterator[str]:
    """Serve a handler at a free port of this machine; yield its URL.

    Args:
        handler: see `wsline.serve`.
        options: see `wsline.options.ServerOptions`.

    The server is closed at the end, with all its connections.
    """
    async with WebSocketServer(handler, "127.0.0.1", 0, **options) as server:
        yield f"{'ws' if server.options.ssl is None else 'wss'}://127.0.0.1:{server.address()[1]}/"
