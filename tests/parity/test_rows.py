"""Rows of docs/ws-parity.md that no other test shows."""

import logging
import socket
from typing import Any

import pytest

from tests.doors.door import Door, until
from tests.wire.raw import BINARY, TEXT, Frame, build, feed, parse
from wsline import State, WebSocket, WebSocketServer, connect
from wsline.options import Options
from wsline.spec import Role
from wsline.wire.kernels import Output
from wsline.wire.messages import MessageReader, MessageWriter

PLAIN = Door("epoll", None)


@pytest.mark.row(94, 95, 96, 97)
async def test_a93_states_are_numbers_on_the_class_and_on_instances() -> None:
    names = ("CONNECTING", "OPEN", "CLOSING", "CLOSED")
    assert [getattr(WebSocket, name) for name in names] == [0, 1, 2, 3] == list(State)
    async with PLAIN.serving(lambda ws: ws.wait_closed()) as served:
        ws = WebSocket(served.url)
        assert [getattr(ws, name) for name in names] == [0, 1, 2, 3]
        seen = [ws.ready_state]
        await until(lambda: ws.ready_state == State.OPEN)
        closing = ws.close()
        seen.append(ws.ready_state)
        await closing
        seen.append(ws.ready_state)
    assert seen == [State.CONNECTING, State.CLOSING, State.CLOSED]


async def test_a99_what_is_buffered_includes_the_headers_of_frames() -> None:
    async with PLAIN.pair() as (client, server):
        assert client.buffered_amount == 0
        server.pause()
        for _ in range(400):
            client.send(bytes(30_000))
        before = client.buffered_amount
        assert before > 1_000_000
        client.send(bytes(1000))
        assert client.buffered_amount - before == 2 + 2 + 4 + 1000
        server.resume()
        for _ in range(401):
            await server.recv()
        await until(lambda: client.buffered_amount == 0)


@pytest.mark.parametrize("role", Role)
def test_a173_a_masking_key_of_zeros(role: Role) -> None:
    output = Output()
    writer = MessageWriter(Role.CLIENT, output, lambda: bytes(4))
    writer.write_binary(b"not changed", True)
    sent = output.take()
    assert sent == build(BINARY, b"not changed", key=bytes(4))
    assert sent.endswith(bytes(4) + b"not changed")
    assert parse(sent) == [Frame(BINARY, b"not changed", masked=True)]
    key = bytes(4) if role is Role.SERVER else None
    assert feed(MessageReader(role, Options()), build(TEXT, b"received", key=key)) == ["received"]


async def test_a177_the_settings_of_the_socket() -> None:
    async with PLAIN.serving(lambda ws: ws.wait_closed()) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as plain, plain.dup() as copy:
            async with connect(served.url, sock=plain):
                assert copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_a177_the_settings_of_a_servers_socket() -> None:
    accepted: list[socket.socket] = []

    class Listening(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            sock, address = super().accept()
            accepted.append(sock.dup())
            return sock, address

    listening = Listening()
    listening.bind(("127.0.0.1", 0))
    url = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
    async with WebSocketServer(lambda ws: ws.wait_closed(), sock=listening), connect(url):
        (copy,) = accepted
        with copy:
            assert copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_a150_what_goes_wrong_is_logged_as_wsline(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError("on purpose")

    with caplog.at_level(logging.INFO, "wsline"):
        async with PLAIN.pair() as (client, server):
            client.on("message", fail)
            server.send("x")
            await client.wait_closed()
    assert {record.name for record in caplog.records} >= {"wsline"}
    assert "exception in a handler" in caplog.text
