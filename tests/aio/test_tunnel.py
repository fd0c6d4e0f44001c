"""From a proxy to a socket that leads to the server: what proxies say, and how they can go wrong."""

import asyncio
import importlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.doors.door import until
from tests.doors.test_opening import descriptors
from wsline.aio.tunnel import open_tunnel
from wsline.errors import ProxyError
from wsline.handshake.proxy import parse_proxy
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions

DEADLINE = 10  # seconds, for whatever must come

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]

GRANTED_4 = b"\x00\x5a" + bytes(6)
NO_AUTH_5 = b"\x05\x00"
GRANTED_5 = b"\x05\x00\x00\x01" + bytes(6)


@asynccontextmanager
async def proxy(script: Script) -> AsyncIterator[int]:
    """Run a proxy that does what the script says, and wait until each is over; yield the port."""
    tasks: list[asyncio.Task[None]] = []

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(run(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*tasks)


def saying(*answers: bytes, bytewise: bool = False) -> Script:
    """Return a script that gives these answers, one to each request, and leaves when the client does."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            assert await reader.read(1000)
            for part in [answer[i : i + 1] for i in range(len(answer))] if bytewise else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.001)
        assert await reader.read() == b""

    return script


async def opened(url: str, target: str = "ws://h.invalid:81/", **options: Any) -> socket.socket:
    async with asyncio.timeout(DEADLINE):
        return await open_tunnel(parse_proxy(url), parse_uri(target), ClientOptions(**options))


async def refused(url: str, target: str = "ws://h.invalid:81/") -> ProxyError:
    """Return what is raised; nothing may be left open."""
    before = descriptors()
    with pytest.raises(ProxyError) as raised:
        await opened(url, target)
    await until(lambda: descriptors() == before)
    return raised.value


@pytest.mark.parametrize(
    ("scheme", "answers"),
    [
        ("http", [b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"]),
        ("socks4a", [GRANTED_4]),
        ("socks5h", [NO_AUTH_5, GRANTED_5]),
    ],
)
async def test_a64_an_answer_may_come_in_pieces(scheme: str, answers: list[bytes]) -> None:
    async with proxy(saying(*answers, bytewise=True)) as port:
        with await opened(f"{scheme}://127.0.0.1:{port}") as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
            assert not sock.getblocking()


@pytest.mark.parametrize(
    ("scheme", "target", "expected"),
    [
        ("socks4a://u@", "ws://h.invalid:258/", b"\x04\x01\x01\x02\x00\x00\x00\x01u\x00h.invalid\x00"),
        ("socks4a://", "ws://127.0.0.1:258/", b"\x04\x01\x01\x02\x7f\x00\x00\x01\x00"),
        ("socks4://", "ws://localhost:258/", b"\x04\x01\x01\x02\x7f\x00\x00\x01\x00"),
        ("socks5h://", "ws://h.invalid:258/", b"\x05\x01\x00\x03\x09h.invalid\x01\x02"),
        ("socks5h://", "ws://[fe80::1%25lo]:258/", b"\x05\x01\x00\x04\xfe\x80" + bytes(13) + b"\x01\x01\x02"),
        ("socks5://", "ws://127.0.0.1:258/", b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\x02"),
    ],
)
async def test_a64_who_is_told_a_name_and_who_an_address(scheme: str, target: str, expected: bytes) -> None:
    requests: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if scheme.startswith("socks5"):
            await reader.read(1000)
            writer.write(NO_AUTH_5)
        requests.append(await reader.read(1000))
        writer.write(GRANTED_5 if scheme.startswith("socks5") else GRANTED_4)
        assert await reader.read() == b""

    async with proxy(script) as port:
        (await opened(f"{scheme}127.0.0.1:{port}", target)).close()
    assert requests == [expected]


@pytest.mark.parametrize(
    ("scheme", "answers", "why"),
    [
        ("http", [b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"], ": 403 No; "),
        ("http", [b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 "], "bytes came behind its answer"),
        ("http", [b"\x05\x00\r\n"], "its answer is not HTTP/1.1"),
        ("socks4", [b"\x00\x5b" + bytes(6)], r"Request rejected or failed \(code 91\)"),
        ("socks5h", [b"\x05\xff"], "No acceptable authentication methods"),
        ("socks5h", [b"\x05\x02"], "Unexpected SOCKS authentication method"),
        ("socks5h", [NO_AUTH_5, b"\x05\x05\x00"], r"Connection refused by destination host \(code 5\)"),
        ("socks5h", [NO_AUTH_5, b"\x05\x00\x00\x03\x01\xff\x00\x00"], "utf-8"),
        ("socks5h", [b"HT"], "Unexpected SOCKS version number: 72"),
    ],
)
async def test_a64_a_refusal_closes_the_socket(scheme: str, answers: list[bytes], why: str) -> None:
    async with proxy(saying(*answers)) as port:
        error = await refused(f"{scheme}://127.0.0.1:{port}", "ws://127.0.0.1:81/")
    assert re.search(why, str(error))
    assert error.hint


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5h"])
async def test_a64_a_proxy_that_leaves(scheme: str) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)

    async with proxy(leave) as port:
        assert "closed" in str(await refused(f"{scheme}://127.0.0.1:{port}", "ws://127.0.0.1:81/"))


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5h"])
async def test_a64_a_proxy_that_resets(scheme: str) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with proxy(reset) as port:
        error = await refused(f"{scheme}://127.0.0.1:{port}", "ws://127.0.0.1:81/")
        assert isinstance(error.__cause__, ConnectionResetError)


async def test_a64_a_name_that_we_cannot_resolve() -> None:
    async with proxy(saying(NO_AUTH_5)) as port:
        error = await refused(f"socks5://127.0.0.1:{port}")
        assert isinstance(error.__cause__, socket.gaierror)


async def test_a67_the_options_of_sockets_hold_for_the_way_to_the_proxy() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
    async with proxy(saying(GRANTED_4)) as port:
        with await opened(
            f"socks4a://localhost:{port}", family=socket.AF_INET, local_address=address
        ) as sock:
            assert sock.getsockname() == address


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5h"])
async def test_giving_up_leaves_nothing_open(scheme: str) -> None:
    asked = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        asked.set()
        await reader.read()

    async with proxy(script) as port:
        before = descriptors()
        task = asyncio.ensure_future(opened(f"{scheme}://127.0.0.1:{port}", "ws://127.0.0.1:81/"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: descriptors() == before)


async def test_a64_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(
        ImportError, match=r"^proxy socks5h://h:1 needs .*: pip install wsline\[proxy\]$"
    ) as no:
        await opened("socks5h://user:secret@h:1")
    assert no.value.name == "python_socks"
