"""Behind a real reverse proxy: nginx, on loopback, with the lines that `examples/behind_a_proxy.py` gives."""

import asyncio
import os
import re
import shutil
import socket
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.doors.door import echo
from wsline import InvalidStatus, Request, Response, WebSocket, WebSocketServer, connect, serve
from wsline.http import HTTPServer, client_ip

DEADLINE = 20  # seconds

EXAMPLE = Path(__file__).parents[2] / "examples" / "behind_a_proxy.py"

# Debian installs it where only root looks.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")

CONFIG = """\
daemon off;
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port};
{location}
    }}
}}
"""


def location(upstream: str) -> str:
    """Return what the example tells users to write, for this upstream."""
    found = re.search(r"^    location / \{\n.*?^    \}\n", EXAMPLE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    assert "http://127.0.0.1:8080" in found[0]
    return textwrap.indent(found[0].replace("http://127.0.0.1:8080", upstream), "    ")


@asynccontextmanager
async def nginx(place: Path, upstream: str) -> AsyncIterator[str]:
    """Run nginx before `upstream`; yield where it listens."""
    assert NGINX is not None
    user = "user root;" if os.geteuid() == 0 else ""
    config = place / "nginx.conf"
    log = place / "error.log"
    # It cannot find a port by itself, but takes a socket from the nginx before it, as in an upgrade.
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        config.write_text(CONFIG.format(place=place, port=port, user=user, location=location(upstream)))
        process = await asyncio.create_subprocess_exec(
            *(NGINX, "-p", str(place), "-e", str(log), "-c", str(config)),
            pass_fds=[sock.fileno()],
            env={**os.environ, "NGINX": f"{sock.fileno()};"},
        )
    try:
        async with asyncio.timeout(DEADLINE):
            yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
    # "[notice]" tells of the socket; what is worse must not be there.
    assert not re.search(r"\[(?:warn|error|crit|alert|emerg)\]", log.read_text()), log.read_text()


@needs_nginx
async def test_a191_nginx_tells_who_the_client_is(tmp_path: Path) -> None:
    async def tell(ws: WebSocket) -> None:
        await ws.send(str(client_ip(ws.request, ["127.0.0.1"])))
        await ws.send(str(client_ip(ws.request)))
        await echo(ws)

    async with (
        serve(tell, "127.0.0.1", 0) as server,
        nginx(tmp_path, f"http://127.0.0.1:{server.address()[1]}") as address,
    ):
        # The first client is nginx's, at an address that is no proxy of ours.
        async with connect(f"ws://{address}/", local_address=("127.0.0.2", 0)) as ws:
            assert [await ws.recv(), await ws.recv()] == ["127.0.0.2", "127.0.0.1"]
            for message in ("hello", b"\x00" * 300_000):
                await ws.send(message)
                assert await ws.recv() == message
            assert await ws.ping() > 0
        # What it says of itself is not believed.
        forged = {"X-Forwarded-For": "203.0.113.9"}
        async with connect(f"ws://{address}/", local_address=("127.0.0.3", 0), headers=forged) as ws:
            assert await ws.recv() == "127.0.0.3"


@needs_nginx
async def test_pages_and_websockets_behind_nginx(tmp_path: Path) -> None:
    http = HTTPServer("127.0.0.1", 0)
    WebSocketServer(
        echo, server=http, path="/chat", verify_client=lambda info: info.request.target != "/chat?no"
    )

    @http.on("request")
    def answer(request: Request) -> Response:
        return Response(
            200, body=f"{request.method} {request.target} {len(request.body)} {request.headers['Host']}"
        )

    async with http, nginx(tmp_path, f"http://127.0.0.1:{http.address()[1]}") as address:
        async with connect(f"ws://{address}/chat", origin=f"http://{address}") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
        for target, status in {"/chat?no": 401, "/other": 404}.items():
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"ws://{address}{target}")
            assert caught.value.response.status == status
        reader, writer = await asyncio.open_connection(*address.split(":"))
        post = f"POST /page HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(post.encode() + b"5\r\nhello\r\n0\r\n\r\n")
        writer.write(f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        said = (await reader.read()).decode()
        assert f"POST /page 5 {address}" in said
        assert f"GET / 0 {address}" in said
        writer.close()
        ws = await connect(f"ws://{address}/chat")
        http.close()
        await ws.wait_closed()
        assert ws.close_code == 1001
