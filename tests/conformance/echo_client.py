"""The echo client that the Autobahn suite tests, one case after another; its address is in AUTOBAHN_URL."""

import asyncio
import os
from contextlib import suppress

from wsline import WebSocketError, connect

AGENT = "wsline"


async def case_count(url: str) -> int:
    async with connect(f"{url}/getCaseCount") as ws:
        return int(await ws.recv())


async def run_case(url: str, case: int) -> None:
    # Many cases break a rule, and the connection with it: that is what they are for.
    with suppress(WebSocketError):
        async with connect(f"{url}/runCase?case={case}&agent={AGENT}") as ws:
            async for message in ws:
                await ws.send(message)


async def main() -> None:
    url = os.environ["AUTOBAHN_URL"]
    for case in range(1, await case_count(url) + 1):
        await run_case(url, case)
    async with connect(f"{url}/updateReports?agent={AGENT}") as ws:
        await ws.close()


if __name__ == "__main__":
    asyncio.run(main())
