"""Where handshakes come from: a port of one's own, an HTTP server, or the application itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import REQUEST, TEXT, Peer, frame
from wsline import (
    HandshakeError,
    InvalidStatus,
    Request,
    Response,
    ServerState,
    WebSocket,
    WebSocketServer,
)
from wsline.http import HTTPServer, UpgradeSocket

pytestmark = pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)

ASK = REQUEST + b"\r\n"


def new_http(door: Door, **options: Any) -> HTTPServer:
    if door.certificate is not None:
        options["ssl"] = door.certificate.server
    return HTTPServer("127.0.0.1", 0, **options)


def url_of(door: Door, http: HTTPServer, path: str) -> str:
    return f"{door.scheme}://127.0.0.1:{http.address()[1]}{path}"


@asynccontextmanager
async def serving(http: HTTPServer) -> AsyncIterator[HTTPServer]:
    async with asyncio.timeout(DEADLINE), http:
        yield http


async def status(door: Door, http: HTTPServer, path: str, **options: Any) -> tuple[int, bytes]:
    """Return status and body of a refusal; 101 if there is none."""
    try:
        async with door.connect(url_of(door, http, path), **options):
            return 101, b""
    except InvalidStatus as error:
        return error.response.status, error.response.body


async def say(door: Door, http: HTTPServer, data: bytes) -> bytes:
    """Return all that is answered to some bytes."""
    async with door.raw_client(http.address()[1]) as peer:
        peer.writer.write(data)
        return await peer.reader.read()


# -- attached to an HTTP server


async def test_a6_a_server_attaches_to_an_http_server(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(echo, server=http)
    assert chat.state == ServerState.RUNNING
    heard: list[Any] = []
    chat.on("listening", lambda: heard.append("listening"))
    chat.on("close", lambda: heard.append("close"))
    http.on("request", lambda request: Response(200, body="a page"))
    async with serving(http):
        assert heard == ["listening"]
        assert chat.address() == http.address()
        async with door.connect(url_of(door, http, "/any?x")) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            assert (
                await say(door, http, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            ).endswith(b"a page")
            (client,) = chat.clients
            assert client.request.secure is (door.name == "tls")
            assert client.request.remote_address == ws.local_address
        chat.close()
        await chat.wait_closed()
        assert heard == ["listening", "close"]
        assert await status(door, http, "/") == (200, b"a page"), "nobody is attached any more"


async def test_a6_errors_of_the_http_server_are_told(door: Door) -> None:
    http = new_http(door)
    told: list[Exception] = []
    async with serving(http):
        other = HTTPServer("127.0.0.1", http.address()[1])
        chat = WebSocketServer(server=other)
        chat.on("error", told.append)
        with pytest.raises(OSError, match="cannot listen at") as caught:
            await other.start()
        assert told == [caught.value]


async def test_a8_several_servers_share_an_http_server_by_path(door: Door) -> None:
    http = new_http(door)
    loud, soft = WebSocketServer(server=http, path="/loud"), WebSocketServer(server=http, path="/soft")
    loud.on("connection", lambda ws: ws.on("message", lambda text: ws.send(text.upper())))
    soft.on("connection", lambda ws: ws.on("message", lambda text: ws.send(text.lower())))
    async with serving(http):
        for path, answer in {"/loud": "HELLO", "/soft?x=/loud": "hello"}.items():
            async with door.connect(url_of(door, http, path)) as ws:
                await ws.send("Hello")
                assert await ws.recv() == answer
        assert await status(door, http, "/other") == (404, b"no WebSocket is served at the path '/other'\n")
        answer_ = await say(door, http, ASK.replace(b"GET /", b"GET /loud/"))
        assert answer_.count(b"HTTP/1.1") == 1
        assert answer_.startswith(b"HTTP/1.1 404 ")
        loud.close()
        await loud.wait_closed()
        assert (await status(door, http, "/loud"))[0] == 404
        assert (await status(door, http, "/soft"))[0] == 101


async def test_frames_behind_the_request_are_kept(door: Door) -> None:
    http = new_http(door)
    WebSocketServer(echo, server=http)
    async with serving(http), door.raw_client(http.address()[1]) as peer:
        page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        # Behind a pipelined request too: what comes before it is answered first.
        peer.writer.write(page + ASK + frame(TEXT, b"early", mask=True))
        answer = await peer.reader.read()
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert answer.count(b"HTTP/1.1 ") == 1, "the client of a refused page must begin anew"
    http = new_http(door)
    http.on("request", lambda request: Response(204))
    WebSocketServer(echo, server=http)
    async with serving(http), door.raw_client(http.address()[1]) as peer:
        peer.writer.write(page + ASK + frame(TEXT, b"early", mask=True))
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert (await peer.receive()).payload == b"early"


async def test_a34_a_server_that_closes_answers_503(door: Door) -> None:
    http = new_http(door)
    over = asyncio.Event()

    async def handler(ws: WebSocket) -> None:
        await over.wait()

    chat = WebSocketServer(handler, server=http)
    alone = WebSocketServer(handler, no_server=True)
    http.on(
        "upgrade",
        lambda request, socket: alone.handle_upgrade(request, socket) if request.path == "/alone" else None,
    )
    async with serving(http):
        async with door.connect(url_of(door, http, "/")):
            chat.close()
            assert chat.state == ServerState.CLOSING
            assert await status(door, http, "/") == (503, b"the server is closing\n")
            over.set()
        await chat.wait_closed()
        alone.close()
        assert (await status(door, http, "/alone"))[0] == 503


async def test_closing_the_http_server_closes_what_is_attached(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(echo, server=http)
    async with serving(http):
        ws = await door.connect(url_of(door, http, "/"))
        http.close()
        await ws.wait_closed()
        assert ws.close_code == 1001
        await http.wait_closed()
    assert chat.state == ServerState.CLOSED


async def test_plain_requests_to_a_websocket_server(door: Door) -> None:
    http = new_http(door)
    async with serving(http):
        page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        assert (
            await say(door, http, page.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        ).startswith(b"HTTP/1.1 404 ")
        WebSocketServer(echo, server=http)
        answer = await say(door, http, page)
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b"\r\nUpgrade: websocket\r\nConnection: close, Upgrade\r\n" in answer


@pytest.mark.parametrize(
    ("change", "status_"),
    [
        ((b"GET", b"POST"), 405),
        ((b"Connection: Upgrade", b"Connection: keep-alive"), 400),
        ((b"HTTP/1.1", b"HTTP/1.0"), 400),
        ((b"Version: 13", b"Version: 12"), 426),
        ((b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc"), 400),
        ((b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        ((b"GET /", b"GET http://other/"), 400),
        ((b"\r\n\r\n", b"\r\nOrigin: http://evil.example\r\n\r\n"), 403),
    ],
)
async def test_faulty_handshakes_get_one_answer(
    door: Door, change: tuple[bytes, bytes], status_: int
) -> None:
    http = new_http(door)
    http.on("request", lambda request: Response(200, body="smuggled"))
    WebSocketServer(echo, server=http)
    async with serving(http):
        answer = await say(door, http, ASK.replace(*change) + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 %d " % status_)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close" in answer


async def test_a_fault_of_should_handle_is_a_500(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(WebSocketServer):
        def should_handle(self, request: Request) -> bool:
            raise RuntimeError("a fault of the application")

    http = new_http(door)
    Faulty(server=http)
    async with serving(http):
        assert (await status(door, http, "/"))[0] == 500
    assert "a fault of the application" in caplog.text


async def test_another_upgrade_is_ignored(door: Door) -> None:
    http = new_http(door)
    http.on("request", lambda request: Response(200, body="a page"))
    WebSocketServer(echo, server=http)
    async with serving(http):
        ask = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        async with door.raw_client(http.address()[1]) as peer:
            for _ in range(2):
                peer.writer.write(ask)
                assert (await peer.reader.readuntil(b"a page")).startswith(b"HTTP/1.1 200 ")


# -- by hand


async def test_a7_a35_handshakes_are_handed_over(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(no_server=True)
    users: list[Any] = []

    @chat.on("connection")
    def connection(ws: WebSocket, request: Request, user: str) -> None:
        users.append((user, request is ws.request))
        ws.on("message", ws.send)

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> Any:
        user = request.headers.get("X-User")
        await asyncio.sleep(0)
        if user is None:
            return Response(401, body="who are you?")
        ws = await chat.handle_upgrade(request, socket, head)
        return chat.emit("connection", ws, request, user)

    async with serving(http):
        assert await status(door, http, "/") == (401, b"who are you?")
        async with door.connect(url_of(door, http, "/"), headers={"X-User": "ada"}) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            assert len(chat.clients) == 1
        async with door.raw_client(http.address()[1]) as peer:
            await peer.open(b"X-User: bob\r\n", behind=frame(TEXT, b"early", mask=True))
            assert (await peer.receive()).payload == b"early"
        assert users == [("ada", True), ("bob", True)]
        with pytest.raises(RuntimeError, match='The server is operating in "no_server" mode'):
            chat.address()
        chat.close()
        await chat.wait_closed()


async def test_a36_a_socket_can_be_handed_over_once(door: Door) -> None:
    http = new_http(door)
    first, second = WebSocketServer(echo, no_server=True), WebSocketServer(echo, no_server=True)
    errors: list[str] = []

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> None:
        ws = await first.handle_upgrade(request, socket, head)
        for call in (lambda: second.handle_upgrade(request, socket, head), socket.destroy, socket.end):
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))
        first.emit("connection", ws, request)

    async with serving(http), door.connect(url_of(door, http, "/")) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello", "the first is not harmed"
        assert errors == [
            "server.handle_upgrade() was called more than once with the same socket,"
            " possibly due to a misconfiguration",
            "socket.destroy(): the socket belongs to a WebSocket",
            "socket.end(): the socket belongs to a WebSocket",
        ]
        first.close()


async def test_what_a_listener_of_upgrade_can_do(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    http = new_http(door)

    @http.on("upgrade")
    def upgrade(request: Request, socket: UpgradeSocket) -> Any:
        assert (socket.remote_address, socket.secure) == (request.remote_address, door.name == "tls")
        assert socket.local_address == http.address()
        assert (socket.ssl_object is None) is (door.name != "tls")
        if request.path == "/destroy":
            socket.destroy()
        elif request.path == "/end":
            socket.write(b"HTTP/1.1 402 Pay\r\n")
            socket.end(b"Content-Length: 0\r\n\r\n")
            socket.write(b"dropped")
            socket.end(b"dropped")
        elif request.path == "/raise":
            raise RuntimeError("a fault of the application")
        elif request.path == "/handshake":
            raise HandshakeError("no")
        elif request.path == "/nonsense":
            return 5
        elif request.path == "/204":
            return Response(204, body="x")
        return None

    @http.on("upgrade")
    async def last(request: Request) -> Any:
        await asyncio.sleep(0)
        return Response(403) if request.path == "/last" else None

    async with serving(http):
        assert await say(door, http, ASK.replace(b"/", b"/destroy", 1)) == b""
        answer = await say(door, http, ASK.replace(b"/", b"/end", 1))
        assert answer == b"HTTP/1.1 402 Pay\r\nContent-Length: 0\r\n\r\n"
        assert [(await status(door, http, path))[0] for path in ("/raise", "/nonsense", "/204")] == [500] * 3
        assert [(await status(door, http, path))[0] for path in ("/last", "/handshake", "/else")] == [
            403,
            400,
            404,
        ]
    assert "a fault of the application" in caplog.text
    assert "an 'upgrade' listener returned int: must return a Response or None" in caplog.text


async def test_a38_a_client_that_is_gone_is_dropped(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(no_server=True)
    outcomes: list[Any] = []
    asked = asyncio.Event()

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> None:
        asked.set()
        try:
            await until(lambda: socket.is_closed)
        finally:
            try:
                await chat.handle_upgrade(request, socket, head)
            except HandshakeError as error:
                outcomes.append(str(error))

    async with serving(http):
        async with door.raw_client(http.address()[1]) as peer:
            peer.writer.write(ASK)
            await asked.wait()
            peer.writer.transport.abort()
            await until(lambda: outcomes)
        assert outcomes == ["the client closed the connection before it was answered"]
        assert not chat.clients
        assert not chat._openings


async def test_a_refused_handshake_is_told(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    http = new_http(door)
    chat = WebSocketServer(no_server=True, verify_client=lambda info: False)
    refused: list[int] = []

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> None:
        try:
            await chat.handle_upgrade(request, socket, head)
        except HandshakeError as error:
            refused.append(error.response.status)
            if request.path == "/again":
                raise

    async with serving(http):
        assert await status(door, http, "/") == (401, b"Unauthorized\n")
        assert await status(door, http, "/again") == (401, b"Unauthorized\n")
    assert refused == [401, 401]
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_giving_a_handshake_up_refuses_the_client(door: Door) -> None:
    http = new_http(door)
    asked = asyncio.Event()

    async def think(request: Request) -> None:
        asked.set()
        await asyncio.Event().wait()

    chat = WebSocketServer(no_server=True, process_request=think)

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> None:
        opening = chat.handle_upgrade(request, socket, head)
        await asked.wait()
        opening.cancel()

    async with serving(http):
        assert (await status(door, http, "/"))[0] == 503
        await until(lambda: not chat._openings)


async def test_a_handshake_need_not_be_waited_for(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(no_server=True)
    http.on("upgrade", lambda request, socket, head: print(chat.handle_upgrade(request, socket, head)))
    async with serving(http):
        async with door.connect(url_of(door, http, "/")):
            assert len(chat.clients) == 1
        assert await say(door, http, ASK.replace(b"13", b"12")) != b""


async def test_early_frames_while_a_listener_thinks_wait_in_the_socket(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(echo, no_server=True)
    go_on = asyncio.Event()

    @http.on("upgrade")
    async def upgrade(request: Request, socket: UpgradeSocket, head: bytes) -> None:
        await go_on.wait()
        chat.emit("connection", await chat.handle_upgrade(request, socket, head), request)

    async with serving(http), door.raw_client(http.address()[1]) as peer:
        peer.writer.write(ASK)
        messages = [b"%d" % n * 20000 for n in range(20)]
        for each in messages:
            peer.send(TEXT, each)
        await peer.writer.drain()
        await asyncio.sleep(0.02)
        go_on.set()
        await peer.reader.readuntil(b"\r\n\r\n")
        for each in messages:
            assert (await peer.receive()).payload == each
        chat.close()
        await peer.receive()
        peer.send(8, b"\x03\xe9")
        await chat.wait_closed()


# -- what the other side of a faulty request is told


async def test_a29_a_listener_answers_faulty_handshakes(door: Door) -> None:
    http = new_http(door)
    chat = WebSocketServer(server=http, path="/chat", verify_client=lambda info: False, handshake_timeout=0.2)
    told: list[tuple[str, str]] = []

    @chat.on("ws_client_error")
    def answer(error: Exception, socket: UpgradeSocket, request: Request) -> None:
        told.append((str(error).partition(":")[0], request.target))
        if request.target == "/chat?destroy":
            socket.destroy()
        elif request.target != "/chat?forget":
            socket.end(Response(418, body="a teapot"))

    async with serving(http):
        bad = ASK.replace(b"GET /", b"GET /chat").replace(b"Version: 13", b"Version: 5")
        assert (await say(door, http, bad)).startswith(b"HTTP/1.1 418 ")
        assert await say(door, http, bad.replace(b"/chat", b"/chat?destroy")) == b""
        assert await say(door, http, bad.replace(b"/chat", b"/chat?forget")) == b"", "it has its time"
        name = "Missing or invalid Sec-WebSocket-Version header"
        assert told == [(name, "/chat"), (name, "/chat?destroy"), (name, "/chat?forget")]
        told.clear()
        # Not for those who ask elsewhere, nor for those whom the application refuses.
        assert (await status(door, http, "/other"))[0] == 404
        assert (await status(door, http, "/chat"))[0] == 401
        assert told == []


async def test_a29_without_an_answer_of_its_own_the_usual_one_is_sent(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    http = new_http(door)
    chat = WebSocketServer(server=http)

    def fail() -> None:
        raise RuntimeError("a fault of the application")

    async with serving(http):
        bad = ASK.replace(b"Version: 13", b"Version: 5")
        assert (await say(door, http, bad)).startswith(b"HTTP/1.1 426 ")
        chat.on("ws_client_error", fail)
        assert (await say(door, http, bad)).startswith(b"HTTP/1.1 426 ")
    assert "a fault of the application" in caplog.text


async def test_client_errors_of_the_http_server(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    http = new_http(door)
    told: list[str] = []

    @http.once("client_error")
    def answer(error: Exception, socket: UpgradeSocket) -> None:
        told.append(str(error))
        socket.end(Response(400, body="mine"))

    @http.on("client_error")
    def fail() -> None:
        raise RuntimeError("a fault of the application")

    async with serving(http):
        assert (await say(door, http, b"x\r\n\r\n")).endswith(b"mine")
        assert (await say(door, http, b"x\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert told == ["Invalid HTTP request line: 'x'"]
    assert "a fault of the application" in caplog.text


async def test_faults_of_the_application_are_500(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    http = new_http(door)
    told: list[Exception] = []
    http.on("error", told.append)

    @http.on("request")
    async def answer(request: Request) -> Any:
        return {"/none": None, "/text": "text", "/101": Response(101)}[request.path]

    async with serving(http):
        page = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        codes = [
            (await say(door, http, page % path))[9:12] for path in (b"/none", b"/text", b"/101", b"/key")
        ]
    assert codes == [b"404", b"500", b"500", b"500"]
    assert [type(each) for each in told] == [TypeError, ValueError, KeyError]


async def test_a_second_signal_ends_what_listeners_hold_open(door: Door) -> None:

    http = new_http(door)
    asked = asyncio.Event()

    async def think(request: Request) -> Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    http.on("request", think)
    http.on("upgrade", lambda request, socket: asyncio.Event().wait())
    async with (
        serving(http),
        door.raw_client(http.address()[1]) as peer,
        door.raw_client(http.address()[1]) as upgrading,
    ):
        peer.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upgrading.writer.write(ASK)
        await asked.wait()
        await until(lambda: len(http._tasks) == 2)
        http._on_signal()
        assert http.state == ServerState.CLOSING
        http._on_signal()
        await http.wait_closed()
        assert await Peer.is_at_end(peer)
        assert await upgrading.is_at_end()
