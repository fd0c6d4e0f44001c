"""Every test here leaves nothing: no thread, no descriptor."""

import os
import threading
from collections.abc import Iterator

import pytest

from tests.sync.peers import until


def descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread and no descriptor is there after the test that was not before."""
    threads, opened = set(threading.enumerate()), len(descriptors())
    yield
    until(lambda: set(threading.enumerate()) <= threads)
    until(lambda: len(descriptors()) <= opened)
