"""Connections through real proxies, with and without TLS behind them."""

import asyncio
import getpass
import importlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors import proxies
from tests.doors.door import DEADLINE, Door, echo
from tests.doors.proxies import RunningProxy, danted, free_port, microsocks, squid, tinyproxy
from wsline import HandshakeTimeout, ProxyError, Request, Response

pytestmark = pytest.mark.parametrize("door", ["epoll", "tls"], indirect=True)

USER, PASSWORD = "someone", "se cret%"
USERINFO = "someone:se%20cret%25"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxies")


def need(program: str) -> None:
    reason = proxies.missing(program)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def http_proxy(place: Path) -> Iterator[RunningProxy]:
    need("tinyproxy")
    with tinyproxy(place) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def strict_http_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    need("tinyproxy")
    # tinyproxy has no quoting for spaces in passwords.
    with tinyproxy(tmp_path_factory.mktemp("strict"), f"BasicAuth {USER} secret") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def squid_proxy(place: Path) -> Iterator[RunningProxy]:
    need("squid")
    with squid(place) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def socks5_proxy(place: Path) -> Iterator[RunningProxy]:
    need("microsocks")
    with microsocks(place, "-u", USER, "-P", PASSWORD) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def socks_proxy(place: Path) -> Iterator[RunningProxy]:
    need("danted")
    with danted(place, getpass.getuser()) as proxy:
        yield proxy


async def works(door: Door, proxy: Any, **options: Any) -> list[Request]:
    """Talk through the proxy, by address and by name; return the requests that the server saw."""
    requests: list[Request] = []
    async with asyncio.timeout(DEADLINE), door.serving(echo, process_request=requests.append) as served:
        for url in (served.url, served.url.replace("127.0.0.1", "localhost")):
            async with door.connect(url, proxy=proxy, **options) as ws:
                assert ws.url == url
                for message in ("hello", b"x" * 300_000):
                    await ws.send(message)
                    assert await ws.recv() == message
    return requests


async def refused(door: Door, proxy: str, url: str | None = None) -> ProxyError:
    """Return what is raised; it must name both ends, and hide the password."""
    async with asyncio.timeout(DEADLINE), door.serving(echo) as served:
        url = served.url if url is None else url
        with pytest.raises(ProxyError) as raised:
            await door.connect(url, proxy=proxy)
    error = raised.value
    scheme, _, address = proxy.partition("://")
    assert error.proxy == f"{scheme}://{address.rpartition('@')[2]}"
    assert str(error).startswith(f"proxy {error.proxy} did not connect to {error.target}: ")
    assert url.partition("://")[2].rstrip("/") == error.target
    assert "secret" not in str(error) and "se cret" not in str(error)
    assert error.hint
    return error


# -- HTTP


async def test_a64_an_http_proxy(door: Door, http_proxy: RunningProxy) -> None:
    requests = await works(door, http_proxy.url("http"))
    assert [request.headers["Host"].partition(":")[0] for request in requests] == ["127.0.0.1", "localhost"]


async def test_a64_an_http_proxy_with_a_password(door: Door, strict_http_proxy: RunningProxy) -> None:
    requests = await works(door, strict_http_proxy.url("http", f"{USER}:secret"), auth=("me", "mine"))
    for request in requests:
        assert "Proxy-Authorization" not in request.headers
        assert request.headers["Authorization"] == "Basic bWU6bWluZQ=="


@pytest.mark.parametrize("userinfo", ["", f"{USER}:secret-2"])
async def test_a64_an_http_proxy_refuses(door: Door, strict_http_proxy: RunningProxy, userinfo: str) -> None:
    error = await refused(door, strict_http_proxy.url("http", userinfo))
    assert error.code == error.response.status
    assert error.code in (401, 407)
    assert b"<" in error.response.body


async def test_a64_an_http_proxy_that_reaches_no_server(door: Door, http_proxy: RunningProxy) -> None:
    error = await refused(door, http_proxy.url("http"), f"{door.scheme}://127.0.0.1:{free_port()}/")
    assert error.code is not None and error.code >= 500


async def test_a64_squid(door: Door, squid_proxy: RunningProxy) -> None:
    requests = await works(door, squid_proxy.url("http", USERINFO))
    assert [request.headers["Host"].partition(":")[0] for request in requests] == ["127.0.0.1", "localhost"]
    for request in requests:
        assert not {"Proxy-Authorization", "Via", "X-Forwarded-For"} & set(request.headers), "it is a tunnel"


@pytest.mark.parametrize("userinfo", ["", f"{USER}:secret"])
async def test_a64_squid_refuses(door: Door, squid_proxy: RunningProxy, userinfo: str) -> None:
    error = await refused(door, squid_proxy.url("http", userinfo))
    assert error.code == error.response.status == 407
    assert error.response.headers["Proxy-Authenticate"].startswith("Basic realm=")
    assert error.response.body.rstrip().endswith(b"</html>"), "a page of several KiB"
    assert "put the user and the password in its URL" in error.hint


async def test_a64_squid_reaches_no_server(door: Door, squid_proxy: RunningProxy) -> None:
    url = f"{door.scheme}://127.0.0.1:{free_port()}/"
    error = await refused(door, squid_proxy.url("http", USERINFO), url)
    assert error.code == 503
    assert error.response.headers["X-Squid-Error"].startswith("ERR_CONNECT_FAIL")


async def test_a77_redirects_are_followed_through_a_proxy(door: Door, http_proxy: RunningProxy) -> None:
    def redirect(request: Request) -> Response | None:
        return Response(302, {"Location": "/end"}) if request.target == "/" else None

    options: dict[str, Any] = {"proxy": http_proxy.url("http"), "follow_redirects": True}
    async with (
        asyncio.timeout(DEADLINE),
        door.serving(echo, process_request=redirect) as served,
        door.connect(served.url, **options) as ws,
    ):
        assert ws.request.target == "/end"


# -- SOCKS


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a64_a_socks5_proxy_with_a_password(
    door: Door, socks5_proxy: RunningProxy, scheme: str
) -> None:
    await works(door, socks5_proxy.url(scheme, USERINFO))


# danted knows no names in SOCKS4: tests/aio/test_tunnel.py has socks4a.
@pytest.mark.parametrize("scheme", ["socks4", "socks5", "socks5h"])
async def test_a64_a_socks_proxy(door: Door, socks_proxy: RunningProxy, scheme: str) -> None:
    await works(door, socks_proxy.url(scheme))


async def test_a64_a_socks4_proxy_with_a_user(door: Door, socks_proxy: RunningProxy) -> None:
    await works(door, socks_proxy.url("socks4", USER))


@pytest.mark.parametrize("userinfo", ["", f"{USER}:secret"])
async def test_a64_a_socks5_proxy_refuses(door: Door, socks5_proxy: RunningProxy, userinfo: str) -> None:
    error = await refused(door, socks5_proxy.url("socks5h", userinfo))
    assert "user and password" in error.hint


@pytest.mark.parametrize(("scheme", "code"), [("socks5h", 5), ("socks4", 91)])
async def test_a64_a_socks_proxy_that_reaches_no_server(
    door: Door, socks_proxy: RunningProxy, scheme: str, code: int
) -> None:
    error = await refused(door, socks_proxy.url(scheme), f"{door.scheme}://127.0.0.1:{free_port()}/")
    assert error.code == code


async def test_a64_a_socks_proxy_without_the_package(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    really = importlib.import_module

    def import_module(name: str) -> Any:
        if not name.startswith("python_socks"):
            return really(name)
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(ImportError, match=r"^proxy socks5h://127.0.0.1:1 needs .*: pip install wsline\[p"):
        await door.connect(f"{door.scheme}://127.0.0.1/", proxy="socks5h://user:secret@127.0.0.1:1")


# -- both


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5h"])
async def test_a64_no_proxy_is_there(door: Door, scheme: str) -> None:
    error = await refused(door, f"{scheme}://127.0.0.1:{free_port()}")
    assert "cannot connect to 127.0.0.1 port" in str(error)
    assert isinstance(error.__cause__, ConnectionRefusedError)


async def test_a64_the_proxy_of_the_environment(
    door: Door, http_proxy: RunningProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("all_proxy", http_proxy.url("http"))
    seen = http_proxy.log.stat().st_size
    await works(door, True)
    assert http_proxy.log.stat().st_size > seen
    monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{free_port()}")
    await works(door, None)
    with pytest.raises(ProxyError):
        await works(door, True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    await works(door, True)


async def test_a58_a_silent_proxy_shares_the_deadline(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{door.scheme}://127.0.0.1:1/"
        for scheme in ("http", "socks4", "socks5h"):
            proxy = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(HandshakeTimeout, match=r"after 0\.1 s \(option handshake_timeout\)"):
                await door.connect(url, proxy=proxy, handshake_timeout=0.1)
