"""Every option: its default, unit, meaning and check, written once.

The doors take keyword arguments, build one of the frozen dataclasses below from them, and pass only
that object down. A bad value fails here, before anything is opened, naming the option, the value and
what is allowed.

Sizes are in bytes, times in seconds. `None` switches a limit or a time off where the table says so.
"""

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, Final, Self

from .backplane import Backplane
from .checks import (
    ADDRESS,
    AUTH,
    CALLABLE,
    CONTEXT,
    FAMILY,
    FLAG,
    HEADERS,
    HOST,
    PATH,
    SOCKET,
    SSL,
    TEXT,
    UNIX,
    Check,
    check_all,
    option,
    seconds,
    size,
)
from .deflate import Deflate
from .descriptors import most_connections
from .origin_rules import ANY, ORIGINS, SAME_HOST, OriginRule
from .spec import SUPPORTED_VERSIONS

__all__ = [
    "ANY", "BINARY_TYPES", "SAME_HOST", "ClientOptions", "HeadOptions", "Options", "OriginRule",
    "ServerOptions",
]  # fmt: skip

KIB: Final = 1024
MIB: Final = 1024 * KIB

_FACTOR = Check("a finite number from 1", (int, float), lambda value: 1 <= value <= sys.float_info.max)
_RATE = Check(
    "a finite number from 1, or None for no limit",
    (int, float, NoneType),
    lambda value: value is None or 1 <= value <= sys.float_info.max,
)
BINARY_TYPES: Final = ("bytes", "bytearray", "memoryview", "fragments")
SLOW_CONSUMER: Final = ("disconnect", "drop_newest", "drop_oldest", "latest")

_FORM = Check(f"one of {', '.join(map(repr, BINARY_TYPES))}", (str,), lambda value: value in BINARY_TYPES)
_POLICY = Check(f"one of {', '.join(map(repr, SLOW_CONSUMER))}", (str,), lambda value: value in SLOW_CONSUMER)
_PROXY = Check(
    "a URL, True for the environment's, or None", (str, bool, NoneType), lambda value: value is not False
)
_CLASS = Check("a class or None", (type, NoneType))
_VERSION = Check("13 or 8", (int,), lambda value: value in SUPPORTED_VERSIONS)


def pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers given as a mapping or as pairs as a list of pairs."""
    return list(headers.items()) if isinstance(headers, Mapping) else [(n, v) for n, v in headers]


# Encoded for a broker it is up to three times as long, which all of them take.
_TOPIC_LENGTH: Final = Check("an integer from 1 to 1024", (int,), lambda value: 1 <= value <= KIB)

_BACKPLANE: Final = Check("a URL or a Backplane", (str, Backplane))
_DEFLATE: Final = Check("True, False or a Deflate", (bool, Deflate))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadOptions:
    """The limits of HTTP heads, which all have.

    Attributes:
        max_head_size: largest request or response head, in bytes.
        max_head_line: longest line in it, in bytes.
        max_headers: most headers in it.
    """

    max_head_size: int = option(16 * KIB, size(128))
    max_head_line: int = option(8 * KIB, size(64))
    max_headers: int = option(100, size(8))

    def __post_init__(self) -> None:
        check_all(self)

    @classmethod
    def from_keywords(cls, caller: str, keywords: Mapping[str, Any]) -> Self:
        """Build the options from a door's keyword arguments.

        Args:
            caller: the door's name, for the error message.
            keywords: what was passed to it.

        Returns:
            The checked options.

        Raises:
            TypeError: a keyword is unknown (the message names the nearest one), or a value has a
                wrong type.
            ValueError: a value is out of range.
        """
        known = [each.name for each in fields(cls)]
        for name in keywords:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{caller}() got an unknown option {name!r}{hint}")
        return cls(**keywords)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(HeadOptions):
    """What clients and servers have in common.

    Attributes:
        max_payload: largest message accepted, in bytes, over all its fragments; more closes with
            1009 (`ws`: maxPayload, there 100 MiB). `None`: no limit.
        max_fragments: most frames of one message, empty ones included; more closes with 1008
            (`ws`: maxFragments, there 16384; here a fragment costs nothing). `None`: no limit.
        max_buffered_chunks: most reads from the socket for one frame; more closes with 1008
            (`ws`: maxBufferedChunks). `None`: no limit.
        max_pending_auto_pongs: most automatic pongs waiting for a peer that does not read; more
            cuts the connection (`ws`: maxPendingAutoPongs). `None`: no limit.
        auto_pong: answer pings (`ws`: autoPong).
        skip_utf8_validation: take ill-formed UTF-8 in text messages and close reasons, replacing
            what cannot be decoded by U+FFFD (`ws`: skipUTF8Validation).
        per_message_deflate: compress messages: `True`, or a `Deflate` that says how
            (`ws`: perMessageDeflate). Default: clients offer it, servers decline it.
        handshake_timeout: longest time of the whole opening handshake, TLS included.
        close_timeout: longest time from the start of the closing handshake until the connection is
            cut (`ws`: closeTimeout, there 30).
        ping_interval: time between keepalive pings; `None`: no keepalive.
        ping_timeout: longest silence of the peer after a keepalive ping; `None`: never cut.
        write_timeout: longest time in which the peer takes nothing of what waits to be sent;
            `None`: never cut.
        binary_type: what a binary message is received as: `"bytes"`, `"bytearray"`, `"memoryview"`, or
            `"fragments"`, a list of the payloads of its frames (`ws`: binaryType).
        max_control_rate: most pings, pongs and close frames of the peer a second, over ten seconds; more
            closes with 1008. `None`: no limit.
        allow_synchronous_events: several events may happen in one turn of the loop. `False`: one at a
            time, as in browsers, which is slower (`ws`: allowSynchronousEvents).
        max_queue: received messages kept for `recv()` before reading pauses; it also pauses not
            before 64 KiB are kept.
        high_water: bytes waiting to be sent above which awaiting `send()` waits.
        max_buffered: bytes waiting to be sent, beside the message being sent, above which the peer
            is a slow consumer; `None`: no limit.
        slow_consumer: what then becomes of messages: `"disconnect"`: the peer is cut off; `"drop_newest"`:
            what is sent is dropped; `"drop_oldest"`: what waits longest is dropped; `"latest"`: as before,
            and of messages about the same only the newest waits. The last two keep messages back as soon
            as more than `high_water` bytes wait. Only whole messages are dropped: with fragments it is
            `"disconnect"`. Who awaits `send` waits before that, and loses nothing.
        slow_consumer_key: called with a message (`str` or `bytes`), returns what it is about (something
            hashable), for `"latest"`. Default: all are about the same.
    """

    max_payload: int | None = option(16 * MIB, size(0, none="no limit"))
    max_fragments: int | None = option(131072, size(1, none="no limit"))
    max_buffered_chunks: int | None = option(262144, size(1, none="no limit"))
    max_pending_auto_pongs: int | None = option(60, size(1, none="no limit"))
    max_control_rate: float | None = option(None, _RATE)
    auto_pong: bool = option(True, FLAG)
    skip_utf8_validation: bool = option(False, FLAG)
    per_message_deflate: bool | Deflate = option(False, _DEFLATE)
    handshake_timeout: float | None = option(10.0, seconds(none="no limit"))
    close_timeout: float = option(10.0, seconds())
    ping_interval: float | None = option(20.0, seconds(none="no keepalive"))
    ping_timeout: float | None = option(20.0, seconds(none="no limit"))
    write_timeout: float | None = option(30.0, seconds(none="no limit"))
    binary_type: str = option("bytes", _FORM)
    allow_synchronous_events: bool = option(True, FLAG)
    max_queue: int = option(16, size(1))
    high_water: int = option(64 * KIB, size(0))
    max_buffered: int | None = option(8 * MIB, size(0, none="no limit"))
    slow_consumer: str = option("disconnect", _POLICY)
    slow_consumer_key: Callable[[str | bytes], Any] | None = option(None, CALLABLE)

    def __post_init__(self) -> None:
        HeadOptions.__post_init__(self)
        if self.slow_consumer_key is not None and self.slow_consumer != "latest":
            raise ValueError(f'slow_consumer_key: needs slow_consumer="latest", not {self.slow_consumer!r}')

    @property
    def held_above(self) -> int | None:
        """How many bytes may wait before `slow_consumer` has a say; `None`: any number."""
        if self.slow_consumer in ("disconnect", "drop_newest"):
            return self.max_buffered
        return self.high_water if self.max_buffered is None else min(self.high_water, self.max_buffered)

    @property
    def deflate(self) -> Deflate | None:
        """What `per_message_deflate` says, `None` if it is off."""
        chosen = self.per_message_deflate
        if isinstance(chosen, bool):
            return Deflate() if chosen else None
        return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(Options):
    """What a client can be told beside `Options`.

    Attributes:
        protocol_version: 13, or 8 for draft 8 to 12 (`ws`: protocolVersion).
        origin: value of the Origin header (`Sec-WebSocket-Origin` for version 8); `None`: none.
        headers: more headers of the request, a mapping or pairs of strings (`ws`: headers).
        auth: `(user, password)` for Basic authentication; the URL's user info comes first.
        follow_redirects: go where a 3xx with a Location tells, at most `max_redirects` times in a row. What
            is secret (credentials, cookies) does not go to another host or port, nor from TLS to plain text.
        max_redirects: see there (`ws`: maxRedirects).
        unsafe_redirects: also follow a redirect from TLS to plain text, and one to a UNIX socket.
        finish_request: called with each request, redirected ones too, and the `WebSocket`, before it is
            sent; may change its headers. May be a coroutine function (`ws`: finishRequest).
        generate_mask: called for each frame, returns its 4-byte masking key; `None`: keys from
            `os.urandom` (`ws`: generateMask).
        ssl: for wss: an `ssl.SSLContext`; `None` or `True`: one that verifies the server. `False`: one
            that VERIFIES NOTHING: anyone on the way can pose as the server, and read and change all that
            is sent. For a server whose certificate no authority has signed, do not use it, but
            `ssl.create_default_context(cafile="its-certificate.pem")`.
        server_hostname: the name that the server's certificate must be for; `None`: the URL's host.
        sock: a connected stream socket to use instead of connecting; the client owns it then.
        unix_path: path of a UNIX socket to connect to, instead of the host and the port of the URL.
        proxy: the URL of a proxy: `http://` (CONNECT), or with the extra `wsline[proxy]` `socks4://`,
            `socks5://` (we resolve names), `socks4a://`, `socks5h://` (the proxy does), with
            `user:password@` if need be. `True`: what wss_proxy, https_proxy, all_proxy and no_proxy say.
        local_address: `(host, port)` to connect from.
        family: `socket.AF_INET` or `AF_INET6` to use only these addresses; 0: all.
        happy_eyeballs_delay: time after which the next address of a host is tried beside the one before
            (RFC 8305); `None`: one after the other has failed.
        reconnect_delay: longest delay before the first new attempt in `async for`; each is drawn evenly
            between 0 and the longest, which is multiplied by `reconnect_factor` each time, up to
            `reconnect_max_delay`. A connection that outlives the present longest brings it down again.
        reconnect_factor: see there.
        reconnect_max_delay: the limit of all these delays.
        process_exception: called in `async for` with the exception of a failed attempt; returns `None` to
            try again, or the exception to raise. Default: `is_transient` errors are tried again.
        on_reconnect: called with each new `WebSocket` of `async for` but the first, before the loop gets
            it: to subscribe again. May be a coroutine function.
    """

    per_message_deflate: bool | Deflate = option(True, _DEFLATE)
    protocol_version: int = option(13, _VERSION)
    origin: str | None = option(None, TEXT)
    headers: Any = option(None, HEADERS)
    auth: tuple[str, str] | None = option(None, AUTH)
    follow_redirects: bool = option(False, FLAG)
    max_redirects: int = option(10, size(0))
    unsafe_redirects: bool = option(False, FLAG)
    finish_request: Callable[..., Any] | None = option(None, CALLABLE)
    generate_mask: Callable[[], bytes] | None = option(None, CALLABLE)
    ssl: Any = option(None, SSL)
    server_hostname: str | None = option(None, HOST)
    sock: Any = option(None, SOCKET)
    unix_path: str | None = option(None, UNIX)
    proxy: str | bool | None = option(None, _PROXY)
    local_address: tuple[str, int] | None = option(None, ADDRESS)
    family: int = option(0, FAMILY)
    happy_eyeballs_delay: float | None = option(0.25, seconds(none="one after the other"))
    reconnect_delay: float = option(1.0, seconds())
    reconnect_factor: float = option(2.0, _FACTOR)
    reconnect_max_delay: float = option(60.0, seconds())
    process_exception: Callable[[Exception], Exception | None] | None = option(None, CALLABLE)
    on_reconnect: Callable[..., Any] | None = option(None, CALLABLE)

    def __post_init__(self) -> None:
        # Named in full: `super()` does not find a class that has got slots.
        Options.__post_init__(self)
        for name in ("unix_path", "follow_redirects", "proxy") if self.sock is not None else ():
            if getattr(self, name):  # not shown: a password may be in it
                raise ValueError(f"{name} and sock: must not both be given, a socket is connected already")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions(Options):
    """What a server can be told beside `Options`.

    Attributes:
        path: the only path that is accepted, query aside; others get 404 (`ws`: path). `None`: all.
        origins: `SAME_HOST`, `ANY`, or a list of strings, compiled patterns and `None` (a request
            without an Origin); others get 403.
        handle_protocols: called with the offered subprotocols (a tuple) and the request if the client
            offered any; returns the chosen one, or `None` (`ws`: handleProtocols). Default: the first.
        verify_client: called with `VerifyInfo`; falsy refuses with 401, a `Response` is the refusal.
            May be a coroutine function (`ws`: verifyClient).
        process_request: called with each request, also those that ask for no WebSocket; returns
            `None` to go on, or a `Response`. May be a coroutine function.
        client_tracking: keep the set `clients` (`ws`: clientTracking).
        web_socket: the class of the server's WebSockets, a subclass of `WebSocket`, in `wsline.sync` of the
            one there (`ws`: WebSocket).
        backlog: length of the queue of connections not yet accepted (`ws`: backlog).
        max_connections: most WebSockets at a time; more get 503. Default: what the system's limit on open
            files leaves. `None`: no limit.
        max_connections_per_ip: the same for one address; default: no limit, for clients may share one.
        max_pending_handshakes: most opening handshakes at a time; more end the oldest with 503.
        max_protocols: most subprotocols that a client may offer; more get 400.
        max_protocol_length: most characters of each; more get 400.
        max_extensions: how many of the offered extensions are considered.
        max_extension_parameters: how many of the parameters of each.
        sock: a listening stream socket to use, instead of host and port; the server owns it then.
        unix_path: path of a UNIX socket to listen at, instead of host and port.
        ssl: an `ssl.SSLContext` with the server's certificate, for wss.
        reuse_port: let other processes listen at the same port (SO_REUSEPORT).
        max_topic_length: longest name of a topic, in bytes of UTF-8.
        max_topics_per_connection: most topics that a WebSocket follows; `None`: no limit.
        max_topics: most topics that are followed at this server; `None`: no limit.
        backplane: what joins the topics with those of other processes: a URL, or a `Backplane`.
    """

    path: str | None = option(None, PATH)
    origins: Any = option(SAME_HOST, ORIGINS)
    handle_protocols: Callable[..., Any] | None = option(None, CALLABLE)
    verify_client: Callable[..., Any] | None = option(None, CALLABLE)
    process_request: Callable[..., Any] | None = option(None, CALLABLE)
    client_tracking: bool = option(True, FLAG)
    web_socket: Any = option(None, _CLASS)
    backlog: int = option(511, size(1, bits=31))
    max_connections: int | None = option(most_connections, size(1, none="no limit"))
    max_connections_per_ip: int | None = option(None, size(1, none="no limit"))
    max_pending_handshakes: int = option(1024, size(1))
    max_protocols: int = option(32, size(1))
    max_protocol_length: int = option(64, size(1))
    max_extensions: int = option(8, size(0))
    max_extension_parameters: int = option(8, size(0))
    sock: Any = option(None, SOCKET)
    unix_path: str | None = option(None, UNIX)
    ssl: Any = option(None, CONTEXT)
    reuse_port: bool = option(False, FLAG)
    max_topic_length: int = option(255, _TOPIC_LENGTH)
    max_topics_per_connection: int | None = option(1000, size(0, none="no limit"))
    max_topics: int | None = option(100_000, size(0, none="no limit"))
    backplane: str | Backplane = option("memory://", _BACKPLANE)

    def __post_init__(self) -> None:
        # Named in full: `super()` does not find a class that has got slots.
        Options.__post_init__(self)
        if isinstance(self.backplane, str):
            object.__setattr__(self, "backplane", Backplane(url=self.backplane))
