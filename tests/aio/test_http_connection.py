"""A connection of the HTTP server on a channel without a socket: what a socket shows but rarely."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.aio.recording import RecordingChannel, give
from tests.doors.door import until
from wsline import HandshakeError, Request, Response
from wsline.aio.http_connection import HTTPConnection
from wsline.aio.timers import NEVER, Deadlines, clock
from wsline.aio.upgrades import UpgradeSocket
from wsline.handshake.http_options import HTTPOptions
from wsline.wire.kernels import Output

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"


class Site:
    """A server that answers at once, and notes what it hears."""

    def __init__(self, **options: Any) -> None:
        self.options = HTTPOptions(**options)
        self.is_closing = False
        self.upgrades = True
        self.takes_errors = False
        self.ended = 0
        self.faults: list[Exception] = []
        self.errors: list[HandshakeError] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.response = Response(200, body="x")
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.taken: list[Any] = []
        self.takes = True
        self.channel = RecordingChannel(Output())
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self.connection = HTTPConnection(self.channel, self, self.deadlines)

    def takes_upgrades(self) -> bool:
        return self.upgrades

    async def respond(self, request: Request) -> Response:
        await self.go_on.wait()
        return self.response

    async def upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> Response:
        if self.takes:
            self.taken.append((socket.take(), head))
        await self.go_on.wait()
        return Response(404)

    def on_fault(self, error: Exception) -> None:
        self.faults.append(error)

    def on_client_error(self, error: HandshakeError, socket: UpgradeSocket) -> bool:
        self.errors.append(error)
        return self.takes_errors

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self.tasks.append(task)
        return task

    def on_connection_end(self, connection: HTTPConnection) -> None:
        assert connection is self.connection
        self.ended += 1

    def say(self, data: bytes) -> None:
        give(self.channel.consumer, data)

    async def settle(self) -> None:
        while self.tasks:
            await asyncio.wait(self.tasks)
            self.tasks = [each for each in self.tasks if not each.done()]

    @property
    def sent(self) -> bytes:
        self.channel.flush()
        return self.channel.sent


async def test_a_deadline_that_was_put_off_is_armed_anew() -> None:
    site = Site(header_timeout=5, idle_timeout=7)
    site.say(GET % 1)
    connection = site.connection
    connection.armed_at = NEVER
    connection.on_deadline(clock() + 100)
    assert connection.armed_at == NEVER, "an answer has its time"
    await site.settle()
    assert connection.armed_at < clock() + 8
    connection.armed_at = NEVER
    connection.on_deadline(clock())
    assert connection.armed_at < clock() + 8
    connection.on_deadline(clock() + 8)
    assert site.sent.count(b"HTTP/1.1") == 1
    assert site.channel.ending == 1
    site.channel.abort()
    connection.on_deadline(clock() + 9)
    assert site.ended == 1
    site.deadlines.close()


async def test_without_limits_there_are_no_deadlines() -> None:
    site = Site(header_timeout=None, body_timeout=None, idle_timeout=None, write_timeout=None)
    site.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
    site.say(b"x")
    await site.settle()
    site.say(GET[:5])
    assert site.connection.armed_at == NEVER


async def test_a_client_that_takes_little_has_time_as_long_as_it_takes_some() -> None:
    site = Site(write_timeout=3)
    site.channel.takes = 10
    site.say(GET % 1 + GET % 2)
    await site.settle()
    connection = site.connection
    before = connection._due
    assert site.channel.sent.startswith(b"HTTP/1.1 2")
    site.channel.takes = 10
    site.channel.flush()
    connection.on_progress()
    assert before <= connection._due < NEVER
    site.channel.takes = 1 << 62
    site.channel.flush()
    connection.on_progress()
    await site.settle()
    assert site.sent.count(b"HTTP/1.1 200 OK") == 2
    connection.on_progress()
    site.channel.takes = 0
    site.say(GET % 3)
    await site.settle()
    connection.on_deadline(clock() + 4)
    assert site.channel.closed
    connection.on_progress()
    site.deadlines.close()


async def test_reading_pauses_while_much_waits() -> None:
    site = Site()
    site.go_on.clear()
    site.say(GET % 1)
    site.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n")
    assert site.channel.is_reading
    site.say(bytes(70000))
    assert not site.channel.is_reading
    site.go_on.set()
    await site.settle()
    assert site.channel.is_reading
    assert site.sent.count(b"HTTP/1.1 200 OK") == 2
    site.deadlines.close()


async def test_a_fault_of_the_application_ends_the_connection() -> None:
    site = Site()
    site.response = Response(204, body="x")
    site.say(GET % 1 + GET % 2)
    await site.settle()
    head = Site()
    nonsense: Any = 5
    head.response = Response(200, body=nonsense)
    head.say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    await head.settle()
    assert head.sent.endswith(b"\r\n\r\n")
    head.deadlines.close()
    assert site.sent.startswith(b"HTTP/1.1 500 ")
    assert site.sent.count(b"HTTP/1.1") == 1
    assert [str(each) for each in site.faults] == ["a response with status 204 has no body"]
    site.deadlines.close()


async def test_an_answer_for_a_client_that_is_gone() -> None:
    site = Site()

    async def hold_out(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return site.response
        raise AssertionError

    site.respond = hold_out  # type: ignore[method-assign]
    site.say(GET % 1)
    await asyncio.sleep(0)
    site.connection.receive_eof()
    site.channel.abort()
    await site.settle()
    assert (site.sent, site.ended) == (b"", 1)
    give(site.connection, GET % 2)
    site.connection._refuse(HandshakeError("late"))
    assert (site.sent, site.errors) == (b"", [])
    site.connection.close()
    site.connection.cut()
    site.deadlines.close()


async def test_a_channel_that_breaks_under_an_answer() -> None:
    site = Site()

    def break_() -> None:
        site.channel.output.clear()
        site.channel.abort()

    site.channel.flush = break_  # type: ignore[method-assign]
    site.say(GET % 1)
    await site.settle()
    assert site.ended == 1
    site.deadlines.close()


async def test_it_ends_when_the_server_closes() -> None:
    site = Site()
    site.say(GET[:9])
    site.connection.close()
    assert not site.channel.ending, "a request has begun"
    site.say((GET % 1)[9:])
    site.is_closing = True
    await site.settle()
    assert b"Connection: close" in site.sent
    idle = Site()
    idle.connection.close()
    assert idle.channel.ending == 1
    idle.connection.cut()
    assert (idle.channel.closed, idle.ended) == (True, 1)
    site.deadlines.close()
    idle.deadlines.close()


async def test_it_ends_when_the_server_has_closed_under_an_answer_that_goes_on() -> None:
    site = Site()
    site.channel.takes = 0
    site.say(GET % 1)
    await site.settle()
    site.is_closing = True
    site.channel.takes = 1 << 62
    site.channel.flush()
    site.connection.on_progress()
    assert site.channel.ending == 1
    site.deadlines.close()


async def test_it_can_be_cut() -> None:
    site = Site()
    site.go_on.clear()
    site.say(GET % 1)
    site.connection.cut()
    assert site.channel.closed
    await site.settle()
    assert site.ended == 1
    site.deadlines.close()


@pytest.mark.parametrize("data", [UPGRADE, UPGRADE + b"early"])
async def test_a_socket_that_is_taken_is_not_ours_any_more(data: bytes) -> None:
    site = Site()
    site.go_on.clear()
    site.say(data)
    await asyncio.sleep(0)
    ((_, head),) = site.taken
    assert head == data[len(UPGRADE) :]
    assert site.ended == 1
    site.connection.cut()
    assert not site.channel.closed
    assert not site.tasks[0].done(), "who took it goes on"
    site.go_on.set()
    await site.settle()
    assert site.sent == b""
    site.deadlines.close()


async def test_a_socket_that_nobody_takes() -> None:
    site = Site()
    site.takes = False
    site.say(UPGRADE)
    await site.settle()
    assert site.sent.startswith(b"HTTP/1.1 404 ")
    site.connection.cut()
    assert (site.channel.closed, site.ended) == (True, 1)
    gone = Site()
    gone.takes = False
    gone.go_on.clear()
    gone.say(UPGRADE)
    await asyncio.sleep(0)
    gone.channel.abort()
    await until(gone.tasks[0].done)
    assert gone.tasks[0].cancelled()
    site.deadlines.close()
    gone.deadlines.close()


async def test_the_application_may_answer_bad_requests() -> None:
    site = Site()
    site.takes_errors = True
    site.say(b"nonsense\r\n\r\n")
    assert [each.response.status for each in site.errors] == [400]
    assert site.sent == b""
    assert site.channel.consumer.armed_at < NEVER, "it has not for ever"
    site.deadlines.close()
