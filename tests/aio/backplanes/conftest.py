"""The brokers, as fixtures."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.aio.backplanes.brokers import Broker, NATSBroker, RedisBroker, RelayBroker

KINDS: dict[str, Callable[[Path], Broker]] = {"redis": RedisBroker, "nats": NATSBroker, "unix": RelayBroker}


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """Each broker, running."""
    made = KINDS[request.param](tmp_path)
    if made.program and shutil.which(made.program) is None:
        pytest.skip(f"no {made.program} here (apt-get install {made.program})")
    await made.start()
    yield made
    made.kill()
