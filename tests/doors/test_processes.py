"""Servers in processes of their own: signals, and too few descriptors."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wsline import ConnectionClosedError, State, WebSocket, connect

# These are about the loop of the process, not about ours.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

DEADLINE = 20  # seconds

PROGRAM = """
import asyncio, sys
from wsline import WebSocketServer

async def handler(ws):
    try:
        async for message in ws:
            await ws.send(message)
        if ws.request.path == "/stuck":
            await asyncio.Event().wait()
    finally:
        print("handled", flush=True)

server = WebSocketServer(handler, "127.0.0.1", 0)
server.on("listening", lambda: print(server.address()[1], flush=True))
server.on("close", lambda: print("closed", flush=True))
"""

RUN = """
factory = None
if "uvloop" in sys.argv:
    import uvloop
    factory = uvloop.new_event_loop
server.run(loop_factory=factory)
"""

# Two connections can be had; the others wait in the backlog.
STARVE = """
import os, resource

async def main():
    await server.start()
    lowest = os.dup(0)
    os.close(lowest)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 3, hard))
    await server.serve_forever()

asyncio.run(main())
"""


@contextmanager
def running(program: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a program that prints its port; yield it and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port.isdigit(), process.communicate(timeout=DEADLINE)
            yield process, f"ws://127.0.0.1:{port}/"
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_signal_closes_gracefully(number: signal.Signals, loop: str) -> None:
    with running(PROGRAM + RUN, loop) as (process, url):
        async with connect(url) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
            process.send_signal(number)
            assert [message async for message in ws] == []
            assert ws.close_code == 1001
        output, errors = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
    assert output.split() == ["handled", "closed"]
    assert errors == ""
    assert process.returncode == 0


DRAIN = """
server.run(drain=1)
"""


async def test_clients_are_closed_one_after_the_other_where_that_is_asked_for() -> None:
    """The listening socket goes at once, the clients over a second."""
    with running(PROGRAM + DRAIN) as (process, url):
        clients = [await connect(url) for _ in range(10)]
        closings = [asyncio.ensure_future(when_closed(each)) for each in clients]
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await asyncio.wait(closings, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(OSError):
            await connect(url)
        times = sorted([await each - began for each in closings])
        output, errors = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
    assert {each.close_code for each in clients} == {1001}
    assert times[-1] > 0.9, "the last one is closed after nine tenths of the time"
    assert times[-1] - times[0] > 0.5
    assert output.split() == [*["handled"] * 10, "closed"]
    assert (errors, process.returncode) == ("", 0)


async def when_closed(ws: WebSocket) -> float:
    await ws.wait_closed()
    return time.monotonic()


async def test_while_it_drains_a_second_signal_waits_for_nobody() -> None:
    with running(PROGRAM + DRAIN.replace("=1", "=60")) as (process, url):
        clients = [await connect(url) for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        await clients_gone(clients, 1)
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
        await clients_gone(clients, 3)
    assert (errors, process.returncode) == ("", 0)


async def clients_gone(clients: list[WebSocket], count: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while sum(each.ready_state is State.CLOSED for each in clients) < count:
            await asyncio.sleep(0.005)


async def test_a_second_signal_waits_for_nobody() -> None:
    with running(PROGRAM + RUN) as (process, url):
        async with connect(url + "stuck") as ws, connect(url) as other:
            other.pause()
            process.send_signal(signal.SIGTERM)
            assert [message async for message in ws] == []
            process.send_signal(signal.SIGTERM)
            output, errors = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
            other.terminate()
    assert sorted(output.split()) == ["closed", "handled", "handled"]
    assert errors == ""
    assert process.returncode == 0


async def test_without_descriptors_the_server_waits() -> None:
    with running(PROGRAM + STARVE) as (process, url):
        first = await connect(url)
        await first.send("x")
        assert await first.recv() == "x"
        waiting = [asyncio.ensure_future(connect(url)._open()) for _ in range(5)]
        before = cpu_seconds(process.pid)
        for _ in range(20):
            await first.send("still served")
            assert await asyncio.wait_for(first.recv(), DEADLINE) == "still served"
            await asyncio.sleep(0.02)
        assert any(not each.done() for each in waiting)
        assert cpu_seconds(process.pid) - before < 0.3
        await first.close()
        while waiting:
            async with asyncio.timeout(DEADLINE):
                done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                ws = each.result()
                await ws.send("at last")
                assert await ws.recv() == "at last"
                await ws.close()
            waiting = list(rest)
        process.kill()
        _, errors = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
        assert "Too many open files" in errors


def cpu_seconds(pid: int) -> float:
    """Return how long a process has computed."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_a_server_that_is_killed() -> None:
    with running(PROGRAM + RUN) as (process, url):
        async with connect(url) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
            process.kill()
            with pytest.raises(ConnectionClosedError) as caught:
                await asyncio.wait_for(ws.recv(), DEADLINE)
            assert caught.value.code == 1006
