"""Messages: what is sent arrives, whole, once, in order."""

import array
import asyncio
import contextvars
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, echo_server, until
from tests.doors.peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, close, frame
from wsline import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidState,
    State,
    WebSocket,
)

MIB = 1 << 20


async def test_the_door_is_what_its_name_says(door: Door) -> None:
    async with door.pair() as (client, server):
        for ws in (client, server):
            kind = type(ws._session.channel).__name__
            kinds = {"transport": "TransportChannel", "tls": "TLSChannel"}
            assert kind == kinds.get(door.name, "SocketChannel")
            assert (ws.ssl_object is not None) is (door.name == "tls")


@pytest.mark.row(85)
@pytest.mark.parametrize(
    "message",
    [
        "naïve ☃ 😀",
        "",
        b"",
        "x" * 125,
        "x" * 126,
        "ü" * 65535,
        "a" * MIB,
        b"b" * MIB,
    ],
    ids=lambda message: f"{type(message).__name__}-{len(message)}",
)
async def test_echo(door: Door, style: str, message: str | bytes) -> None:
    async with door.running(echo_server(door, style)) as served, door.connect(served.url) as ws:
        await ws.send(message)
        answer = await ws.recv()
    # No comparison by pytest: it would explain the difference of 16 MiB.
    same = type(answer) is type(message) and answer == message
    assert same


@pytest.mark.parametrize(
    ("door", "letter"),
    [("epoll", "d"), ("direct", b"c"), ("transport", b"c"), ("tls", "d")],
    indirect=["door"],
)
async def test_echo_of_the_largest_that_is_allowed(door: Door, letter: str | bytes) -> None:
    message = letter * (16 * MIB)
    async with door.serving(echo) as served, door.connect(served.url) as ws:
        await ws.send(message)
        same = await ws.recv() == message
    assert same


@pytest.mark.row(118)
async def test_many_messages_keep_their_order(door: Door, style: str) -> None:
    messages = [f"message {i}" if i % 2 else b"%d" % i * (i % 50) for i in range(1000)]
    async with door.running(echo_server(door, style)) as served, door.connect(served.url) as ws:
        for message in messages:
            ws.send(message)
        assert [await ws.recv() for _ in messages] == messages
        ws.send("one more")
        assert await ws.recv() == "one more"


async def test_one_at_a_time(door: Door, style: str) -> None:
    async with door.running(echo_server(door, style)) as served, door.connect(served.url) as ws:
        for i in range(200):
            await ws.send(f"{i}")
            assert await ws.recv() == f"{i}"


@pytest.mark.row(106)
async def test_what_has_a_buffer_is_binary(door: Door) -> None:
    changing = bytearray(b"bytearray"), array.array("H", [1, 2, 3])
    sent = [bytes(each) for each in changing]
    async with door.pair() as (client, server):
        for each in changing:
            client.send(each)
            each[0] = 0  # not seen: what is sent is what was there
        client.send(memoryview(b"a view of it")[2:6])
        assert [await server.recv() for _ in range(3)] == [*sent, b"view"]


class Text(str):
    """A string of the application's own kind."""


@pytest.mark.row(107)
async def test_the_kind_can_be_chosen(door: Door) -> None:
    async with door.pair() as (client, server):
        client.send("text", binary=True)
        client.send(b"bytes", binary=False)
        client.send(Text("of a kind"))
        client.send("plain", compress=True)
        received = [await server.recv() for _ in range(4)]
        assert received == [b"text", "bytes", "of a kind", "plain"]
        assert type(received[2]) is str


@pytest.mark.row(85)
async def test_decode_says_what_is_received(door: Door) -> None:
    async with door.pair() as (client, server):
        for message in ("ü", b"\xc3\xbc", "ü", b"\xc3\xbc"):
            client.send(message)
        assert await server.recv(decode=True) == "ü"
        assert await server.recv(decode=True) == "ü"
        assert await server.recv(decode=False) == b"\xc3\xbc"
        assert await server.recv(decode=False) == b"\xc3\xbc"
        client.send(b"\xff")
        with pytest.raises(UnicodeDecodeError):
            await server.recv(decode=True)


@pytest.mark.row(106)
async def test_other_types_are_refused_by_name(door: Door) -> None:
    async with door.pair() as (client, server):
        for data in (5, None, 1.5, {"a": 1}, object()):
            with pytest.raises(TypeError, match=f"type {type(data).__name__}: must be str, bytes"):
                client.send(data)
        await client.send("unharmed")
        assert await server.recv() == "unharmed"


@pytest.mark.parametrize("fragments", [[1, 2], [["a"]], ["a", b"b"]])
async def test_a_fragment_of_another_type_fails_the_connection(door: Door, fragments: Any) -> None:
    async with door.pair() as (client, server):
        with pytest.raises(TypeError, match=r"a fragment of type|data of type"):
            await client.send(fragments)
        with pytest.raises(ConnectionClosedError):
            await server.recv()
        assert server.close_info.peer_code == 1011


# -- fragments


async def items(*fragments: Any) -> AsyncIterator[Any]:
    for each in fragments:
        await asyncio.sleep(0)
        yield each


@pytest.mark.row(106)
async def test_an_iterable_is_one_message(door: Door) -> None:
    async with door.pair() as (client, server):
        await client.send(["to", "get", "her"])
        await client.send(iter([b"1", bytearray(b"2"), b"3"]))
        await client.send(items("a", "b"))
        await client.send(items(b"\x00" * 70000, b"\x01" * 70000))
        await client.send([])
        await client.send([], binary=True)
        await client.send(["ü"], binary=True)
        assert [await server.recv() for _ in range(3)] == ["together", b"123", "ab"]
        assert await server.recv() == b"\x00" * 70000 + b"\x01" * 70000
        assert [await server.recv() for _ in range(3)] == ["", b"", b"\xc3\xbc"]


@pytest.mark.row(118)
async def test_other_messages_follow_a_fragmented_one(door: Door) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[str]:
        yield "be"
        under_way.set()
        await go_on.wait()
        yield "gun"

    async with door.pair() as (client, server):
        sending = asyncio.create_task(client.send(slowly()))
        await under_way.wait()
        client.send("after")
        assert await client.ping() > 0  # control frames go between fragments
        with pytest.raises(ConcurrencyError, match="another fragmented message"):
            await client.send(["no"])
        go_on.set()
        await sending
        assert [await server.recv(), await server.recv()] == ["begun", "after"]


async def test_cancelling_a_fragmented_message_fails_the_connection(door: Door) -> None:
    under_way = asyncio.Event()

    async def forever() -> AsyncIterator[str]:
        yield "x"
        under_way.set()
        await asyncio.Event().wait()

    async with door.pair() as (client, server):
        sending = asyncio.create_task(client.send(forever()))
        await under_way.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(ConnectionClosedError):
            await server.recv()
        assert (server.close_code, server.close_reason) == (1011, "message not completed")


async def test_a_close_amid_a_fragmented_message_stays_a_clean_one(door: Door) -> None:
    under_way, closed, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[str]:
        yield "x"
        under_way.set()
        await closed.wait()
        yield "y"

    async def script(peer: Peer) -> None:
        await peer.accept()
        assert await peer.receive() == (TEXT, b"x", False)
        peer.send(CLOSE, close(1000))
        assert await peer.receive() == (CLOSE, close(1000), True)
        await over.wait()

    async with door.raw_server(script) as url, door.connect(url) as ws:
        sending = asyncio.create_task(ws.send(slowly()))
        await under_way.wait()
        await until(lambda: ws.ready_state >= State.CLOSING)
        closed.set()
        with pytest.raises(ConnectionClosedOK):
            await sending
        over.set()
        await ws.wait_closed()
        assert ws.close_info.cause is None
        assert ws.close_info.is_ok


@pytest.mark.row(109)
async def test_fin_false_begins_a_message(door: Door) -> None:
    async with door.pair() as (client, server):
        client.send("one, ", fin=False)
        client.send("two, ", fin=False)
        client.send("three")
        await client.send(b"whole")
        assert [await server.recv(), await server.recv()] == ["one, two, three", b"whole"]


# -- receiving


@pytest.mark.parametrize("code", [1000, 1001])
async def test_iteration_ends_with_a_normal_close(door: Door, code: int) -> None:
    async with door.pair() as (client, server):
        server.send("one")
        server.send("two")
        server.close(code)
        assert [message async for message in client] == ["one", "two"]
        with pytest.raises(ConnectionClosedOK):
            await client.recv()


@pytest.mark.parametrize("code", [1002, 4000])
async def test_iteration_raises_otherwise(door: Door, code: int) -> None:
    received = []
    async with door.pair() as (client, server):
        server.send("one")
        server.close(code, "why")
        with pytest.raises(ConnectionClosedError) as caught:
            async for message in client:
                received.append(message)
        assert received == ["one"]
        assert (caught.value.code, caught.value.reason) == (code, "why")
        assert "the server closed the connection" in str(caught.value)


async def test_iteration_raises_when_the_connection_is_lost(door: Door) -> None:
    async with door.pair() as (client, server):
        server.terminate()
        with pytest.raises(ConnectionClosedError) as caught:
            async for _ in client:
                pass
        assert caught.value.code == 1006


async def test_two_cannot_receive_at_a_time(door: Door) -> None:
    async with door.pair() as (client, server):
        first = asyncio.create_task(client.recv())
        await asyncio.sleep(0)
        with pytest.raises(ConcurrencyError, match="another coroutine is waiting"):
            await client.recv()
        server.send("for the first")
        assert await first == "for the first"
        server.send("for anybody")
        assert await client.recv() == "for anybody"


async def test_a_listener_and_recv_exclude_each_other(door: Door) -> None:
    async with door.pair() as (client, server):
        heard: list[Any] = []
        client.on("message", heard.append)
        with pytest.raises(ConcurrencyError, match="detach it"):
            client.recv()
        with pytest.raises(ConcurrencyError, match="detach it"):
            aiter(client)
        server.send("listener")
        await until(lambda: heard == ["listener"])
        client.off("message", heard.append)
        server.send("recv")
        assert await client.recv() == "recv"


async def test_a_cancelled_recv_loses_nothing(door: Door) -> None:
    """The cancellation comes at every moment from before the message to after it."""
    total = 100
    async with door.pair() as (client, server):
        received: list[Any] = []

        async def receive() -> None:
            received.append(await client.recv())

        for i in range(total):
            task = asyncio.create_task(receive())
            for _ in range(i % 10):
                await asyncio.sleep(0)
            server.send(f"{i}")
            for _ in range(i // 10):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        while len(received) < total:
            received.append(await asyncio.wait_for(client.recv(), DEADLINE))
        assert received == [f"{i}" for i in range(total)]


async def test_recv_is_an_awaitable_like_others(door: Door) -> None:
    async with door.pair() as (client, server):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.recv()
        task = asyncio.create_task(client.recv())
        await asyncio.sleep(0)
        assert "Receive" in repr(task)
        assert task.get_stack() == []
        pong = client.ping()
        server.send("1")
        assert await task == "1"
        server.send("2")
        message, _, seconds = await asyncio.gather(client.recv(), client.send("3"), pong)
        assert message == "2"
        assert seconds > 0
        await asyncio.create_task(client.send("4"))
        assert [await server.recv(), await server.recv()] == ["3", "4"]
        done, _ = await asyncio.wait([asyncio.ensure_future(client.send("5"))])
        assert done.pop().result() is None
        assert await asyncio.wait_for(server.recv(), DEADLINE) == "5"


async def test_what_is_not_awaited_does_not_matter(door: Door) -> None:
    async with door.pair() as (client, server):
        client.send("sent")
        client.ping()
        client.recv()
        server.send("kept")
        assert await server.recv() == "sent"
        assert await client.recv() == "kept"
        client.close()
        client.wait_closed()
        await client.close()


async def test_the_context_of_a_receiver_is_its_own(door: Door) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen = []

    async def receive(ws: WebSocket, name: str) -> None:
        who.set(name)
        async for _ in ws:
            seen.append(who.get())

    async with door.pair() as (client, server):
        named = ((client, "client"), (server, "server"))
        tasks = [asyncio.create_task(receive(ws, name)) for ws, name in named]
        await asyncio.sleep(0)
        for ws in (client, server, client):
            before = len(seen)
            ws.send("x")
            await until(partial(lambda before: len(seen) > before, before))
        assert seen == ["server", "client", "server"]
        assert who.get() == "nobody"
        await client.close()
        await asyncio.gather(*tasks)


# -- states


@pytest.mark.row(105, "165m")
async def test_sending_needs_an_open_connection(door: Door) -> None:
    async with door.running(echo_server(door, "coroutine")) as served:
        ws = WebSocket(served.url, **door.client_options({}))
        assert ws.ready_state == WebSocket.CONNECTING == 0
        for call in (lambda: ws.send("x"), ws.ping, ws.pong):
            with pytest.raises(InvalidState, match="CONNECTING"):
                call()
        with pytest.raises(InvalidState, match="CONNECTING"):
            await ws.send(["x"])
        await until(lambda: ws.ready_state == WebSocket.OPEN)
        closed = ws.close()
        assert ws.ready_state == WebSocket.CLOSING
        for call in (lambda: ws.send("x"), ws.ping, ws.pong):
            with pytest.raises(ConnectionClosed):
                call()
        await closed
        assert ws.ready_state == WebSocket.CLOSED
        for call in (lambda: ws.send("x"), ws.ping, ws.pong):
            with pytest.raises(ConnectionClosedOK):
                call()
        with pytest.raises(ConnectionClosedOK):
            await ws.send(["x"])
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()


async def test_messages_can_be_received_while_closing(door: Door) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        assert (await peer.receive()).opcode == CLOSE
        peer.send(TEXT, b"late")
        peer.send(CLOSE, close(1000))
        assert await peer.is_at_end()

    async with door.raw_server(script) as url, door.connect(url) as ws:
        closed = ws.close()
        assert await ws.recv() == "late"
        await closed


# -- what comes early


async def test_frames_in_one_segment_with_the_request(door: Door, style: str) -> None:
    async with door.running(echo_server(door, style)) as served, door.raw_client(served.port) as peer:
        early = peer.frame(TEXT, b"one") + peer.frame(PING, b"?") + peer.frame(BINARY, b"two")
        await peer.open(behind=early)
        answers = [await peer.receive() for _ in range(3)]
        assert sorted(each.payload for each in answers) == [b"?", b"one", b"two"]
        assert [each.payload for each in answers if each.opcode != PONG] == [b"one", b"two"]


async def test_a_close_frame_in_one_segment_with_the_request(door: Door, style: str) -> None:
    async with door.running(echo_server(door, style)) as served, door.raw_client(served.port) as peer:
        await peer.open(behind=peer.frame(CLOSE, close(1000)))
        assert await peer.receive() == (CLOSE, close(1000), True)
        assert await peer.is_at_end()


@pytest.mark.parametrize("size", [10, 100_000])
async def test_frames_in_one_segment_with_the_response(door: Door, size: int) -> None:
    text = b"x" * size

    async def script(peer: Peer) -> None:
        await peer.accept(behind=frame(TEXT, text) + frame(PING, b"?") + frame(TEXT, b"two"))
        assert await peer.receive() == (PONG, b"?", True)
        assert (await peer.receive()).opcode == CLOSE
        peer.send(CLOSE, close(1000))

    async with door.raw_server(script) as url, door.connect(url) as ws:
        assert await ws.recv() == text.decode()
        assert await ws.recv() == "two"


async def test_messages_wait_for_a_listener(door: Door) -> None:
    async with door.pair() as (client, server):
        for i in range(300):
            server.send(f"{i}")
        await server.ping()  # all of it is there
        heard: list[Any] = []
        client.on("message", heard.append)
        server.send("300")
        await until(lambda: len(heard) == 301)
        assert heard == [f"{i}" for i in range(301)]


async def test_messages_wait_for_the_handler(door: Door) -> None:
    go_on = asyncio.Event()
    received = []

    async def handler(ws: WebSocket) -> None:
        await go_on.wait()
        received.extend([message async for message in ws])

    async with door.serving(handler) as served, door.connect(served.url) as ws:
        for i in range(300):
            ws.send(f"{i}")
        await ws.ping()
        go_on.set()
        await ws.close()
    assert received == [f"{i}" for i in range(300)]


async def test_every_cut_point(door: Door) -> None:
    """However the bytes are cut, the messages are the same."""
    stream = [(TEXT, "grün ☃".encode(), True), (PING, b"p", True), (BINARY, b"ab", False), (0, b"cd", True)]
    stream += [(TEXT, b"x" * 130, True), (TEXT, b"", True)]
    async with door.serving(echo) as served, door.raw_client(served.port) as peer:
        await peer.open()
        data = b"".join(peer.frame(opcode, payload, fin=fin) for opcode, payload, fin in stream)
        for at in range(1, len(data)):
            for part in (data[:at], data[at:]):
                peer.writer.write(part)
                await peer.writer.drain()
                await asyncio.sleep(0)
            answers = [await peer.receive() for _ in range(5)]
            assert [each.payload for each in answers if each.opcode != PONG] == [
                "grün ☃".encode(),
                b"abcd",
                b"x" * 130,
                b"",
            ]
