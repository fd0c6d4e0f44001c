"""Debian's Chromium, driven by Playwright, and the programs that it looks at."""

import asyncio
import re
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.architecture.tree import ROOT

DEADLINE = 20  # seconds
CHROMIUM = "chromium"

# It is to talk to nobody but this machine.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


def missing() -> str | None:
    """Why no browser can run here, and what to do about it; `None` if one can."""
    return None if shutil.which(CHROMIUM) else "needs Chromium: apt-get install chromium"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser."""
    path = shutil.which(CHROMIUM)
    assert path is not None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            await browser.close()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Program:
    """A program of ours that serves, and can be restarted at the same port.

    Args:
        words: what stands behind `python`; `{port}` in it is the port.
    """

    def __init__(self, *words: str) -> None:
        self.port = free_port()
        self._words = [word.format(port=self.port) for word in words]
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", *self._words), cwd=ROOT, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    break
                except OSError:
                    assert self._process.returncode is None, await self._process.communicate()
                    await asyncio.sleep(0.02)
        writer.close()

    async def stop(self) -> None:
        """End it, which it must do well."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        async with asyncio.timeout(DEADLINE):
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        assert b"Traceback" not in errors

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}/"


@asynccontextmanager
async def running(*words: str) -> AsyncIterator[Program]:
    """Run a program of ours: see `Program`."""
    program = Program(*words)
    await program.start()
    try:
        yield program
    finally:
        await program.stop()


@asynccontextmanager
async def page_of(browser: Browser, **settings: Any) -> AsyncIterator[Any]:
    """Open a page; whatever it complains about, or asks of others than this machine, fails."""
    context = await browser.new_context(**settings)
    page = await context.new_page()
    page.set_default_timeout(DEADLINE * 1000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.extend(_elsewhere(request.url)))
    try:
        yield page
        assert complaints == []
    finally:
        await context.close()


def _elsewhere(url: str) -> list[str]:
    return [] if re.match(r"(http://127\.0\.0\.1:\d+/|data:|about:|blob:)", url) else [f"asked {url}"]
