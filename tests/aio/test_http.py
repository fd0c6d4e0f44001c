"""`HTTPServer`: arguments, life, who is asked. What goes over its sockets is in doors/test_http.py."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import until
from wsline import Headers, Request, Response, ServerState, WebSocketServer
from wsline.http import HTTPServer

DEADLINE = 10  # seconds

PAGE = Request("GET", "/", Headers())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"port": 0, "unix_path": "x"}, 'Only one of the "port", "sock", or "unix_path" options'),
        ({"colour": 1}, r"HTTPServer\(\) got an unknown option 'colour'"),
        ({"max_bodi": 1}, "did you mean 'max_body'"),
        ({"max_payload": 1}, "unknown option 'max_payload'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        HTTPServer(**arguments)


@pytest.mark.parametrize(("port", "kind"), [(-1, ValueError), (65536, ValueError), ("80", TypeError)])
def test_a_bad_port_is_named(port: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"port={port!r}: must be an integer from 0 to 65535, or None"):
        HTTPServer(port=port)


def test_the_port_is_that_of_the_scheme() -> None:
    assert HTTPServer()._port == 80
    assert HTTPServer(ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))._port == 443
    assert HTTPServer("127.0.0.1", 8080)._port == 8080


async def fetch(server: HTTPServer) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.address()[1])
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(DEADLINE):
        answer = await reader.read()
    writer.close()
    return answer


async def test_its_life() -> None:
    heard: list[str] = []
    server = HTTPServer("127.0.0.1", 0)
    for event in ("listening", "close"):
        server.on(event, lambda event=event: heard.append(event))
    with pytest.raises(RuntimeError, match="the server is not running"):
        server.address()
    server.close()
    states = [server.state]
    async with server:
        assert repr(server) == "<HTTPServer RUNNING 0 open>"
        with pytest.raises(RuntimeError, match="was started before"):
            await server.start()
        assert (await fetch(server)).startswith(b"HTTP/1.1 404 Not Found\r\n")
    states.append(server.state)
    assert heard == ["listening", "close"]
    assert states == [ServerState.NEW, ServerState.CLOSED]


async def test_other_places_to_listen_at(tmp_path: Path) -> None:
    async with HTTPServer(sock=socket.create_server(("127.0.0.1", 0))) as server:
        server.on("request", lambda: Response(200, body="here"))
        assert (await fetch(server)).endswith(b"here")
    path = str(tmp_path / "socket")
    async with HTTPServer(unix_path=path) as server:
        assert server.address() == path
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), DEADLINE)).startswith(b"HTTP/1.1 404 ")
        writer.close()


async def test_an_address_in_use_is_raised_and_told() -> None:
    async with HTTPServer("127.0.0.1", 0) as server:
        other = HTTPServer("127.0.0.1", server.address()[1])
        told: list[Exception] = []
        other.on("error", told.append)
        with pytest.raises(OSError, match="cannot listen at") as caught:
            await other.start()
        assert told == [caught.value]


async def test_listeners_are_asked_in_their_order() -> None:
    server = HTTPServer("127.0.0.1", 0)
    asked: list[int] = []

    @server.once("request")
    async def first(request: Request) -> Response | None:
        asked.append(1)
        return None

    @server.on("request")
    def second() -> Response:
        asked.append(2)
        return Response(204)

    server.on("request", lambda: asked.append(3))
    assert (await server.respond(PAGE)).status == 204
    assert (await server.respond(PAGE)).status == 204
    assert asked == [1, 2, 2]


async def test_nobody_to_ask() -> None:
    server = HTTPServer("127.0.0.1", 0)
    assert (await server.respond(PAGE)).status == 404
    assert not server.takes_upgrades()
    server.on("upgrade", lambda: None)
    assert server.takes_upgrades()
    assert (await server.respond(PAGE)).status == 426
    server = HTTPServer("127.0.0.1", 0)
    chat = WebSocketServer(server=server)
    assert server.takes_upgrades()
    chat.close()
    await until(lambda: chat.state == ServerState.CLOSED)
    assert not server.takes_upgrades()


async def test_a_task_is_waited_for() -> None:
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()

    async with HTTPServer("127.0.0.1", 0) as server:
        server.spawn(work())
        server.close()
        server.close()
        await asyncio.sleep(0)
        assert server.state == ServerState.CLOSING
        go_on.set()
