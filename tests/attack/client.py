"""The client under attack, in a process of its own: it connects, and echoes what comes.

It prints one line of JSON: the exception, the close code, how long it took, and how much more was resident.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import uvloop

from wsline import ConnectionClosedError, HandshakeError, WebSocket, connect

SECRETS = {"Authorization": "secret-1", "Cookie": "secret=2"}


def resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


async def by_coroutine(url: str, closes: bool, options: dict[str, Any]) -> WebSocket:
    ws = await connect(url, **options)
    if closes:
        await ws.close()
    else:
        async for message in ws:
            ws.send(message)
    await ws.wait_closed()
    return ws


async def by_listeners(url: str, closes: bool, options: dict[str, Any]) -> WebSocket:
    ws = WebSocket(url, **options)
    errors: list[BaseException] = []
    ws.on("error", errors.append)
    ws.on("message", ws.send)
    if closes:
        ws.on("open", lambda: ws.close(1000))
    await ws.wait_closed()
    if errors and isinstance(errors[0], HandshakeError):
        raise errors[0]
    if errors:
        raise ConnectionClosedError(ws.close_info) from errors[0]
    return ws


async def main_in_loop(arguments: argparse.Namespace) -> dict[str, Any]:
    Path("/proc/self/clear_refs").write_text("5")
    before, began = resident("VmRSS"), time.monotonic()
    options: dict[str, Any] = {"headers": SECRETS} if arguments.secrets else {}
    if arguments.redirects:
        options["follow_redirects"] = True
    told: dict[str, Any] = {"error": None, "code": None}
    attempt = by_coroutine if arguments.style == "coroutine" else by_listeners
    try:
        ws = await attempt(arguments.url, arguments.closes, options)
        told["code"] = ws.close_code
    except Exception as error:
        cause = error.__cause__ or error
        told["error"] = type(error).__name__
        told["message"] = str(error)[:200]
        told["code"] = getattr(getattr(cause, "close_code", None), "value", None)
        info = getattr(error, "close_info", None)
        if told["code"] is None and info is not None:
            told["code"] = info.code
    told["seconds"] = time.monotonic() - began
    told["grown"] = resident("VmHWM") - before
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=["asyncio", "uvloop"])
    parser.add_argument("--style", choices=["coroutine", "listener"])
    parser.add_argument("--closes", action="store_true")
    parser.add_argument("--secrets", action="store_true")
    parser.add_argument("--redirects", action="store_true")
    parser.add_argument("url")
    arguments = parser.parse_args()
    factory = uvloop.new_event_loop if arguments.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(main_in_loop(arguments))), flush=True)


if __name__ == "__main__":
    main()
