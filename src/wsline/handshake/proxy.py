"""Which proxy leads to a server, and how an HTTP proxy is asked for a tunnel (RFC 9110 §9.3.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import HandshakeError, NoResponse, ProxyError
from ..options import ClientOptions
from .client import USER_AGENT, basic_credentials
from .headers import Headers, shown
from .http1 import Request, Response, ResponseReader
from .uri import URI, parse_authority, without_password

__all__ = ["Proxy", "TunnelHandshake", "find_proxy", "parse_proxy", "target_of"]

_DEFAULT_PORT: Final = {"http": 80, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}

_URL: Final = re.compile(r"([A-Za-z0-9]+)://([!-.0->@-~]+)/?")

# RFC 1929 §2: lengths of 1 to 255 bytes, in an encoding that it does not name.
_SOCKS_CREDENTIAL: Final = re.compile(r"[ -~]{1,255}")

# RFC 6455 §4.1, 3: who has no proxy for WebSockets prefers that for HTTPS to that for HTTP.
_VARIABLES: Final = {
    True: ("wss_proxy", "https_proxy", "all_proxy"),
    False: ("ws_proxy", "https_proxy", "http_proxy", "all_proxy"),
}

_SOCKS_HINT: Final = "check the URL of the server, and what the proxy allows"

_HINTS: Final = {
    403: "it does not let you connect to this host and port",
    407: "put the user and the password in its URL: http://user:password@host:port",
    502: "it cannot reach the server: check the URL, or try again later",
    503: "it cannot reach the server: check the URL, or try again later",
    504: "the server does not answer it: check the URL, or try again later",
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: `http` (asked with CONNECT), `socks4` or `socks5` (they get addresses), `socks4a` or `socks5h`
            (they get names).
        host: name or address, without brackets.
        port: TCP port.
        userinfo: user and password, percent-decoded; `None` without.
    """

    scheme: str
    host: str
    port: int
    userinfo: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def resolves(self) -> bool:
        """It is told names; else we resolve them, and tell it addresses."""
        return self.scheme not in ("socks4", "socks5")

    @property
    def url(self) -> str:
        """The URL without user info."""
        return f"{self.scheme}://{_authority(self.host, self.port)}"

    def error(
        self,
        uri: URI,
        why: str,
        *,
        code: int | None = None,
        request: Request | None = None,
        response: Response | None = None,
        hint: str = "check that it runs, and host, port, user and password in its URL",
    ) -> ProxyError:
        """Return the exception for a connection to `uri` that did not come about."""
        target = target_of(uri)
        return ProxyError(
            f"proxy {self.url} did not connect to {target}: {why}",
            proxy=self.url,
            target=target,
            code=code,
            request=request,
            response=response,
            hint=hint,
        )

    def socks_error(self, uri: URI, error: Exception) -> ProxyError:
        """Return the exception for what python-socks raised."""
        code = getattr(error, "error_code", None)
        if code is None:
            return self.error(uri, str(error))
        return self.error(uri, f"{error} (code {int(code)})", code=int(code), hint=_SOCKS_HINT)

    def missing_package(self, error: ImportError) -> ImportError:
        """Return the exception that says what to install for SOCKS."""
        return ImportError(
            f"proxy {self.url} needs the package python-socks: pip install wsline[proxy]", name=error.name
        )


def parse_proxy(url: str) -> Proxy:
    """Parse the URL of a proxy.

    Raises:
        ValueError: it is none; the message shows it without its password, and why.
    """
    try:
        return _parse(url)
    except ValueError as error:
        raise ValueError(f"{without_password(url)}: {error}") from None


def _parse(url: str) -> Proxy:
    match = _URL.fullmatch(url)
    if match is None or match[1].lower() not in _DEFAULT_PORT:
        raise ValueError(
            f"must be one of {', '.join(_DEFAULT_PORT)}, then :// and [user:password@]host[:port]"
            + ("; TLS to the proxy itself is not supported" if url.lower().startswith("https:") else "")
        )
    scheme = match[1].lower()
    userinfo, host, port = parse_authority(match[2])
    if userinfo is not None:
        _check_credentials(scheme, *userinfo)
    return Proxy(scheme, host, _DEFAULT_PORT[scheme] if port is None else port, userinfo)


def _check_credentials(scheme: str, user: str, password: str) -> None:
    if scheme.startswith("socks4") and (password or _SOCKS_CREDENTIAL.fullmatch(user) is None):
        raise ValueError("SOCKS4 has a user in ASCII, and no password")
    if scheme.startswith("socks5") and not all(map(_SOCKS_CREDENTIAL.fullmatch, (user, password))):
        raise ValueError("user and password must be 1 to 255 ASCII characters each for SOCKS5")


def find_proxy(uri: URI, choice: str | bool | None, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy to use for a URL; `None` to connect directly.

    Args:
        uri: where to connect to, over TCP.
        choice: the option `proxy`: a URL, `True` for what the environment says, `None` for none.
        environment: `os.environ`. Its variables are read as `urllib.request` reads them, in the order
            wss_proxy, https_proxy, all_proxy for wss, and ws_proxy, https_proxy, http_proxy, all_proxy
            for ws; `no_proxy` names exceptions.

    Raises:
        ValueError: the URL in the option is none of a proxy.
        ProxyError: that in the environment is none, or the proxy cannot lead there.
    """
    proxy = _from_environment(uri, environment) if choice is True else parse_proxy(choice) if choice else None
    if proxy is not None and proxy.scheme.startswith("socks4") and ":" in uri.host:
        raise proxy.error(uri, "SOCKS4 has no IPv6 addresses", hint="use a proxy of another kind, or a name")
    return proxy


def _from_environment(uri: URI, environment: Mapping[str, str]) -> Proxy | None:
    variables = _proxy_variables(environment)
    if _is_exempt(uri, variables.get("no_proxy", "")):
        return None
    for name in _VARIABLES[uri.secure]:
        if url := variables.get(name):
            try:
                return parse_proxy(url if "://" in url else f"http://{url}")
            except ValueError as error:
                raise ProxyError(
                    f"{name}={error}",
                    target=target_of(uri),
                    hint="mend that environment variable, or unset it",
                ) from None
    return None


def _proxy_variables(environment: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for name, value in environment.items() if name.lower().endswith("_proxy")}
    variables = {name.lower(): value for name, value in found.items()}
    if "REQUEST_METHOD" in environment:
        # A CGI script: HTTP_PROXY is what the client has sent in a header "Proxy" ("httpoxy").
        variables.pop("http_proxy", None)
    # Lower case wins, also where it is empty.
    return variables | {name: value for name, value in found.items() if name == name.lower()}


def _is_exempt(uri: URI, no_proxy: str) -> bool:
    if no_proxy.strip() == "*":
        return True
    bare = uri.host.partition("%")[0].lower()
    names = {bare, f"[{bare}]", _authority(bare, uri.port)}
    for entry in no_proxy.split(","):
        name = entry.strip().lstrip(".").lower()
        if name and any(each == name or each.endswith(f".{name}") for each in names):
            return True
    return False


def target_of(uri: URI) -> str:
    """Return host and port as a proxy is told them."""
    return _authority(uri.host.partition("%")[0], uri.port)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class TunnelHandshake:
    """Asks an HTTP proxy for a tunnel, and judges its answer.

    A door sends `build()`, then calls `receive` until it returns true: the stream leads to the server then.

    Args:
        proxy: the proxy.
        uri: where the tunnel leads to.
        options: has the limits of the answer.
    """

    def __init__(self, proxy: Proxy, uri: URI, options: ClientOptions) -> None:
        self._proxy = proxy
        self._uri = uri
        self._reader = ResponseReader(options, is_tunnel=True)
        target = target_of(uri)
        # What errors show of it has no credentials.
        self.request = Request("CONNECT", target, Headers({"Host": target, "User-Agent": USER_AGENT}))

    def build(self) -> bytes:
        """Return the request as it goes on the wire."""
        headers = Headers(self.request.headers)
        if self._proxy.userinfo is not None:
            headers.add("Proxy-Authorization", basic_credentials(*self._proxy.userinfo))
        return Request("CONNECT", self.request.target, headers).build()

    def receive(self, data: bytes) -> bool:
        """Take bytes as they arrive; no bytes are the end of the connection.

        Returns:
            Whether the tunnel is open.

        Raises:
            ProxyError: the proxy refuses, or does not speak HTTP.
        """
        try:
            response = self._reader.feed(data) if data else self._reader.feed_eof()
        except NoResponse:
            raise self._error(f"it closed the connection after {self._reader.received} bytes") from None
        except HandshakeError as error:
            raise self._error(f"its answer is not HTTP/1.1: {error}") from None
        if response is None:
            return False
        if response.status // 100 != 2:
            raise self._refusal(response, f"{response.status} {shown(response.reason)[1:-1]}".rstrip())
        # The server says nothing before it is asked: whoever spoke is in between.
        if behind := len(self._reader.trailing):
            raise self._refusal(response, f"{behind} bytes came behind its answer")
        return True

    def _error(self, why: str) -> ProxyError:
        return self._proxy.error(self._uri, why, request=self.request)

    def _refusal(self, response: Response, why: str) -> ProxyError:
        return self._proxy.error(
            self._uri,
            why,
            code=response.status,
            request=self.request,
            response=response,
            hint=_HINTS.get(response.status, "the proxy's answer is in response"),
        )
