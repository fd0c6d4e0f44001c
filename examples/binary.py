"""Send an array of floats as a binary message; whatever has a buffer can be sent, NumPy's arrays too.

python examples/server.py --port 8080
python examples/binary.py ws://127.0.0.1:8080/
"""

import array
import asyncio
import sys

from wsline import connect


async def main(url: str) -> None:
    async with connect(url, binary_type="memoryview") as ws:
        await ws.send(array.array("f", [i / 2 for i in range(5)]))
        view = await ws.recv()  # a view of the bytes, which need not be copied
        print("received:", *view.cast("f"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
