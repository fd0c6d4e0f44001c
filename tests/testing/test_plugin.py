"""The fixture, in tests of all kinds."""

import pytest

TESTS = """
import asyncio
import wsline
from wsline.sync import connect

async def echo(ws):
    async for message in ws:
        await ws.send(message)

def test_blocking(wsline_server):
    with connect(wsline_server(echo)) as ws:
        ws.send("hello")
        assert ws.recv(timeout=10) == "hello"

async def test_with_a_loop(wsline_server):
    one, two = wsline_server(echo), wsline_server(echo, path="/chat")
    assert one != two
    async with wsline.connect(two + "chat") as ws:
        await ws.send(b"hello")
        assert await ws.recv() == b"hello"

def test_it_ends_with_the_test(wsline_server):
    ws = connect(wsline_server(echo))
    globals()["left"] = ws

def test_after_it():
    assert list(left) == []
    assert left.close_code == 1001
"""


def test_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["wsline.testing.plugin"]')
    pytester.makepyfile(TESTS)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
