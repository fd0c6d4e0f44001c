"""Compression over real sockets: what is agreed, what goes out, in which order, and what it costs."""

import asyncio
import functools
import json
import logging
import sys
import time
import zlib
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import DEADLINE, Door, echo, echo_server, until
from tests.doors.peer import BINARY, CLOSE, PING, PONG, TEXT, Frame, Peer
from wsline import (
    ConnectionClosed,
    ConnectionClosedError,
    Deflate,
    PreparedMessage,
    RemoteProtocolError,
    WebSocket,
    connect,
    deflate_memory,
)
from wsline.errors import Violation

MIB = 1 << 20
OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
HELLO = bytes.fromhex("f248cdc9c90700")
LONG = json.dumps(list(range(100_000)))
AGREED = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"


async def test_a100_both_ends_show_what_is_agreed(door: Door) -> None:
    async with door.pair(per_message_deflate=True) as (client, server):
        assert client.extensions == server.extensions == (AGREED,)
        await client.send("héllo")
        assert await server.recv() == "héllo"
        await server.send(b"\x00" * 1000)
        assert await client.recv() == b"\x00" * 1000


@pytest.mark.parametrize(
    ("client", "server"), [({}, {}), ({"per_message_deflate": False}, {"per_message_deflate": True})]
)
async def test_a142_nothing_is_agreed_if_one_side_does_not_wish_it(
    door: Door, client: dict[str, Any], server: dict[str, Any]
) -> None:
    async with door.pair(client, **server) as (ours, theirs):
        assert ours.extensions == theirs.extensions == ()
        ours.send("x")
        assert await theirs.recv() == "x"


async def test_messages_of_all_kinds_are_echoed(door: Door, style: str) -> None:
    messages = ["", "x", b"", b"\x00", "é" * 40_000, bytes(range(256)) * 500, LONG, LONG.encode()] * 2
    async with (
        door.running(echo_server(door, style, per_message_deflate=True)) as served,
        door.connect(served.url) as ws,
    ):
        sending = asyncio.create_task(send_all(ws, messages))
        assert [await ws.recv() for _ in messages] == messages
        await sending


@pytest.mark.parametrize("implementation", ["zlib-ng", "isal"])
@pytest.mark.parametrize("door", ["epoll"], indirect=True)
async def test_another_implementation_of_zlib_takes_its_place(door: Door, implementation: str) -> None:
    """Either end may have its own; the rest of a connection's life is the same."""
    messages = ["", "x", b"\x00", "é" * 40_000, bytes(range(256)) * 500, LONG, LONG.encode()] * 2
    for ours, theirs in (("zlib", implementation), (implementation, "zlib"), (implementation,) * 2):
        for bits in (8, 9, 15):
            wished = Deflate(implementation=ours, server_max_window_bits=bits, client_max_window_bits=bits)
            told = Deflate(implementation=theirs)
            async with (
                door.serving(echo, per_message_deflate=told) as served,
                door.connect(served.url, per_message_deflate=wished) as ws,
            ):
                assert f"server_max_window_bits={bits}" in ws.extensions[0] or bits > 12
                sending = asyncio.create_task(send_all(ws, messages))
                assert [await ws.recv() for _ in messages] == messages
                await sending
                served.server.broadcast("broadcast " * 500)
                assert await ws.recv() == "broadcast " * 500


async def send_all(ws: WebSocket, messages: list[Any]) -> None:
    for message in messages:
        await ws.send(message)


async def test_a108_what_goes_over_the_wire(door: Door) -> None:
    accepted: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        accepted.append(ws)
        await ws.wait_closed()

    async with (
        door.serving(handler, per_message_deflate=True) as served,
        door.raw_client(served.port) as peer,
    ):
        head = await peer.open(OFFER)
        assert f"Sec-WebSocket-Extensions: {AGREED}\r\n".encode() in head
        await until(lambda: accepted)
        [ws] = accepted
        ws.send("Hello")
        ws.send("Hello", compress=False)
        ws.send("Hello", compress=True)
        await ws.send(iter(["Hel", "lo"]), compress=False)
        ws.send(b"Hel", fin=False, compress=False)
        ws.send(b"lo")
        first = await peer.reader.readexactly(9)
        assert first == b"\xc1\x07" + HELLO
        assert await peer.reader.readexactly(7) == b"\x81\x05Hello"
        assert await peer.reader.readexactly(7) == b"\xc1\x05" + bytes.fromhex("f200110000")
        assert [await peer.receive() for _ in range(3)] == [
            Frame(TEXT, b"Hel", False),
            Frame(0, b"lo", False),
            Frame(0, b""),
        ]
        assert [await peer.receive() for _ in range(2)] == [Frame(BINARY, b"Hel", False), Frame(0, b"lo")]
        ws.send("Hello", compress=False, mask=True)
        assert await peer.reader.readexactly(2) == b"\x81\x85"


async def test_a_declined_offer_is_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsline")
    async with door.serving(echo, per_message_deflate=True) as served, door.raw_client(served.port) as peer:
        head = await peer.open(b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n")
        assert b"extensions" not in head.lower()
        peer.send(TEXT, b"x")
        assert await peer.receive() == Frame(TEXT, b"x")
    assert "an offer of compression was declined: Invalid value" in caplog.text


# -- jobs


async def test_a118_order_is_kept_while_another_thread_compresses(door: Door) -> None:
    """Messages, pings and the close frame wait; they come in the order in which they were sent."""
    heard: list[Any] = []
    async with door.pair(per_message_deflate=True) as (client, server):
        client.on("message", lambda data: heard.append(len(data)))
        client.on("ping", heard.append)
        before = server.buffered_amount
        server.send(LONG)
        assert server.buffered_amount >= before + len(LONG)
        server.send("short")
        server.ping(b"ping")
        server.send(LONG)
        server.send(b"12")
        server.close()
        await asyncio.wait_for(client.wait_closed(), DEADLINE)
        assert heard == [len(LONG), 5, b"ping", len(LONG), 2]
        assert client.close_code == 1000
        await asyncio.wait_for(server.wait_closed(), DEADLINE)
        assert server.close_info.was_clean


async def test_awaiting_a_send_waits_for_its_job(door: Door) -> None:
    async with door.pair(per_message_deflate=True) as (client, server):
        await server.send(LONG)
        assert server.buffered_amount <= 65536
        assert await client.recv() == LONG


async def test_a_message_is_sent_though_nobody_waits_any_more(door: Door) -> None:
    """A send can be cancelled at every step: what goes over the wire stays whole, and in order."""
    async with door.pair(per_message_deflate=True) as (client, server):
        for steps in range(4):
            task = asyncio.ensure_future(send_all(server, [LONG, "a", b"b" * 300_000]))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            server.send(f"end {steps}")
            received: list[Any] = []
            while not received or received[-1] != f"end {steps}":
                received.append(await asyncio.wait_for(client.recv(), DEADLINE))
            assert received[:-1] == [LONG, "a", b"b" * 300_000][: len(received) - 1]


@pytest.mark.parametrize("how", ["terminate", "cut", "close"])
async def test_a165o_a_connection_may_end_while_a_job_runs(door: Door, how: str) -> None:
    before = deflate_memory()
    async with door.pair(per_message_deflate=True) as (client, server):
        sending = asyncio.ensure_future(send_all(server, [LONG]))
        await asyncio.sleep(0)
        if how == "terminate":
            server.terminate()
        elif how == "cut":
            client.terminate()
        else:
            client.close()
        await asyncio.wait_for(asyncio.wait([sending]), DEADLINE)
        if how == "terminate":
            assert isinstance(sending.exception(), ConnectionClosed)
        else:
            sending.exception()
        await asyncio.wait_for(server.wait_closed(), DEADLINE)
    del client, server, sending
    await until(lambda: deflate_memory() <= before)


@pytest.mark.parametrize("how", ["terminate", "cut"])
async def test_a165p_a_connection_may_end_while_a_message_is_inflated(door: Door, how: str) -> None:
    before = deflate_memory()
    ended: list[Exception] = []
    accepted: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        accepted.append(ws)
        try:
            await ws.recv()
        except ConnectionClosed as error:
            ended.append(error)

    async with (
        door.serving(handler, per_message_deflate=True) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open(OFFER)
        peer.send(TEXT, HELLO[:-3], fin=False, rsv=4)
        await until(lambda: deflate_memory() > before)
        if how == "terminate":
            accepted[0].terminate()
        else:
            peer.cut()
        await until(lambda: ended)
    accepted.clear()
    ended.clear()
    await until(lambda: deflate_memory() <= before)


async def test_a_slow_consumer_is_cut_though_a_job_runs(door: Door) -> None:
    async with door.pair(per_message_deflate=True, max_buffered=1000) as (_, server):
        server.send(LONG)
        with pytest.raises(ConnectionClosedError, match="max_buffered=1000"):
            server.send("too much")


# -- prepared messages and broadcasts


async def test_a_broadcast_reaches_clients_that_agreed_on_different_things(door: Door) -> None:
    data = "broadcast " * 500
    offers: list[Any] = [
        True,
        False,
        Deflate(server_max_window_bits=9),
        Deflate(server_no_context_takeover=True),
        Deflate(server_max_window_bits=8),
    ]
    async with door.serving(echo, per_message_deflate=True) as served:
        clients = [await door.connect(served.url, per_message_deflate=each) for each in offers]
        for ws in clients:
            await ws.send(data[:700])
            assert await ws.recv() == data[:700]
        message = PreparedMessage(data)
        for _ in range(2):
            served.server.broadcast(message)
            served.server.broadcast(data)
            served.server.broadcast("small")
        for ws in clients:
            assert [await ws.recv() for _ in range(6)] == [data, data, "small"] * 2
            await ws.send(data[:900])
            assert await ws.recv() == data[:900]
            await ws.send(PreparedMessage(data))
            assert await ws.recv() == data
            await ws.close()


async def test_a_prepared_message_is_a_whole_one(door: Door) -> None:
    async with door.pair(per_message_deflate=True) as (client, server):
        message = PreparedMessage(b"x" * 2000, binary=False)
        await client.send(message)
        client.send(message, compress=False)
        assert await server.recv() == await server.recv() == "x" * 2000
        for wrong in ({"fin": False}, {"binary": True}):
            with pytest.raises(TypeError, match="a PreparedMessage is sent as it is"):
                client.send(message, **wrong)


# -- bounds


@functools.cache
def bomb() -> bytes:
    """Return a megabyte that inflates to a gigabyte."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return block * 1024


def memory_of(pid: int, which: str) -> int:
    """Return how much memory of a process is resident, in bytes: `VmRSS` now, `VmHWM` at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))


SERVER = """
import asyncio, sys
import wsline.aio.reactor
from wsline import serve

async def echo(ws):
    async for message in ws:
        await ws.send(message)

async def main():
    wsline.aio.reactor.AVAILABLE = sys.argv[1] == "epoll"
    async with serve(echo, "127.0.0.1", 0, per_message_deflate=True) as server:
        print(server.address()[1], flush=True)
        await server.serve_forever()

asyncio.run(main())
"""


def frames_of_bomb(peer: Peer, frames: int, opcode: int) -> bytes:
    """Return the bomb as a message of so many frames."""
    data = bomb()
    size = len(data) // frames + 1
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(
        peer.frame(opcode if not i else 0, part, fin=i == len(parts) - 1, rsv=0 if i else 4)
        for i, part in enumerate(parts)
    )


@pytest.mark.parametrize("door", ["epoll", "transport"], indirect=True)
@pytest.mark.parametrize("frames", [1, 100])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a14_a136_a_bomb_is_refused_in_time(
    door: Door, frames: int, opcode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processor time, that of the peer in this process included."""
    passed: list[float] = []
    error_of = Violation.error

    def noting(violation: Violation, **facts: Any) -> Exception:
        passed.append(time.process_time())
        return error_of(violation, **facts)

    monkeypatch.setattr(Violation, "error", noting)
    errors: list[Exception] = []
    server = door.server(per_message_deflate=True)
    server.on("connection", lambda ws: ws.on("error", errors.append))
    async with door.running(server) as served, door.raw_client(served.port) as peer:
        await peer.open(OFFER)
        wire = frames_of_bomb(peer, frames, opcode)
        began = time.process_time()
        peer.writer.write(wire)
        frame = await asyncio.wait_for(peer.receive(), DEADLINE)
        ended = time.process_time()
        assert (frame.opcode, frame.payload) == (CLOSE, b"\x03\xf1")
        await until(lambda: errors)
    assert isinstance(errors[0], RemoteProtocolError)
    assert errors[0].code == "UNSUPPORTED_MESSAGE_LENGTH"
    assert ended - passed[0] < 0.1
    assert ended - began < 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="machine: memory is measured by /proc")
@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("door", ["epoll", "transport"], indirect=True)
async def test_a_bomb_takes_little_more_than_the_limit(door: Door) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, door.name, stdout=PIPE)
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        before = memory_of(process.pid, "VmRSS")
        for frames, opcode in ((1, TEXT), (1, BINARY), (100, TEXT), (100, BINARY)):
            async with door.raw_client(port) as peer:
                await peer.open(OFFER)
                peer.writer.write(frames_of_bomb(peer, frames, opcode))
                frame = await asyncio.wait_for(peer.receive(), DEADLINE)
                assert (frame.opcode, frame.payload) == (CLOSE, b"\x03\xf1")
        # The most that was ever resident; the default of max_payload is 16 MiB.
        grown = memory_of(process.pid, "VmHWM") - before
    finally:
        process.kill()
        await process.wait()
    assert 8 * MIB < grown < 1.5 * 16 * MIB


async def test_endless_empty_blocks_are_refused(door: Door) -> None:
    async with (
        door.serving(echo, per_message_deflate=True) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open(OFFER)
        peer.send(BINARY, b"\x00\x00\x00\xff\xff" * 1000, fin=False, rsv=4)
        for _ in range(100):
            peer.send(0, b"\x00\x00\x00\xff\xff" * 1000, fin=False)
        assert (await peer.receive()).payload[:2] == b"\x03\xf0"


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x07", 1007), (b"\xff\xff\xff", 1007), (HELLO[:-2], 1007)],
)
async def test_a137_bad_data_is_refused(door: Door, payload: bytes, code: int) -> None:
    async with (
        door.serving(echo, per_message_deflate=True) as served,
        door.raw_client(served.port) as peer,
    ):
        await peer.open(OFFER)
        peer.send(PING, b"p")
        assert await peer.receive() == Frame(PONG, b"p")
        peer.send(TEXT, payload, rsv=4)
        frame = await peer.receive()
        assert (frame.opcode, int.from_bytes(frame.payload[:2], "big")) == (CLOSE, code)


async def test_compression_that_was_not_agreed_on_is_refused(door: Door) -> None:
    async with door.serving(echo) as served, door.raw_client(served.port) as peer:
        await peer.open(OFFER)
        peer.send(TEXT, HELLO, rsv=4)
        assert (await peer.receive()).payload[:2] == b"\x03\xea"


# -- memory


async def test_a140_memory_goes_with_the_connection(door: Door) -> None:
    before = deflate_memory()
    async with door.pair(per_message_deflate=True) as (client, server):
        assert deflate_memory() == before, "what is quiet holds nothing"
        client.send("x")
        server.send(await server.recv())
        assert await client.recv() == "x"
        assert deflate_memory() > before + 90_000
    del client, server
    await until(lambda: deflate_memory() <= before)


async def test_over_its_budget_a_server_keeps_no_context(door: Door) -> None:
    options = Deflate(memory_budget=deflate_memory() + 1, server_no_context_takeover=False)
    async with (
        door.serving(echo, per_message_deflate=options) as served,
        door.connect(served.url) as first,
    ):
        assert first.extensions == (AGREED,)
        await first.send("x")
        await first.recv()
        async with door.connect(served.url) as second:
            assert second.extensions == (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
                " server_max_window_bits=12; client_max_window_bits=12",
            )
            held = deflate_memory()
            await second.send("x" * 2000)
            assert await second.recv() == "x" * 2000
            assert deflate_memory() == held


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="machine: memory is measured by /proc")
@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("door", ["epoll"], indirect=True)
async def test_an_idle_connection_pins_little(door: Door) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, door.name, stdout=PIPE)
    assert process.stdout is not None
    clients: list[WebSocket] = []

    async def more(n: int, url: str) -> None:
        for _ in range(n):
            ws = await connect(url)
            clients.append(ws)
            await ws.send('{"id": 1, "text": "hello hello hello"}' * 5)
            await ws.recv()

    try:
        url = f"ws://127.0.0.1:{int(await process.stdout.readline())}/"
        await more(50, url)
        before = memory_of(process.pid, "VmRSS")
        await more(200, url)
        grown = (memory_of(process.pid, "VmRSS") - before) / 200
        for ws in clients:
            ws.terminate()
    finally:
        process.kill()
        await process.wait()
    assert 10_000 < grown < 60 * 1024
