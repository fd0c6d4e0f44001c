"""Workers in real processes: their port, their topics, and their deaths."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.aio.workers import DEADLINE, HEAD, command, program
from tests.doors.door import until
from wsline import ConnectionClosed, WebSocket, WebSocketServer, connect
from wsline.aio.supervisor import Supervisor
from wsline.aio.worker import Place

RUN = "server.run(workers=3)\nprint('all ended', flush=True)\n"


async def hears(ws: WebSocket, *messages: str) -> None:
    async with asyncio.timeout(DEADLINE):
        assert [await ws.recv() for _ in messages] == list(messages)


async def until_first(ws: WebSocket) -> AsyncIterator[Any]:
    """Yield the first message and close; or nothing, if the server restarts just then."""
    try:
        async with asyncio.timeout(DEADLINE):
            yield await ws.recv()
    except ConnectionClosed as error:
        assert error.code == 1012
    await ws.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def is_gone(pid: int) -> None:
    await until(lambda: not is_alive(pid))


async def test_they_share_a_port_and_their_topics_and_end_together() -> None:
    async with program(HEAD + RUN, 3) as running:
        found = await running.join_all(range(3))
        assert len({pid for _, pid in found.values()}) == 3
        for number, (ws, _) in found.items():
            await ws.send(f"from {number}")
            for other, _ in found.values():
                await hears(other, f"from {number}")
        running.signal(signal.SIGTERM)
        for ws, _ in found.values():
            async with asyncio.timeout(DEADLINE):
                assert [message async for message in ws] == []
            assert ws.close_code == 1001
        assert await running.ends() == 0
        assert running.lines[-1] == "all ended"
        assert not any("has ended" in line or "away" in line for line in running.lines), running.lines


async def test_a_worker_that_is_killed_is_replaced_and_the_others_miss_nothing() -> None:
    async with program(HEAD + RUN, 3) as running:
        found = await running.join_all(range(3))
        (one, _), (two, _), (three, pid) = (found[number] for number in range(3))
        sent = 0

        async def publish(until_: Any) -> None:
            nonlocal sent
            async with asyncio.timeout(DEADLINE):
                while not until_():
                    await one.send(f"{sent}")
                    sent += 1
                    await asyncio.sleep(0.001)

        await publish(lambda: sent == 100)
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await three.recv()
        await publish(lambda: any("by SIGKILL" in line for line in running.lines) and sent >= 300)
        successor = (await running.join_all([2]))[2]
        assert successor[1] != pid
        await one.send("end")
        for each in (one, two):
            await hears(each, *map(str, range(sent)), "end")
        await successor[0].send("and back")
        await hears(two, "and back")


async def test_a_reload_replaces_all_and_refuses_nobody() -> None:
    async with program(HEAD + RUN, 3) as running:
        before = await running.join_all(range(3))
        joined: list[list[Any]] = []
        is_over = False

        async def keep_joining() -> None:
            while not is_over:
                # Nobody is refused; who has come to an old one is told to come again.
                ws = await connect(f"ws://127.0.0.1:{running.port}/")
                joined.append([message async for message in until_first(ws)])

        joining = [asyncio.ensure_future(keep_joining()) for _ in range(3)]
        running.signal(signal.SIGHUP)
        for ws, pid in before.values():
            async with asyncio.timeout(DEADLINE):
                await ws.wait_closed()
            assert ws.close_code == 1012
            await is_gone(pid)
        after = await running.join_all(range(3))
        is_over = True
        await asyncio.gather(*joining)  # none has raised
        assert len(joined) > 10
        assert sum(not messages for messages in joined) < len(joined) / 2
        assert {pid for _, pid in after.values()} & {pid for _, pid in before.values()} == set()
        await after[0][0].send("still joined")
        await hears(after[2][0], "still joined")
        running.signal(signal.SIGTERM)
        assert await running.ends() == 0


async def test_a_second_signal_waits_for_nobody() -> None:
    wait = "await asyncio.Event().wait()"
    stuck = HEAD.replace("async for message", f"{wait}\n    async for message")
    async with program(stuck + RUN, 3) as running:
        ws, _, _ = await running.join()
        running.signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE):
            await ws.wait_closed()
        running.signal(signal.SIGINT)
        assert await running.ends() == 0


async def test_the_closing_of_clients_is_spread_in_workers_too() -> None:
    async with program(HEAD + "server.run(workers=2, drain=0.5)\n", 2) as running:
        websockets = [(await running.join())[0] for _ in range(10)]
        running.signal(signal.SIGTERM)
        began = asyncio.get_running_loop().time()
        moments = []
        async with asyncio.timeout(DEADLINE):
            for closed in asyncio.as_completed([ws.wait_closed() for ws in websockets]):
                await closed
                moments.append(asyncio.get_running_loop().time() - began)
        assert moments[-1] - moments[0] > 0.1
        assert await running.ends() == 0


async def test_without_its_supervisor_a_worker_closes() -> None:
    async with program(HEAD + RUN, 3) as running:
        found = await running.join_all(range(3))
        running.signal(signal.SIGKILL)
        for ws, pid in found.values():
            async with asyncio.timeout(DEADLINE):
                await ws.wait_closed()
            assert ws.close_code == 1001
            await is_gone(pid)


async def test_one_that_dies_again_and_again_is_started_later_each_time() -> None:
    async with program(HEAD + "server.run(workers=2)\n", 2) as running:
        for times in (1, 2, 3):
            ws, _ = (await running.join_all([0]))[0]
            await ws.send("die")
            # With back-off its socket is closed, and with it what has come there just then.
            await running.says("has ended: with status 3", times)
            await running.says("worker 0 is started again in", times - 1)
        # Meanwhile everybody gets to the other one.
        _, number, _ = await running.join()
        assert number in (0, 1)
        await running.join_all([0, 1])


async def test_what_cannot_serve_ends_at_once() -> None:
    text = HEAD + "server.on('listening', lambda: os._exit(7))\n" + RUN
    async with command(sys.executable, "-c", text) as running:
        assert await running.ends() == 1
        assert "has ended before it served" in running.lines[-1]
        assert any("with status 7" in line for line in running.lines)


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as sock:
        port = sock.getsockname()[1]
        text = HEAD.replace('"127.0.0.1", 0', f'"127.0.0.1", {port}') + RUN
        async with command(sys.executable, "-c", text) as running:
            assert await running.ends() == 1
            assert f"cannot listen at 127.0.0.1 port {port}: Address already in use" in running.lines[-1]


async def test_an_http_server_and_those_at_it_have_workers_too() -> None:
    text = """
import os
from wsline import WebSocketServer
from wsline.http import HTTPServer, Response

http = HTTPServer("127.0.0.1", 0)

def attach(path):
    async def handler(ws):
        await ws.subscribe("all")
        await ws.send(f"{http.worker} {os.getpid()}")
        async for message in ws:
            server.publish("all", f"{path} {message}")

    server = WebSocketServer(handler, server=http, path=path)

attach("/")
attach("/other")
http.on("listening", lambda: print("at", http.address()[1], flush=True))
http.run(workers=2)
"""
    async with program(text, 2) as running:
        found = await running.join_all([0, 1])
        await found[0][0].send("hello")
        await hears(found[1][0], "/ hello")
        running.signal(signal.SIGTERM)
        assert await running.ends() == 0


@pytest.mark.parametrize("count", [0, -1, 1025, True, "4", 2.0])
def test_how_many_there_can_be(count: Any) -> None:
    with pytest.raises(ValueError, match=f"workers={count!r}: must be an integer from 1 to 1024"):
        Supervisor(count, Place(), print)


def test_who_does_not_listen_has_no_workers() -> None:
    with pytest.raises(RuntimeError, match="does not listen"):
        WebSocketServer(no_server=True).run(workers=2)
