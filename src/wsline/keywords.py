"""The keyword arguments of the doors, typed: the fields of the option classes, for type checkers."""

import socket
import ssl as tls
from collections.abc import Awaitable, Callable, Iterable, Mapping
from re import Pattern
from typing import Any, TypedDict

from .backplane import Backplane
from .deflate import Deflate
from .handshake.http1 import Request, Response
from .handshake.server import VerifyInfo
from .options import OriginRule

__all__ = ["ClientKeywords", "HTTPKeywords", "HeadKeywords", "Keywords", "ServerKeywords"]


class HeadKeywords(TypedDict, total=False):
    """See `options.HeadOptions`."""

    max_head_size: int
    max_head_line: int
    max_headers: int


class Keywords(HeadKeywords, total=False):
    """See `options.Options`."""

    max_payload: int | None
    max_fragments: int | None
    max_buffered_chunks: int | None
    max_pending_auto_pongs: int | None
    max_control_rate: float | None
    auto_pong: bool
    skip_utf8_validation: bool
    per_message_deflate: bool | Deflate
    handshake_timeout: float | None
    close_timeout: float
    ping_interval: float | None
    ping_timeout: float | None
    write_timeout: float | None
    binary_type: str
    allow_synchronous_events: bool
    max_queue: int
    high_water: int
    max_buffered: int | None
    slow_consumer: str
    slow_consumer_key: Callable[[Any], object] | None


class ClientKeywords(Keywords, total=False):
    """See `options.ClientOptions`."""

    protocol_version: int
    origin: str | None
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None
    auth: tuple[str, str] | None
    follow_redirects: bool
    max_redirects: int
    unsafe_redirects: bool
    finish_request: Callable[[Request, Any], object] | None
    generate_mask: Callable[[], bytes] | None
    ssl: tls.SSLContext | bool | None
    server_hostname: str | None
    sock: socket.socket | None
    unix_path: str | None
    proxy: str | bool | None
    local_address: tuple[str, int] | None
    family: int
    happy_eyeballs_delay: float | None
    reconnect_delay: float
    reconnect_factor: float
    reconnect_max_delay: float
    process_exception: Callable[[Exception], Exception | None] | None
    on_reconnect: Callable[[Any], object] | None


class ServerKeywords(Keywords, total=False):
    """See `options.ServerOptions`."""

    path: str | None
    origins: OriginRule | Iterable[str | Pattern[str] | None]
    handle_protocols: Callable[[tuple[str, ...], Request], str | Awaitable[str | None] | None] | None
    verify_client: Callable[[VerifyInfo], object] | None
    process_request: Callable[[Request], Response | Awaitable[Response | None] | None] | None
    client_tracking: bool
    web_socket: type | None
    backlog: int
    max_connections: int | None
    max_connections_per_ip: int | None
    max_pending_handshakes: int
    max_protocols: int
    max_protocol_length: int
    max_extensions: int
    max_extension_parameters: int
    sock: socket.socket | None
    unix_path: str | None
    ssl: tls.SSLContext | None
    reuse_port: bool
    max_topic_length: int
    max_topics_per_connection: int | None
    max_topics: int | None
    backplane: str | Backplane


class HTTPKeywords(HeadKeywords, total=False):
    """See `handshake.http_options.HTTPOptions`."""

    max_body: int
    header_timeout: float | None
    body_timeout: float | None
    idle_timeout: float | None
    write_timeout: float | None
    max_connections: int | None
    backlog: int
    sock: socket.socket | None
    unix_path: str | None
    ssl: tls.SSLContext | None
    reuse_port: bool
