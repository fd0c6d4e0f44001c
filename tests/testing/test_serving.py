"""A real server for a test."""

from pathlib import Path

import pytest

from tests.certificates import Authority
from wsline import WebSocket, connect
from wsline.testing import serving


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def test_a_handler_is_served_and_closed() -> None:
    async with serving(echo, max_payload=5) as url:
        async with connect(url) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
        left = await connect(url)
    assert await anext(aiter(left), None) is None
    assert left.close_code == 1001
    with pytest.raises(ConnectionRefusedError):
        await connect(url)


async def test_tls_shows_in_the_url(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.sign("here", "IP:127.0.0.1").server_context()
    async with serving(echo, ssl=context) as url, connect(url, ssl=authority.client_context()) as ws:
        assert url.startswith("wss://127.0.0.1:")
        assert ws.ssl_object is not None
