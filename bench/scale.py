"""`make bench-scale`: what topics cost, in one process and over brokers.

Three comparisons, each within one run on one machine:

- `publish` to 1,000 followers, beside `broadcast` to the same clients;
- two server processes that follow one topic over Redis, and over NATS, beside two processes that subscribe
  with redis-py and nats-py alone: messages delivered in a second, to a WebSocket client of each;
- the time from `publish` in one process to the client of another one, beside the same without wsline.

Each process is this program again, called with its role.
"""

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import nats
import redis.asyncio

from wsline import Backplane, WebSocket, WebSocketServer, compiled, connect

SIZE = 64  # bytes of a message
FOLLOWERS = 1000
ROUNDS = 200
RUNS = 5
END = b"E" * SIZE


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a role of this program, with pipes; it is killed at the end."""
    running = subprocess.Popen(
        [sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def read(running: subprocess.Popen[str]) -> Any:
    """Return what a process tells next."""
    assert running.stdout is not None
    line = running.stdout.readline()
    if not line:
        raise SystemExit(f"a process of the benchmark has failed: {running.args!r}")
    return json.loads(line)


def tell(value: Any) -> None:
    print(json.dumps(value), flush=True)


# -- one process: publish beside broadcast


def crowd(url: str, count: str) -> None:
    """Role: open connections, and read whatever comes."""

    async def run() -> None:
        websockets = [await connect(url, per_message_deflate=False) for _ in range(int(count))]
        for ws in websockets:
            ws.on("message", lambda data: None)
        tell("open")
        await asyncio.gather(*(ws.wait_closed() for ws in websockets))

    asyncio.run(run())


async def compare_fanout() -> dict[str, float]:
    """Return the clients reached in a second of the server's processor time, by each way."""

    async def handler(ws: WebSocket) -> None:
        ws.subscribe("all")
        await ws.wait_closed()

    async with WebSocketServer(handler, "127.0.0.1", 0, max_buffered=None) as server:
        message = b"x" * SIZE
        ways: dict[str, Callable[[], object]] = {
            "broadcast": lambda: server.broadcast(message),
            "publish": lambda: server.publish("all", message),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        with process("crowd", f"ws://127.0.0.1:{server.address()[1]}/", str(FOLLOWERS)) as clients:
            await asyncio.to_thread(read, clients)
            while len(server.subscribers("all")) < FOLLOWERS:
                await asyncio.sleep(0.01)
            for _ in range(RUNS):
                for name, way in ways.items():
                    rates[name].append(await fan_out(server, way))
        server.close()
    return {name: statistics.median(values) for name, values in rates.items()}


async def fan_out(server: WebSocketServer, way: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(ROUNDS):
        way()
        while any(ws.buffered_amount for ws in server.clients):
            await asyncio.sleep(0)
    return ROUNDS * FOLLOWERS / (time.process_time() - began)


# -- two processes over a broker


def node(url: str) -> None:
    """Role: a server that follows the topic, and tells its port."""

    async def handler(ws: WebSocket) -> None:
        await ws.subscribe("all")
        await ws.send(b"ready")
        await ws.wait_closed()

    async def run() -> None:
        async with WebSocketServer(handler, "127.0.0.1", 0, backplane=url, max_buffered=None) as server:
            tell(server.address()[1])
            await asyncio.Event().wait()

    asyncio.run(run())


def client(port: str) -> None:
    """Role: a WebSocket client that counts, and notes how long messages took."""

    async def run() -> None:
        counter = Counter()
        async with connect(f"ws://127.0.0.1:{port}/", per_message_deflate=False) as ws:
            await ws.recv()
            tell("ready")
            ws.on("message", counter.take)
            await ws.wait_closed()

    asyncio.run(run())


class Counter:
    """Counts messages until the last one, then tells their rate and how long they took."""

    def __init__(self) -> None:
        self._count = 0
        self._began = 0.0
        self._delays: list[float] = []

    def take(self, data: bytes) -> None:
        now = time.monotonic()
        if data == END:
            seconds = now - self._began
            tell({"rate": self._count / seconds, "delays": quantiles(self._delays), "count": self._count})
            self._count, self._delays = 0, []
            return
        if self._count == 0:
            self._began = now
        self._count += 1
        self._delays.append(now - float(data[:20]))


def quantiles(delays: list[float]) -> list[float]:
    cuts = statistics.quantiles(delays, n=100)
    return [cuts[49], cuts[98]]


def alone(url: str) -> None:
    """Role: a subscriber by the broker's own client, without wsline."""
    asyncio.run(alone_at_redis(url) if url.startswith("redis") else alone_at_nats(url))


async def alone_at_redis(url: str) -> None:
    counter = Counter()
    async with redis.asyncio.Redis.from_url(url) as broker, broker.pubsub() as pubsub:
        await pubsub.subscribe("all")
        async for message in pubsub.listen():
            if message["type"] == "subscribe":
                tell("ready")
            else:
                counter.take(message["data"])


async def alone_at_nats(url: str) -> None:
    counter = Counter()
    broker = await nats.connect(url)

    async def take(message: Any) -> None:
        counter.take(message.data)

    await broker.subscribe("all", cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await broker.flush()
    tell("ready")
    await asyncio.Event().wait()


def stamped() -> bytes:
    return b"%020.9f" % time.monotonic() + b"x" * (SIZE - 20)


Publish = Callable[[list[bytes]], Any]


async def publish_all(publish: Publish, count: int, rate: float | None) -> None:
    """Publish messages in batches as fast as it goes, or one by one at a rate; and the end."""
    if rate is None:
        for _ in range(0, count, 100):
            await publish([stamped() for _ in range(100)])
    else:
        for _ in range(count):
            await publish([stamped()])
            await asyncio.sleep(1 / rate)
    await publish([END])


async def by_wsline(url: str, count: int, rate: float | None) -> None:
    async with WebSocketServer(port=0, host="127.0.0.1", backplane=Backplane(url=url)) as server:

        async def publish(messages: list[bytes]) -> None:
            for message in messages:
                server.publish("all", message)
            while rate is None and server.backplane_health.waiting > 1000:
                await asyncio.sleep(0)

        await publish_all(publish, count, rate)


async def by_redis(url: str, count: int, rate: float | None) -> None:
    async with redis.asyncio.Redis.from_url(url) as broker:

        async def publish(messages: list[bytes]) -> None:
            async with broker.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.publish("all", message)
                await pipeline.execute()

        await publish_all(publish, count, rate)


async def by_nats(url: str, count: int, rate: float | None) -> None:
    broker = await nats.connect(url)

    async def publish(messages: list[bytes]) -> None:
        for message in messages:
            await broker.publish("all", message)
        await broker.flush()

    await publish_all(publish, count, rate)
    await broker.close()


def compare_brokers(url: str, count: int) -> dict[str, dict[str, float]]:
    """Return what two subscribers get in a second, and how long it takes, with wsline and without."""
    found: dict[str, dict[str, list[float]]] = {}
    plain = by_redis if url.startswith("redis") else by_nats
    with (
        process("alone", url) as a,
        process("alone", url) as b,
        process("node", url) as c,
        process("node", url) as d,
        process("client", str(read(c))) as e,
        process("client", str(read(d))) as f,
    ):
        ways = {"alone": ((a, b), plain), "wsline": ((e, f), by_wsline)}
        for each in (a, b, e, f):
            read(each)
        for _ in range(RUNS):
            for name, (subscribers, by) in ways.items():
                for what, total, rate in (("rate", count, None), ("delay", 1000, 500.0)):
                    asyncio.run(by(url, total, rate))
                    told = [read(each) for each in subscribers]
                    if any(each["count"] != total for each in told):
                        raise SystemExit(f"{name}: messages are missing: {told}")
                    note(found.setdefault(name, {}), what, told)
    return {
        name: {key: statistics.median(values) for key, values in each.items()} for name, each in found.items()
    }


def note(found: dict[str, list[float]], what: str, told: list[dict[str, Any]]) -> None:
    if what == "rate":
        found.setdefault("rate", []).append(sum(each["rate"] for each in told))
    else:
        found.setdefault("p50", []).append(max(each["delays"][0] for each in told))
        found.setdefault("p99", []).append(max(each["delays"][1] for each in told))


@contextmanager
def broker(name: str) -> Iterator[str]:
    """Run a broker; yield its URL."""
    port = free_port()
    commands = {
        "redis": ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        "nats": ["nats-server", "-a", "127.0.0.1", "-p", str(port)],
    }
    if shutil.which(commands[name][0]) is None:
        raise SystemExit(f"{commands[name][0]} is not installed (apt-get install {commands[name][0]})")
    with tempfile.TemporaryDirectory() as folder:
        running = subprocess.Popen(
            commands[name], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            await_port(port)
            yield f"{name}://127.0.0.1:{port}"
        finally:
            running.kill()
            running.wait()


def await_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def report(count: int) -> None:
    """Compare, and print tables in Markdown."""
    print(
        f"wsline {'compiled' if compiled else 'as plain Python'};"
        f" medians of {RUNS} runs, messages of {SIZE} bytes\n"
    )
    rates = asyncio.run(compare_fanout())
    print(f"To {FOLLOWERS} clients, in a second of the server's processor time:\n")
    print(f"- broadcast: {rates['broadcast']:,.0f} messages")
    print(
        f"- publish: {rates['publish']:,.0f} messages, {rates['publish'] / rates['broadcast']:.2f} of that\n"
    )
    print("| over | delivered to two subscribers | | median delay | 99th percentile | added |")
    print("|---|---|---|---|---|---|")
    for name in ("redis", "nats"):
        with broker(name) as url:
            found = compare_brokers(url, count)
        base = found["alone"]
        for way in ("alone", "wsline"):
            row = found[way]
            label = f"{name}-py alone" if way == "alone" else f"wsline over {name}"
            added = (row["p99"] - base["p99"]) * 1e6
            print(
                f"| {label} | {row['rate']:,.0f}/s | {row['rate'] / base['rate']:.2f} |"
                f" {row['p50'] * 1e6:,.0f} µs | {row['p99'] * 1e6:,.0f} µs | {added:+,.0f} µs |",
                flush=True,
            )


ROLES: dict[str, Callable[..., None]] = {"crowd": crowd, "node": node, "client": client, "alone": alone}


def main() -> None:
    """Run the comparison, or one of its processes."""
    if len(sys.argv) > 1 and sys.argv[1] in ROLES:
        try:
            ROLES[sys.argv[1]](*sys.argv[2:])
        except KeyboardInterrupt:
            pass
        return
    parser = argparse.ArgumentParser(description="What topics cost.")
    parser.add_argument("--messages", type=int, default=50_000, help="to send in each run (%(default)s)")
    report(parser.parse_args().messages)


if __name__ == "__main__":
    main()
