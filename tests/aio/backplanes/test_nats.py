"""What only NATS has: its subjects, and its limit."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest

from tests.aio.backplanes.brokers import NATSBroker
from tests.doors.door import until
from wsline import BackplaneUnavailable, WebSocketServer
from wsline.aio.backplanes.nats import NATSAdapter
from wsline.backplane import Backplane

pytestmark = pytest.mark.skipif(
    shutil.which("nats-server") is None, reason="no nats-server here (apt-get install nats-server)"
)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[NATSBroker]:
    made = NATSBroker(tmp_path)
    await made.start()
    yield made
    made.kill()


def ignore(*arguments: object) -> None:
    pass


async def test_subjects_carry_the_prefix(broker: NATSBroker) -> None:
    adapter = NATSAdapter(Backplane(url=broker.url), ignore, ignore)
    await adapter.connect()
    subjects: list[str] = []
    client = await nats.connect(broker.url)

    async def note(message: object) -> None:
        subjects.append(message.subject)  # type: ignore[attr-defined]

    await client.subscribe(">", cb=note)
    # nats-py sends the first PING ahead of the SUB.
    await client.flush()
    await client.flush()
    topics = ["a", "a.b", ">", "*", "a b"]
    await adapter.exchange([], [], [(topic, b"x") for topic in topics])
    expected = ["wsline.a", "wsline.a=2Eb", "wsline.=3E", "wsline.=2A", "wsline.a=20b"]
    await until(lambda: len(subjects) == len(expected))
    assert subjects == expected
    await client.close()
    await adapter.close()


@pytest.mark.parametrize(("count", "size"), [(1, 10), (60, 100_000)])
async def test_the_answer_confirms_all_that_was_said_before(count: int, size: int) -> None:
    """A broker that notes what it hears: the last PING comes behind the subscription and the message."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","max_payload":1048576}\r\n')
        while line := await reader.readline():
            heard.append(line.split(b" ")[0].strip())
            if heard[-1] == b"PING":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20) as server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        adapter = NATSAdapter(Backplane(url=url), ignore, ignore)
        await adapter.connect()
        heard.clear()
        await adapter.exchange(["followed"], [], [("told", b"x" * size)] * count)
        assert heard.count(b"PUB") == count
        assert heard.index(b"SUB") < heard.index(b"PUB")
        assert heard[-1] == b"PING"
        await adapter.close()


class Slow:
    """A client of nats-py whose transport takes what is pending only after the second PING."""

    is_closed = False

    def __init__(self) -> None:
        self.pings = 0

    @property
    def pending_data_size(self) -> int:
        return 0 if self.pings >= 2 else 7

    async def flush(self, timeout: int) -> None:
        self.pings += 1


async def test_a_ping_that_went_ahead_confirms_nothing() -> None:
    adapter = NATSAdapter(Backplane(url="nats://127.0.0.1"), ignore, ignore)
    adapter._client = client = Slow()
    await adapter.exchange([], [], [])
    assert client.pings == 3, "only the third one was sent when nothing was pending"


async def test_the_limit_is_the_broker_s(broker: NATSBroker) -> None:
    adapter = NATSAdapter(Backplane(url=broker.url), ignore, ignore)
    assert adapter.longest is None
    await adapter.connect()
    assert adapter.longest == 1 << 20
    await adapter.close()
    await adapter.close()


async def test_why_it_is_away(broker: NATSBroker) -> None:
    broker.kill()
    adapter = NATSAdapter(Backplane(url=broker.url), ignore, ignore)
    with pytest.raises(ConnectionRefusedError):
        await adapter.connect()
    await adapter.close()


async def test_our_own_close_is_no_loss(broker: NATSBroker) -> None:
    lost: list[Exception] = []
    adapter = NATSAdapter(Backplane(url=broker.url), ignore, lost.append)
    await adapter.connect()
    await adapter.exchange(["a"], [], [])
    await adapter.close()
    assert lost == []
    other = NATSAdapter(Backplane(url=broker.url), ignore, lost.append)
    await other.connect()
    broker.kill()
    await until(lambda: lost)
    await other.close()


class GuardedBroker(NATSBroker):
    """NATS that asks for a password."""

    def command(self) -> list[str]:
        return [*super().command(), "--user", "user", "--pass", "secret"]


async def test_a_password(tmp_path: Path) -> None:
    broker = GuardedBroker(tmp_path)
    await broker.start()
    try:
        async with WebSocketServer(port=0, backplane=f"nats://user:secret@127.0.0.1:{broker.port}") as server:
            assert server.backplane_health.connected
        wrong = WebSocketServer(port=0, backplane=f"nats://user:guess@127.0.0.1:{broker.port}")
        with pytest.raises(BackplaneUnavailable, match="Authorization Violation") as caught:
            await wrong.start()
        assert "guess" not in str(caught.value)
    finally:
        broker.kill()
