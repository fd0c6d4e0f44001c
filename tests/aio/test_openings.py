"""The handshakes on their way; what is answered to them is in test_opening.py."""

import asyncio
from typing import Any

import pytest

from tests.aio.recording import RecordingChannel, give
from tests.doors.peer import REQUEST
from wsline import HandshakeError, Headers, Request
from wsline.aio.opening import Hooks
from wsline.aio.openings import Openings
from wsline.aio.reactor import reactor_of
from wsline.aio.timers import Deadlines
from wsline.aio.upgrades import UpgradeSocket
from wsline.options import ServerOptions
from wsline.wire.kernels import Output

HEADERS = {
    "Host": "a",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


class Made:
    """Openings of a server that notes what it hears."""

    def __init__(self, **options: Any) -> None:
        self.heard: list[str] = []
        self.failed: list[str] = []
        hooks = Hooks(
            should_handle=lambda request: True,
            busy=lambda channel: None,
            on_headers=lambda headers, request: None,
            on_open=lambda *arguments: self.heard.append("open"),
            on_client_error=lambda *arguments: False,
            on_fail=lambda error: self.failed.append(str(error)),
            on_end=lambda opening: self.heard.append(f"end, {len(self.openings)} left"),
        )
        self.openings = Openings(ServerOptions(handshake_timeout=None, **options), hooks)

    def socket(self) -> tuple[RecordingChannel, UpgradeSocket]:
        channel = RecordingChannel(Output())
        return channel, UpgradeSocket(channel, Deadlines(asyncio.get_running_loop()))

    def upgrade(self, **changes: str) -> RecordingChannel:
        channel, socket = self.socket()
        self.openings.upgrade(Request("GET", "/", Headers(HEADERS | changes)), socket, b"")
        return channel

    def upgrade_and_tell(self, accept: Any = lambda *arguments: arguments, **changes: str) -> Any:
        channel, socket = self.socket()
        give(socket, b"early")
        request = Request("GET", "/", Headers(HEADERS | changes))
        return channel, self.openings.upgrade_and_tell(request, socket, b"head ", accept)


@pytest.fixture(autouse=True)
async def no_timers_are_left() -> Any:
    yield
    reactor_of(asyncio.get_running_loop()).close()


async def test_they_are_counted() -> None:
    made = Made()
    channel = RecordingChannel(Output())
    made.openings.begin(channel)
    assert len(made.openings) == 1
    give(channel.consumer, REQUEST + b"\r\n")
    assert made.heard == ["open", "end, 0 left"]
    made.upgrade()
    assert made.heard == ["open", "end, 0 left"] * 2
    assert made.failed == []


async def test_all_are_refused_when_the_server_closes() -> None:
    made = Made()
    channels = [RecordingChannel(Output()) for _ in range(3)]
    for channel in channels:
        made.openings.begin(channel)
    made.openings.abort()
    for channel in channels:
        channel.flush()
        assert channel.sent.startswith(b"HTTP/1.1 503 ")
        channel.abort()
    assert not made.openings
    assert made.failed == ["the server is closing"] * 3


async def test_the_outcome_is_told() -> None:
    made = Made()
    channel, outcome = made.upgrade_and_tell()
    opened = await outcome
    assert (opened[0], opened[2], opened[4]) == (channel, None, b"head early")
    assert made.heard == ["end, 0 left"], "who opens it is who asked"


async def test_a_refusal_is_told_before_the_client_is_gone() -> None:
    made = Made()
    channel, outcome = made.upgrade_and_tell(**{"Sec-WebSocket-Version": "5"})
    with pytest.raises(HandshakeError, match="Sec-WebSocket-Version"):
        await outcome
    assert len(made.openings) == 1
    channel.abort()
    assert not made.openings


async def test_a_client_that_is_gone_is_told() -> None:
    made = Made()
    channel, socket = made.socket()
    channel.abort()
    request = Request("GET", "/", Headers(HEADERS))
    with pytest.raises(HandshakeError, match="the client closed the connection"):
        await made.openings.upgrade_and_tell(request, socket, b"", lambda *arguments: None)  # type: ignore[arg-type]
    assert not made.openings
    channel, socket = made.socket()
    channel.abort()
    outcome = made.openings.upgrade_and_tell(request, socket, b"", lambda *arguments: None)  # type: ignore[arg-type]
    outcome.cancel()


async def test_giving_it_up_refuses_the_client() -> None:
    async def think(request: Request) -> None:
        await asyncio.Event().wait()

    made = Made(process_request=think)
    channel, outcome = made.upgrade_and_tell()
    await asyncio.sleep(0)
    outcome.cancel()
    await asyncio.sleep(0)
    channel.flush()
    assert channel.sent.startswith(b"HTTP/1.1 503 ")
    channel.abort()
    assert not made.openings
