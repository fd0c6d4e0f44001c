"""Where a client connects to, and where it is redirected: what it may send there (RFC 9110 §15.4).

A door performs `route.handshake` with `route.uri`. When that raises `InvalidStatus` it calls `follow`,
which raises too, or has set all up for the next hop.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..errors import (
    HandshakeError,
    InvalidHeader,
    InvalidStatus,
    InvalidURI,
    TooManyRedirects,
    UnsafeRedirect,
)
from ..options import ClientOptions, pairs
from .client import ClientHandshake, is_redirect
from .proxy import parse_proxy
from .uri import URI, resolve_uri

__all__ = ["Route"]

# What must not reach another origin than the one it was given for.
_SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

_BAD_LOCATION: Final = "the server's redirect leads to no WebSocket: whoever runs it must mend its Location"


class Route:
    """The way to a server: the URL it begins with, and those that the server redirects to.

    Args:
        uri: where to begin.
        options: of the client.
        protocols: see `ClientHandshake`; they are offered at each hop.

    Attributes:
        uri: the URL of this hop.
        options: those for this hop: what is secret is left out where it must not go.
        handshake: the handshake to perform at this hop.
        hops: how many redirects were followed.

    Raises:
        ValueError: arguments that contradict each other, or cannot be sent.
    """

    def __init__(
        self,
        uri: URI,
        options: ClientOptions,
        protocols: str | Sequence[str] | None = None,
    ) -> None:
        _check_proxy(uri, options)
        if uri.unix_path is not None:
            if options.unix_path is not None:
                raise ValueError(
                    f"unix_path={options.unix_path!r}: must be None: the URL has a path of its own"
                )
            # What `ws` has no URL for: TLS over a UNIX socket.
            if options.ssl:
                uri = replace(uri, secure=True, port=443)
        self.uri = uri
        self.options = options
        self.hops = 0
        self._protocols = protocols
        self._unix_path = options.unix_path
        self.handshake = self._begin()

    @property
    def unix_path(self) -> str | None:
        """The path of the UNIX socket to connect to; `None` for TCP."""
        return self.uri.unix_path or self._unix_path

    def follow(self, error: InvalidStatus) -> None:
        """Go on to where an answer redirects to.

        Raises:
            InvalidStatus: `error` itself: it is no redirect, or none is to be followed.
            TooManyRedirects: there were more than `max_redirects`.
            InvalidHeader, InvalidURI: the Location cannot be followed.
            UnsafeRedirect: it leads from TLS to plain text, or to a UNIX socket.
        """
        if not self.options.follow_redirects or not is_redirect(error.response):
            raise error
        try:
            uri = self._next(error)
        except HandshakeError as refused:
            refused.request, refused.response = error.request, error.response
            if isinstance(refused, InvalidHeader | InvalidURI):
                refused.hint = _BAD_LOCATION
            raise refused from None
        self.hops += 1
        self._go(uri)

    def _next(self, error: InvalidStatus) -> URI:
        most = self.options.max_redirects
        if self.hops >= most:
            raise TooManyRedirects(
                f"Maximum redirects exceeded: {most} (option max_redirects), at {self.uri.url}",
                hint="check whether the server redirects in a circle",
            )
        locations = error.headers.get_all("Location")
        if len(locations) > 1:
            raise InvalidHeader(f"Invalid Location header: a redirect has one, {len(locations)} came")
        uri = resolve_uri(self.uri, locations[0])
        if not self.options.unsafe_redirects:
            self._check_safety(uri)
        return uri

    def _check_safety(self, uri: URI) -> None:
        if self.uri.unix_path is None and uri.unix_path is not None:
            what = "from the network to a UNIX socket"
        elif self.uri.secure and not uri.secure:
            what = "from TLS to plain text"
        else:
            return
        raise UnsafeRedirect(
            f"redirect {what} is refused: from {self.uri.url} to {uri.url}",
            hint="unsafe_redirects=True follows it, if you trust the server and the network",
        )

    def _go(self, uri: URI) -> None:
        same_host = _is_same_host(self.uri, uri)
        if not same_host:
            self._unix_path = None
        if not same_host or (self.uri.secure and not uri.secure):
            uri = replace(uri, userinfo=None)
            self.options = _strip(self.options, same_host)
        elif self.uri.userinfo or self.options.auth:
            # The first Authorization wins: what a Location says does not replace what the user has given.
            uri = replace(uri, userinfo=self.uri.userinfo)
        self.uri = uri
        self.handshake = self._begin()

    def _begin(self) -> ClientHandshake:
        return ClientHandshake(self.uri, self.options, self._protocols)


def _check_proxy(uri: URI, options: ClientOptions) -> None:
    if isinstance(options.proxy, str):
        try:
            parse_proxy(options.proxy)
        except ValueError as error:
            raise ValueError(f"proxy={error}") from None
        if uri.unix_path is not None or options.unix_path is not None:
            raise ValueError(
                "proxy and a UNIX socket: must not both be given, no proxy leads to a socket here"
            )


def _is_same_host(one: URI, other: URI) -> bool:
    # As `ws`: ws://host and wss://host are the same host, though their ports differ.
    return (one.host, one.host_header, one.unix_path) == (other.host, other.host_header, other.unix_path)


def _strip(options: ClientOptions, same_host: bool) -> ClientOptions:
    """Leave out what is meant for the origin that was left. A later hop back to it gets none of it either."""
    dropped = _SECRETS if same_host else _SECRETS | {"host"}
    headers = [(name, value) for name, value in pairs(options.headers or ()) if name.lower() not in dropped]
    server_hostname = options.server_hostname if same_host else None
    return replace(options, headers=headers, auth=None, server_hostname=server_hostname)
