"""The relay: who is it, and what it does with bad and slow peers."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

import wsline.aio.backplanes.relay
from tests.doors.door import DEADLINE, until
from wsline.aio.backplanes.relay import Relay
from wsline.relaying import Order, build_packet


async def test_there_is_one(tmp_path: Path) -> None:
    path = str(tmp_path / "relay")
    one = Relay.claim(path)
    assert one is not None
    assert Relay.claim(path) is None
    await one.start()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, "for this user alone"
    await one.close()
    assert not os.path.exists(path)
    other = Relay.claim(path)
    assert other is not None
    await other.close()


async def test_a_place_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Relay.claim(str(tmp_path / "missing" / "relay"))


async def test_the_socket_of_one_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    path = str(tmp_path / "relay")
    (tmp_path / "relay").write_text("stale")
    relay = Relay.claim(path)
    assert relay is not None
    await relay.start()
    await relay.close()


async def test_followers_are_forgotten_with_their_connection(tmp_path: Path) -> None:
    relay = Relay.claim(str(tmp_path / "relay"))
    assert relay is not None
    await relay.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / "relay")
    for order in (Order.SUBSCRIBE, Order.SUBSCRIBE, Order.UNSUBSCRIBE, Order.UNSUBSCRIBE, Order.SUBSCRIBE):
        writer.write(build_packet(order, b"a"))
    writer.write(build_packet(Order.SUBSCRIBE, b"b") + build_packet(Order.PING, b"", b"token"))
    assert await reader.readexactly(12) == build_packet(Order.PING, b"", b"token")
    assert relay.followers.keys() == {b"a", b"b"}
    writer.close()
    await writer.wait_closed()
    await until(lambda: not relay.followers)
    await relay.close()


async def test_who_speaks_otherwise_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    relay = Relay.claim(str(tmp_path / "relay"))
    assert relay is not None
    await relay.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / "relay")
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(DEADLINE):
        assert await reader.read() == b""
    assert "no packet of a relay" in caplog.text
    writer.close()
    await relay.close()


async def test_who_reads_too_slowly_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wsline.aio.backplanes.relay, "_MOST_WAITING", 1 << 20)
    relay = Relay.claim(str(tmp_path / "relay"))
    assert relay is not None
    await relay.start()
    slow_reader, slow = await asyncio.open_unix_connection(tmp_path / "relay")
    slow_reader._transport.pause_reading()  # type: ignore[attr-defined]
    slow.write(build_packet(Order.SUBSCRIBE, b"a"))
    reader, quick = await asyncio.open_unix_connection(tmp_path / "relay")
    await until(lambda: relay.followers)
    async with asyncio.timeout(DEADLINE):
        for _ in range(100):
            quick.write(build_packet(Order.MESSAGE, b"a", b"x" * 65536))
            await quick.drain()
        quick.write(build_packet(Order.PING))
        assert await reader.readexactly(7) == build_packet(Order.PING)
    await until(lambda: not relay.followers)
    assert "reads too slowly from the relay" in caplog.text
    for writer in (slow, quick):
        writer.transport.abort()
    await relay.close()
