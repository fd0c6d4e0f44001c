"""Lines out of pipes and files, whatever the sizes in which they arrive."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Iterator

import pytest

from wsline.cli.lines import CHUNK, CHUNKS, read_lines

DEADLINE = 20  # seconds


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe, closed at the end of the test if they still are open."""
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            pass


async def lines_of(descriptor: int) -> list[bytes]:
    async with asyncio.timeout(DEADLINE):
        return [line async for line in read_lines(descriptor)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"one", [b"one"]),
        (b"one\n", [b"one"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"\n\nthree\n", [b"", b"", b"three"]),
        (b"dos\r\nmac\rend\n", [b"dos", b"mac\rend"]),
    ],
)
async def test_lines_come_without_their_ends(pipe: tuple[int, int], text: bytes, lines: list[bytes]) -> None:
    reading, writing = pipe
    os.write(writing, text)
    os.close(writing)
    assert await lines_of(reading) == lines


async def test_a_line_may_come_in_pieces(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    lines = read_lines(reading)
    for piece in (b"o", b"n", b"e\nt", b"wo\n"):
        os.write(writing, piece)
    async with asyncio.timeout(DEADLINE):
        assert [await anext(lines), await anext(lines)] == [b"one", b"two"]
    os.write(writing, b"last")
    os.close(writing)
    assert [line async for line in lines] == [b"last"]


async def test_a_file_is_read_and_long_lines_are_put_together() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * (3 * CHUNK) + b"\nshort\n")
        file.seek(0)
        assert list(map(len, await lines_of(file.fileno()))) == [3 * CHUNK, 5]


async def test_reading_pauses_while_nobody_takes_the_lines(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    line = b"x" * (CHUNK - 1) + b"\n"
    written = []

    def write() -> None:
        for _ in range(CHUNKS + 8):
            os.write(writing, line)
            written.append(line)
        os.close(writing)

    lines = read_lines(reading)
    writer = threading.Thread(target=write)
    writer.start()
    assert await anext(lines) == line[:-1]
    await asyncio.sleep(0.2)  # long enough for a reader that does not pause to read it all
    assert len(written) < CHUNKS + 8
    assert [each async for each in lines] == [line[:-1]] * (CHUNKS + 7)
    writer.join()


async def test_a_terminal_that_is_gone_is_the_end() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    assert await lines_of(reading) == []


def test_a_read_that_never_returns_does_not_keep_the_loop(pipe: tuple[int, int]) -> None:
    async def wait_in_vain() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(read_lines(pipe[0]))

    asyncio.run(wait_in_vain())
    os.write(pipe[1], b"too late\n")  # wakes the thread, which finds the loop closed
    reader = next((each for each in threading.enumerate() if each.name == "standard input"), None)
    if reader is not None:
        reader.join(DEADLINE)
        assert not reader.is_alive()
