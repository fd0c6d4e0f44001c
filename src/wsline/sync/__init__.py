"""The blocking door: the same WebSockets for threads, without an event loop of yours."""

from .client import connect
from .server import WebSocketServer, serve
from .websocket import WebSocket

__all__ = ["WebSocket", "WebSocketServer", "connect", "serve"]
