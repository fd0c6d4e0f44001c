"""The client of aiohttp, for pages and WebSockets, at our HTTP server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.doors.door import echo
from wsline import Request, Response, WebSocketServer
from wsline.http import HTTPServer

DEADLINE = 20  # seconds


def answer(request: Request) -> Response:
    ports.add(request.remote_address[1])
    return Response(200, {"X-Digest": hashlib.sha256(request.body).hexdigest()}, request.body[::-1])


ports: set[int] = set()


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 10_000):
        yield data[at : at + 10_000]


@pytest.mark.parametrize("size", [1, 100_000])
async def test_bodies_both_ways_on_one_connection(size: int) -> None:
    data = os.urandom(size)
    ports.clear()
    async with asyncio.timeout(DEADLINE), HTTPServer("127.0.0.1", 0, max_body=100_000) as http:
        http.on("request", answer)
        url = f"http://127.0.0.1:{http.address()[1]}/"
        async with aiohttp.ClientSession() as session:
            for options in ({"data": data}, {"data": in_pieces(data)}, {"data": data, "expect100": True}):
                async with session.post(url, **options) as response:
                    assert response.status == 200
                    assert response.headers["X-Digest"] == hashlib.sha256(data).hexdigest()
                    assert await response.read() == data[::-1]
            async with session.head(url) as response:
                assert (response.status, await response.read()) == (200, b"")
            assert len(ports) == 1
            async with session.post(url, data=data + bytes(100_000)) as response:
                assert response.status == 413


async def test_websockets_and_pages() -> None:
    async with asyncio.timeout(DEADLINE), HTTPServer("127.0.0.1", 0, max_body=100_000) as http:
        http.on("request", answer)
        WebSocketServer(echo, server=http, path="/chat")
        url = f"http://127.0.0.1:{http.address()[1]}"
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                assert response.status == 200
            async with session.ws_connect(f"{url}/chat") as ws:
                await ws.send_str("hello")
                assert await ws.receive_str() == "hello"
                await ws.send_bytes(bytes(100_000))
                assert await ws.receive_bytes() == bytes(100_000)
            assert ws.close_code == 1000
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(f"{url}/other")
            assert caught.value.status == 404
