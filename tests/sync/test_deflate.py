"""Compression of the blocking door over real sockets: in the hands of threads, and ended in the middle."""

import base64
import hashlib
import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.doors.peer import CLOSE, GUID, PING, PONG, TEXT, Frame
from tests.sync.peers import DEADLINE, RawPeer, Task, echo, pair, raw_client, raw_server, serving, until
from wsline import ConnectionClosed, ConnectionClosedError, Deflate, PreparedMessage, deflate_memory
from wsline.sync import WebSocket, connect, jobs

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 §7.2.3.1
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
LONG = json.dumps(list(range(100_000)))
MIB = 1 << 20
MESSAGES = ["", "x", b"", b"\x00", "é" * 40_000, bytes(range(256)) * 500, LONG, LONG.encode()] * 2

PARAMETERS: list[Any] = [
    True,
    Deflate(server_no_context_takeover=True, client_no_context_takeover=True, threshold=0),
    Deflate(server_max_window_bits=8, client_max_window_bits=8),
    Deflate(server_max_window_bits=15, client_max_window_bits=15, implementation="isal"),
    Deflate(implementation="zlib-ng", zlib_deflate_options={"level": 9, "mem_level": 9}),
]


class Job:
    """A job that stands still in its thread until it may go on."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """The next job, held before it compresses: the lock of its connection is free then."""
    held, run = Job(), jobs._run

    def hold(work: Any, lock: threading.Lock) -> None:
        lock.release()
        held.has_begun.set()
        held.may_go_on.wait(DEADLINE)
        lock.acquire()
        run(work, lock)

    monkeypatch.setattr(jobs, "_run", hold)
    yield held
    held.may_go_on.set()


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that zlib's memory is given back."""
    before = deflate_memory()
    yield
    until(lambda: deflate_memory() <= before)


def send_all(ws: WebSocket, messages: list[Any]) -> None:
    for message in messages:
        ws.send(message)


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("who", ["client", "server", "both"])
def test_messages_of_all_kinds_both_ways(parameters: Any, who: str) -> None:
    ours, theirs = (parameters if who in (side, "both") else True for side in ("client", "server"))
    with (
        nothing_left(),
        serving(echo, per_message_deflate=theirs) as (_, url),
        connect(url, per_message_deflate=ours) as ws,
    ):
        assert ws.extensions[0].startswith("permessage-deflate")
        sending = Task(send_all, ws, MESSAGES)
        assert [ws.recv(DEADLINE) for _ in MESSAGES] == MESSAGES
        sending.result()


def test_a142_a_server_compresses_only_if_it_is_told() -> None:
    with pair() as (client, server):
        assert client.extensions == server.extensions == ()


def test_what_goes_over_the_wire() -> None:
    """The first message is that of the RFC; the next refers to it."""

    def handler(ws: Any) -> None:
        ws.send("Hello")
        ws.send("Hello", compress=False)
        ws.send("Hello")
        ws.send(iter(["Hel", "lo"]), compress=False)

    with serving(handler, per_message_deflate=True) as (server, _), raw_client(server.address()[1]) as peer:
        assert b"permessage-deflate; server_max_window_bits=12" in peer.open(OFFER)
        assert peer.read(9) == b"\xc1\x07" + HELLO
        assert peer.read(7) == b"\x81\x05Hello"
        assert peer.read(7) == b"\xc1\x05" + bytes.fromhex("f200110000")
        fragments = [peer.receive() for _ in range(3)]
        assert fragments == [Frame(TEXT, b"Hel", False), Frame(0, b"lo", False), Frame(0, b"")]
        assert peer.answer_close().payload == b"\x03\xe8"


@pytest.mark.parametrize("implementation", ["zlib", "isal"])
def test_threads_that_send_at_once(implementation: str) -> None:
    """Each message is whole, each thread's are in order, and the peer's window is what ours refers to."""
    each, threads = 30, 4

    def messages(name: int) -> list[str]:
        sizes = [10, 300, 2000, 70_000, len(LONG)] if name == 0 else [10, 300, 2000, 20_000]
        return [f"{name} {at} " + LONG[: sizes[at % len(sizes)]] for at in range(each)]

    with pair(per_message_deflate=Deflate(implementation=implementation)) as (client, server):
        start = threading.Barrier(threads)

        def work(name: int) -> None:
            start.wait(DEADLINE)
            for message in messages(name):
                server.send(message)

        tasks = [Task(work, name) for name in range(threads)]
        came: dict[int, list[str]] = {name: [] for name in range(threads)}
        for _ in range(each * threads):
            message = client.recv(DEADLINE)
            came[int(message[0])].append(message)
        for task in tasks:
            task.result()
        assert came == {name: messages(name) for name in range(threads)}


@pytest.mark.parametrize("data", [LONG * 10, bytes(15 * MIB)], ids=["json", "zeros"])
def test_a_big_message(data: Any) -> None:
    with pair(per_message_deflate=True) as (client, server):
        for sender, receiver in ((client, server), (server, client)):
            sending = Task(sender.send, data)
            assert receiver.recv(DEADLINE) == data
            sending.result()


def test_a_broadcast_reaches_clients_that_agreed_on_different_things() -> None:
    data = "broadcast " * 500
    offers: list[Any] = [True, False, *PARAMETERS[1:3]]
    with serving(echo, per_message_deflate=True) as (server, url):
        clients = [connect(url, per_message_deflate=each) for each in offers]
        for ws in clients:
            ws.send(data[:700])
            assert ws.recv(DEADLINE) == data[:700]
        message = PreparedMessage(data)
        for _ in range(2):
            server.broadcast(message)
            server.broadcast(data)
            server.broadcast("small")
        for ws in clients:
            assert [ws.recv(DEADLINE) for _ in range(6)] == [data, data, "small"] * 2
            ws.send(data[:900])
            assert ws.recv(DEADLINE) == data[:900]
            ws.close()


def test_a_broadcast_waits_behind_a_message_that_is_compressed(job: Job) -> None:
    """Whoever broadcasts does not wait; the message goes out when the other thread is done."""
    accepted: list[Any] = []
    over = threading.Event()

    def handler(ws: Any) -> None:
        accepted.append(ws)
        over.wait(DEADLINE)

    with serving(handler, per_message_deflate=True) as (server, url), connect(url) as client:
        until(lambda: accepted)
        sending = Task(accepted[0].send, LONG)
        assert job.has_begun.wait(DEADLINE)
        server.broadcast("broadcast " * 500)
        assert not sending.is_over
        job.may_go_on.set()
        assert client.recv(DEADLINE) == LONG
        assert client.recv(DEADLINE) == "broadcast " * 500
        sending.result()
        over.set()


def test_pings_are_answered_while_a_message_is_compressed(job: Job) -> None:
    def script(peer: RawPeer) -> None:
        head = peer.read_head()
        peer.sock.sendall(peer_response(head))
        assert job.has_begun.wait(DEADLINE)
        peer.send(PING, b"p")
        assert peer.receive() == Frame(PONG, b"p")
        job.may_go_on.set()
        received = peer.receive()
        assert received.opcode == TEXT and len(received.payload) < len(LONG) / 2
        peer.answer_close()

    with raw_server(script) as url, connect(url) as ws:
        ws.send(LONG)


def peer_response(head: bytes) -> bytes:
    """Return the answer to a handshake that agrees to compress."""
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key.split(b": ")[1] + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def test_a_close_waits_for_a_message_that_is_compressed(job: Job) -> None:
    """The close frame comes behind the message."""
    with nothing_left(), pair(per_message_deflate=True) as (client, server):
        sending = Task(server.send, LONG)
        assert job.has_begun.wait(DEADLINE)
        closing = Task(server.close, 1000, "done")
        until(lambda: server.ready_state > 1)
        with pytest.raises(ConnectionClosed):
            server.send("too late")
        job.may_go_on.set()
        assert client.recv(DEADLINE) == LONG
        with pytest.raises(ConnectionClosed):
            client.recv(DEADLINE)
        assert (client.close_code, client.close_reason) == (1000, "done")
        closing.result()
        sending.result()
        assert server.close_info.was_clean


@pytest.mark.parametrize("how", ["terminate", "cut"])
def test_a165o_a_connection_may_end_while_a_message_is_compressed(job: Job, how: str) -> None:
    with nothing_left(), pair(per_message_deflate=True) as (client, server):
        sending = Task(server.send, LONG)
        assert job.has_begun.wait(DEADLINE)
        (server if how == "terminate" else client).terminate()
        until(lambda: server.ready_state == 3)
        job.may_go_on.set()
        with pytest.raises(ConnectionClosedError):
            sending.result()
        with pytest.raises(ConnectionClosed):
            server.send("too late")


def test_a165p_a_connection_may_end_while_a_message_is_inflated() -> None:
    ended: list[BaseException] = []

    def handler(ws: Any) -> None:
        try:
            ws.recv()
        except ConnectionClosed as error:
            ended.append(error)

    before = deflate_memory()
    with serving(handler, per_message_deflate=True) as (server, _):
        with raw_client(server.address()[1]) as peer:
            peer.open(OFFER)
            peer.send(TEXT, HELLO[:-3], fin=False, rsv=4)
            until(lambda: deflate_memory() > before)
            peer.cut()
        until(lambda: ended)
    ended.clear()
    until(lambda: deflate_memory() <= before)


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x07", 1007), (EMPTY_BLOCK * 40_000, 1008), (None, 1009)],
    ids=["bad data", "empty blocks", "too large"],
)
def test_a137_a136_what_is_refused(payload: bytes | None, code: int) -> None:
    if payload is None:
        payload = zlib.compress(bytes(2 * MIB), wbits=-15)
    with (
        serving(echo, per_message_deflate=True, max_payload=MIB) as (server, _),
        raw_client(server.address()[1]) as peer,
    ):
        peer.open(OFFER)
        peer.send(TEXT, payload, rsv=4)
        received = peer.receive()
        assert (received.opcode, int.from_bytes(received.payload[:2], "big")) == (CLOSE, code)


def test_servers_of_both_doors_count_the_same_memory() -> None:
    """With a budget that is used up, new clients of this door get no context, too."""
    agreed: Counter[str] = Counter()
    with pair(per_message_deflate=True) as (client, server):
        client.send("x")
        server.recv(DEADLINE)
        tight = Deflate(memory_budget=deflate_memory() - 1)
        with serving(echo, per_message_deflate=tight) as (_, url), connect(url) as ws:
            agreed.update(part.strip() for part in ws.extensions[0].split(";"))
            ws.send("x" * 2000)
            assert ws.recv(DEADLINE) == "x" * 2000
    assert agreed["server_no_context_takeover"] == agreed["client_no_context_takeover"] == 1
