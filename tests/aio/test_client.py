"""`connect`: awaited, and as a context manager."""

import asyncio
import socket
from typing import Any

import pytest

from tests.doors.door import Door, until
from tests.doors.peer import CLOSE, TEXT, Frame, Peer, close
from wsline.aio import reactor
from wsline.aio.client import Connect, connect
from wsline.errors import HandshakeError, HandshakeTimeout, InvalidURI
from wsline.spec import CloseCode, State

PLAIN = Door("epoll", None)
DEADLINE = 10  # seconds, for whatever must come


class Script:
    """A server's side: opens, says something, and notes what comes until the close frame."""

    def __init__(self, says: bytes = b"") -> None:
        self.says = says
        self.head = b""
        self.frames: list[Frame] = []

    async def __call__(self, peer: Peer) -> None:
        self.head = await peer.accept()
        if self.says:
            peer.send(TEXT, self.says)
        while not self.frames or self.frames[-1].opcode != CLOSE:
            self.frames.append(await peer.receive())
        peer.send(CLOSE, self.frames[-1].payload)


async def read_on(peer: Peer) -> None:
    """Say nothing, and wait for the end."""
    await peer.reader.read()


async def test_awaiting_gives_an_open_websocket() -> None:
    script = Script(b"hello")
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        ws = await connect(url)
        assert ws.ready_state == State.OPEN
        assert ws.url == url
        assert await ws.recv() == "hello"
        await ws.close(1000, "bye")
    assert script.frames == [Frame(CLOSE, close(1000, "bye"))]
    assert asyncio.get_running_loop() not in reactor._reactors


async def test_protocols_and_options_reach_the_request() -> None:
    script = Script()
    options: Any = {"headers": {"X-Test": "yes"}, "origin": "http://here.invalid"}
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url, connect(url, **options) as ws:
        assert ws.protocol is None
        assert ws.request.headers.get("X-Test") == "yes"
    assert b"X-Test: yes\r\n" in script.head
    assert b"Origin: http://here.invalid\r\n" in script.head


@pytest.mark.row(51)
@pytest.mark.parametrize("protocols", ["chat", ["chat"], ("chat", "talk")])
async def test_protocols_are_offered(protocols: Any) -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.accept())
        assert await peer.is_at_end()

    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        with pytest.raises(HandshakeError, match="no subprotocol"):
            await connect(url, protocols)
    offered = protocols if isinstance(protocols, str) else ",".join(protocols)
    assert f"Sec-WebSocket-Protocol: {offered}\r\n".encode() in heads[0]


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("nonsense",), {}, InvalidURI),
        (("ws://here.invalid/#fragment",), {}, InvalidURI),
        (("ws://here.invalid/", "not a token"), {}, ValueError),
        (("ws://here.invalid/", ["one", "one"]), {}, ValueError),
        (("ws://here.invalid/",), {"headers": {"Content-Length": "1"}}, ValueError),
        (("ws://here.invalid/",), {"close_timeout": 0}, ValueError),
        (("ws://here.invalid/",), {"close_timeout": "soon"}, TypeError),
        (("ws://here.invalid/",), {"close_timeut": 1}, TypeError),
    ],
)
def test_bad_arguments_fail_before_anything_is_awaited(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        connect(*arguments, **options)


@pytest.mark.row(69)
def test_an_unknown_option_names_the_nearest_one() -> None:
    with pytest.raises(
        TypeError, match=r"connect\(\) got an unknown option 'ping_intervall'.*'ping_interval'"
    ):
        connect("ws://here.invalid/", ping_intervall=1)  # type: ignore[call-arg]


def test_nothing_is_opened_before_it_is_awaited() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert isinstance(connect("ws://here.invalid/", sock=ours), Connect)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


async def test_the_block_closes_at_its_end() -> None:
    script = Script()
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        async with connect(url) as ws:
            await ws.send("in it")
        assert ws.ready_state == State.CLOSED
    assert ws.close_code == CloseCode.NORMAL_CLOSURE
    assert script.frames == [Frame(TEXT, b"in it"), Frame(CLOSE, close(1000))]


async def test_the_block_tells_the_peer_of_an_error() -> None:
    script = Script()
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        with pytest.raises(KeyError, match="ours"):
            async with connect(url):
                raise KeyError("ours")
    assert script.frames == [Frame(CLOSE, close(1011))]


async def test_the_end_of_a_block_that_was_not_entered_is_nothing() -> None:
    connecting = connect("ws://here.invalid/")
    await connecting.__aexit__(None, None, None)


async def test_a_block_ends_once() -> None:
    script = Script()
    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        connecting = connect(url)
        await connecting.__aenter__()
        await connecting.__aexit__(None, None, None)
        await connecting.__aexit__(KeyError, KeyError("late"), None)
    assert script.frames == [Frame(CLOSE, close(1000))]


def test_a_socket_of_the_users_is_for_one_connection() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connecting = connect("ws://here.invalid/", sock=ours)
        with pytest.raises(ValueError, match=r"^sock in `async for`: must be left out"):
            aiter(connecting)


async def test_one_connect_serves_again() -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.accept())
        await peer.receive()
        peer.send(CLOSE, close(1000))

    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        connecting = connect(url)
        for _ in range(2):
            async with connecting as ws:
                assert ws.ready_state == State.OPEN
    keys = {line for head in heads for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")}
    assert len(heads) == len(keys) == 2


@pytest.mark.parametrize("as_block", [False, True])
async def test_a_failure_is_raised(as_block: bool) -> None:
    async def use(connecting: Connect) -> None:
        if as_block:
            async with connecting:
                raise AssertionError("this must not be reached")
        await connecting

    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(read_on) as url:
        with pytest.raises(HandshakeTimeout, match="handshake_timeout"):
            await use(connect(url, handshake_timeout=0.05))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await use(connect(f"ws://127.0.0.1:{deaf.getsockname()[1]}/"))


@pytest.mark.row(70)
async def test_cancelling_leaves_nothing_open() -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        asked.set()
        await peer.is_at_end()

    async def use(connecting: Connect) -> None:
        await connecting

    async with asyncio.timeout(DEADLINE), PLAIN.raw_server(script) as url:
        task = asyncio.ensure_future(use(connect(url)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: asyncio.get_running_loop() not in reactor._reactors)
