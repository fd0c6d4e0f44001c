"""Where redirects lead to, and what may go along."""

import ssl
from typing import Any

import pytest

from wsline.errors import (
    HandshakeError,
    InvalidHeader,
    InvalidStatus,
    InvalidURI,
    TooManyRedirects,
    UnsafeRedirect,
)
from wsline.handshake.headers import Headers
from wsline.handshake.http1 import Response
from wsline.handshake.redirects import Route
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions

SECRETS = [
    ("Authorization", "one"),
    ("authorization", "two"),
    ("COOKIE", "a=b"),
    ("Cookie", "c=d"),
    ("Proxy-Authorization", "three"),
]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def route(url: str = "ws://h/", protocols: Any = (), **options: Any) -> Route:
    return Route(parse_uri(url), ClientOptions(**{"follow_redirects": True, **options}), protocols)


def redirect(route: Route, *locations: str, status: int = 302) -> InvalidStatus:
    """Return what the handshake of this hop raises for a redirect."""
    data = f"HTTP/1.1 {status} X\r\n" + "".join(f"Location: {each}\r\n" for each in locations) + "\r\n"
    with pytest.raises(InvalidStatus) as raised:
        route.handshake.receive(data.encode("latin-1"))
        route.handshake.receive_eof()
    return raised.value


def follow(route: Route, *locations: str) -> Headers:
    """Follow redirects one after the other; return the headers of the last request."""
    for location in locations:
        route.follow(redirect(route, location))
    headers: Headers = route.handshake.request.headers
    return headers


def refused(route: Route, *locations: str) -> HandshakeError:
    """Return why a redirect is not followed; the answer must be attached, and the route stay."""
    answer = redirect(route, *locations)
    url, hops = route.uri.url, route.hops
    with pytest.raises(HandshakeError) as raised:
        route.follow(answer)
    assert raised.value.request is answer.request
    assert raised.value.response is answer.response
    assert (route.uri.url, route.hops) == (url, hops)
    return raised.value


# -- what is followed


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_a77_any_3xx_with_a_location_is_followed(status: int) -> None:
    way = route("ws://h/a")
    way.follow(redirect(way, "/b", status=status))
    assert way.uri.url == "ws://h/b"
    assert way.handshake.request.target == "/b"
    assert way.hops == 1


def test_a59_nothing_is_followed_unless_told_to() -> None:
    assert type(refused(route(follow_redirects=False), "/b")) is InvalidStatus


def test_a77_a_3xx_without_a_location_is_none() -> None:
    assert type(refused(route())) is InvalidStatus


@pytest.mark.parametrize("status", [200, 401, 503])
def test_a77_another_status_is_none(status: int) -> None:
    way = route()
    answer = redirect(way, "/b", status=status)
    with pytest.raises(InvalidStatus) as raised:
        way.follow(answer)
    assert raised.value is answer


def test_a60_there_is_a_limit() -> None:
    way = route(max_redirects=2)
    follow(way, "/1", "/2")
    error = refused(way, "/3")
    assert type(error) is TooManyRedirects
    assert str(error) == (
        "Maximum redirects exceeded: 2 (option max_redirects), at ws://h/2;"
        " check whether the server redirects in a circle"
    )


def test_a60_the_limit_is_10_by_default() -> None:
    way = route()
    follow(way, *["/"] * 10)
    assert type(refused(way, "/")) is TooManyRedirects
    assert type(refused(route(max_redirects=0), "/")) is TooManyRedirects


@pytest.mark.parametrize("location", ["/b#c", "mailto:x", "ws://"])
def test_a78_a_location_that_leads_nowhere(location: str) -> None:
    assert type(refused(route(), location)) is InvalidURI


def test_a78_two_locations_lead_nowhere() -> None:
    error = refused(route(), "/a", "/b")
    assert str(error).startswith("Invalid Location header: a redirect has one, 2 came; the server's redirect")


@pytest.mark.parametrize(
    ("url", "location", "what"),
    [
        ("wss://h/", "ws://h/", "from TLS to plain text"),
        ("wss://h/", "http://i/", "from TLS to plain text"),
        ("ws://h/", "ws+unix:/s:/", "from the network to a UNIX socket"),
        ("wss://h/", "ws+unix:/s:/", "from the network to a UNIX socket"),
    ],
)
def test_a80_what_is_unsafe_is_refused_unless_told_otherwise(url: str, location: str, what: str) -> None:
    error = refused(route(url), location)
    assert type(error) is UnsafeRedirect
    assert what in str(error)
    assert "unsafe_redirects=True" in error.hint
    way = route(url, unsafe_redirects=True)
    follow(way, location)
    assert way.uri.url == parse_uri(location).url


@pytest.mark.parametrize(
    ("url", "location"),
    [("ws://h/", "wss://h/"), ("ws+unix:/s:/", "ws://h/"), ("ws+unix:/s:/", "ws+unix:/t:/")],
)
def test_a80_other_changes_are_safe(url: str, location: str) -> None:
    way = route(url)
    follow(way, location)
    assert way.uri.url == location


# -- what goes along


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("ws://h/a", "ws://i/a"),
        ("ws://h/a", "ws://sub.h/a"),
        ("ws://sub.h/a", "ws://h/a"),
        ("ws://h/a", "ws://h:81/a"),
        ("ws://h:81/a", "ws://h/a"),
        ("ws://h/a", "//i/a"),
        ("ws://[fe80::1%25one]/", "ws://[fe80::1%25two]/"),
        ("wss://h/a", "ws://i/a"),
        ("ws+unix:/s:/a", "ws+unix:/t:/a"),
        ("ws+unix:/s:/a", "ws://localhost:81/a"),
        ("ws://localhost/a", "ws+unix:/s:/a"),
    ],
)
def test_a79_no_secret_goes_to_another_origin(url: str, location: str) -> None:
    headers = [*SECRETS, ("Host", "mine"), ("X-Other", "stays")]
    way = route(url.replace("//", "//user:password@"), headers=headers, unsafe_redirects=True)
    assert way.handshake.request.headers["Host"] == "mine"
    sent = follow(way, location)
    assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(sent)
    assert sent.get_all("Host") == [way.uri.host_header]
    assert sent["X-Other"] == "stays"


def test_a79_nor_do_the_credentials_of_the_url_and_of_the_option() -> None:
    for way in (route("ws://u:p@h/"), route(auth=("u", "p"))):
        assert way.handshake.request.headers["Authorization"] == "Basic dTpw"
        assert "Authorization" not in follow(way, "ws://i/")


def test_a79_nor_those_of_a_location() -> None:
    assert "Authorization" not in follow(route(), "ws://u:p@i/")


def test_a79_from_tls_to_plain_text_the_host_stays_and_the_secrets_do_not() -> None:
    way = route("wss://u:p@h/", headers=[*SECRETS[2:], ("Host", "mine")], unsafe_redirects=True)
    sent = follow(way, "ws://h/")
    assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(sent)
    assert sent["Host"] == "mine"


def test_a79_what_was_left_out_does_not_come_back() -> None:
    way = route("ws://u:p@h/", headers=SECRETS[2:])
    sent = follow(way, "ws://evil/", "ws://h/again")
    assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(sent)


@pytest.mark.parametrize("location", ["/b", "ws://h/b", "http://h:80/b", "wss://h/b", "ws://H/b"])
def test_a79_all_goes_along_on_the_same_host(location: str) -> None:
    headers = [*SECRETS, ("Host", "mine")]
    sent = follow(route("ws://h/a", headers=headers), location)
    assert sent.get_all("Authorization") == ["one", "two"]
    assert sent.get_all("Cookie") == ["a=b", "c=d"]
    assert sent["Host"] == "mine"


@pytest.mark.parametrize(
    ("url", "options", "location", "expected"),
    [
        ("ws://u:p@h/", {}, "/b", "Basic dTpw"),
        ("ws://u:p@h/", {}, "ws://v:q@h/b", "Basic dTpw"),
        ("ws://h/", {"auth": ("u", "p")}, "ws://v:q@h/b", "Basic dTpw"),
        ("ws://h/", {"headers": {"Authorization": "mine"}}, "ws://v:q@h/b", "mine"),
        ("ws://h/", {}, "ws://v:q@h/b", "Basic djpx"),
    ],
)
def test_a82_the_first_authorization_wins(
    url: str, options: dict[str, Any], location: str, expected: str
) -> None:
    assert follow(route(url, **options), location).get_all("Authorization") == [expected]


def test_a83_protocols_and_options_are_the_same_at_each_hop() -> None:
    way = route(
        protocols=["a", "b"], headers={"X": "1"}, origin="http://o", protocol_version=8, max_head_size=999
    )
    keys = [way.handshake.request.headers["Sec-WebSocket-Key"]]
    for location in ("/b", "ws://i/", "wss://i/"):
        sent = follow(way, location)
        assert sent["Sec-WebSocket-Protocol"] == "a,b"
        assert sent["Sec-WebSocket-Version"] == "8"
        assert sent["Sec-WebSocket-Origin"] == "http://o"
        assert sent["X"] == "1"
        assert way.options.max_head_size == 999
        keys.append(sent["Sec-WebSocket-Key"])
    assert len(set(keys)) == 4


def test_a_name_for_the_certificate_of_one_host_is_not_for_another() -> None:
    way = route("wss://h/", server_hostname="name")
    follow(way, "/b")
    assert way.options.server_hostname == "name"
    follow(way, "wss://i/")
    assert way.options.server_hostname is None


# -- UNIX sockets


def test_a72_the_socket_of_the_url() -> None:
    way = route("ws+unix:/s:/a")
    assert way.unix_path == "/s"
    follow(way, "http://localhost/b")
    assert (way.unix_path, way.uri.target) == ("/s", "/b")
    follow(way, "ws://localhost:81/")
    assert way.unix_path is None


def test_a72_the_socket_of_the_option() -> None:
    way = route("wss://h/a", unix_path="/s")
    assert way.unix_path == "/s"
    assert way.uri.url == "wss://h/a"
    follow(way, "wss://h/b")
    assert way.unix_path == "/s"
    follow(way, "wss://i/")
    assert way.unix_path is None


def test_a72_one_socket_is_enough() -> None:
    with pytest.raises(ValueError, match=r"^unix_path='/t': must be None: the URL has a path of its own"):
        route("ws+unix:/s:/a", unix_path="/t")


@pytest.mark.parametrize(("choice", "secure"), [(None, False), (False, False), (True, True), (CONTEXT, True)])
def test_a76_tls_over_a_unix_socket(choice: Any, secure: bool) -> None:
    way = route("ws+unix:/s:/a", ssl=choice)
    assert way.uri.secure is secure
    assert way.handshake.request.secure is secure
    assert way.handshake.request.headers["Host"] == "localhost"


def test_bad_arguments_fail_at_once() -> None:
    with pytest.raises(ValueError, match="duplicated subprotocol"):
        route(protocols=["a", "a"])


def test_a_response_may_be_of_any_making() -> None:
    way = route()
    with pytest.raises(InvalidHeader):
        way.follow(InvalidStatus("", response=Response(302, [("Location", "/a"), ("Location", "/b")])))


# -- proxies


def test_a64_a_bad_proxy_fails_at_once() -> None:
    with pytest.raises(ValueError, match=r"^proxy='ftp://u:\*\*\*@p': must be one of http, "):
        route(proxy="ftp://u:secret@p")


def test_a64_no_proxy_leads_to_a_unix_socket() -> None:
    with pytest.raises(ValueError, match=r"^proxy and a UNIX socket: must not both be given"):
        route("ws+unix:/s:/", proxy="http://p")
    with pytest.raises(ValueError, match=r"^proxy and a UNIX socket: must not both be given"):
        route(unix_path="/s", proxy="http://p")
    assert route("ws+unix:/s:/", proxy=True).unix_path == "/s"
    assert route(proxy="http://p").unix_path is None
