"""A WebSocket client and server: what `ws` is to Node.js, in the idiom of Python."""

from .aio.client import connect
from .aio.server import WebSocketServer, serve
from .aio.websocket import WebSocket
from .backoff import is_transient
from .errors import (
    CloseInfo,
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeError,
    HandshakeTimeout,
    InvalidHeader,
    InvalidState,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    KeepaliveTimeout,
    LocalProtocolError,
    NegotiationError,
    NoResponse,
    ProtocolError,
    ProxyError,
    RemoteProtocolError,
    SlowConsumer,
    TLSError,
    TooManyRedirects,
    TruncatedStream,
    UnsafeRedirect,
    Violation,
    WebSocketError,
    WriteTimeout,
)
from .handshake.headers import Headers
from .handshake.http1 import Request, Response
from .options import ANY, SAME_HOST
from .spec import CloseCode, Opcode, State
from .states import ServerState
from .wire.kernels import COMPILED as compiled

__version__ = "0.1.0"

__all__ = [
    "ANY",
    "SAME_HOST",
    "CloseCode",
    "CloseInfo",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "HandshakeError",
    "HandshakeTimeout",
    "Headers",
    "InvalidHeader",
    "InvalidState",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "KeepaliveTimeout",
    "LocalProtocolError",
    "NegotiationError",
    "NoResponse",
    "Opcode",
    "ProtocolError",
    "ProxyError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "ServerState",
    "SlowConsumer",
    "State",
    "TLSError",
    "TooManyRedirects",
    "TruncatedStream",
    "UnsafeRedirect",
    "Violation",
    "WebSocket",
    "WebSocketError",
    "WebSocketServer",
    "WriteTimeout",
    "__version__",
    "compiled",
    "connect",
    "is_transient",
    "serve",
]
