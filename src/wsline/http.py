"""HTTP/1.1 beside WebSockets: an HTTP server to attach a `WebSocketServer` to, and its messages."""

from .aio.http import HTTPServer
from .aio.upgrades import UpgradeSocket
from .handshake.auth import basic_auth
from .handshake.forwarded import client_ip
from .handshake.headers import Headers
from .handshake.http1 import Request, Response

__all__ = ["HTTPServer", "Headers", "Request", "Response", "UpgradeSocket", "basic_auth", "client_ip"]
