"""The larger examples: upload, sensors, tunnel, FastAPI, reconnecting, trading."""

import asyncio
import hashlib
import json
import os
import re
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import until
from tests.examples.programs import DEADLINE, EXAMPLES, running
from tests.examples.test_chat import fetch
from wsline import ConnectionClosed, WebSocket, WebSocketServer, connect

LISTENING = r"(?<=listening at port )\d+"


async def run_example(name: str, *arguments: str) -> tuple[int, str, str]:
    """Run an example to its end; return its status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(EXAMPLES / name), *arguments),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@asynccontextmanager
async def serving(name: str, *arguments: str) -> AsyncIterator[tuple[str, Any]]:
    """Run an example that serves; yield its address."""
    async with running(str(EXAMPLES / name), *arguments, "--port", "0", pattern=LISTENING) as (port, process):
        yield f"127.0.0.1:{port}", process


@asynccontextmanager
async def serving_here(handler: Any) -> AsyncIterator[str]:
    async with WebSocketServer(handler, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.address()[1]}/"


# -- upload


async def test_a_file_arrives_whole_and_its_progress_is_shown(tmp_path: Path) -> None:
    folder, file = tmp_path / "kept", tmp_path / "data.tar.gz"
    file.write_bytes(os.urandom(3_000_000))
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    async with serving("upload/server.py", "--folder", str(folder)) as (address, process):
        url = f"ws://{address}/upload"
        status, output, errors = await run_example("upload/client.py", url, str(file), str(empty), str(file))
        assert (await process.stdout.readline()).decode() == "received data.tar.gz: 3000000 bytes\n"
    assert (status, errors) == (0, "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    first, *_, last = output.splitlines()
    assert re.fullmatch(r"data\.tar\.gz: \d+%", first)
    assert "data.tar.gz: 100%" in output
    assert f"data.tar.gz: kept as data.tar.gz, sha256 {digest}" in output
    assert last == f"data.tar.gz: kept as data-2.tar.gz, sha256 {digest}"
    assert {each.name: each.stat().st_size for each in folder.iterdir()} == {
        "data.tar.gz": 3_000_000,
        "data-2.tar.gz": 3_000_000,
        "empty": 0,
    }


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (["hello"], "first say name and size, in JSON"),
        ([b"\xff"], "first say name and size, in JSON"),
        (['{"name": "../x", "size": 1}'], "not a name for a file"),
        (['{"name": ".bashrc", "size": 1}'], "not a name for a file"),
        (['{"name": "x", "size": 1e3}'], "0 to 1073741824 bytes"),
        (['{"name": "x", "size": 2000000000}'], "0 to 1073741824 bytes"),
        (['{"name": "x", "size": 3}', b"12", b"34"], "that is more than was said"),
    ],
)
async def test_what_is_no_upload_is_refused(
    tmp_path: Path, messages: list[str | bytes], reason: str, uploading: str
) -> None:
    async with asyncio.timeout(DEADLINE), connect(f"ws://{uploading}/upload") as ws:
        for message in messages:
            await ws.send(message)
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1008, reason)


@pytest.fixture
async def uploading(tmp_path: Path) -> AsyncIterator[str]:
    """An upload server, which must keep nothing."""
    folder = tmp_path / "kept"
    async with serving("upload/server.py", "--folder", str(folder)) as (address, _):
        yield address
    assert list(folder.iterdir()) == []


async def test_a_client_that_goes_leaves_no_half_file(uploading: str) -> None:
    async with asyncio.timeout(DEADLINE), connect(f"ws://{uploading}/upload") as ws:
        await ws.send('{"name": "x", "size": 5000000}')
        await ws.send(b"x" * 1_000_000)
        ws.terminate()


async def test_a_refused_client_says_why(tmp_path: Path, uploading: str) -> None:
    file = tmp_path / "~backup"
    file.write_bytes(b"x")
    status, _, errors = await run_example("upload/client.py", f"ws://{uploading}/upload", str(file))
    assert (status, errors) == (1, "refused: not a name for a file\n")


@pytest.mark.parametrize("name", ["upload", "sensors"])
def test_pages_load_nothing_from_elsewhere(name: str) -> None:
    assert re.findall(r"https?://", (EXAMPLES / name / "page.html").read_text()) == []


# -- sensors


async def test_samples_come_in_blocks_without_a_gap() -> None:
    async with serving("sensors/server.py") as (address, _), asyncio.timeout(DEADLINE):
        status, kind, body = await fetch(f"http://{address}/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert "<title>Sensors</title>" in body
        async with connect(f"ws://{address}/samples") as ws:
            blocks = [await ws.recv() for _ in range(4)]
    numbers = [struct.unpack_from("<I", block)[0] for block in blocks]
    assert [later - each for each, later in pairwise(numbers)] == [40, 40, 40]
    for block in blocks:
        values = struct.unpack_from("<160f", block, 4)
        assert len(block) == 4 + 4 * 160
        assert max(map(abs, values)) < 5
        assert {round(value, 3) for value in values[2::4]} <= {0.8, -0.8}


# -- tunnel


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_tcp_through_a_tunnel() -> None:
    data = os.urandom(500_000)
    async with (
        await asyncio.start_server(echo, "127.0.0.1", 0) as service,
        serving("tcp_tunnel.py", "serve", "--to", f"127.0.0.1:{service.sockets[0].getsockname()[1]}") as (
            far,
            _,
        ),
        serving("tcp_tunnel.py", "connect", f"ws://{far}/") as (near, _),
        asyncio.timeout(DEADLINE),
    ):
        reader, writer = await asyncio.open_connection(*near.split(":"))
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_a_tunnel_that_leads_nowhere_says_so() -> None:
    async with serving("tcp_tunnel.py", "connect", "ws://127.0.0.1:1/") as (near, process):
        async with asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_connection(*near.split(":"))
            assert await reader.read() == b""
            writer.close()
            assert (await process.stdout.readline()).decode().startswith("no way through: ")


# -- FastAPI


async def test_rooms_in_fastapi() -> None:
    words = ("-m", "uvicorn", "--app-dir", str(EXAMPLES), "in_fastapi:app", "--port", "0", "--no-use-colors")
    async with running(*words, is_ours=False) as (address, _), asyncio.timeout(DEADLINE):
        url = f"ws://{address}/rooms"
        async with connect(f"{url}/kitchen") as one, connect(f"{url}/kitchen") as two, connect(f"{url}/hall"):
            await one.send("hello")
            assert [await one.recv(), await two.recv()] == ["hello", "hello"]
            status, _, body = await fetch(f"http://{address}/rooms")
            assert (status, json.loads(body)) == (200, {"kitchen": 2, "hall": 1})
            reader, writer = await asyncio.open_connection(*address.split(":"))
            path = "/rooms/kitchen/announcements?text=dinner"
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            assert b'{"heard_by":2}' in await reader.read()
            writer.close()
            assert [await one.recv(), await two.recv()] == ["* dinner", "* dinner"]


# -- reconnecting


async def test_after_a_loss_it_subscribes_again_and_misses_nothing() -> None:
    wishes: list[Any] = []

    async def feed(ws: WebSocket) -> None:
        wishes.append(json.loads(await ws.recv()))
        for number in (1, 2) if len(wishes) == 1 else (3,):
            await ws.send(json.dumps({"number": number, "topic": "news", "data": f"item {number}"}))
        if len(wishes) == 1:
            await ws.ping()  # it has all of it
            ws.terminate()
        await ws.wait_closed()

    async with serving_here(feed) as url:
        words = (str(EXAMPLES / "reconnecting.py"), url, "news")
        async with running(*words, pattern="connected") as (_, process):
            assert process.stdout is not None
            lines = [(await process.stdout.readline()).decode().rstrip() for _ in range(5)]
    assert [lines[0], lines[1], lines[3], lines[4]] == [
        "1 news item 1",
        "2 news item 2",
        "connected",
        "3 news item 3",
    ]
    assert lines[2].startswith("lost: ")
    assert wishes == [{"subscribe": ["news"], "after": 0}, {"subscribe": ["news"], "after": 2}]


# -- trading


async def test_the_feed_and_a_client_in_event_style() -> None:
    async with serving("trading/feed.py", "--interval", "0.001", "--names", "ACME", "GLOBEX") as (address, _):
        status, output, errors = await run_example(
            "trading/client.py", f"ws://{address}/", "ACME", "--until", "200"
        )
    assert (status, errors) == (0, "")
    *orders, told, closed = output.splitlines()
    assert re.fullmatch(rf"200 prices, median age \d+ µs, {len(orders)} orders", told)
    assert all(re.fullmatch(r"buy ACME at \d+\.\d\d", order) for order in orders)
    assert closed == "closed (1000)"


async def test_the_feed_replays_what_was_missed_and_refuses_nonsense() -> None:
    async with serving("trading/feed.py", "--interval", "0.005") as (address, _), asyncio.timeout(DEADLINE):
        async with connect(f"ws://{address}/") as ws:
            await ws.send('{"subscribe": ["ACME", "GLOBEX", "INITECH"], "after": 0}')
            assert [json.loads(await ws.recv())["number"] for _ in range(5)] == [1, 2, 3, 4, 5]
        for nonsense in ("hello", "[]", '{"subscribe": [1]}', json.dumps({"subscribe": ["x"] * 21})):
            async with connect(f"ws://{address}/") as ws:
                await ws.send(nonsense)
                await until(lambda ws=ws: ws.close_code == 1008)  # type: ignore[misc]


async def test_the_client_buys_when_a_price_falls() -> None:
    async def feed(ws: WebSocket) -> None:
        assert json.loads(await ws.recv()) == {"subscribe": ["ACME"]}
        for ask in (100.0, 99.95, 99.8, 99.9, 99.5):
            await ws.send(json.dumps({"time": 0, "topic": "ACME", "data": {"ask": ask}}))
        await ws.wait_closed()

    async with serving_here(feed) as url:
        status, output, _ = await run_example("trading/client.py", url, "ACME", "--until", "5")
    assert status == 0
    assert output.splitlines()[:2] == ["buy ACME at 99.80", "buy ACME at 99.50"]
