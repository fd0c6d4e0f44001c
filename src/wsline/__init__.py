"""A WebSocket client and server: what `ws` is to Node.js, in the idiom of Python."""

from . import speedups  # noqa: F401 -- before all others: it decides how they are loaded
from .aio.client import connect
from .aio.dom import CloseEvent, ErrorEvent, Event, MessageEvent
from .aio.server import WebSocketServer, serve
from .aio.streams import create_websocket_stream
from .aio.websocket import WebSocket
from .backoff import is_transient
from .backplane import Backplane, BackplaneHealth
from .deflate import Deflate
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
    UnreadPongs,
    UnsafeRedirect,
    Violation,
    WebSocketError,
    WriteTimeout,
)
from .handshake.headers import Headers
from .handshake.heads import HeadError
from .handshake.http1 import Request, Response
from .options import ANY, SAME_HOST
from .spec import CloseCode, Opcode, State
from .states import ServerState
from .stats import ServerStats, Stats
from .topic_errors import (
    BackplaneError,
    BackplaneUnavailable,
    InvalidTopic,
    MalformedEnvelope,
    TooManyTopics,
)
from .wire.deflate import deflate_memory
from .wire.kernels import COMPILED as compiled
from .wire.prepared import PreparedMessage

__version__ = "0.1.0"

__all__ = [
    "ANY",
    "SAME_HOST",
    "Backplane",
    "BackplaneError",
    "BackplaneHealth",
    "BackplaneUnavailable",
    "CloseCode",
    "CloseEvent",
    "CloseInfo",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Deflate",
    "ErrorEvent",
    "Event",
    "HandshakeError",
    "HandshakeTimeout",
    "HeadError",
    "Headers",
    "InvalidHeader",
    "InvalidState",
    "InvalidStatus",
    "InvalidTopic",
    "InvalidURI",
    "InvalidUpgrade",
    "KeepaliveTimeout",
    "LocalProtocolError",
    "MalformedEnvelope",
    "MessageEvent",
    "NegotiationError",
    "NoResponse",
    "Opcode",
    "PreparedMessage",
    "ProtocolError",
    "ProxyError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "ServerState",
    "ServerStats",
    "SlowConsumer",
    "State",
    "Stats",
    "TLSError",
    "TooManyRedirects",
    "TooManyTopics",
    "TruncatedStream",
    "UnreadPongs",
    "UnsafeRedirect",
    "Violation",
    "WebSocket",
    "WebSocketError",
    "WebSocketServer",
    "WriteTimeout",
    "__version__",
    "compiled",
    "connect",
    "create_websocket_stream",
    "deflate_memory",
    "is_transient",
    "serve",
]
