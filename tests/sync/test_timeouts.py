"""Which timeouts are taken, and as what."""

import threading
from typing import Any

import pytest

from wsline.sync.timeouts import limited


@pytest.mark.parametrize(
    ("given", "taken"),
    [(None, None), (0, 0), (1.5, 1.5), (1e30, threading.TIMEOUT_MAX), (float("inf"), threading.TIMEOUT_MAX)],
)
def test_timeouts(given: Any, taken: Any) -> None:
    assert limited(given) == taken


@pytest.mark.parametrize("bad", [-1, -0.1, float("nan"), "1", True, b""])
def test_bad_timeouts(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"timeout=.*: must be a number of seconds from 0"):
        limited(bad)
