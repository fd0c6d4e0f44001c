"""Lines of standard input, read without blocking the event loop or the end of the process."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator

__all__ = ["read_lines"]

CHUNK = 65536  # bytes of one read, at most
CHUNKS = 4  # reads kept before the thread waits for the loop


async def read_lines(descriptor: int) -> AsyncIterator[bytes]:
    """Yield the lines that come in on a file descriptor, without their line ends.

    A daemon thread reads: terminals, pipes and files work alike, a read that never returns does not
    keep the process alive, and reading pauses while nobody takes the lines.

    Args:
        descriptor: where to read; a last line without a line end counts.
    """
    pieces: list[bytes] = []
    async for chunk in _read_chunks(descriptor):
        first, *others = chunk.split(b"\n")
        pieces.append(first)
        for other in others:
            yield b"".join(pieces).removesuffix(b"\r")
            pieces = [other]
    if last := b"".join(pieces):
        yield last


async def _read_chunks(descriptor: int) -> AsyncIterator[bytes]:
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(CHUNKS)
    loop = asyncio.get_running_loop()

    def read() -> None:
        chunk = b"more"
        while chunk:
            room.acquire()
            chunk = _read_chunk(descriptor)
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the loop is closed: nobody reads any more
                return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while chunk := await chunks.get():
        room.release()
        yield chunk


def _read_chunk(descriptor: int) -> bytes:
    # os.read takes no lock of sys.stdin, which the interpreter would wait for when it exits.
    try:
        return os.read(descriptor, CHUNK)
    except OSError:  # the terminal is gone
        return b""
