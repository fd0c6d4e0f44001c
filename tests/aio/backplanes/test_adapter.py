"""Which adapter a URL means."""

import sys
from typing import Any

import pytest

from wsline import WebSocketServer
from wsline.aio.backplanes.adapter import Adapter, adapter_of
from wsline.aio.backplanes.nats import NATSAdapter
from wsline.aio.backplanes.redis import RedisAdapter
from wsline.aio.backplanes.unix import UnixAdapter
from wsline.backplane import Backplane


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("unix:///x", UnixAdapter),
        ("redis://h", RedisAdapter),
        ("rediss://h", RedisAdapter),
        ("nats://h", NATSAdapter),
    ],
)
def test_each_scheme_has_one(url: str, kind: type[Adapter]) -> None:
    assert adapter_of(Backplane(url=url)) is kind


@pytest.mark.parametrize(("scheme", "package"), [("redis", "redis.asyncio"), ("nats", "nats.aio.client")])
def test_what_is_not_installed_is_named(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"wsline.aio.backplanes.{scheme}")
    with pytest.raises(ImportError, match=rf"{scheme}:// needs the extra wsline\[{scheme}\]"):
        WebSocketServer(port=0, backplane=f"{scheme}://h")


async def test_an_adapter_must_do_it_itself() -> None:
    bare: Any = Adapter(Backplane(), print, print)
    for call in (bare.connect, lambda: bare.exchange((), (), ()), bare.close):
        with pytest.raises(NotImplementedError):
            await call()
