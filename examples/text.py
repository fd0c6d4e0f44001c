"""Send a text and print what comes back.

python examples/server.py --port 8080
python examples/text.py ws://127.0.0.1:8080/
"""

import asyncio
import sys

from wsline import connect


async def main(url: str) -> None:
    async with connect(url) as ws:
        await ws.send("something")
        async for message in ws:
            print("received:", message)
            await ws.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
