"""What this process uses."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from wsline.monitor.process import memory, sleep_late


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="machine: no /proc")
def test_memory_grows_with_what_is_held() -> None:
    before = memory()
    held = b"x" * 50_000_000
    after = memory()
    assert before is not None
    assert after is not None
    assert 40_000_000 < after - before < 80_000_000
    assert len(held) == 50_000_000


@pytest.mark.parametrize("text", [None, "", "12", "a b c"])
def test_without_proc_it_is_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "statm"
    if text is not None:
        path.write_text(text)
    assert memory(path) is None


async def test_a_busy_loop_wakes_late() -> None:
    sleeping = asyncio.create_task(sleep_late(0.01))
    await asyncio.sleep(0)
    time.sleep(0.1)  # as a handler that computes
    assert await sleeping >= 0.08
