"""The relay's peers: one of them becomes the relay, and another one after it."""

from pathlib import Path
from typing import Any

import pytest

from tests.doors.door import until
from wsline import Backplane, BackplaneUnavailable, WebSocketServer
from wsline.aio.backplanes.unix import UnixAdapter


class Peer:
    """An adapter, and what it has told."""

    def __init__(self, path: Path, prefix: str = "wsline") -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.lost: list[Exception] = []
        self.adapter = UnixAdapter(
            Backplane(url=f"unix://{path}", prefix=prefix),
            lambda *message: self.messages.append(message),
            self.lost.append,
        )

    @property
    def is_relay(self) -> bool:
        return self.adapter._relay is not None


async def test_the_first_becomes_the_relay_and_then_the_next(tmp_path: Path) -> None:
    first, second = Peer(tmp_path / "s"), Peer(tmp_path / "s")
    await first.adapter.connect()
    await second.adapter.connect()
    assert (first.is_relay, second.is_relay) == (True, False)
    await second.adapter.exchange(["a"], [], [])
    await first.adapter.exchange([], [], [("a", b"1"), ("b", b"2")])
    await until(lambda: second.messages)
    assert second.messages == [("a", b"1")]
    await first.adapter.close()
    await until(lambda: second.lost)
    await second.adapter.close()
    third = Peer(tmp_path / "s")
    await third.adapter.connect()
    assert third.is_relay
    await third.adapter.close()
    assert third.lost == [], "our own close is no loss"


async def test_nothing_comes_back(tmp_path: Path) -> None:
    peer = Peer(tmp_path / "s")
    await peer.adapter.connect()
    await peer.adapter.exchange(["a"], [], [("a", b"1")])
    await peer.adapter.exchange([], ["a"], [])
    assert peer.messages == []
    await peer.adapter.close()


async def test_prefixes_are_apart(tmp_path: Path) -> None:
    one, other = Peer(tmp_path / "s"), Peer(tmp_path / "s", "other")
    await one.adapter.connect()
    await other.adapter.connect()
    await other.adapter.exchange(["a", "wsline:a"], [], [])
    await one.adapter.exchange([], [], [("a", b"1")])
    await other.adapter.exchange([], [], [])
    assert other.messages == []
    for each in (other, one):
        await each.adapter.close()


async def test_a_relay_that_speaks_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(tmp_path / "s")
    await peer.adapter.connect()
    stream: Any = peer.adapter._stream
    stream.data_received(b"HTTP/1.1 400 Bad Request\r\n")
    assert "no packet of a relay" in str(peer.lost[0])
    await peer.adapter.close()


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    server = WebSocketServer(port=0, backplane=f"unix://{tmp_path}/missing/s")
    with pytest.raises(BackplaneUnavailable, match=r"cannot be reached: .*No such file.*missing/s\.lock"):
        await server.start()
