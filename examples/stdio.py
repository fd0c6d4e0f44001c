"""Pipe the standard input through a WebSocket to the standard output, as bytes: no lines, no messages.

python examples/server.py --port 8080
python examples/stdio.py ws://127.0.0.1:8080/ < file
"""

import asyncio
import os
import sys

from wsline import connect, create_websocket_stream


async def send_input(writer: asyncio.StreamWriter) -> int:
    sent = 0
    while data := await asyncio.to_thread(os.read, sys.stdin.fileno(), 65536):
        writer.write(data)
        await writer.drain()  # waits while the peer is slow
        sent += len(data)
    return sent


async def print_output(reader: asyncio.StreamReader, most: "asyncio.Future[int]") -> None:
    received = 0
    while not (most.done() and received >= most.result()):
        received += sys.stdout.buffer.write(await reader.read(65536))
        sys.stdout.flush()


async def main(url: str) -> None:
    reader, writer = create_websocket_stream(await connect(url))
    sending = asyncio.ensure_future(send_input(writer))
    await print_output(reader, sending)  # an echo: as much comes back as was sent
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
