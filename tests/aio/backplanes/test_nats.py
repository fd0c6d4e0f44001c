"""What only NATS has: its subjects, and its limit."""

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
    await client.flush()
    topics = ["a", "a.b", ">", "*", "a b"]
    await adapter.exchange([], [], [(topic, b"x") for topic in topics])
    expected = ["wsline.a", "wsline.a=2Eb", "wsline.=3E", "wsline.=2A", "wsline.a=20b"]
    # The broker is shared: what others of this file still say may come in between.
    await until(lambda: set(expected) <= set(subjects))
    assert not set(topics) & set(subjects)
    await client.close()
    await adapter.close()


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
