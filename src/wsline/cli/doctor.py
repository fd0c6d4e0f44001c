"""`wsline doctor`: what happens on the way to an open WebSocket, step by step, and what to do about it."""

import argparse
import asyncio
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any, Final, NamedTuple

from wsline import (
    HandshakeError,
    NegotiationError,
    ProxyError,
    Response,
    TLSError,
    WebSocket,
    WebSocketError,
    connect,
)

from ..aio.sockets import open_socket, open_unix_socket
from ..aio.tunnel import open_tunnel
from ..handshake.addresses import interleave
from ..handshake.proxy import Proxy, find_proxy
from ..handshake.tls import tls_error
from ..handshake.uri import URI, parse_uri
from ..options import ClientOptions
from ..trust import client_context
from .client import add_client_options, explain, settings_of
from .histogram import shown
from .screen import complain, escape
from .usage import USAGE, add_options, duration, hide, option

__all__ = ["EXAMPLE", "PURPOSE", "Doctor", "Step", "add_arguments", "run"]

PURPOSE: Final = "Explain how a connection comes about, or why it does not: step by step."
EXAMPLE: Final = """\
Steps: URL, proxy, addresses, TCP, TLS, HTTP, subprotocol, extensions, ping
Also -H -o -s -p --auth --ca --cert -n --proxy -L, see connect --help
example: wsline doctor -s chat wss://example.org/socket
exit status: 0 all is well, 1 a step failed, 2 usage"""

FAILED: Final = 1

_MOST_ADDRESSES: Final = 8
_MOST_BODY: Final = 400  # characters shown of the body of a refusal
_SIGNS: Final = {True: "ok", False: "FAIL", None: "-"}
_COLOURS: Final = {True: "\x1b[32m", False: "\x1b[31m", None: "\x1b[2m"}


class Step(NamedTuple):
    """What one step has shown.

    Attributes:
        name: which step.
        ok: it succeeded; `None`: there was nothing to do.
        told: what was found.
        details: further lines.
    """

    name: str
    ok: bool | None
    told: str
    details: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("url", metavar="URL", help=argparse.SUPPRESS)
    hide(parser, add_client_options)
    add_options(
        parser,
        option(
            "-t", "--time", metavar="TIME", type=duration, default=10.0,
               help="for each step, at most (10s)"
        ),
        option("--no-color", action="store_true", help="no colours"),
    )  # fmt: skip


async def run(options: argparse.Namespace) -> int:
    """Take the steps, tell of each, and return the exit status."""
    try:
        settings = settings_of(options) | {"handshake_timeout": options.time}
        doctor = Doctor(options.url, options.subprotocols, settings)
    except (ValueError, TypeError) as error:
        complain(explain(error))
        return USAGE
    coloured = sys.stdout.isatty() and not options.no_color and not os.environ.get("NO_COLOR")
    status = 0
    try:
        async for step in doctor.steps():
            _print(step, coloured)
            if step.ok is False and step.name != "TCP":  # one of several addresses
                status = FAILED
    except BrokenPipeError:  # the reader of the pipe has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _print(step: Step, coloured: bool) -> None:
    sign = f"{_SIGNS[step.ok]:<4}"
    if coloured:
        sign = f"{_COLOURS[step.ok]}{sign}\x1b[0m"
    print(f"{sign} {step.name:<12} {escape(step.told)}")
    for line in step.details:
        print(" " * 18 + escape(line))
    sys.stdout.flush()


class Doctor:
    """Takes the steps of an opening handshake one after the other, each with a connection of its own.

    Args:
        url: where to connect to.
        protocols: the subprotocols to offer.
        settings: options of `wsline.connect`.

    Raises:
        ValueError, TypeError: bad arguments.
    """

    def __init__(self, url: str, protocols: list[str], settings: dict[str, Any]) -> None:
        self._uri: URI = parse_uri(url)
        self._url = url
        self._protocols = protocols
        self._settings = settings
        self._options = ClientOptions.from_keywords("connect", settings)
        self._limit = self._options.handshake_timeout
        connect(url, protocols or None, **settings)  # what else is wrong fails here

    async def steps(self) -> Any:
        """Yield a `Step` after the other; the last one may have failed."""
        uri = self._uri
        yield Step("URL", True, f"{uri.url}: {_way(uri)}")
        try:
            proxy = None if uri.unix_path else find_proxy(uri, self._options.proxy, os.environ)
        except (ProxyError, ValueError) as error:
            yield Step("proxy", False, explain(error))
            return
        yield Step("proxy", None if proxy is None else True, "none" if proxy is None else proxy.url)
        async for step in self._reach(proxy):
            yield step
            if step.ok is False and step.name != "TCP":
                return
        if uri.secure:
            step = await self._try_tls(proxy)
            yield step
            if not step.ok:
                return
        async for step in self._open():
            yield step

    # -- below HTTP

    async def _reach(self, proxy: Proxy | None) -> Any:
        uri = self._uri
        if uri.unix_path is not None:
            yield await self._timed("TCP", "connected", self._open_socket(None))
            return
        host, port = (uri.host, uri.port) if proxy is None else (proxy.host, proxy.port)
        try:
            addresses, took = await self._resolve(host, port)
        except (OSError, TimeoutError) as error:
            yield Step("addresses", False, f"{host}: {_why(error, self._limit)}")
            return
        yield Step("addresses", True, f"{host} has {len(addresses)}, found in {shown(took)}")
        reached = 0
        for family, address in addresses[:_MOST_ADDRESSES]:
            step = await self._timed(
                "TCP", f"{address[0]} port {port}", self._connect_to(family, address[0], port)
            )
            reached += bool(step.ok)
            yield step
        if not reached:
            yield Step("connected", False, f"none of {host}'s addresses can be connected to at port {port}")
        elif proxy is not None:
            yield await self._timed(
                "tunnel", f"{proxy.url} leads to {uri.host_header}", self._open_socket(proxy)
            )

    async def _resolve(self, host: str, port: int) -> tuple[list[Any], float]:
        begun = perf_counter()
        async with asyncio.timeout(self._limit):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, family=self._options.family, type=socket.SOCK_STREAM
            )
        return interleave([(family, address) for family, _, _, _, address in found]), perf_counter() - begun

    async def _connect_to(self, family: int, host: str, port: int) -> socket.socket:
        return await open_socket(host, port, replace(self._options, family=family))

    async def _open_socket(self, proxy: Proxy | None) -> socket.socket:
        uri, options = self._uri, self._options
        if uri.unix_path is not None:
            return await open_unix_socket(uri.unix_path)
        if proxy is not None:
            return await open_tunnel(proxy, uri, options)
        return await open_socket(uri.host, uri.port, options)

    async def _timed(self, name: str, what: str, opening: Any) -> Step:
        begun = perf_counter()
        try:
            async with asyncio.timeout(self._limit):
                sock = await opening
        except (OSError, ImportError, TimeoutError, WebSocketError) as error:
            return Step(name, False, f"{what}: {_why(error, self._limit)}")
        sock.close()
        return Step(name, True, f"{what}, in {shown(perf_counter() - begun)}")

    async def _try_tls(self, proxy: Proxy | None) -> Step:
        host = self._options.server_hostname or self._uri.host
        begun = perf_counter()
        try:
            async with asyncio.timeout(self._limit):
                sock = await self._open_socket(proxy)
                begun = perf_counter()
                transport, _ = await asyncio.get_running_loop().create_connection(
                    asyncio.Protocol,
                    sock=sock,
                    ssl=client_context(self._options.ssl),
                    server_hostname=host,
                    ssl_handshake_timeout=self._limit,
                )
        except ssl.SSLError as error:
            return Step("TLS", False, explain(tls_error(error, host)))
        except (OSError, TimeoutError, WebSocketError) as error:
            return Step("TLS", False, _why(error, self._limit))
        took = perf_counter() - begun
        stream = transport.get_extra_info("ssl_object")
        certificate = stream.getpeercert()
        told = f"{stream.version()}, {stream.cipher()[0]}, in {shown(took)}"
        transport.abort()
        return Step("TLS", True, told, tuple(_certificate(certificate)))

    # -- HTTP and above

    async def _open(self) -> Any:
        begun = perf_counter()
        try:
            ws = await connect(self._url, self._protocols or None, **self._settings)
        except HandshakeError as error:
            if isinstance(error, TLSError):
                yield Step("TLS", False, explain(error))
            elif isinstance(error, NegotiationError):
                yield Step("HTTP", True, f"101 {error.response.reason}")
                name = "subprotocol" if "subprotocol" in str(error) else "extensions"
                yield Step(name, False, explain(error))
            else:
                yield Step("HTTP", False, explain(error), tuple(_answer(error.response)))
            return
        except (OSError, WebSocketError) as error:
            yield Step("HTTP", False, explain(error))
            return
        took = perf_counter() - begun
        assert ws.response is not None
        yield Step(
            "HTTP", True, f"101 {ws.response.reason}, {shown(took)} from the beginning", _hops(ws, self._uri)
        )
        if self._protocols:
            yield Step("subprotocol", True, f"{ws.protocol} (offered: {', '.join(self._protocols)})")
        else:
            yield Step("subprotocol", None, "none was offered")
        yield Step(
            "extensions", bool(ws.extensions) or None, ", ".join(ws.extensions) or "none: not compressed"
        )
        async for step in self._try_it(ws):
            yield step

    async def _try_it(self, ws: WebSocket) -> Any:
        try:
            async with asyncio.timeout(self._limit):
                yield Step("ping", True, f"answered in {shown(await ws.ping())}")
        except (TimeoutError, WebSocketError) as error:
            yield Step("ping", False, _why(error, self._limit))
        await ws.close()
        info = ws.close_info
        yield Step("close", info.was_clean, f"{info.code}" if info.was_clean else info.hint)


def _way(uri: URI) -> str:
    if uri.unix_path is not None:
        return f"the UNIX socket {uri.unix_path}"
    return f"host {uri.host}, port {uri.port}, {'with TLS' if uri.secure else 'without TLS'}"


def _why(error: BaseException, limit: float | None) -> str:
    if isinstance(error, TimeoutError) and not isinstance(error, WebSocketError):
        return f"no answer within {limit:g} s" if limit else "no answer"
    assert isinstance(error, Exception)
    return explain(error)


def _certificate(certificate: Any) -> Iterator[str]:
    if not certificate:
        yield "its certificate was not verified (--no-check)"
        return
    names = [name for _, name in certificate.get("subjectAltName", ())]
    yield f"for {', '.join(names) or _name(certificate['subject'])}"
    yield f"signed by {_name(certificate['issuer'])}, valid until {certificate['notAfter']}"


def _name(parts: Any) -> str:
    fields = dict(pair for part in parts for pair in part)
    return str(fields.get("commonName") or fields.get("organizationName") or fields)


def _hops(ws: WebSocket, uri: URI) -> tuple[str, ...]:
    return () if ws.url == uri.url else (f"redirected to {ws.url}",)


def _answer(response: Response | None) -> Iterator[str]:
    """Yield the headers and the beginning of the body of an answer that opened no WebSocket."""
    if response is None:
        return
    yield f"HTTP/1.1 {response.status} {response.reason}".rstrip()
    for name, value in response.headers.items():
        yield f"{name}: {value}"
    body = response.body.decode(errors="replace").strip()
    if body:
        yield ""
        yield from body[:_MOST_BODY].splitlines()
    if len(body) > _MOST_BODY:
        yield f"... ({len(response.body)} bytes)"
