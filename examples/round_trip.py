"""Measure the time to a server and back, by pings, and by messages that it echoes.

python examples/server.py --port 8080
python examples/round_trip.py ws://127.0.0.1:8080/
"""

import asyncio
import sys
import time

from wsline import connect


async def main(url: str, count: str = "3") -> None:
    async with connect(url) as ws:
        for _ in range(int(count)):
            seconds = await ws.ping()
            print(f"ping: {seconds * 1000:.3f} ms")
            begin = time.perf_counter()
            await ws.send("are you there?")
            await ws.recv()
            print(f"message: {(time.perf_counter() - begin) * 1000:.3f} ms")
        print(f"latency: {(ws.latency or 0) * 1000:.3f} ms")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
