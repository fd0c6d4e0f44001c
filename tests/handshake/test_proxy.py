"""Which proxy leads to a server, and how it is asked for a tunnel."""

import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.errors import ProxyError
from wsline.handshake.client import USER_AGENT
from wsline.handshake.proxy import Proxy, TunnelHandshake, find_proxy, parse_proxy, target_of
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions

WS, WSS = parse_uri("ws://h.example/"), parse_uri("wss://h.example/")


# -- the URL of a proxy


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p", Proxy("http", "p", 80)),
        ("HTTP://P:3128/", Proxy("http", "p", 3128)),
        ("http://u:p@[::1]:8080", Proxy("http", "::1", 8080, ("u", "p"))),
        ("http://u%40h:p%2Fw@p", Proxy("http", "p", 80, ("u@h", "p/w"))),
        ("socks4://u@p", Proxy("socks4", "p", 1080, ("u", ""))),
        ("socks4a://p:9050", Proxy("socks4a", "p", 9050)),
        ("socks5://u:p@p", Proxy("socks5", "p", 1080, ("u", "p"))),
        ("socks5h://127.0.0.1", Proxy("socks5h", "127.0.0.1", 1080)),
    ],
)
def test_a64_the_urls_of_proxies(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy
    assert parse_proxy(proxy.url) == Proxy(proxy.scheme, proxy.host, proxy.port)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must be one of http, socks4, socks4a, socks5, socks5h, then ://"),
        ("p:3128", "must be one of http, "),
        ("ftp://p", "must be one of http, "),
        ("https://p", "TLS to the proxy itself is not supported"),
        ("http://", "must be one of http, "),
        ("http://p/path", "must be one of http, "),
        ("http://p?", "must be one of http, "),
        ("http://a b", "must be one of http, "),
        ("http://p:0", "its port '0' must be a number from 1 to 65535"),
        ("http://[::1", "an IPv6 address is written"),
        ("http://u%3Av:p@p", "a user must not contain a colon"),
        ("socks4://u:p@p", "SOCKS4 has a user in ASCII, and no password"),
        ("socks4://%C3%A4@p", "SOCKS4 has a user in ASCII"),
        ("socks5://u@p", "1 to 255 ASCII characters each"),
        ("socks5://:p@p", "1 to 255 ASCII characters each"),
        ("socks5h://u:%C3%A4@p", "1 to 255 ASCII characters each"),
        (f"socks5h://{'u' * 256}:p@p", "1 to 255 ASCII characters each"),
    ],
)
def test_a64_what_is_no_url_of_a_proxy(url: str, why: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_proxy(url)
    assert why in str(raised.value)


@pytest.mark.parametrize("url", ["ftp://u:secret@p", "socks5://u:secret%C3%A4@p", "http://u:sec/ret@p"])
def test_a64_messages_hide_the_password(url: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_proxy(url)
    assert "u:***@p" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "ret@" not in str(raised.value)


def test_a64_a_proxy_shows_no_password() -> None:
    proxy = parse_proxy("http://user:secret@p")
    assert "secret" not in f"{proxy!r} {proxy.url}"


@pytest.mark.parametrize(
    ("scheme", "resolves"),
    [("http", True), ("socks4", False), ("socks4a", True), ("socks5", False), ("socks5h", True)],
)
def test_a64_who_resolves_names(scheme: str, resolves: bool) -> None:
    assert Proxy(scheme, "p", 1).resolves is resolves


# -- the environment


def found(uri: Any, **environment: str) -> str | None:
    proxy = find_proxy(uri, True, environment)
    return None if proxy is None else proxy.url


def test_a64_the_option_decides() -> None:
    environment = {"all_proxy": "http://other"}
    assert find_proxy(WS, None, environment) is None
    assert find_proxy(WS, "http://p", environment) == Proxy("http", "p", 80)
    assert find_proxy(WS, True, environment) == Proxy("http", "other", 80)
    assert find_proxy(WS, True, {}) is None
    with pytest.raises(ValueError, match="must be one of"):
        find_proxy(WS, "p", {})


@pytest.mark.parametrize("scheme", ["socks4", "socks4a"])
def test_a64_socks4_has_no_ipv6(scheme: str) -> None:
    assert find_proxy(WS, f"{scheme}://p", {}) is not None
    with pytest.raises(ProxyError, match=r"SOCKS4 has no IPv6 addresses"):
        find_proxy(parse_uri("ws://[::1]/"), f"{scheme}://p", {})


ORDER = {"wss_proxy": "http://1", "https_proxy": "http://2", "all_proxy": "http://3"}


def test_a64_the_order_of_the_variables() -> None:
    environment = {**ORDER, "ws_proxy": "http://4", "http_proxy": "http://5"}
    for name in ("wss_proxy", "https_proxy", "all_proxy"):
        assert found(WSS, **environment) == environment.pop(name) + ":80"
    assert found(WSS, **environment) is None
    environment |= ORDER
    for name in ("ws_proxy", "https_proxy", "http_proxy", "all_proxy"):
        assert found(WS, **environment) == environment.pop(name) + ":80"
    assert found(WS, **environment) is None


def test_a64_letter_case() -> None:
    assert found(WSS, HTTPS_PROXY="http://upper") == "http://upper:80"
    assert found(WSS, HTTPS_PROXY="http://upper", https_proxy="http://lower") == "http://lower:80"
    assert found(WSS, https_proxy="http://lower", HTTPS_PROXY="http://upper") == "http://lower:80"
    assert found(WSS, HTTPS_PROXY="http://upper", https_proxy="") is None


def test_a64_a_header_of_a_cgi_request_is_no_proxy() -> None:
    assert found(WS, HTTP_PROXY="http://evil", REQUEST_METHOD="GET") is None
    assert found(WS, HTTP_PROXY="http://evil", REQUEST_METHOD="GET", http_proxy="http://p") == "http://p:80"
    assert found(WS, HTTP_PROXY="http://p") == "http://p:80"


def test_a64_a_variable_may_be_without_a_scheme() -> None:
    assert found(WS, http_proxy="p:3128") == "http://p:3128"


def test_a64_a_bad_variable_is_told_by_its_name() -> None:
    with pytest.raises(ProxyError, match=r"^https_proxy='https://u:\*\*\*@p': .* TLS to the proxy") as raised:
        find_proxy(WSS, True, {"HTTPS_PROXY": "https://u:secret@p"})
    assert raised.value.target == "h.example:443"


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_exempt"),
    [
        ("ws://h.example/", "*", True),
        ("ws://h.example/", " * ", True),
        ("ws://h.example/", "h.example", True),
        ("ws://h.example/", "other, H.Example ", True),
        ("ws://h.example/", ".example", True),
        ("ws://h.example/", "example", True),
        ("ws://h.example/", "h.example:80", True),
        ("ws://h.example/", "h.example:81", False),
        ("ws://h.example/", "ple", False),
        ("ws://h.example/", "www.h.example", False),
        ("ws://h.example/", "", False),
        ("ws://h.example/", ",,.,", False),
        ("ws://127.0.0.1:81/", "127.0.0.1", True),
        ("ws://127.0.0.1:81/", "127.0.0.1:81", True),
        ("ws://[::1]/", "::1", True),
        ("ws://[::1]/", "[::1]", True),
        ("ws://[::1]/", "[::1]:80", True),
        ("ws://[fe80::1%25eth0]/", "fe80::1", True),
    ],
)
def test_a64_no_proxy(url: str, no_proxy: str, is_exempt: bool) -> None:
    environment = {"http_proxy": "http://p", "NO_PROXY": no_proxy}
    assert (find_proxy(parse_uri(url), True, environment) is None) is is_exempt


NAMES = st.sampled_from(["http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD", "Http_Proxy"])
HOSTS = ["h", "a.h", "b.a.h", "h:80", ".h", "..h", "*", " ", "", "ah", "A.H", "127.0.0.1"]
VALUES = st.lists(st.sampled_from(HOSTS), min_size=1, max_size=3).map(",".join)


@given(st.dictionaries(NAMES, VALUES), st.sampled_from(["h", "a.h", "b.a.h", "ah", "127.0.0.1", "x"]))
def test_a64_the_rules_are_those_of_urllib(values: dict[str, str], host: str) -> None:
    environment = {
        name: "http://" + name.lower().replace("_", "-") if "http" in name.lower() and value else value
        for name, value in values.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", environment)
        proxies = urllib.request.getproxies_environment()
        exempt = urllib.request.proxy_bypass_environment(f"{host}:80", proxies)  # type: ignore[attr-defined]
    expected = None if exempt or "http" not in proxies else proxies["http"] + ":80"
    assert found(parse_uri(f"ws://{host}/"), **environment) == expected


# -- the tunnel


def tunnel(proxy: str = "http://user:secret@p", url: str = "wss://h:8443/") -> TunnelHandshake:
    return TunnelHandshake(parse_proxy(proxy), parse_uri(url), ClientOptions())


def refused(handshake: TunnelHandshake, *parts: bytes) -> ProxyError:
    with pytest.raises(ProxyError) as raised:
        for part in parts:
            assert not handshake.receive(part)
    error = raised.value
    assert str(error).startswith("proxy http://p:80 did not connect to h:8443: ")
    assert (error.proxy, error.target) == ("http://p:80", "h:8443")
    assert error.hint
    assert error.request is handshake.request
    assert "secret" not in f"{error} {error.request}"
    assert "Authorization" not in error.request.headers
    return error


def test_a64_what_a_proxy_is_asked() -> None:
    assert tunnel().build() == (
        b"CONNECT h:8443 HTTP/1.1\r\nHost: h:8443\r\nUser-Agent: " + USER_AGENT.encode() + b"\r\n"
        b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
    )
    assert b"Proxy-Authorization" not in tunnel("http://p").build()


@pytest.mark.parametrize(
    ("url", "target"),
    [("ws://h/", "h:80"), ("wss://[::1]/", "[::1]:443"), ("ws://[fe80::1%25eth0]:1/", "[fe80::1]:1")],
)
def test_a64_the_target_has_its_port(url: str, target: str) -> None:
    assert target_of(parse_uri(url)) == target
    assert tunnel(url=url).request.target == target


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n",
        b"HTTP/1.1 204 Fine\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_a64_any_2xx_opens_the_tunnel_however_it_arrives(head: bytes) -> None:
    assert tunnel().receive(head)
    handshake = tunnel()
    assert [handshake.receive(bytes([each])) for each in head] == [False] * (len(head) - 1) + [True]


@pytest.mark.parametrize(
    ("status", "hint"),
    [(407, "user:password@"), (403, "does not let you"), (502, "cannot reach"), (504, "does not answer")],
)
def test_a64_a_refusal_comes_with_its_answer(status: int, hint: str) -> None:
    head = f"HTTP/1.1 {status} Why\r\nX-Cache: no\r\nContent-Length: 4\r\n\r\n".encode()
    error = refused(tunnel(), head, b"page")
    assert f"h:8443: {status} Why; " in str(error)
    assert hint in error.hint
    assert error.code == error.response.status == status
    assert error.response.headers["X-Cache"] == "no"
    assert error.response.body == b"page"


def test_a64_a_refusal_may_be_cut() -> None:
    error = refused(tunnel(), b"HTTP/1.1 500 Oops\r\n\r\nhalf", b"")
    assert error.response.body == b"half"
    assert "in response" in error.hint


@pytest.mark.parametrize("data", [b"SSH-2.0\r\n", b"\x05\x00", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000])
def test_a64_what_is_no_http(data: bytes) -> None:
    error = refused(tunnel(), data)
    assert "its answer is not HTTP/1.1: " in str(error)
    assert error.response is None


def test_a64_the_end_without_an_answer() -> None:
    assert "it closed the connection after 8 bytes" in str(refused(tunnel(), b"HTTP/1.1", b""))


def test_a64_nobody_speaks_before_the_server_is_asked() -> None:
    error = refused(tunnel(), b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n")
    assert "34 bytes came behind its answer" in str(error)
