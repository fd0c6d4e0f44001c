"""WebSocket URLs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.errors import InvalidURI
from wsline.handshake.uri import URI, parse_uri, resolve_uri


@pytest.mark.row(49)
@pytest.mark.parametrize(
    ("url", "uri", "host_header", "normal"),
    [
        ("ws://a", URI(False, "a", 80, "/"), "a", "ws://a/"),
        ("WS://A.Example/", URI(False, "a.example", 80, "/"), "a.example", "ws://a.example/"),
        ("wss://a:443/b", URI(True, "a", 443, "/b"), "a", "wss://a/b"),
        ("ws://a:443/b", URI(False, "a", 443, "/b"), "a:443", "ws://a:443/b"),
        ("http://a:/b?c", URI(False, "a", 80, "/b?c"), "a", "ws://a/b?c"),
        ("https://a:8443?c=d/e", URI(True, "a", 8443, "/?c=d/e"), "a:8443", "wss://a:8443/?c=d/e"),
        ("ws://127.0.0.1:1/x", URI(False, "127.0.0.1", 1, "/x"), "127.0.0.1:1", "ws://127.0.0.1:1/x"),
        ("ws://[0:0::1]/x", URI(False, "::1", 80, "/x"), "[::1]", "ws://[::1]/x"),
        ("wss://[::1]:9/", URI(True, "::1", 9, "/"), "[::1]:9", "wss://[::1]:9/"),
        ("ws://[fe80::1%25eth0]/", URI(False, "fe80::1%eth0", 80, "/"), "[fe80::1]", "ws://[fe80::1]/"),
        ("ws://[fe80::1%eth0]:8/", URI(False, "fe80::1%eth0", 8, "/"), "[fe80::1]:8", "ws://[fe80::1]:8/"),
        ("ws://[fe80::1%25]:8/", URI(False, "fe80::1%25", 8, "/"), "[fe80::1]:8", "ws://[fe80::1]:8/"),
        (
            "ws://a/caf\xe9?\u20ac",
            URI(False, "a", 80, "/caf%C3%A9?%E2%82%AC"),
            "a",
            "ws://a/caf%C3%A9?%E2%82%AC",
        ),
        ("ws://a/%41%2f", URI(False, "a", 80, "/%41%2f"), "a", "ws://a/%41%2f"),
        ('ws://a/"<\\>', URI(False, "a", 80, "/%22%3C%5C%3E"), "a", "ws://a/%22%3C%5C%3E"),
        (
            "ws://B\xfccher.example/",
            URI(False, "xn--bcher-kva.example", 80, "/"),
            "xn--bcher-kva.example",
            "ws://xn--bcher-kva.example/",
        ),
        ("ws://a_b-c.d./", URI(False, "a_b-c.d.", 80, "/"), "a_b-c.d.", "ws://a_b-c.d./"),
        ("ws://a/x:y@z", URI(False, "a", 80, "/x:y@z"), "a", "ws://a/x:y@z"),
    ],
)
def test_urls(url: str, uri: URI, host_header: str, normal: str) -> None:
    parsed = parse_uri(url)
    assert parsed == uri
    assert parsed.host_header == host_header
    assert parsed.url == normal
    assert parse_uri(normal).url == normal


@pytest.mark.parametrize(
    ("userinfo", "expected"),
    [
        ("", None),
        (":", None),
        ("u", ("u", "")),
        ("u:p", ("u", "p")),
        (":p", ("", "p")),
        ("u:p:q@r", ("u", "p:q@r")),
        ("%75%20:p%3A%40%C3%A9", ("u ", "p:@\xe9")),
        ("\xe9:\u20ac", ("\xe9", "\u20ac")),
    ],
)
def test_user_info_is_percent_decoded_and_not_part_of_the_url(
    userinfo: str, expected: tuple[str, str] | None
) -> None:
    uri = parse_uri(f"ws://{userinfo}@host/")
    assert uri.userinfo == expected
    assert uri.url == "ws://host/"
    assert "userinfo" not in repr(uri)


@pytest.mark.row(72, 73)
@pytest.mark.parametrize(
    ("url", "path", "target"),
    [
        ("ws+unix:/tmp/a.sock", "/tmp/a.sock", "/"),
        ("WS+UNIX:/tmp/a.sock:", "/tmp/a.sock", "/"),
        ("ws+unix:/tmp/a.sock:/b?c=d:e", "/tmp/a.sock", "/b?c=d:e"),
        ("ws+unix:/tmp/a.sock:?c", "/tmp/a.sock", "/?c"),
        ("ws+unix:///tmp/a.sock:/b", "/tmp/a.sock", "/b"),
        ("ws+unix:a.sock:/b", "a.sock", "/b"),
        ("ws+unix:/tmp/a%20b%3Ac:/b", "/tmp/a b:c", "/b"),
        ("ws+unix:\\\\.\\pipe\\name:/b", "\\\\.\\pipe\\name", "/b"),
    ],
)
def test_unix_sockets(url: str, path: str, target: str) -> None:
    uri = parse_uri(url)
    assert uri == URI(False, "localhost", 80, target, unix_path=path)
    assert uri.host_header == "localhost"
    assert parse_uri(uri.url) == uri


@pytest.mark.row(49)
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "its scheme must be ws, wss, http, https or ws+unix"),
        ("example.com", "its scheme must be"),
        ("ftp://a/", "its scheme must be"),
        ("://a/", "its scheme must be"),
        ("ws:a", '"//" and a host must follow "ws:"'),
        ("ws:/a", '"//" and a host must follow "ws:"'),
        ("ws://", "it has no host"),
        ("ws:///a", "it has no host"),
        ("ws://u@:80/", "it has no host"),
        ("ws://?a", "it has no host"),
        ("ws://a/#b", "has no fragment"),
        ("ws://a/#", "has no fragment"),
        ("ws+unix:/a:/b#c", "has no fragment"),
        ("ws://a/b c", "' ' is not allowed"),
        ("ws://a/b\rc", r"'\r' is not allowed"),
        ("ws://a/b\nc", r"'\n' is not allowed"),
        ("ws://a/\0", r"'\x00' is not allowed"),
        ("ws://a/\x85", r"'\x85' is not allowed"),
        ("ws://a/\x7f", r"'\x7f' is not allowed"),
        (" ws://a/", "' ' is not allowed"),
        ("ws://a:b/", "its port 'b' must be a number from 1 to 65535"),
        ("ws://a:0/", "its port '0'"),
        ("ws://a:65536/", "its port '65536'"),
        ("ws://a:-1/", "its port '-1'"),
        ("ws://a:\u0661/", r"its port '\u0661'"),
        ("ws://a:000080/", "its port '000080'"),
        ("ws://fe80::1/", "its port ':1'"),
        ("ws://[::1/", "an IPv6 address is written [address] or [address]:port"),
        ("ws://[::1]80/", "an IPv6 address is written"),
        ("ws://[x]/", "'x' is not an IPv6 address"),
        ("ws://[1.2.3.4]/", "'1.2.3.4' is not an IPv6 address"),
        ("ws://[::1%25a/b]/", "an IPv6 address is written"),
        ("ws://[::1%25a;b]/", "'a;b' is not the zone of an IPv6 address"),
        ("ws://[::1%]/", "'' is not the zone"),
        ("ws://a..b/", "the host 'a..b' cannot be IDNA encoded"),
        (f"ws://{'a' * 64}/", "cannot be IDNA encoded"),
        ("ws://\u2105.example/", "has a character that no host name has"),
        ("ws://a\\b/", "has a character that no host name has"),
        ("ws://a%41/", "has a character that no host name has"),
        ("ws://a,b/", "has a character that no host name has"),
        ("ws://%ff@a/", "the user must be UTF-8"),
        ("ws://u:%ff@a/", "the password must be UTF-8"),
        ("ws://u%3Av:p@a/", "a user must not contain a colon"),
        ("ws+unix:", "the path of the socket must not be empty"),
        ("ws+unix::/a", "the path of the socket must not be empty"),
        ("ws+unix:/a%00:/b", "nor contain NUL"),
        ("ws+unix:/a%ff:/b", "the path of the socket must be UTF-8"),
        ("ws+unix:/a:b", "the resource 'b' must begin with"),
        ("ws+unix://localhost/a:/b", "the path of a socket, not a host"),
        ("ws://a/\ud800", "surrogates not allowed"),
    ],
)
def test_invalid_urls(url: str, why: str) -> None:
    with pytest.raises(InvalidURI) as raised:
        parse_uri(url)
    assert why in str(raised.value)
    if "@" not in url:
        assert str(raised.value).startswith(f"Invalid URL {url!a}: ")


@pytest.mark.parametrize(
    "url", ["ws://u:secret@h/#", "ws://u:se/cret@h/#", "ws://u:se@cret@h/#", "u:secret//x:secret@h"]
)
def test_messages_hide_the_password(url: str) -> None:
    with pytest.raises(InvalidURI) as raised:
        parse_uri(url)
    assert ":***@h" in str(raised.value)
    assert "cret@" not in str(raised.value)


@given(st.text() | st.text().map("ws://{}".format) | st.text().map("ws://h/{}".format))
def test_any_text_is_a_url_or_invalid(url: str) -> None:
    try:
        uri = parse_uri(url)
    except InvalidURI as error:
        assert str(error).isascii()
    else:
        assert uri.target.isascii()
        assert parse_uri(uri.url).url == uri.url


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        ("ws://h/a/b?c", "d", "ws://h/a/d"),
        ("ws://h/a/b?c", "?d", "ws://h/a/b?d"),
        ("ws://h/a/b?c", "/d?e", "ws://h/d?e"),
        ("ws://h/a/b?c", "../../d", "ws://h/d"),
        ("ws://h/a/b?c", "", "ws://h/a/b?c"),
        ("wss://h:1/a", "//i:2/b", "wss://i:2/b"),
        ("ws://h/a", "//i", "ws://i/"),
        ("ws://h/a", "http://i/b", "ws://i/b"),
        ("ws://h/a", "https://i/b", "wss://i/b"),
        ("ws://h/a", "WSS://I:443/b", "wss://i/b"),
        ("ws://h/a", "ws+unix:/s:/b", "ws+unix:/s:/b"),
        ("ws+unix:/s:/a/b", "c?d", "ws+unix:/s:/a/c?d"),
        ("ws+unix:/s:/a/b", "/c:d", "ws+unix:/s:/c:d"),
        ("ws+unix:/s:/a", "http://localhost/b", "ws+unix:/s:/b"),
        ("ws+unix:/s:/a", "http://localhost:81/b", "ws://localhost:81/b"),
        ("ws+unix:/s:/a", "ws+unix:/t:/b", "ws+unix:/t:/b"),
        ("ws://h/a", "/\xc3\xa4?\xc3\xb6", "ws://h/%C3%A4?%C3%B6"),
        ("ws://h/a", "/b\\c|d", "ws://h/b%5Cc%7Cd"),
        ("ws://h/a", "/%2e%2e/b", "ws://h/%2e%2e/b"),
    ],
)
def test_a78_where_a_location_leads_to(base: str, location: str, url: str) -> None:
    assert resolve_uri(parse_uri(base), location).url == url


def test_a78_a_location_may_have_user_info_of_its_own_and_inherits_none() -> None:
    base = parse_uri("ws://u:p@h/")
    assert resolve_uri(base, "/b").userinfo is None
    assert resolve_uri(base, "ws://v@h/b").userinfo == ("v", "")
    assert resolve_uri(base, "ws://v@i/b").userinfo == ("v", "")


@pytest.mark.parametrize(
    "location", ["/b#c", "ws://h/#c", "mailto:x", "ws:///b", "http:b", "ws://h:0/", "//"]
)
def test_a78_a_location_that_leads_nowhere(location: str) -> None:
    with pytest.raises(InvalidURI, match=r"^Invalid URL '"):
        resolve_uri(parse_uri("ws://h/"), location)


@given(st.text(st.characters(max_codepoint=255)))
def test_a78_any_location_leads_somewhere_or_is_invalid(location: str) -> None:
    try:
        uri = resolve_uri(parse_uri("wss://h/a/b?c"), location)
    except InvalidURI as error:
        assert str(error).isascii()
    else:
        assert parse_uri(uri.url) == replace(uri, userinfo=None)
