"""WebSockets on ASGI servers: on a script of events, and on uvicorn and hypercorn."""

import asyncio
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import hypercorn.asyncio
import hypercorn.config
import pytest
import uvicorn

from wsline import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    Request,
    Response,
    State,
    connect,
)
from wsline.aio import asgi
from wsline.asgi import ASGIWebSocket, WebSocketApp

DEADLINE = 20  # seconds

SCOPE = {
    "type": "websocket",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "scheme": "wss",
    "path": "/chat",
    "raw_path": b"/ch%61t",
    "query_string": b"x=1",
    "headers": [(b"host", b"a"), (b"origin", b"https://a"), (b"sec-websocket-protocol", b"v2, v1")],
    "client": ["203.0.113.9", 4000],
    "extensions": {"websocket.http.response": {}},
}
CONNECT = {"type": "websocket.connect"}
BYE = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}


def text(message: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": message}


async def play(app: Any, *events: dict[str, Any], **scope: Any) -> list[Any]:
    """Return what the application sends while these events come."""
    coming, sent = list(events), list[Any]()

    async def receive() -> dict[str, Any]:
        return coming.pop(0)

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    async with asyncio.timeout(DEADLINE):
        await app(SCOPE | scope, receive, send)
    return sent


async def echo(ws: ASGIWebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def test_messages() -> None:
    binary = {"type": "websocket.receive", "bytes": b"\x00", "text": None}
    sent = await play(WebSocketApp(echo), CONNECT, text("hello"), text(""), binary, BYE)
    assert sent == [
        {"type": "websocket.accept", "subprotocol": "v2", "headers": []},
        {"type": "websocket.send", "text": "hello"},
        {"type": "websocket.send", "text": ""},
        {"type": "websocket.send", "bytes": b"\x00"},
    ]


async def test_what_a_handler_is_told() -> None:
    async def handler(ws: ASGIWebSocket) -> None:
        assert ws.request.target == "/ch%61t?x=1"
        assert ws.request.headers["Host"] == "a"
        assert ws.request.secure
        assert ws.request.attributes["scope"]["path"] == "/chat"
        assert ws.remote_address == ("203.0.113.9", 4000)
        assert ws.protocol == "v2"
        assert (ws.ready_state, ws.close_code, ws.close_reason) == (State.OPEN, None, None)
        assert repr(ws) == "<ASGIWebSocket OPEN ('203.0.113.9', 4000)>"
        assert await ws.recv(decode=False) == b"one"
        assert await ws.recv(decode=True) == "two"
        await ws.wait_closed()
        assert (ws.ready_state, ws.close_code, ws.close_reason) == (State.CLOSED, 1001, "bye")
        assert ws.close_info.was_clean
        for call in (ws.recv(), ws.send("late")):
            with pytest.raises(ConnectionClosedOK):
                await call
        await ws.close()

    binary = {"type": "websocket.receive", "bytes": b"two"}
    sent = await play(WebSocketApp(handler), CONNECT, text("one"), binary, text("dropped"), BYE)
    assert [each["type"] for each in sent] == ["websocket.accept"]


@pytest.mark.parametrize(("code", "raised"), [(1005, False), (None, False), (1006, True), (4000, True)])
async def test_how_it_ends(code: int | None, raised: bool) -> None:
    infos: list[Any] = []

    async def handler(ws: ASGIWebSocket) -> None:
        try:
            await echo(ws)
        finally:
            infos.append(ws.close_info)

    await play(WebSocketApp(handler), CONNECT, {"type": "websocket.disconnect", "code": code})
    assert infos[0].code == (1005 if code is None else code)
    assert infos[0].is_ok is not raised


async def test_closing() -> None:
    async def handler(ws: ASGIWebSocket) -> None:
        with pytest.raises(ValueError, match="code=5"):
            await ws.close(5)
        await ws.close(4000, "enough")
        assert (ws.close_info.local_code, ws.close_info.initiator) == (4000, "local")
        with pytest.raises(ConnectionClosedError, match="has not answered"):
            await ws.send("late")

    sent = await play(WebSocketApp(handler), CONNECT)
    assert sent[1:] == [{"type": "websocket.close", "code": 4000, "reason": "enough"}]

    async def nothing(ws: ASGIWebSocket) -> None:
        """Returns at once."""

    sent = await play(WebSocketApp(nothing), CONNECT)
    assert sent[1:] == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_a_handler_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: ASGIWebSocket) -> None:
        raise RuntimeError("a fault of the application")

    sent = await play(WebSocketApp(handler), CONNECT)
    assert sent[1:] == [{"type": "websocket.close", "code": 1011, "reason": "internal error"}]
    assert "a fault of the application" in caplog.text


async def test_what_cannot_be_sent() -> None:
    async def handler(ws: ASGIWebSocket) -> None:
        with pytest.raises(TypeError, match="data of type int"):
            await ws.send(5)
        with pytest.raises(TypeError, match="in one piece"):
            await ws.send(["a", "b"])
        await ws.send(bytearray(b"x"))
        await ws.send("text", binary=True)

    sent = await play(WebSocketApp(handler), CONNECT)
    assert [each.get("bytes") for each in sent[1:3]] == [b"x", b"text"]


async def test_two_receivers() -> None:
    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: MutableMapping[str, Any]) -> None:
        """Takes it."""

    ws = ASGIWebSocket(never, send, asgi._request(SCOPE), None)
    first = asyncio.ensure_future(ws.recv())
    await asyncio.sleep(0)
    with pytest.raises(ConcurrencyError):
        await ws.recv()
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.ensure_future(ws.recv())
    await asyncio.sleep(0)
    assert not second.done(), "the first has let go"
    second.cancel()


async def test_a_client_that_is_gone() -> None:
    async def receive() -> dict[str, Any]:
        return CONNECT

    async def send(event: MutableMapping[str, Any]) -> None:
        raise OSError("the client is gone")

    ws = ASGIWebSocket(receive, send, asgi._request(SCOPE), None)
    with pytest.raises(ConnectionClosedError, match="the client is gone") as caught:
        await ws.send("x")
    assert isinstance(caught.value.__cause__, OSError)
    ws = ASGIWebSocket(receive, send, asgi._request(SCOPE), None)
    await ws.close()
    assert ws.ready_state == State.CLOSED


# -- refusals


def start(status: int) -> dict[str, Any]:
    return {"type": "websocket.http.response.start", "status": status}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"path": "/other"}, 404),
        ({"origins": ["https://b"]}, 403),
        ({"verify_client": lambda info: info.secure is False}, 401),
        ({"process_request": lambda request: Response(429, {"Retry-After": "5"}, "later")}, 429),
        ({"process_request": lambda request: 5}, 500),
        ({"handle_protocols": lambda offered, request: "v3"}, 500),
    ],
)
async def test_refusals(options: dict[str, Any], status: int) -> None:
    app = WebSocketApp(echo, **options)
    first, second = await play(app, CONNECT)
    assert (first["type"], first["status"]) == ("websocket.http.response.start", status)
    headers = dict(first["headers"])
    assert headers[b"content-length"] == str(len(second["body"])).encode()
    assert b"connection" not in headers
    assert second["type"] == "websocket.http.response.body"
    if status == 429:
        assert (headers[b"retry-after"], second["body"]) == (b"5", b"later")
    assert await play(app, CONNECT, extensions={}) == [{"type": "websocket.close", "code": 1008}]


async def test_the_subprotocol_can_be_chosen() -> None:
    async def choose(offered: tuple[str, ...], request: Request) -> str | None:
        return "v1" if request.path == "/ch%61t" else None

    (accept, *_) = await play(WebSocketApp(echo, handle_protocols=choose), CONNECT, BYE)
    assert accept["subprotocol"] == "v1"
    scope = {"path": "/café", "raw_path": None, "query_string": b""}
    (accept, *_) = await play(WebSocketApp(echo, handle_protocols=choose), CONNECT, BYE, **scope)
    assert accept["subprotocol"] is None


async def test_what_is_no_websocket() -> None:
    page: dict[str, Any] = {"type": "http", "method": "GET", "scheme": "http", "client": None, "headers": []}
    first, second = await play(WebSocketApp(echo), {"type": "http.request"}, **page)
    assert (first["type"], first["status"]) == ("http.response.start", 426)
    assert (b"upgrade", b"websocket") in first["headers"]
    assert second["type"] == "http.response.body"
    sent = await play(
        WebSocketApp(echo), {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}, type="lifespan"
    )
    assert [each["type"] for each in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_all_else_is_another_applications() -> None:
    asked: list[tuple[str, str]] = []

    async def other(scope: Any, receive: Any, send: Any) -> None:
        asked.append((scope["type"], scope["path"]))

    app = WebSocketApp(echo, other, path="/ch%61t")
    assert await play(app, CONNECT, BYE) != []
    assert await play(app, path="/else", raw_path=b"/else") == []
    assert await play(app, type="http") == []
    assert await play(app, type="lifespan") == []
    assert asked == [("websocket", "/else"), ("http", "/chat"), ("lifespan", "/chat")]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("no function",), {}, "handler='no function': must be a coroutine function"),
        ((echo,), {"pth": "/"}, "did you mean 'path'"),
        ((echo,), {"max_payload": 5}, "max_payload: is up to the ASGI server"),
    ],
)
def test_bad_arguments(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        WebSocketApp(*arguments, **options)


# -- real servers


@asynccontextmanager
async def on_uvicorn(app: Any, ws: Any) -> AsyncIterator[int]:
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, ws=ws, log_level="warning", lifespan="on"))
    serving = asyncio.ensure_future(server._serve([sock]))
    while not server.started:
        await asyncio.sleep(0.001)
    yield sock.getsockname()[1]
    server.should_exit = True
    await serving
    sock.close()


@asynccontextmanager
async def on_hypercorn(app: Any) -> AsyncIterator[int]:
    sock = socket.create_server(("127.0.0.1", 0))
    config = hypercorn.config.Config()
    config.bind = [f"fd://{sock.fileno()}"]
    over = asyncio.Event()
    serving = asyncio.ensure_future(hypercorn.asyncio.serve(app, config, shutdown_trigger=over.wait))
    await asyncio.sleep(0)
    yield sock.getsockname()[1]
    over.set()
    await serving
    sock.detach()


@pytest.fixture(params=["uvicorn", "hypercorn"])
def running(request: pytest.FixtureRequest) -> Any:
    if request.param == "hypercorn":
        return on_hypercorn
    return lambda app: on_uvicorn(app, "websockets-sansio")


async def test_a_real_server(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    infos: list[Any] = []

    async def handler(ws: ASGIWebSocket) -> None:
        try:
            await echo(ws)
        finally:
            infos.append(ws.close_info)

    app = WebSocketApp(
        handler, path="/chat", verify_client=lambda info: info.request.headers.get("X-User") == "ada"
    )
    async with asyncio.timeout(DEADLINE), running(app) as port:
        url = f"ws://127.0.0.1:{port}/chat"
        async with connect(url, ["a", "b"], headers={"X-User": "ada"}) as ws:
            assert ws.protocol == "a"
            for message in ("hello", b"\x00" * 100000, "é" * 1000):
                await ws.send(message)
                assert await ws.recv() == message
            await ws.ping()
        with pytest.raises(InvalidStatus) as caught:
            await connect(url)
        assert (caught.value.response.status, caught.value.response.body) == (401, b"Unauthorized\n")
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{port}/other", headers={"X-User": "ada"})
        assert caught.value.response.status == 404
    assert len(infos) == 1
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_real_server_is_told_to_close(running: Any) -> None:
    async def handler(ws: ASGIWebSocket) -> None:
        await ws.recv()
        await ws.close(4001, "enough")

    async with asyncio.timeout(DEADLINE), running(WebSocketApp(handler)) as port:
        ws = await connect(f"ws://127.0.0.1:{port}/")
        await ws.send("x")
        with pytest.raises(ConnectionClosedError):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (4001, "enough")
