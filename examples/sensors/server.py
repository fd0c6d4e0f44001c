"""Streams binary samples of four sensors to a page that plots them live.

    python examples/sensors/server.py --port 8080

Each message is a block of samples: the number of the first one (4 bytes, little-endian), then for each
sample four 32-bit floats. A page that cannot keep up gets fewer blocks, and sees the gap by the number; the
server's memory does not grow with it.
"""

import argparse
import array
import asyncio
import math
import random
import sys
from pathlib import Path

from wsline import PreparedMessage, Request, Response, WebSocketServer

PAGE = Path(__file__).with_name("page.html").read_bytes()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
        " img-src data:"
    ),
}
SENSORS = 4
RATE = 1000  # samples in a second
BLOCK = 40  # samples in a message: 25 messages in a second


class Sensors:
    """Sensors to try it with: slow waves, and noise."""

    def __init__(self) -> None:
        self._number = 0
        self._walk = 0.0

    def read(self) -> bytes:
        """Return the next block."""
        samples = array.array("f")
        for number in range(self._number, self._number + BLOCK):
            t = number / RATE
            self._walk = 0.995 * self._walk + random.gauss(0, 0.05)
            samples.extend(
                (
                    math.sin(2 * math.pi * 0.7 * t),
                    0.6 * math.sin(2 * math.pi * 3 * t) + random.gauss(0, 0.05),
                    0.8 if math.sin(2 * math.pi * 0.25 * t) > 0 else -0.8,
                    self._walk,
                )
            )
        if sys.byteorder == "big":
            samples.byteswap()
        block = self._number.to_bytes(4, "little") + samples.tobytes()
        self._number = (self._number + BLOCK) % (1 << 32)
        return block


async def stream(server: WebSocketServer) -> None:
    """Send a block to everybody whenever it is due."""
    sensors = Sensors()
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        # Framed once for all of them.
        server.broadcast(PreparedMessage(sensors.read()))
        due += BLOCK / RATE
        await asyncio.sleep(max(0, due - loop.time()))


def page(request: Request) -> Response | None:
    """Answer what is not the WebSocket: the page at `/`, and nothing else."""
    if request.path == "/samples":
        return None
    if request.path == "/":
        return Response(200, PAGE_HEADERS, PAGE)
    return Response(404, body="The page is at /\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    server = WebSocketServer(
        host="127.0.0.1",
        port=parser.parse_args().port,
        path="/samples",
        process_request=page,
        slow_consumer="drop_oldest",
        max_buffered=64 * 1024,  # four seconds of samples
    )
    tasks: list[asyncio.Task[None]] = []

    @server.on("listening")
    def begin() -> None:
        tasks.append(asyncio.ensure_future(stream(server)))
        print("listening at port", server.address()[1], flush=True)

    @server.on("close")
    def end() -> None:
        tasks[0].cancel()

    server.run()


if __name__ == "__main__":
    main()
