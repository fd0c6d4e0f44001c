"""Running the examples as their first lines say."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE = 20  # seconds


@asynccontextmanager
async def running(
    *arguments: str, pattern: str = r"127\.0\.0\.1:\d+", is_ours: bool = True
) -> AsyncIterator[tuple[str, Process]]:
    """Run a Python program; yield what it prints that fits the pattern, and the process.

    At the end it is interrupted. One of ours must end well then, and has warned of nothing; others say what
    they like.
    """
    strict = ("-W", "error") if is_ours else ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *strict, *arguments),
        stdout=PIPE,
        stderr=PIPE if is_ours else STDOUT,
        start_new_session=True,  # some have processes of their own, which are to end with them
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            found, said = None, b""
            while found is None:
                line = await process.stdout.readline()
                said += line
                assert line, said.decode()
                found = re.search(pattern, line.decode())
            yield found[0], process
            process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
        if is_ours:
            assert (process.returncode, errors.decode()) == (0, "")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()
