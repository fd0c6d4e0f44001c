"""Sends files to server.py and shows how far it is.

python examples/upload/client.py ws://127.0.0.1:8080/upload FILE...
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from wsline import ConnectionClosed, WebSocket, connect

CHUNK = 256 * 1024  # bytes


async def send(url: str, path: Path) -> None:
    """Send one file."""
    # Most files are compressed already.
    async with connect(url, per_message_deflate=False) as ws:
        size = path.stat().st_size
        await ws.send(json.dumps({"name": path.name, "size": size}))
        sending = asyncio.create_task(send_chunks(ws, path))
        try:
            async for message in ws:
                answer = json.loads(message)
                if "done" in answer:
                    print(f"{path.name}: kept as {answer['done']}, sha256 {answer['sha256']}")
                    return
                print(f"{path.name}: {answer['received'] / size:.0%}", flush=True)
        finally:
            sending.cancel()
            await asyncio.wait([sending])


async def send_chunks(ws: WebSocket, path: Path) -> None:
    for chunk in chunks(path):
        await ws.send(chunk)  # waits while the server is slower than this disk


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


async def main(url: str, *names: str) -> None:
    for name in names:
        await send(url, Path(name))


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except ConnectionClosed as closed:
        sys.exit(f"refused: {closed.reason or closed}")
