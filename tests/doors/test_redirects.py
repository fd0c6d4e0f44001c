"""Redirects, and what the application hears and decides on the way to an open WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, until
from tests.doors.peer import Peer
from tests.doors.test_opening import descriptors
from wsline import (
    HandshakeError,
    HandshakeTimeout,
    InvalidStatus,
    InvalidURI,
    Request,
    Response,
    State,
    TooManyRedirects,
    UnsafeRedirect,
    WebSocket,
    WebSocketServer,
    connect,
)

# The doors of the client; the server's "direct" is the same to it as "epoll".
pytestmark = pytest.mark.parametrize("door", ["epoll", "transport", "tls"], indirect=True)

TO = "/to?"


def redirects(request: Request) -> Response | None:
    """Redirect /to?X to X, and serve the rest."""
    if not request.target.startswith(TO):
        return None
    return Response(302, {"Location": request.target.removeprefix(TO)}, body="elsewhere")


@asynccontextmanager
async def servers(door: Door, number: int) -> AsyncIterator[list[str]]:
    """Run echo servers that redirect; yield their URLs without the last slash."""
    async with AsyncExitStack() as stack:
        yield [
            (await stack.enter_async_context(door.serving(echo, process_request=redirects))).url[:-1]
            for _ in range(number)
        ]


async def test_a77_redirects_are_followed_to_their_end(door: Door) -> None:
    async with servers(door, 2) as (one, two):
        url = f"{one}{TO}/to?{two}/to?/end"
        async with door.connect(url, follow_redirects=True) as ws:
            assert ws.url == f"{two}/end"
            assert ws.request.target == "/end"
            assert ws.response is not None and ws.response.status == 101
            await ws.send("hello")
            assert await ws.recv() == "hello"


async def test_a59_they_are_not_followed_by_default(door: Door) -> None:
    async with servers(door, 1) as (one,):
        with pytest.raises(InvalidStatus, match=r"response: 302 Found; follow_redirects=True") as caught:
            await door.connect(f"{one}{TO}/end")
    assert (caught.value.status, caught.value.body) == (302, b"elsewhere")
    assert caught.value.headers["Location"] == "/end"


async def test_a60_a_circle_ends(door: Door) -> None:
    seen: list[Request] = []

    def again(request: Request) -> Response:
        seen.append(request)
        return Response(307, {"Location": "/again"})

    async with door.serving(echo, process_request=again) as served:
        with pytest.raises(TooManyRedirects, match="Maximum redirects exceeded: 10") as caught:
            await door.connect(served.url, follow_redirects=True)
    assert len(seen) == 11
    assert caught.value.response.status == 307


async def test_a78_a_location_that_leads_nowhere_is_told(door: Door) -> None:
    async with servers(door, 1) as (one,):
        with pytest.raises(InvalidURI, match="Invalid URL 'mailto:x'") as caught:
            await door.connect(f"{one}{TO}mailto:x", follow_redirects=True)
    assert caught.value.response.status == 302


async def test_a80_no_redirect_leads_from_tls_to_plain_text(door: Door) -> None:
    async with servers(door, 1) as (one,), WebSocketServer(echo, "127.0.0.1", 0) as plain:
        target = f"ws://127.0.0.1:{plain.address()[1]}/"
        url = f"{one}{TO}{target}"
        if door.scheme == "wss":
            with pytest.raises(UnsafeRedirect, match="from TLS to plain text"):
                await door.connect(url, follow_redirects=True)
        async with door.connect(url, follow_redirects=True, unsafe_redirects=True) as ws:
            assert ws.url == target


async def test_a80_no_redirect_leads_to_a_unix_socket(door: Door, tmp_path: Path) -> None:
    place = tmp_path / "s"
    async with servers(door, 1) as (one,), WebSocketServer(echo, unix_path=str(place)):
        url = f"{one}{TO}ws+unix:{place}:/"
        with pytest.raises(UnsafeRedirect, match="to a UNIX socket"):
            await door.connect(url, follow_redirects=True)
        options: dict[str, Any] = {"ssl": None} if door.certificate is None else {"ssl": False}
        async with connect(url, follow_redirects=True, unsafe_redirects=True, **options) as ws:
            assert ws.url == f"ws+unix:{place}:/"


async def test_a81_a92_listeners_see_each_redirect_and_may_change_the_next_request(door: Door) -> None:
    heard: list[tuple[str, str, Any]] = []

    def redirected(url: str, request: Request) -> None:
        heard.append((url, request.target, request.headers.get("Cookie")))
        request.headers["Cookie"] = "back"

    async with servers(door, 2) as (one, two):
        # A chain that goes back to where it came from.
        url = f"{one}{TO}{two}/to?{one}/end"
        ws = WebSocket(url, follow_redirects=True, headers={"Cookie": "a"}, **door.client_options({}))
        ws.on("redirect", redirected)
        await until(lambda: ws.ready_state == State.OPEN)
        assert heard == [(f"{two}/to?{one}/end", f"/to?{one}/end", None), (f"{one}/end", "/end", None)]
        assert ws.request.headers["Cookie"] == "back"
        await ws.close()


async def test_a81_an_error_of_a_listener_ends_it(door: Door) -> None:
    def fail(url: str) -> None:
        raise KeyError(url)

    def listen(request: Request, ws: WebSocket) -> None:
        ws.on("redirect", fail)

    async with servers(door, 1) as (one,):
        with pytest.raises(KeyError, match="/end"):
            await door.connect(f"{one}{TO}/end", follow_redirects=True, finish_request=listen)


async def test_a81_a_listener_may_give_it_up(door: Door) -> None:
    def listen(request: Request, ws: WebSocket) -> None:
        ws.once("redirect", lambda url: ws.terminate())

    async with servers(door, 1) as (one,):
        with pytest.raises(HandshakeError, match="closed before the connection was established"):
            await door.connect(f"{one}{TO}/end", follow_redirects=True, finish_request=listen)
        ws = WebSocket(f"{one}{TO}/end", follow_redirects=True, **door.client_options({}))
        closed: list[int] = []
        ws.on("redirect", lambda url: ws.close())
        ws.on("close", closed.append)
        await until(lambda: closed == [1006])


async def test_a61_finish_request_is_called_for_each_request(door: Door) -> None:
    calls: list[str] = []

    async def finish(request: Request, ws: WebSocket) -> None:
        await asyncio.sleep(0)
        calls.append(request.target)
        assert ws.ready_state == State.CONNECTING
        request.headers["X-Signature"] = f"of {request.target}"

    async with servers(door, 1) as (one,):
        url = f"{one}{TO}/end"
        async with door.connect(url, follow_redirects=True, finish_request=finish) as ws:
            assert ws.request.headers["X-Signature"] == "of /end"
    assert calls == ["/to?/end", "/end"]


async def test_a61_what_finish_request_raises_is_raised(door: Door) -> None:
    def finish(request: Request) -> None:
        raise KeyError("mine")

    def inject(request: Request, ws: WebSocket) -> None:
        request.target = "/ HTTP/1.1\r\nX: y"

    async with servers(door, 1) as (one,):
        with pytest.raises(TypeError, match="positional argument"):
            await door.connect(one, finish_request=finish)
        with pytest.raises(KeyError, match="mine"):
            await door.connect(one, finish_request=lambda request, ws: finish(request))
        with pytest.raises(ValueError, match="request target"):
            await door.connect(one, finish_request=inject)


async def test_a91_without_a_listener_a_refusal_is_an_error(door: Door) -> None:
    async with door.serving(echo, process_request=lambda request: Response(403, body="no")) as served:
        ws = WebSocket(served.url, **door.client_options({}))
        heard: list[Any] = []
        ws.on("error", heard.append)
        ws.on("close", lambda code, reason: heard.append((code, reason)))
        await until(lambda: len(heard) == 2)
    assert type(heard[0]) is InvalidStatus
    assert heard[1] == (1006, "")


async def test_a91_with_a_listener_the_refusal_is_left_to_it(door: Door) -> None:
    heard: list[Any] = []

    def refused(request: Request, response: Response) -> None:
        heard.append((request.target, response.status, response.body, ws.ready_state))

    async with door.serving(echo, process_request=lambda request: Response(403, body="no")) as served:
        ws = WebSocket(f"{served.url}x", **door.client_options({}))
        ws.on("unexpected_response", refused)
        ws.on("error", heard.append)
        ws.on("close", lambda code, reason: heard.append((code, reason)))
        await until(lambda: ws.ready_state == State.CLOSED)
    assert heard == [("/x", 403, b"no", State.CONNECTING), (1006, "")]
    assert type(ws.close_info.cause) is InvalidStatus


async def test_a91_an_awaited_connect_raises_all_the_same(door: Door) -> None:
    statuses: list[int] = []

    def listen(request: Request, ws: WebSocket) -> None:
        ws.on("unexpected_response", lambda request, response: statuses.append(response.status))

    async with door.serving(echo, process_request=lambda request: Response(403)) as served:
        with pytest.raises(InvalidStatus, match="403"):
            await door.connect(served.url, finish_request=listen)
    assert statuses == [403]


async def test_a91_an_error_of_the_listener_takes_its_place(door: Door) -> None:
    def fail(request: Request) -> None:
        raise KeyError("mine")

    async with door.serving(echo, process_request=lambda request: Response(403)) as served:
        ws = WebSocket(served.url, **door.client_options({}))
        errors: list[Exception] = []
        ws.on("unexpected_response", fail)
        ws.on("error", errors.append)
        await until(lambda: ws.ready_state == State.CLOSED)
    assert [type(each) for each in errors] == [KeyError]


# -- one deadline, and nothing left open


async def test_a58_all_hops_share_one_deadline(door: Door) -> None:
    async def slowly(request: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response(302, {"Location": "/again"})

    async with door.serving(echo, process_request=slowly) as served:
        with pytest.raises(HandshakeTimeout, match=r"/again was not open after 0\.2 s") as caught:
            await door.connect(served.url, follow_redirects=True, handshake_timeout=0.2, max_redirects=1000)
    assert caught.value.request.target == "/again"


async def test_what_comes_behind_a_redirects_head_is_not_waited_for(door: Door) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /end "):
            await peer.accept_key(head)
        else:
            peer.writer.write(b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 999\r\n\r\nand so on")
        await peer.is_at_end()

    async with door.raw_server(script) as url:
        ws = await door.connect(url, follow_redirects=True)
        ws.terminate()


async def test_cancelling_at_every_step_of_a_redirect_leaves_nothing(door: Door) -> None:
    async with servers(door, 1) as (one,):
        url = f"{one}{TO}/end"

        async def once() -> WebSocket:
            return await door.connect(url, follow_redirects=True)

        before = descriptors()
        await (await once()).close()
        await settled(lambda: descriptors() == before)
        opened = steps = 0
        while not opened:
            task = asyncio.create_task(once())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            try:
                ws = await task
            except asyncio.CancelledError:
                pass
            else:
                opened += 1
                await ws.close()
            await settled(lambda: descriptors() == before)
            steps += max(1, steps // 6)


async def settled(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, whatever the server still has to close."""
    async with asyncio.timeout(DEADLINE):
        while True:
            await asyncio.sleep(0.002)
            if condition():
                return
