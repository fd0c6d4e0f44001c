"""What every echo server of this folder does alike: its options, its event loop, its first line of output."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    # Looked up by name, so that what runs on asyncio does without uvloop.
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module(name).new_event_loop
    return factory


def announce(port: int) -> None:
    """Tell the harness, which waits for this line, where the server listens."""
    print("listening", port, flush=True)


def run(main: Callable[[int], Coroutine[Any, Any, None]], default_loop: str = "asyncio") -> None:
    """Run `main(port)` on the loop that the command line names, until a signal ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose (default)")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default=default_loop)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=_loop_factory(arguments.loop)) as runner:
        runner.run(main(arguments.port))
