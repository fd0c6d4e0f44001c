"""Runs one of the clients of `callers/` and prints what it measured."""

import argparse
import asyncio
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from meter import Meter


def _run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("caller", help="a module of callers/")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--size", type=int, default=256, help="bytes of a message")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--warmup", type=float, default=0.2)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], help="if not the caller's own choice")
    options = parser.parse_args()
    caller: Any = import_module(f"callers.{options.caller}")
    url, message = f"ws://127.0.0.1:{options.port}/", os.urandom(options.size)
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module(
        options.loop or caller.LOOP
    ).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(caller.main(url, message, Meter(options.warmup, options.seconds)))


_run()
