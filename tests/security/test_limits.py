"""Every limit: its default, what happens just under, at and just over it, its code or status, its counter."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from tests.doors.blocking import BlockingDoor, Threads
from tests.doors.door import DEADLINE, Door, Served, echo, until
from tests.doors.peer import CLOSE, PING, PONG, REQUEST, TEXT, Peer
from wsline.options import ClientOptions, ServerOptions

KIB, MIB = 1 << 10, 1 << 20

HERE = Path(__file__).parents[1]

DEFAULTS: dict[str, Any] = {
    "max_head_size": 16 * KIB,
    "max_head_line": 8 * KIB,
    "max_headers": 100,
    "handshake_timeout": 10.0,
    "max_payload": 16 * MIB,
    "max_fragments": 131_072,
    "max_buffered_chunks": 262_144,
    "max_pending_auto_pongs": 60,
    "max_control_rate": None,
    "ping_timeout": 20.0,
    "write_timeout": 30.0,
    "close_timeout": 10.0,
    "max_queue": 16,
    "high_water": 64 * KIB,
    "max_buffered": 8 * MIB,
    "max_connections": "what the system allows",
    "max_connections_per_ip": None,
    "max_pending_handshakes": 1024,
    "max_protocols": 32,
    "max_protocol_length": 64,
    "max_extensions": 8,
    "max_extension_parameters": 8,
    "backlog": 511,
    "max_topic_length": 255,
    "max_topics_per_connection": 1000,
    "max_topics": 100_000,
}

# Limits that are tested to the point in files of their own: what they do has no code, or needs no server.
ELSEWHERE = {
    "max_buffered": ("test_sending.py", "test_a_slow_consumer_is_cut_off_by_default"),
    "max_buffered_chunks": ("wire/test_messages.py", "test_max_buffered_chunks_is_counted_for_each_frame"),
    "max_queue": ("aio/test_flow.py", "is_full"),
    "high_water": ("doors/test_flow.py", "test_an_awaited_send_waits_for_the_peer"),
    "backlog": ("test_listening.py", "backlog"),
    "max_topic_length": ("test_topics.py", "test_the_length_is_an_option"),
    "max_topics_per_connection": ("test_topics.py", "test_the_limit_of_each"),
    "max_topics": ("test_topics.py", "test_the_limit_of_all"),
    "max_redirects": ("doors/test_redirects.py", "max_redirects"),
}


@pytest.fixture(params=["asyncio", "blocking"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """Both doors of a server."""
    if request.param == "asyncio":
        yield Door("epoll", None)
        return
    threads = Threads()
    yield BlockingDoor("blocking server", None, threads)
    threads.close()


def test_the_defaults() -> None:
    defaults = {
        each.name: "what the system allows" if each.default is MISSING else each.default
        for each in fields(ServerOptions)
    }
    assert {name: defaults[name] for name in DEFAULTS} == DEFAULTS


def test_every_limit_is_tested() -> None:
    limits = {
        each.name
        for options in (ServerOptions, ClientOptions)
        for each in fields(options)
        if re.match(r"max_|.*_timeout$|high_water|backlog", each.name)
    }
    missing = limits - set(CASES) - set(TIMES) - set(ELSEWHERE)
    assert missing == {"ping_timeout"} - set(TIMES)
    for place, name in ELSEWHERE.values():
        assert name in (HERE / place).read_text(), f"{name} is gone from {place}"


def test_the_page_tells_the_defaults() -> None:
    """The table of docs/threat-model.md has every limit, and its default."""
    page = (HERE.parent / "docs/threat-model.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert dict(rows) == {name: shown(default) for name, default in DEFAULTS.items()}


def shown(default: Any) -> str:
    return f"{default:,}" if isinstance(default, int) else str(default).removesuffix(".0")


def limits_of(served: Served) -> dict[str, int]:
    return dict(served.server.stats.limits)


# -- counts and sizes: each probe goes up to a number, and returns what came of it

Outcome = str | int
Probe = Callable[[Door, Served, int], Awaitable[Outcome]]


def request(*lines: bytes, target: bytes = b"/") -> bytes:
    return (
        REQUEST.replace(b"GET / ", b"GET " + target + b" ")
        + b"".join(line + b"\r\n" for line in lines)
        + b"\r\n"
    )


async def status_of(door: Door, served: Served, head: bytes) -> Outcome:
    async with door.raw_client(served.port) as peer:
        peer.writer.write(head)
        return await answered(peer)


async def answered(peer: Peer) -> Outcome:
    head = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), DEADLINE)
    status = int(head.split()[1])
    assert (b"Retry-After: " in head) is (status == 503)
    return "ok" if status == 101 else status


@asynccontextmanager
async def opened(door: Door, served: Served) -> AsyncIterator[Peer]:
    async with door.raw_client(served.port) as peer:
        await peer.open()
        yield peer


async def echoed(peer: Peer) -> Outcome:
    """Return "ok" if the next text message comes back, else the code of the close frame."""
    while True:
        opcode, payload, _ = await asyncio.wait_for(peer.receive(), DEADLINE)
        if opcode == TEXT:
            return "ok"
        if opcode == CLOSE:
            return int.from_bytes(payload[:2])


async def head_size(door: Door, served: Served, n: int) -> Outcome:
    bare = len(request(b"X: "))
    return await status_of(door, served, request(b"X: " + b"x" * (n - bare)))


async def header_line(door: Door, served: Served, n: int) -> Outcome:
    return await status_of(door, served, request(b"X: " + b"x" * (n - 3)))


async def request_line(door: Door, served: Served, n: int) -> Outcome:
    around = len(b"GET  HTTP/1.1")
    return await status_of(door, served, request(target=b"/" + b"x" * (n - around - 1)))


async def headers(door: Door, served: Served, n: int) -> Outcome:
    return await status_of(door, served, request(*[b"X: x"] * (n - 5)))


async def protocols(door: Door, served: Served, n: int) -> Outcome:
    names = b", ".join(b"p%d" % i for i in range(n))
    return await status_of(door, served, request(b"Sec-WebSocket-Protocol: " + names))


async def protocol_length(door: Door, served: Served, n: int) -> Outcome:
    return await status_of(door, served, request(b"Sec-WebSocket-Protocol: " + b"p" * n))


async def agreed(door: Door, served: Served, offers: bytes) -> Outcome:
    async with door.raw_client(served.port) as peer:
        head = await peer.open(b"Sec-WebSocket-Extensions: " + offers + b"\r\n")
        return "ok" if b"permessage-deflate" in head else "ignored"


async def extensions(door: Door, served: Served, n: int) -> Outcome:
    return await agreed(door, served, b"x, " * (n - 1) + b"permessage-deflate")


async def extension_parameters(door: Door, served: Served, n: int) -> Outcome:
    """What is over the limit is not looked at: here that it is a parameter that there is not."""
    known = [b"server_no_context_takeover", b"client_no_context_takeover", b"client_max_window_bits"]
    offer = b"; ".join([b"permessage-deflate", *known[: n - 1], b"unknown"])
    return "ok" if await agreed(door, served, offer) == "ignored" else "ignored"


async def payload(door: Door, served: Served, n: int) -> Outcome:
    async with opened(door, served) as peer:
        peer.send(TEXT, b"x" * n)
        return await echoed(peer)


async def payload_in_fragments(door: Door, served: Served, n: int) -> Outcome:
    async with opened(door, served) as peer:
        peer.send(TEXT, b"x" * (n - 10), fin=False)
        peer.send(0, b"x" * 10)
        return await echoed(peer)


async def fragments(door: Door, served: Served, n: int) -> Outcome:
    async with opened(door, served) as peer:
        peer.send(TEXT, b"x", fin=False)
        for i in range(1, n):
            peer.send(0, b"", fin=i == n - 1)
        return await echoed(peer)


async def control_frames(door: Door, served: Served, n: int) -> Outcome:
    async with opened(door, served) as peer:
        frames = [peer.frame(PING if i % 2 else PONG) for i in range(n)]
        peer.writer.write(b"".join(frames) + peer.frame(TEXT, b"x"))
        return await echoed(peer)


async def unread_pongs(door: Door, served: Served, n: int) -> Outcome:
    async with opened(door, served) as peer:
        await until(lambda: served.server.clients)
        (server,) = served.server.clients
        sending = asyncio.ensure_future(server.send(b"x" * (16 * MIB)))
        await until(lambda: server.buffered_amount)
        before = server.stats.pings_received
        peer.writer.write(b"".join(peer.frame(PING, b"%d" % i) for i in range(n)))
        await until(lambda: server.stats.pings_received - before == n or server.close_info.cause)
        outcome = "ok" if server.close_info.cause is None else server.close_info.code
        server.terminate()
        await asyncio.wait([sending])
        sending.exception()
        return outcome


async def connections(door: Door, served: Served, n: int) -> Outcome:
    async with AsyncExitStack() as stack:
        outcomes = []
        for _ in range(n):
            peer = await stack.enter_async_context(door.raw_client(served.port))
            peer.writer.write(request())
            outcomes.append(await answered(peer))
        assert outcomes[:-1] == ["ok"] * (n - 1)
        return outcomes[-1]


async def pending_handshakes(door: Door, served: Served, n: int) -> Outcome:
    """The oldest has to go when there are too many."""
    async with AsyncExitStack() as stack:
        silent = []
        for i in range(1, n + 1):
            silent.append(await stack.enter_async_context(door.raw_client(served.port)))
            await until(lambda i=i: served.server.stats.pending >= min(i, 3))  # type: ignore[misc]
        if n == 4:
            outcome = await answered(silent.pop(0))
            assert outcome == 503
        else:
            outcome = "ok"
        for each in silent:
            each.writer.write(request())
            assert await answered(each) == "ok"
        return outcome


# For each option: its value, the options beside it, the probe, the limit as the probe counts, and the outcome
# over it; and whether it is counted.
Case = tuple[int, dict[str, Any], Probe, int, Outcome]
CASES: dict[str, list[Case]] = {
    "max_head_size": [(512, {}, head_size, 512, 431)],
    "max_head_line": [(128, {}, header_line, 128, 431), (128, {}, request_line, 128, 414)],
    "max_headers": [(10, {}, headers, 10, 431)],
    "max_protocols": [(3, {}, protocols, 3, 400)],
    "max_protocol_length": [(5, {}, protocol_length, 5, 400)],
    "max_extensions": [(3, {"per_message_deflate": True}, extensions, 3, "ignored")],
    "max_extension_parameters": [(2, {"per_message_deflate": True}, extension_parameters, 2, "ignored")],
    "max_payload": [(200, {}, payload, 200, 1009), (200, {}, payload_in_fragments, 200, 1009)],
    "max_fragments": [(4, {}, fragments, 4, 1008)],
    "max_control_rate": [(2, {}, control_frames, 20, 1008)],
    "max_pending_auto_pongs": [(5, {"max_buffered": None}, unread_pongs, 5, 1006)],
    "max_connections": [(3, {}, connections, 3, 503)],
    "max_connections_per_ip": [(3, {}, connections, 3, 503)],
    "max_pending_handshakes": [(3, {}, pending_handshakes, 3, 503)],
}


@pytest.mark.parametrize(
    ("option", "case"), [(option, case) for option, cases in CASES.items() for case in cases]
)
async def test_just_under_at_and_just_over(door: Door, option: str, case: Case) -> None:
    value, others, probe, limit, outcome = case
    async with door.serving(echo, **{option: value}, **others) as served:
        for n in (limit - 1, limit):
            assert await probe(door, served, n) == "ok", n
            await until(lambda: not served.server.stats.open)
        assert limits_of(served) == {}
        assert await probe(door, served, limit + 1) == outcome
        await until(lambda: not served.server.stats.open)
        counted = {} if outcome == "ignored" else {option: 1}
        await until(lambda: limits_of(served) == counted)
        stats = served.server.stats
        assert stats.refused == (1 if outcome in (400, 414, 431, 503) else 0)


@pytest.mark.parametrize(
    ("option", "case"), [(option, CASES[option][0]) for option in ("max_payload", "max_fragments")]
)
async def test_without_the_limit(door: Door, option: str, case: Case) -> None:
    _, others, probe, limit, _ = case
    async with door.serving(echo, **{option: None}, **others) as served:
        assert await probe(door, served, 10 * limit) == "ok"


# -- times: what is in time is served, what is late is ended

SOON, LATE = 0.05, 0.3


async def opens(peer: Peer, pause: float) -> Outcome:
    head = request()
    for at in range(0, len(head), 30):
        peer.writer.write(head[at : at + 30])
        await asyncio.sleep(pause * 30 / len(head))
    return await answered(peer)


async def test_handshake_timeout_is_not_prolonged_by_dribbled_bytes(door: Door) -> None:
    async with door.serving(echo, handshake_timeout=LATE) as served:
        async with door.raw_client(served.port) as peer:
            assert await opens(peer, SOON) == "ok"
        async with door.raw_client(served.port) as peer:
            assert await opens(peer, 3 * LATE) == 408
        await until(lambda: limits_of(served) == {"handshake_timeout": 1})


async def test_close_timeout(door: Door) -> None:
    async with door.serving(lambda ws: ws.recv(), close_timeout=LATE) as served:
        for answers in (True, False):
            async with opened(door, served) as peer:
                await until(lambda: served.server.clients)
                (server,) = served.server.clients
                peer.send(TEXT, b"x")
                frame = await asyncio.wait_for(peer.receive(), DEADLINE)
                assert frame.opcode == CLOSE
                await asyncio.sleep(SOON)
                if answers:
                    peer.send(CLOSE, frame.payload)
                assert await asyncio.wait_for(peer.is_at_end(), DEADLINE)
            await until(lambda: not served.server.clients)
            info = server.close_info
            assert (info.was_clean, info.limit) == ((True, None) if answers else (False, "close_timeout"))
            assert answers or "has not answered it within 0.3 s (option close_timeout)" in info.hint
        assert limits_of(served) == {"close_timeout": 1}


async def test_ping_timeout(door: Door) -> None:
    async with door.serving(echo, ping_interval=0.1, ping_timeout=LATE) as served:
        async with opened(door, served) as peer:
            for _ in range(6):
                opcode, payload, _ = await asyncio.wait_for(peer.receive(), DEADLINE)
                assert opcode == PING
                await asyncio.sleep(SOON)
                peer.send(PONG, payload)
            assert limits_of(served) == {}
            while (await asyncio.wait_for(peer.receive(), DEADLINE)).opcode != CLOSE:
                pass
        await until(lambda: limits_of(served) == {"ping_timeout": 1})


async def test_write_timeout(door: Door) -> None:
    async def flood(ws: Any) -> None:
        while True:
            await ws.send(b"x" * MIB)

    async with door.serving(flood, write_timeout=LATE) as served, opened(door, served) as peer:
        loop = asyncio.get_running_loop()
        end = loop.time() + 3 * LATE
        while loop.time() < end:
            assert await asyncio.wait_for(peer.reader.read(MIB), DEADLINE)
        assert limits_of(served) == {}
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: limits_of(served) == {"write_timeout": 1})


TIMES = {
    "handshake_timeout": test_handshake_timeout_is_not_prolonged_by_dribbled_bytes,
    "close_timeout": test_close_timeout,
    "ping_timeout": test_ping_timeout,
    "write_timeout": test_write_timeout,
}
