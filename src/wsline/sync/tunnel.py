"""From a proxy to a socket that leads to the server."""

import importlib
import socket
from typing import Any, Final

from ..errors import ProxyError
from ..handshake.proxy import Proxy, TunnelHandshake
from ..handshake.uri import URI
from ..options import ClientOptions
from .sockets import TimeLimit, open_socket, resolve

__all__ = ["open_tunnel"]

_SIZE: Final = 16384


def open_tunnel(proxy: Proxy, uri: URI, options: ClientOptions, limit: TimeLimit) -> socket.socket:
    """Connect to a server through a proxy.

    Args:
        proxy: the proxy.
        uri: where the server is.
        options: how to connect to the proxy, and the limits of its answer.
        limit: when to give up.

    Returns:
        A socket that leads to the server.

    Raises:
        ProxyError: no connection came about.
        TimeoutError: the time was over before.
        ImportError: a SOCKS proxy needs the extra `wsline[proxy]`.
    """
    try:
        if proxy.scheme == "http":
            return _open_http(proxy, uri, options, limit)
        return _open_socks(proxy, uri, options, limit)
    except (OSError, ProxyError) as error:
        if limit.is_over:
            raise TimeoutError(str(error)) from error
        if isinstance(error, ProxyError):
            raise
        raise proxy.error(uri, str(error)) from error


class _Timed:
    """A socket each call of which ends in time: what python-socks takes for one, too.

    Args:
        sock: the socket.
        limit: when to give up.
    """

    def __init__(self, sock: socket.socket, limit: TimeLimit) -> None:
        self.sock = sock
        self._limit = limit

    def recv(self, size: int) -> bytes:
        self.sock.settimeout(self._limit.left())
        return self.sock.recv(size)

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(self._limit.left())
        self.sock.sendall(data)

    def close(self) -> None:
        self.sock.close()


def _open_http(proxy: Proxy, uri: URI, options: ClientOptions, limit: TimeLimit) -> socket.socket:
    handshake = TunnelHandshake(proxy, uri, options)
    sock = open_socket(proxy.host, proxy.port, options, limit)
    timed = _Timed(sock, limit)
    try:
        timed.sendall(handshake.build())
        while not handshake.receive(timed.recv(_SIZE)):
            pass
    except BaseException:
        sock.close()
        raise
    return sock


class _Opener:
    """What python-socks takes for a proxy before the proxy: it connects, in our way."""

    def __init__(self, options: ClientOptions, limit: TimeLimit) -> None:
        self._options = options
        self._limit = limit

    def connect(self, dest_host: str, dest_port: int, timeout: float | None = None) -> _Timed:
        return _Timed(open_socket(dest_host, dest_port, self._options, self._limit), self._limit)


def _open_socks(proxy: Proxy, uri: URI, options: ClientOptions, limit: TimeLimit) -> socket.socket:
    socks, client = _load(proxy)
    user, password = proxy.userinfo or (None, None)
    is_4 = proxy.scheme.startswith("socks4")
    opener = client.Proxy(
        socks.ProxyType.SOCKS4 if is_4 else socks.ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        user,
        password,
        proxy.resolves,
        forward=_Opener(options, limit),
    )
    host = uri.host.partition("%")[0]
    if not proxy.resolves:
        # It would be asked without a limit.
        host = resolve(host, uri.port, socket.AF_INET if is_4 else 0, limit)[0][1][0]
    try:
        timed: _Timed = opener.connect(host, uri.port)
    except (socks.ProxyError, ValueError) as error:  # it does not check all that a proxy can say
        raise proxy.socks_error(uri, error) from None
    return timed.sock


def _load(proxy: Proxy) -> tuple[Any, Any]:
    try:
        return importlib.import_module("python_socks"), importlib.import_module("python_socks.sync")
    except ImportError as error:
        raise proxy.missing_package(error) from error
