"""An HTTP server with a WebSocketServer beside it, for whoever watches it."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from wsline import WebSocket, WebSocketServer
from wsline.http import HTTPServer

DEADLINE = 20  # seconds


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


@asynccontextmanager
async def watched(make: Any, **options: Any) -> AsyncIterator[tuple[str, WebSocketServer, Any]]:
    """Run the servers; yield host and port, the WebSocketServer, and what `make(http, server)` returned."""
    http = HTTPServer("127.0.0.1", 0)
    server = WebSocketServer(echo, server=http, **options)
    made = make(http, server)
    async with http, asyncio.timeout(DEADLINE):
        yield f"127.0.0.1:{http.address()[1]}", server, made


async def fetch(url: str, **headers: str) -> tuple[int, Any, str]:
    """Return status, headers and body of an answer."""
    request = urllib.request.Request(url, headers=headers)

    def get() -> tuple[int, Any, str]:
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    return await asyncio.to_thread(get)
