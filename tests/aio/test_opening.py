"""The server's side of an opening handshake: what it asks whom, and what it answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.aio.recording import RecordingChannel, give
from tests.doors.door import until
from tests.doors.peer import BINARY, REQUEST, TEXT, frame
from wsline import HandshakeError, Headers, Request, Response, WebSocket, WebSocketServer, serve
from wsline.aio.opening import Hooks, ServerOpening
from wsline.aio.timers import NEVER, Deadlines
from wsline.aio.upgrades import UpgradeSocket
from wsline.handshake.server import VerifyInfo
from wsline.options import ServerOptions
from wsline.wire.kernels import Output

DEADLINE = 10  # seconds, for whatever must come


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


class Client:
    """Raw bytes to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear_all(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()

    async def hear_head(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[WebSocketServer, Client]]:
    async with serve(echo, "127.0.0.1", 0, **options) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.address()[1])
        try:
            yield server, Client(reader, writer)
        finally:
            writer.close()


async def answer(request: bytes, **options: Any) -> bytes:
    async with opened(**options) as (_, client):
        client.say(request)
        return await client.hear_all()


ASK = REQUEST + b"\r\n"


async def test_frames_behind_the_request_are_kept() -> None:
    async with opened() as (_, client):
        client.say(ASK + frame(TEXT, b"early", mask=True))
        assert (await client.hear_head()).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert await client.reader.readexactly(7) == b"\x81\x05early"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (ASK.replace(b"GET", b"POST"), 405),
        (ASK.replace(b"Version: 13", b"Version: 7"), 426),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414),
    ],
)
async def test_bad_requests_are_refused_and_the_connection_ends(request_: bytes, status: int) -> None:
    response = await answer(request_)
    assert response.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: " in response.lower()


async def test_what_comes_after_a_refusal_is_ignored() -> None:
    async with opened() as (_, client):
        client.say(b"nonsense\r\n\r\n")
        await client.hear_head()
        client.say(b"more nonsense")
        assert b"HTTP/1.1" not in await client.hear_all()


async def test_a_silent_client_is_given_up() -> None:
    async with opened(handshake_timeout=0.1) as (_, client):
        client.say(b"GET / HT")
        response = await client.hear_all()
    assert response.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"after 0.1 s" in response


async def test_the_time_includes_the_application() -> None:
    cancelled = asyncio.Event()

    async def think(request: Request) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    response = await answer(ASK, handshake_timeout=0.1, process_request=think)
    assert response.startswith(b"HTTP/1.1 408 ")
    async with asyncio.timeout(DEADLINE):
        await cancelled.wait()


async def test_a_client_that_stays_after_its_refusal_is_cut() -> None:
    async with opened() as (_, client):
        client.say(b"nonsense\r\n\r\n")
        # The answer ends with FIN at once; the server lets go a second later, though we do not.
        assert (await client.hear_all()).startswith(b"HTTP/1.1 400 ")
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(ConnectionError):
                while True:
                    client.say(b"x")
                    await client.writer.drain()
                    await asyncio.sleep(0.05)


async def test_a_client_that_goes_away_ends_the_application_s_thinking() -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with opened(process_request=think) as (_, client):
        client.say(ASK)
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
            client.writer.close()
            await cancelled.wait()


async def slow(value: object) -> object:
    await asyncio.sleep(0)
    return value


@pytest.mark.parametrize("wrap", [lambda value: value, slow])
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"process_request": Response(204)}, 204),
        ({"process_request": None}, 101),
        ({"verify_client": True}, 101),
        ({"verify_client": False}, 401),
        ({"verify_client": Response(403, body="no")}, 403),
    ],
)
async def test_the_application_decides(
    options: dict[str, object], status: int, wrap: Callable[[object], object]
) -> None:
    hooks = {name: (lambda argument, value=value: wrap(value)) for name, value in options.items()}
    async with opened(**hooks) as (_, client):
        client.say(ASK)
        assert (await client.hear_head()).startswith(b"HTTP/1.1 %d " % status)


async def test_verify_client_is_told_the_origin() -> None:
    told: list[VerifyInfo] = []

    def verify(info: VerifyInfo) -> bool:
        told.append(info)
        return True

    async with opened(verify_client=verify) as (_, client):
        client.say(REQUEST + b"Origin: http://127.0.0.1:99\r\n\r\n")
        await client.hear_head()
    assert told[0].origin == "http://127.0.0.1:99"
    assert told[0].request.remote_address[0] == "127.0.0.1"
    assert told[0].secure is False


@pytest.mark.parametrize(
    ("chosen", "header"), [("b", b"Sec-WebSocket-Protocol: b\r\n"), (None, b""), ("", b"")]
)
async def test_the_application_chooses_the_subprotocol(chosen: str | None, header: bytes) -> None:
    async def choose(offered: tuple[str, ...], request: Request) -> str | None:
        assert offered == ("a", "b")
        return chosen

    async with opened(handle_protocols=choose) as (_, client):
        client.say(REQUEST + b"Sec-WebSocket-Protocol: a, b\r\n\r\n")
        head = await client.hear_head()
    assert (header in head) if header else (b"Sec-WebSocket-Protocol" not in head)


async def test_nobody_is_asked_for_a_subprotocol_that_was_not_offered() -> None:
    def choose(offered: tuple[str, ...], request: Request) -> str:
        raise AssertionError("not to be asked")

    async with opened(handle_protocols=choose) as (_, client):
        client.say(ASK)
        assert b" 101 " in await client.hear_head()


def fails(*arguments: object) -> Awaitable[None]:
    raise RuntimeError("a fault of the application")


@pytest.mark.parametrize(
    "hooks",
    [
        {"process_request": fails},
        {"process_request": lambda request: "no response"},
        {"process_request": lambda request: Response(204, body="a fault")},
        {"verify_client": fails},
        {"handle_protocols": lambda offered, request: "not offered"},
    ],
)
async def test_a_fault_of_the_application_is_a_500(
    hooks: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    response = await answer(REQUEST + b"Sec-WebSocket-Protocol: a\r\n\r\n", **hooks)
    assert response.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"fault" not in response
    assert caplog.records or "handle_protocols" in hooks


async def test_the_headers_of_the_answer_can_be_changed() -> None:
    async with opened() as (server, client):

        @server.on("headers")
        def headers(fields: Headers, request: Request) -> None:
            fields.add("Set-Cookie", f"path={request.path}")

        client.say(ASK)
        assert b"\r\nSet-Cookie: path=/\r\n" in await client.hear_head()


async def test_a_header_that_cannot_be_sent_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (server, client):
        server.on("headers", lambda fields: fields.add("X", "a\r\nb"))
        client.say(ASK)
        assert (await client.hear_all()).startswith(b"HTTP/1.1 500 ")
    assert "exception while a request was judged" in caplog.text


async def test_frames_that_come_while_the_application_thinks_are_kept() -> None:
    go_on = asyncio.Event()

    async def think(request: Request) -> None:
        await go_on.wait()

    async with opened(process_request=think) as (_, client):
        client.say(ASK)
        messages = [frame(BINARY, b"%d" % n * 1000, mask=True) for n in range(200)]
        client.say(b"".join(messages))
        await client.writer.drain()
        go_on.set()
        await client.hear_head()
        async with asyncio.timeout(DEADLINE):
            for n in range(200):
                size = len(b"%d" % n) * 1000
                head = await client.reader.readexactly(4)
                assert head == b"\x82\x7e" + size.to_bytes(2, "big")
                assert await client.reader.readexactly(size) == b"%d" % n * 1000


async def test_a_server_that_closes_answers_503() -> None:
    asked = asyncio.Event()

    async def think(request: Request) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with opened(process_request=think) as (server, client):
        client.say(ASK)
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
        server.close()
        assert (await client.hear_all()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        await until(lambda: server.state == 2)


async def test_over_the_limit_is_503() -> None:
    async with opened(max_connections=1) as (server, client):
        client.say(ASK)
        await client.hear_head()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.address()[1])
        writer.write(ASK)
        second = await Client(reader, writer).hear_all()
        writer.close()
    assert second.startswith(b"HTTP/1.1 503 ")
    assert b"max_connections" in second


# -- by itself, without a socket


class Asked:
    """An opening on a recording channel, and what it says to the server."""

    def __init__(self, **options: Any) -> None:
        self.channel = RecordingChannel(Output())
        self.opened: list[tuple[Any, ...]] = []
        self.ended = 0
        self.is_busy = False
        self.failed: list[Exception] = []
        self.errors: list[tuple[HandshakeError, UpgradeSocket, Request]] = []
        self.takes_errors = False
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self.opening = ServerOpening(
            self.channel,
            ServerOptions(**options),
            self.deadlines,
            Hooks(
                should_handle=lambda request: True,
                busy=lambda channel: ("no", "max_connections") if self.is_busy else None,
                on_headers=lambda headers, request: None,
                on_open=lambda *arguments: self.opened.append(arguments),
                on_client_error=self.take_error,
                on_fail=self.failed.append,
                on_end=self.end,
            ),
        )

    def take_error(self, error: HandshakeError, socket: UpgradeSocket, request: Request) -> bool:
        self.errors.append((error, socket, request))
        return self.takes_errors

    def end(self, opening: ServerOpening) -> None:
        assert opening is self.opening
        self.ended += 1

    def say(self, data: bytes) -> None:
        give(self.opening, data)

    @property
    def answer(self) -> bytes:
        self.channel.flush()
        return self.channel.sent


async def test_without_a_limit_there_is_no_deadline() -> None:
    assert Asked(handshake_timeout=None).opening.armed_at == NEVER
    with_limit = Asked()
    assert with_limit.opening.armed_at < NEVER
    with_limit.deadlines.close()


async def test_frames_of_an_impatient_client_are_kept_up_to_a_mark() -> None:
    go_on = asyncio.Event()

    async def think(request: Request) -> None:
        await go_on.wait()

    asked = Asked(process_request=think, handshake_timeout=None)
    asked.say(ASK + b"first ")
    asked.say(b"x" * 65000)
    assert asked.channel.is_reading
    asked.say(b"y" * 1000)
    assert not asked.channel.is_reading
    go_on.set()
    await until(lambda: asked.opened)
    assert asked.channel.is_reading
    assert asked.opened[0][4] == b"first " + b"x" * 65000 + b"y" * 1000
    assert asked.ended == 1


async def test_in_the_tls_handshake_a_slow_client_is_told_nothing() -> None:
    asked = Asked()
    asked.channel.is_ready = False
    asked.opening.on_deadline(0)
    assert (asked.channel.closed, asked.answer, asked.ended) == (True, b"", 1)
    asked.deadlines.close()


@pytest.mark.parametrize("is_ready", [True, False])
async def test_the_end_of_a_tls_handshake_is_logged(is_ready: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsline")
    asked = Asked(handshake_timeout=None)
    asked.channel.is_ready = is_ready
    asked.channel.error = ConnectionResetError(104, "Connection reset by peer")
    asked.channel.abort()
    told = "".join(caplog.messages)
    assert told.startswith("" if is_ready else "TLS handshake failed: Connection reset by peer")
    assert bool(told) is not is_ready
    assert asked.ended == 1


async def test_a_client_that_is_gone_is_neither_judged_nor_answered() -> None:
    asked = Asked(handshake_timeout=None)
    asked.opening.receive_eof()
    asked.channel.abort()
    assert asked.ended == 1
    asked.say(ASK)
    asked.opening.on_deadline(0)
    asked.opening.abort()
    assert (asked.opened, asked.answer, asked.ended) == ([], b"", 1)


@pytest.mark.parametrize("verdict", [None, Response(403)])
async def test_an_application_that_answers_when_the_client_is_gone(verdict: Response | None) -> None:
    """It may well hold out against its cancellation."""
    asked_it, go_on, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Response | None:
        asked_it.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go_on.wait()
        over.set()
        return verdict

    asked = Asked(process_request=think, handshake_timeout=None)
    asked.say(ASK)
    asked.say(b"early" * 20000)
    await asked_it.wait()
    asked.channel.abort()
    await asyncio.sleep(0)
    give(asked.opening, b"late" * 20000)
    go_on.set()
    await over.wait()
    await asyncio.sleep(0)
    assert (asked.opened, asked.answer, asked.ended) == ([], b"", 1)


async def test_the_end_of_the_server_is_told_once() -> None:
    asked = Asked(handshake_timeout=None)
    asked.opening.abort()
    assert asked.answer.startswith(b"HTTP/1.1 503 ")
    assert not asked.channel.closed
    assert asked.channel.consumer.armed_at < NEVER
    asked.opening.abort()
    assert asked.channel.closed
    assert asked.ended == 1
    asked.deadlines.close()


async def test_the_end_of_the_server_ends_the_judging() -> None:
    cancelled = asyncio.Event()

    async def think(request: Request) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    asked = Asked(process_request=think, handshake_timeout=None)
    asked.say(ASK)
    await asyncio.sleep(0)
    asked.opening.abort()
    await asyncio.wait_for(cancelled.wait(), DEADLINE)
    assert asked.answer.startswith(b"HTTP/1.1 503 ")
    asked.deadlines.close()


async def test_a_refused_client_is_cut_in_the_end() -> None:
    asked = Asked()
    asked.is_busy = True
    asked.say(ASK)
    assert asked.answer.startswith(b"HTTP/1.1 503 ")
    give(asked.channel.consumer, b"more")
    assert not asked.channel.closed
    asked.channel.consumer.on_deadline(0)
    assert asked.channel.closed
    assert (asked.opened, asked.ended) == ([], 1)
    asked.opening.on_lost(None)
    assert asked.ended == 1
    asked.deadlines.close()
