"""From a proxy to a socket that leads to the server."""

import asyncio
import importlib
import socket
from typing import Any, Final

from ..handshake.proxy import Proxy, TunnelHandshake
from ..handshake.uri import URI
from ..options import ClientOptions
from .sockets import open_socket

__all__ = ["open_tunnel"]

_SIZE: Final = 16384

# python-socks has a deadline of its own, which is never the one that counts.
_FOREVER: Final = 86400.0 * 365


async def open_tunnel(proxy: Proxy, uri: URI, options: ClientOptions) -> socket.socket:
    """Connect to a server through a proxy.

    Args:
        proxy: the proxy.
        uri: where the server is.
        options: how to connect to the proxy, and the limits of its answer.

    Returns:
        A socket that does not block, and leads to the server.

    Raises:
        ProxyError: no connection came about.
        ImportError: a SOCKS proxy needs the extra `wsline[proxy]`.

    Cancelling leaves nothing open.
    """
    try:
        if proxy.scheme == "http":
            return await _open_http(proxy, uri, options)
        return await _open_socks(proxy, uri, options)
    except OSError as error:
        raise proxy.error(uri, str(error)) from error


async def _open_http(proxy: Proxy, uri: URI, options: ClientOptions) -> socket.socket:
    loop = asyncio.get_running_loop()
    handshake = TunnelHandshake(proxy, uri, options)
    sock = await open_socket(proxy.host, proxy.port, options)
    try:
        await loop.sock_sendall(sock, handshake.build())
        while not handshake.receive(await loop.sock_recv(sock, _SIZE)):
            pass
    except BaseException:
        sock.close()
        raise
    return sock


class _Opener:
    """What python-socks takes for a proxy before the proxy: it connects, in our way."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options

    async def connect(self, dest_host: str, dest_port: int, timeout: float | None = None) -> socket.socket:
        return await open_socket(dest_host, dest_port, self._options)


async def _open_socks(proxy: Proxy, uri: URI, options: ClientOptions) -> socket.socket:
    socks, client = _load(proxy)
    user, password = proxy.userinfo or (None, None)
    opener = client.Proxy(
        socks.ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else socks.ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        user,
        password,
        proxy.resolves,
        forward=_Opener(options),
    )
    try:
        sock: socket.socket = await opener.connect(uri.host.partition("%")[0], uri.port, timeout=_FOREVER)
    except (socks.ProxyError, ValueError) as error:  # it does not check all that a proxy can say
        raise proxy.socks_error(uri, error) from None
    return sock


def _load(proxy: Proxy) -> tuple[Any, Any]:
    try:
        return importlib.import_module("python_socks"), importlib.import_module("python_socks.async_.asyncio")
    except ImportError as error:
        raise proxy.missing_package(error) from error
