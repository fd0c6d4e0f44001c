"""The server of `ws`, row by row: construction, events and methods, and the rules of the handshake."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import BINARY, CLOSE, PING, PONG, REQUEST, TEXT, Peer, close
from wsline import (
    ConnectionClosedError,
    Headers,
    InvalidStatus,
    Request,
    Response,
    ServerState,
    WebSocket,
    WebSocketServer,
    serve,
)
from wsline.http import HTTPServer

pytestmark = pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)

ASK = REQUEST + b"\r\n"
END = b"\r\n\r\n"


async def answer(door: Door, port: int, data: bytes) -> bytes:
    """Return all that is answered to some bytes."""
    async with asyncio.timeout(DEADLINE), door.raw_client(port) as peer:
        peer.writer.write(data)
        return await peer.reader.read()


async def refusal(door: Door, url: str, *arguments: Any, **options: Any) -> Response:
    with pytest.raises(InvalidStatus) as caught:
        await door.connect(url, *arguments, **options)
    response: Response = caught.value.response
    return response


# -- construction


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"port": 0, "no_server": True},
        {"server": HTTPServer(), "no_server": True},
        {"server": HTTPServer(), "port": 0},
        {"server": HTTPServer(), "unix_path": "x"},
        {"port": 0, "unix_path": "x"},
    ],
    ids=lambda places: "+".join(places) or "none",
)
def test_a1_handshakes_come_from_one_place(door: Door, places: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"^One and only one of the .* options must be specified$"):
        WebSocketServer(**places)


def test_a1_each_place_is_enough(door: Door) -> None:
    for places in ({"port": 0}, {"server": HTTPServer()}, {"no_server": True}, {"unix_path": "x"}):
        state = WebSocketServer(**places).state
        assert state == (ServerState.RUNNING if places.keys() & {"server", "no_server"} else ServerState.NEW)


async def test_a2_a25_the_server_tells_that_it_listens(door: Door) -> None:
    server = door.server(echo)
    heard: list[Any] = []
    server.on("listening", lambda: heard.append(server.address()))
    async with door.running(server) as served:
        assert heard == [("127.0.0.1", served.port)]


async def test_a3_without_a_host_all_interfaces_are_listened_at(door: Door) -> None:
    options: Any = {} if door.certificate is None else {"ssl": door.certificate.server}
    async with serve(echo, None, 0, **options) as server:
        async with door.connect(f"{door.scheme}://127.0.0.1:{server.address()[1]}/"):
            pass
        assert server.address()[0] == ("::" if socket.has_dualstack_ipv6() else "0.0.0.0")


async def test_a4_plain_requests_get_426(door: Door) -> None:
    async with door.serving(echo) as served:
        got = await answer(door, served.port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n")
        assert b"\r\nContent-Type: text/plain" in head
        assert body
    async with door.serving(echo, process_request=lambda request: Response(200, body="healthy")) as served:
        got = await answer(door, served.port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert got.endswith(b"\r\n\r\nhealthy")


async def test_a5_the_backlog_is_passed_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Listening(socket.socket):
        def listen(self, backlog: int = 0, /) -> None:
            asked.append(backlog)
            super().listen(backlog)

    monkeypatch.setattr("wsline.aio.listener.socket.socket", Listening)
    async with door.serving(echo, backlog=7), door.serving(echo):
        assert {7, 511} <= set(asked)


async def test_a8_the_path_must_be_equal(door: Door) -> None:
    async with door.serving(echo, path="/chat") as served:
        async with door.connect(served.url + "chat?x=/y"):
            pass
        for path in ("", "Chat", "chat/", "%63hat"):
            assert (await refusal(door, served.url + path)).status == 404


async def test_a9_a31_clients_are_tracked(door: Door) -> None:
    for tracking in (True, False):
        async with door.serving(echo, client_tracking=tracking) as served:
            async with door.connect(served.url) as ws:
                await until(lambda: len(served.server._open) == 1)
                assert len(served.server.clients) == tracking
                for client in served.server.clients:
                    assert client.remote_address == ws.local_address
            await until(lambda: not served.server.clients)


async def test_a10_verify_client_tells_yes_or_no(door: Door) -> None:
    infos: list[Any] = []

    def verify(info: Any) -> bool:
        infos.append((info.origin, info.request.path, info.secure))
        return bool(info.origin)

    async with door.serving(echo, verify_client=verify) as served:
        async with door.connect(served.url, origin="http://127.0.0.1"):
            pass
        async with door.connect(served.url, origin="http://127.0.0.1", protocol_version=8):
            pass
        assert (await refusal(door, served.url)).status == 401
    secure = door.name == "tls"
    assert infos == [("http://127.0.0.1", "/", secure)] * 2 + [(None, "/", secure)]


async def test_a11_verify_client_may_take_its_time_and_say_more(door: Door) -> None:
    async def verify(info: Any) -> bool | Response:
        await asyncio.sleep(0)
        later = Response(503, {"Retry-After": "120"}, "later")
        answers: dict[str, bool | Response] = {"/yes": True, "/later": later}
        return answers.get(info.request.path, False)

    async with door.serving(echo, verify_client=verify) as served:
        async with door.connect(served.url + "yes"):
            pass
        assert (await refusal(door, served.url + "no")).status == 401
        response = await refusal(door, served.url + "later")
        assert (response.status, response.headers["Retry-After"], response.body) == (503, "120", b"later")


async def test_a12_the_subprotocol_is_the_applications_choice_or_the_first(door: Door) -> None:
    def choose(offered: tuple[str, ...], request: Request) -> str | None:
        return "b" if "b" in offered else None

    for options, offered, chosen in (
        ({}, ["a", "b"], "a"),
        ({"handle_protocols": choose}, ["a", "b"], "b"),
        ({}, None, None),
    ):
        async with door.serving(echo, **options) as served, door.connect(served.url, offered) as ws:
            assert ws.protocol == chosen
    async with door.serving(echo, handle_protocols=choose) as served, door.raw_client(served.port) as peer:
        head = await peer.open(b"Sec-WebSocket-Protocol: c\r\n")
        assert b"sec-websocket-protocol" not in head.lower()


async def closed_with(door: Door, frames: list[tuple[int, bytes, bool]], **options: Any) -> int:
    """Return the code with which a server closes on these frames; 0 if it does not."""
    async with (
        asyncio.timeout(DEADLINE),
        door.serving(echo, **options) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open()
        for opcode, payload, fin in frames:
            peer.send(opcode, payload, fin=fin)
        peer.send(PING, b"end")
        while (got := await peer.receive()).opcode not in (CLOSE, PONG):
            pass
        return int.from_bytes(got.payload[:2], "big") if got.opcode == CLOSE else 0


@pytest.mark.parametrize(
    ("options", "frames", "code"),
    [
        pytest.param({"max_payload": 5}, [(TEXT, b"12345", True)], 0, id="a14-at"),
        pytest.param({"max_payload": 5}, [(TEXT, b"123456", True)], 1009, id="a14-over"),
        pytest.param({"max_payload": 5}, [(TEXT, b"123", False), (0, b"456", True)], 1009, id="a14-sum"),
        pytest.param({"max_payload": None}, [(BINARY, bytes(1 << 17), True)], 0, id="a14-off"),
        pytest.param({"max_fragments": 2}, [(TEXT, b"", False), (0, b"", True)], 0, id="a15-at"),
        pytest.param(
            {"max_fragments": 2}, [(TEXT, b"", False), (0, b"", False), (0, b"", True)], 1008, id="a15"
        ),
        pytest.param({}, [(TEXT, b"\xff", True)], 1007, id="a20"),
        pytest.param({"skip_utf8_validation": True}, [(TEXT, b"\xff", True)], 0, id="a20-skipped"),
    ],
)
async def test_a14_a15_a20_limits_and_checks(
    door: Door, options: dict[str, Any], frames: list[tuple[int, bytes, bool]], code: int
) -> None:
    assert await closed_with(door, frames, **options) == code


async def test_a16_one_frame_in_too_many_pieces(door: Door) -> None:
    async with door.serving(echo, max_buffered_chunks=3) as served, door.raw_client(served.port) as peer:
        await peer.open()
        data = peer.frame(BINARY, bytes(200))
        received = asyncio.ensure_future(peer.receive())
        for n in range(0, len(data), 20):
            peer.writer.write(data[n : n + 20])
            await peer.writer.drain()
            await asyncio.sleep(0.01)
            if received.done():
                break
        got = await asyncio.wait_for(received, DEADLINE)
        assert (got.opcode, got.payload[:2]) == (CLOSE, close(1008))


async def test_a17_pings_of_a_peer_that_reads_nothing(door: Door) -> None:
    async with door.serving(max_pending_auto_pongs=10) as served, door.raw_client(served.port) as peer:
        await peer.open()
        await until(lambda: served.server.clients)
        (server,) = served.server.clients
        server.send(bytes(1 << 24))
        await until(lambda: server.buffered_amount)
        for n in range(100):
            peer.send(PING, b"%d" % n)
        await until(lambda: server.ready_state == WebSocket.CLOSED)
        assert "max_pending_auto_pongs" in server.close_info.hint


async def test_a18_pings_can_be_left_to_the_application(door: Door) -> None:
    async with door.serving(auto_pong=False) as served:
        served.server.on("connection", lambda ws: ws.on("ping", lambda data: ws.send(b"ping " + data)))
        async with door.raw_client(served.port) as peer:
            await peer.open()
            peer.send(PING, b"x")
            assert (await peer.receive())[:2] == (BINARY, b"ping x")


async def test_a19_a_close_is_waited_for_so_long(door: Door) -> None:
    async with door.serving(close_timeout=0.1) as served:
        served.server.on("connection", lambda ws: ws.close())
        async with door.raw_client(served.port) as peer:
            await peer.open()
            assert (await peer.receive()).opcode == CLOSE
            assert await asyncio.wait_for(peer.is_at_end(), DEADLINE)


async def test_a22_the_class_can_be_chosen(door: Door) -> None:
    class Loud(WebSocket):
        def send(self, data: Any, **options: Any) -> Any:
            return WebSocket.send(self, data.upper(), **options)

    async with door.serving(echo, web_socket=Loud) as served, door.connect(served.url) as ws:
        await ws.send("hello")
        assert await ws.recv() == "HELLO"
        assert [type(each) for each in served.server.clients] == [Loud]
    for bad in (int, object):
        with pytest.raises(TypeError, match=r"web_socket=.*: must be a subclass of WebSocket"):
            WebSocketServer(port=0, web_socket=bad)


async def test_a23_a_handshake_has_its_time(door: Door) -> None:
    async with door.serving(echo, handshake_timeout=0.1) as served:
        assert (await answer(door, served.port, ASK[:-1])).startswith(b"HTTP/1.1 408 ")


# -- events, properties, methods


async def test_a24_a_connection_is_told_when_it_is_open(door: Door) -> None:
    server = door.server()
    told: list[Any] = []
    server.on("connection", lambda ws, request: told.append((ws.ready_state, request is ws.request)))
    async with door.running(server) as served, door.connect(served.url):
        await until(lambda: told)
        assert told == [(WebSocket.OPEN, True)]


async def test_a26_the_end_is_told_once(door: Door) -> None:
    heard: list[str] = []
    server = door.server(echo)
    server.on("close", lambda: heard.append("close"))
    async with door.running(server) as served, door.connect(served.url):
        server.close()
        server.close()
        assert heard == []
    assert heard == ["close"]


async def test_a27_that_the_port_is_taken_is_raised_and_told(door: Door) -> None:
    async with door.serving(echo) as served:
        other = WebSocketServer(port=served.port, host="127.0.0.1")
        told: list[Exception] = []
        other.on("error", told.append)
        with pytest.raises(OSError, match="cannot listen at 127") as caught:
            await other.start()
        assert told == [caught.value]


async def test_a28_the_headers_of_the_101_can_be_changed(door: Door) -> None:
    server = door.server(echo)

    @server.on("headers")
    def headers(fields: Headers, request: Request) -> None:
        fields.add("Set-Cookie", f"path={request.path}")

    async with door.running(server) as served, door.connect(served.url + "x") as ws:
        assert ws.response is not None
        assert ws.response.headers["Set-Cookie"] == "path=/x"


async def test_a30_the_address(door: Door, tmp_path: Path) -> None:
    server = WebSocketServer(unix_path=str(tmp_path / "socket"))
    with pytest.raises(RuntimeError, match="the server is not running"):
        server.address()
    async with server:
        assert server.address() == str(tmp_path / "socket")
    with pytest.raises(RuntimeError, match="the server is not running"):
        server.address()


async def test_a32_the_options_are_there(door: Door) -> None:
    assert WebSocketServer(port=0, max_payload=5).options.max_payload == 5


async def test_a33_clients_may_be_left_alone(door: Door) -> None:
    server = door.server(echo)
    async with door.running(server) as served:
        ws = await door.connect(served.url)
        server.close(close_clients=False)
        await ws.send("still there")
        assert await ws.recv() == "still there"
        with pytest.raises(OSError):  # nobody listens
            await door.connect(served.url)
        await ws.close()
    server.close()
    async with door.serving(echo) as served:
        ws = await door.connect(served.url)
        served.server.close()
        assert [message async for message in ws] == []
        assert ws.close_code == 1001


async def test_a37_should_handle_can_be_overridden(door: Door) -> None:
    class Rooms(WebSocketServer):
        def should_handle(self, request: Request) -> bool:
            return request.path.startswith("/room/")

    options: Any = {} if door.certificate is None else {"ssl": door.certificate.server}
    server = Rooms(echo, "127.0.0.1", 0, **options)
    told: list[Any] = []
    server.on("ws_client_error", told.append)
    async with door.running(server) as served:
        async with door.connect(served.url + "room/7"):
            pass
        assert (await refusal(door, served.url + "hall")).status == 404
        server.should_handle = lambda request: True  # type: ignore[method-assign]
        async with door.connect(served.url + "hall"):
            pass
    assert told == []


async def test_a39_states(door: Door) -> None:
    server = door.server(echo)
    async with door.running(server) as served, door.connect(served.url) as ws:
        states = [server.state]
        ws.pause()
        server.close()
        states.append(server.state)
        ws.resume()
    assert [*states, server.state] == [0, 1, 2]


# -- the rules of the handshake


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        pytest.param((b"GET", b"PUT"), 405, b"Invalid HTTP method", id="a40"),
        pytest.param((b"Upgrade: websocket", b"Upgrade: x"), 400, b"Invalid Upgrade header", id="a41-other"),
        pytest.param((b"Upgrade: websocket\r\n", b""), 426, b"Invalid Upgrade header", id="a41-none"),
        pytest.param((b"Upgrade: websocket", b"UPGRADE: WebSocket"), 101, b"", id="a41-case"),
        pytest.param(
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
            400,
            b"Missing or invalid Sec-WebSocket-Key header",
            id="a42",
        ),
        pytest.param((b"Sec-WebSocket-Key", b"X"), 400, b"Sec-WebSocket-Key header", id="a42-none"),
        pytest.param((b"Version: 13", b"Version: 12"), 426, b"Sec-WebSocket-Version header", id="a43"),
        pytest.param((b"Version: 13", b"Version: 8"), 101, b"", id="a43-draft"),
        pytest.param((b"GET /", b"GET /other"), 404, b"no WebSocket is served at the path", id="a44"),
        pytest.param((END, b"\r\nSec-WebSocket-Protocol: a, a" + END), 400, b"Protocol", id="a45"),
        pytest.param((END, b"\r\nSec-WebSocket-Protocol: a," + END), 400, b"Protocol", id="a45-bad"),
        pytest.param((END, b"\r\nSec-WebSocket-Extensions: a;=" + END), 400, b"Extensions", id="a46"),
        pytest.param((END, b"\r\nSec-WebSocket-Extensions: x-a" + END), 101, b"", id="a46-declined"),
    ],
)
async def test_a40_to_a47_what_is_refused(
    door: Door, change: tuple[bytes, bytes], status: int, says: bytes
) -> None:
    async with door.serving(path="/") as served:
        served.server.on("connection", lambda ws: ws.close())
        head, _, body = (await answer_or_close(door, served.port, ASK.replace(*change))).partition(
            b"\r\n\r\n"
        )
    assert head.startswith(b"HTTP/1.1 %d " % status)
    if status == 101:
        return
    assert says in body
    assert b"\r\nConnection: close" in head
    assert b"\r\nContent-Type: text/plain; charset=utf-8" in head
    assert b"\r\nContent-Length: %d" % len(body) in head
    assert (b"\r\nSec-WebSocket-Version: 13, 8" in head) is (status == 426 and b"Version" in says)


async def answer_or_close(door: Door, port: int, data: bytes) -> bytes:
    """Return the answer, and close the WebSocket if there is one."""
    async with asyncio.timeout(DEADLINE), door.raw_client(port) as peer:
        peer.writer.write(data)
        head = await peer.reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 101 "):
            assert (await peer.receive()).opcode == CLOSE
            peer.send(CLOSE, close(1000))
        return head + await peer.reader.read()


async def test_a48_the_headers_of_the_101(door: Door) -> None:
    async with door.serving(echo) as served, door.raw_client(served.port) as peer:
        head = await peer.open(b"Sec-WebSocket-Protocol: a, b\r\n")
        assert head.split(b"\r\n")[:-2] == [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            b"Sec-WebSocket-Protocol: a",
        ]
        await until(lambda: served.server.clients)
        await nodelay(served.server, peer)


async def nodelay(server: WebSocketServer, peer: Peer) -> None:
    """Check TCP_NODELAY of the server's socket where it can be seen."""
    (ws,) = server.clients
    channel: Any = ws._session.channel
    if hasattr(channel, "fd"):
        with socket.socket(fileno=socket.dup(channel.fd)) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_a34_while_it_closes_handshakes_get_503(door: Door) -> None:
    asked = asyncio.Event()

    async def think(request: Request) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with door.serving(echo, process_request=think) as served, door.raw_client(served.port) as peer:
        peer.writer.write(ASK)
        await asyncio.wait_for(asked.wait(), DEADLINE)
        served.server.close()
        assert (await asyncio.wait_for(peer.reader.read(), DEADLINE)).startswith(b"HTTP/1.1 503 ")


async def test_what_is_of_no_use_without_a_port_is_refused(door: Door) -> None:
    if door.certificate is None:
        with pytest.raises(TypeError, match=r"server=5: must be a wsline.http.HTTPServer or None"):
            WebSocketServer(server=5)  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match="run the HTTP server that it belongs to"):
            WebSocketServer(no_server=True).run()
        server = WebSocketServer(no_server=True)
        assert await server.start() is server
        assert server.emit("error", ValueError()) is False
        server.close()
        await server.wait_closed()
        return
    with pytest.raises(TypeError, match="ssl: the connections are another's"):
        WebSocketServer(no_server=True, ssl=door.certificate.server)


async def test_a24_a_handler_is_started_by_an_emitted_connection(door: Door) -> None:
    server = door.server(echo)
    async with door.running(server) as served:
        ws = await door.connect(served.url)
        server.on("connection", lambda ws: 1 / 0)
        assert server.emit("connection", next(iter(server.clients))) is True
        with pytest.raises(ConnectionClosedError):
            await ws.recv()
        assert ws.close_code == 1011
