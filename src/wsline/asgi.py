"""WebSockets on any ASGI server (uvicorn, hypercorn, ...), with the coroutines of wsline."""

from .aio.asgi import ASGIWebSocket, WebSocketApp

__all__ = ["ASGIWebSocket", "WebSocketApp"]
