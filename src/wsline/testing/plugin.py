"""A plugin for pytest, to be named in conftest.py: `pytest_plugins = ["wsline.testing.plugin"]`."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from .serving import serving

__all__ = ["wsline_server"]


@pytest.fixture
def wsline_server() -> Iterator[Callable[..., str]]:
    """A function that serves a handler at a free port until the test ends, and returns the URL.

    It serves in a thread of its own: for tests with and without a loop, and for clients that block.

        def test_echo(wsline_server):
            with wsline.sync.connect(wsline_server(echo)) as ws:
                ...
    """
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, name="wsline_server")
    thread.start()

    def call(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def serve(handler: Any, **options: Any) -> str:
        url: str = call(stack.enter_async_context(serving(handler, **options)))
        return url

    try:
        yield serve
    finally:
        call(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
