"""WebSocket URLs (RFC 6455 §3), and those of `ws`: http(s) and UNIX sockets."""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from ..errors import InvalidURI
from .headers import shown

__all__ = ["URI", "parse_authority", "parse_uri", "resolve_uri", "without_password"]

_SECURE: Final = {"ws": False, "http": False, "wss": True, "https": True}
_DEFAULT_PORT: Final = {False: 80, True: 443}

_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\x9f]")
_AUTHORITY_END: Final = re.compile(r"[/?]")
_NAME: Final = re.compile(r"[0-9A-Za-z._~-]+")
_ZONE: Final = re.compile(r"[0-9A-Za-z._~-]+")

# RFC 3986 §3.1
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))

# RFC 3986 §3.3, §3.4: what a path and a query may have unescaped; "%" begins what is escaped already.
_TARGET_SAFE: Final = "/?:@!$&'()*+,;=-._~%[]"
_SOCKET_SAFE: Final = "/@!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True)
class URI:
    """Where a WebSocket client connects to, and what it asks for there.

    Attributes:
        secure: over TLS.
        host: name (IDNA encoded) or address, without brackets.
        port: TCP port.
        target: path and query for the request line.
        userinfo: user and password, percent-decoded; `None` without.
        unix_path: path of the UNIX socket to connect to instead; `None` for TCP.
    """

    secure: bool
    host: str
    port: int
    target: str
    userinfo: tuple[str, str] | None = field(default=None, repr=False)
    unix_path: str | None = None

    @property
    def host_header(self) -> str:
        """The value of the Host header: IPv6 in brackets, the default port left out."""
        # RFC 6874 §1: the zone of an address means nothing to the server and is not sent.
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.secure] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in its normal form, without user info."""
        if self.unix_path is not None:
            return f"ws+unix:{quote(self.unix_path, _SOCKET_SAFE)}:{self.target}"
        return f"{'wss' if self.secure else 'ws'}://{self.host_header}{self.target}"


_HINT: Final = "it should look like wss://host:port/path?query"


def parse_uri(url: str) -> URI:
    """Parse the URL of a WebSocket server.

    Args:
        url: `ws:`, `wss:`, `http:` (as `ws:`) or `https:` (as `wss:`), or
            `ws+unix:/path/to.sock:/resource?query`. Non-ASCII host names are IDNA encoded (IDNA 2003,
            of the standard library), other non-ASCII characters percent-encoded as UTF-8.

    Raises:
        TypeError: `url` is no string.
        InvalidURI: the URL is none of these; the message shows it, without its password, and why.
    """
    if not isinstance(url, str):
        raise TypeError(f"url={url!r}: must be a string")
    try:
        return _parse(url)
    except ValueError as error:
        raise InvalidURI(f"Invalid URL {without_password(url)}: {error}", hint=_HINT) from None


def resolve_uri(base: URI, location: str) -> URI:
    """Return where a Location header leads to from `base` (RFC 3986 §5).

    Args:
        base: the URL of the request.
        location: a URL, or a reference relative to `base`, as it stands in the header.

    Returns:
        The URL; with what `base` says of the way (its UNIX socket) if scheme, host and port are the same.

    Raises:
        InvalidURI: it is none that a WebSocket client can connect to.
    """
    # Header values are ISO-8859-1 here; what is not ASCII in this one is UTF-8 that was not escaped.
    location = quote(location.encode("latin-1"), _ASCII)
    if location.startswith("//"):
        location = f"{'wss' if base.secure else 'ws'}:{location}"
    if _SCHEME.match(location) is None:
        return replace(base, target=_resolve_target(base.target, location), userinfo=None)
    uri = parse_uri(location)
    if uri.unix_path is None and (uri.secure, uri.host, uri.port) == (base.secure, base.host, base.port):
        return replace(base, target=uri.target, userinfo=uri.userinfo)
    return uri


def _resolve_target(target: str, location: str) -> str:
    if "#" in location:
        raise InvalidURI(f"Invalid URL {shown(location)}: a WebSocket URL has no fragment", hint=_HINT)
    parts = urlsplit(urljoin(f"http://host{target}", location))
    return _parse_target(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _parse(url: str) -> URI:
    bad = _FORBIDDEN.search(url)
    if bad is not None:
        raise ValueError(f"{bad.group()!a} is not allowed in it; percent-encode it")
    if "#" in url:
        raise ValueError('a WebSocket URL has no fragment; "#" in a path or query is written %23')
    scheme, _, rest = url.partition(":")
    if scheme.lower() == "ws+unix":
        return _parse_unix(rest)
    secure = _SECURE.get(scheme.lower())
    if secure is None:
        raise ValueError("its scheme must be ws, wss, http, https or ws+unix")
    if not rest.startswith("//"):
        raise ValueError(f'"//" and a host must follow "{scheme}:"')
    end = _AUTHORITY_END.search(rest, 2)
    authority, target = (rest[2:], "") if end is None else (rest[2 : end.start()], rest[end.start() :])
    userinfo, host, port = parse_authority(authority)
    return URI(
        secure=secure,
        host=host,
        port=_DEFAULT_PORT[secure] if port is None else port,
        target=_parse_target(target),
        userinfo=userinfo,
    )


def parse_authority(text: str) -> tuple[tuple[str, str] | None, str, int | None]:
    """Return user and password, host, and port of the part of a URL that has them; `None` where it has none.

    Raises:
        ValueError: one of them is ill-formed.
    """
    userinfo, _, host_and_port = text.rpartition("@")
    host, port = _parse_host_and_port(host_and_port)
    return _parse_userinfo(userinfo), host, port


def _parse_unix(rest: str) -> URI:
    if rest.startswith("//") and not rest.startswith("///"):
        raise ValueError('the path of a socket, not a host, must follow "ws+unix:"')
    path, _, target = (rest[2:] if rest.startswith("///") else rest).partition(":")
    path = _decode(path, "path of the socket")
    if not path or "\0" in path:
        raise ValueError("the path of the socket must not be empty, nor contain NUL")
    return URI(secure=False, host="localhost", port=80, target=_parse_target(target), unix_path=path)


def _parse_target(text: str) -> str:
    if text and not text.startswith(("/", "?")):
        raise ValueError(f'the resource {shown(text)} must begin with "/"')
    return quote(text if text.startswith("/") else "/" + text, _TARGET_SAFE)


def _parse_userinfo(text: str) -> tuple[str, str] | None:
    user, _, password = text.partition(":")
    user, password = _decode(user, "user"), _decode(password, "password")
    # RFC 7617 §2: a user-id with a colon is invalid, since the first colon ends it.
    if ":" in user:
        raise ValueError("a user must not contain a colon (%3A)")
    return (user, password) if user or password else None


def _decode(text: str, what: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"the {what} must be UTF-8 when percent-decoded") from None


def _parse_host_and_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        literal, bracket, port = text[1:].partition("]")
        if not bracket or port[:1] not in ("", ":"):
            raise ValueError("an IPv6 address is written [address] or [address]:port")
        return _parse_ipv6(literal), _parse_port(port[1:])
    host, _, port = text.partition(":")
    return _parse_name(host), _parse_port(port)


def _parse_ipv6(literal: str) -> str:
    address, percent, zone = literal.partition("%")
    # RFC 6874 §2: a zone is written "%25" and its name; a lone "%" is common, and as clear.
    zone = zone.removeprefix("25") or zone
    try:
        host = ipaddress.IPv6Address(address).compressed
    except ValueError:
        raise ValueError(f"{shown(literal)} is not an IPv6 address") from None
    if percent and _ZONE.fullmatch(zone) is None:
        raise ValueError(f"{shown(zone)} is not the zone of an IPv6 address")
    return f"{host}%{zone}" if percent else host


def _parse_name(host: str) -> str:
    if not host:
        raise ValueError("it has no host")
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(
            f"the host {shown(host)} cannot be IDNA encoded: a label is empty, long or bad"
        ) from None
    # After encoding: compatibility characters can turn into "/", "@" or ":".
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"the host {shown(host)} has a character that no host name has")
    return name


def _parse_port(text: str) -> int | None:
    if not text:
        return None
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= len("65535") else 0
    if not 0 < port <= 65535:
        raise ValueError(f"its port {shown(text)} must be a number from 1 to 65535")
    return port


def without_password(url: str) -> str:
    """Return a URL for a message, without what is, or in an ill-formed URL may be, a password."""
    before, at, after = url.rpartition("@")
    scheme, slashes, userinfo = before.partition("//")
    user, colon, _ = userinfo.partition(":")
    return shown(f"{scheme}{slashes}{user}:***@{after}" if at and colon else url)
