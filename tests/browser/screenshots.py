"""Takes the pictures that README and docs show: `make screenshots`."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.architecture.tree import ROOT
from tests.browser.browser import chromium, page_of, running
from wsline import ConnectionClosed, connect

IMAGES = ROOT / "docs" / "images"
SECONDS = 40  # of traffic before the picture of the dashboard


async def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    async with chromium() as browser:
        await take_chat(browser)
        await take_dashboard(browser)


async def take_chat(browser: Any) -> None:
    async with running("examples/chat/server.py", "--port", "{port}") as program, AsyncExitStack() as stack:
        url = f"ws://127.0.0.1:{program.port}/chat"
        ada, bob = [await stack.enter_async_context(connect(url)) for _ in range(2)]
        await ada.send("/name Ada")
        await bob.send("/name Bob")
        for scheme in ("light", "dark"):
            view = {"color_scheme": scheme, "viewport": {"width": 620, "height": 520}}
            async with page_of(browser, **view) as page:
                await page.goto(program.url)
                await page.get_by_text("Online").wait_for()
                await say(page, f"/name Cleo{'' if scheme == 'light' else '2'}")
                await ada.send("Who has the slides for tonight?")
                await page.get_by_text("Who has the slides").wait_for()
                await say(page, "I do, give me a minute.")
                await bob.send("Great. I bring the projector, the long cable and some biscuits.")
                await page.get_by_text("biscuits").wait_for()
                await say(page, "Perfect!")
                await page.get_by_text("Perfect").wait_for()
                await asyncio.sleep(0.3)  # the last line fades in
                await page.screenshot(path=IMAGES / f"chat-{scheme}.png")


async def say(page: Any, text: str) -> None:
    await page.get_by_placeholder("Message").fill(text)
    await page.keyboard.press("Enter")


async def take_dashboard(browser: Any) -> None:
    words = ("-m", "wsline", "listen", "{port}", "--echo", "--quiet", "--deflate", "--dashboard")
    async with running(*words) as program, AsyncExitStack() as stack:
        pages = {}
        for scheme in ("light", "dark"):
            view = {"color_scheme": scheme, "viewport": {"width": 1180, "height": 860}}
            page = pages[scheme] = await stack.enter_async_context(page_of(browser, **view))
            await page.goto(f"{program.url}dashboard")
            await page.get_by_text("Live", exact=True).wait_for()
        async with traffic(f"ws://127.0.0.1:{program.port}"):
            await asyncio.sleep(SECONDS)
            for scheme, page in pages.items():
                await page.screenshot(path=IMAGES / f"dashboard-{scheme}.png")


@asynccontextmanager
async def traffic(url: str) -> AsyncIterator[None]:
    """Let clients come, talk, pause and go, as people do."""
    choice = random.Random(7)
    tasks = {asyncio.create_task(talk(url, choice.random(), n)) for n in range(24)}
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def talk(url: str, temper: float, n: int) -> None:
    choice = random.Random(n)
    while True:
        await asyncio.sleep(choice.random() * 6)
        path = choice.choice(["/chat/lobby", "/prices", "/chat/music", "/upload"])
        try:
            async with connect(url + path, ping_interval=1.0) as ws:
                ws.on("message", lambda data: None)
                until = asyncio.get_running_loop().time() + choice.random() * 30
                while asyncio.get_running_loop().time() < until:
                    for _ in range(choice.randrange(1, 30)):
                        await ws.send("price of the day " * choice.randrange(1, 40))
                    await asyncio.sleep(0.05 + choice.random() * temper)
                if choice.random() < 0.1:
                    ws.terminate()
        except ConnectionClosed:
            continue


if __name__ == "__main__":
    asyncio.run(main())
    print(
        *(str(path.relative_to(ROOT)) for path in sorted(Path(IMAGES).glob("*.png"))),
        sep="\n",
        file=sys.stdout,
    )
