"""What a worker says and hears."""

import asyncio
import os

from tests.doors.door import until
from wsline.aio.worker import Worker


async def test_it_says_that_it_serves_and_hears_the_end_of_its_supervisor() -> None:
    ready, tell = os.pipe()
    life, end = os.pipe()
    worker = Worker(number=1, sockets=(), relay="", ready=tell, life=life)
    worker.tell_ready()
    assert os.read(ready, 2) == b"!"
    assert os.read(ready, 2) == b"", "and nothing more will come"
    orphaned: list[bool] = []
    worker.watch(lambda: orphaned.append(True))
    await asyncio.sleep(0)
    assert orphaned == []
    os.close(end)
    await until(lambda: orphaned)
    for _ in range(3):
        await asyncio.sleep(0)
    assert orphaned == [True]
    for each in (ready, life):
        os.close(each)
