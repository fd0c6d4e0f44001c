"""Hours pass in no time, for sleepers and for deadlines of connections."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import wsline.aio
from tests.architecture.tree import PACKAGE, ROOT, module_name
from wsline import KeepaliveTimeout, WebSocket
from wsline.aio import timers
from wsline.testing import VirtualTimeLoop, pair
from wsline.testing.virtual_time import _READERS


def in_no_time(test: object) -> float:
    """Run a coroutine in virtual time; return how much of it has passed."""
    begun = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test)  # type: ignore[arg-type]
        passed = runner.get_loop().time()
    assert time.monotonic() - begun < 10
    assert timers.clock is time.monotonic
    return passed


def test_sleepers_wake_in_order() -> None:
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def test() -> None:
        await asyncio.gather(*(sleep(seconds) for seconds in (3600, 1, 60)))

    assert 3600 <= in_no_time(test()) < 3601
    assert woken == [1, 60, 3600]


def test_keepalive_pings_for_hours() -> None:
    async def test() -> None:
        async with pair(server_options={"ping_interval": 20}, client_options={"ping_interval": None}) as (
            client,
            server,
        ):
            await asyncio.sleep(7201)
            assert server.stats.pings_sent == server.stats.pongs_received == 360
            assert client.ready_state is WebSocket.OPEN

    assert in_no_time(test()) >= 7201


def test_a_peer_that_answers_nothing_is_cut_in_time() -> None:
    async def test() -> None:
        silent = {"auto_pong": False, "ping_interval": None}
        async with pair(server_options={"ping_interval": 20, "ping_timeout": 5}, client_options=silent) as (  # type: ignore[arg-type]
            client,
            server,
        ):
            await server.wait_closed()
            assert isinstance(server.close_info.cause, KeepaliveTimeout)
            assert 25 <= asyncio.get_running_loop().time() < 40
            client.terminate()

    in_no_time(test())


def test_work_of_threads_still_comes() -> None:
    async def test() -> None:
        assert await asyncio.to_thread(lambda: 5) == 5

    in_no_time(test())


def test_all_who_read_the_time_are_known() -> None:
    readers = set()
    for path in Path(wsline.aio.__file__).parent.rglob("*.py"):
        text = path.read_text()
        if "clock: Final" in text or any("import" in line and "clock" in line for line in text.splitlines()):
            readers.add(f"wsline.aio.{path.stem}")
    assert readers == {module.__name__ for module in _READERS}
    assert module_name(PACKAGE / "aio" / "timers.py") in readers


def test_what_the_page_shows_works() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL)
    [block] = [each for each in blocks if "VirtualTimeLoop" in each]
    names: dict[str, Any] = {}
    exec(block, names)  # the documentation's own words
    names["test_keepalive"]()
