"""Our pages in a real browser, and its own WebSocket against our servers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.browser import DEADLINE, chromium, missing, page_of, running
from wsline import connect

CHAT = ("examples/chat/server.py", "--port", "{port}")
LISTEN = ("-m", "wsline", "listen", "{port}", "--echo", "--quiet", "--deflate", "--dashboard")

# Sends text and bytes, short and long, and returns what came back, in the browser's own words.
EXCHANGE = """async (url) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  const ask = (data) => new Promise((resolve) => {
    socket.onmessage = (event) => resolve(event.data);
    socket.send(data);
  });
  const long = "naïve ☃ 👩 ".repeat(20000);
  const bytes = new Uint8Array(70000).map((_, n) => (n * n) >> 3);
  const text = await ask("hello");
  const longText = await ask(long);
  const binary = new Uint8Array(await ask(bytes));
  const empty = await ask("");
  const extensions = socket.extensions;
  const closed = await new Promise((resolve) => { socket.onclose = resolve; socket.close(4001, "bye"); });
  return {
    text, empty, extensions,
    long: longText === long,
    binary: binary.length === bytes.length && binary.every((byte, n) => byte === bytes[n]),
    closed: [closed.code, closed.reason, closed.wasClean],
  };
}"""


# One browser for all of them: they wait for it to start once.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Any]:
    """A browser."""
    if (why := missing()) is not None:
        pytest.skip(why)
    async with chromium() as browser:
        yield browser


async def test_a_browser_exchanges_text_and_bytes_compressed(browser: Any) -> None:
    async with running(*LISTEN) as program, page_of(browser) as page:
        await page.goto(f"{program.url}dashboard")
        found = await page.evaluate(EXCHANGE, f"ws://127.0.0.1:{program.port}/")
    assert found["extensions"].startswith("permessage-deflate")
    assert (found["text"], found["empty"], found["long"], found["binary"]) == ("hello", "", True, True)
    assert found["closed"] == [4001, "bye", True]


async def test_the_chat_page_talks_and_comes_back_after_a_restart(browser: Any) -> None:
    async with running(*CHAT) as program, page_of(browser) as page:
        await page.goto(program.url)
        await page.get_by_text("Online").wait_for()
        await say(page, "/name Ada")
        await page.get_by_text("You are Ada.").wait_for()
        await say(page, "<b>hello</b> everybody")
        await page.get_by_text("<b>hello</b> everybody").wait_for()  # as text, not as markup
        async with asyncio.timeout(DEADLINE), connect(f"ws://127.0.0.1:{program.port}/chat") as ws:
            await ws.send("hello Ada")
            await page.get_by_text("hello Ada").wait_for()
            await page.get_by_text("2 people here", exact=True).wait_for()
        await program.stop()
        await page.get_by_text("No connection.").wait_for()
        assert await page.get_by_role("button", name="Send").is_disabled()
        await program.start()
        # What the button "Try now" calls; it may have come back by itself meanwhile, and hidden the button.
        await page.evaluate("retryNow()")
        await page.get_by_text("Online").wait_for()
        await page.get_by_text("You are Ada.").nth(1).wait_for()  # the name is asked for again
        await say(page, "back again")
        await page.get_by_text("back again").wait_for()


async def say(page: Any, text: str) -> None:
    await page.get_by_placeholder("Message").fill(text)
    await page.keyboard.press("Enter")


@pytest.mark.row(195)
async def test_the_dashboard_shows_what_happens_and_comes_back(browser: Any) -> None:
    async with running(*LISTEN) as program, page_of(browser, color_scheme="dark") as page:
        await page.goto(f"{program.url}dashboard")
        await page.get_by_text("Live", exact=True).wait_for()
        await page.get_by_text("Nobody is connected.").wait_for()
        async with asyncio.timeout(DEADLINE), connect(f"ws://127.0.0.1:{program.port}/<i>path</i>") as ws:
            await ws.send("x" * 5000)
            await ws.recv()
            await page.get_by_role("cell", name="%3Ci%3Epath%3C/i%3E").wait_for()
            await page.get_by_role("img", name="Connections: open 1").wait_for()
            await page.get_by_role("img", name="Messages per second: received").wait_for()
        await page.get_by_text("Closed 1000 normal").wait_for()
        assert await drawn(page, "Connections")
        await program.stop()
        await page.get_by_text("No connection, trying again").wait_for()
        await program.start()
        await page.get_by_text("Live", exact=True).wait_for()
        await page.get_by_text("Closed 1000 normal").wait_for(state="detached")  # another server's figures


async def drawn(page: Any, title: str) -> bool:
    """Return whether there is a picture in a canvas."""
    canvas = page.get_by_role("img", name=title).first
    script = "(each) => each.getContext('2d').getImageData(0, 0, each.width, each.height).data.some((x) => x)"
    return bool(await canvas.evaluate(script))


async def test_the_upload_page_shows_how_far_it_is(browser: Any, tmp_path: Path) -> None:
    small, bad = tmp_path / "data.bin", tmp_path / "~bad"
    small.write_bytes(bytes(range(256)) * 8000)
    bad.write_bytes(b"x")
    words = ("examples/upload/server.py", "--folder", str(tmp_path / "kept"), "--port", "{port}")
    async with running(*words) as program, page_of(browser) as page:
        await page.goto(program.url)
        await page.locator("#files").set_input_files([small, bad])
        await page.get_by_text("kept as data.bin").wait_for()
        await page.get_by_text("not a name for a file").wait_for()
        assert await page.get_by_role("progressbar").last.evaluate("(bar) => bar.value / bar.max") == 1
    assert (tmp_path / "kept" / "data.bin").read_bytes() == small.read_bytes()


async def test_the_sensors_page_plots_all_that_comes(browser: Any) -> None:
    words = ("examples/sensors/server.py", "--port", "{port}")
    async with running(*words) as program, page_of(browser, color_scheme="dark") as page:
        await page.goto(program.url)
        await page.get_by_text(" samples/s, 0 lost").wait_for()
        assert await drawn(page, "Four sensors")
