"""The server's side of the opening handshake."""

import gc
import re
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.errors import HandshakeError, InvalidHeader, InvalidUpgrade, NegotiationError
from wsline.handshake.extensions import ExtensionOffer
from wsline.handshake.headers import Headers
from wsline.handshake.http1 import Request, Response
from wsline.handshake.server import ServerHandshake, VerifyInfo, matches_path
from wsline.options import ANY, ServerOptions

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

GOOD: dict[str, str | None] = {
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def head(
    changes: Mapping[str, str | None] | None = None, *more: str, start: str = "GET /chat?x HTTP/1.1"
) -> bytes:
    """Build a request: the good one, with headers changed (`None`: left out) and lines added."""
    lines = [f"{name}: {value}" for name, value in {**GOOD, **(changes or {})}.items() if value is not None]
    return "\r\n".join([start, *lines, *more, "", ""]).encode("latin-1")


def receive(data: bytes, options: ServerOptions | None = None) -> tuple[ServerHandshake, Request]:
    handshake = ServerHandshake(options or ServerOptions())
    request = handshake.receive(data)
    assert request is not None
    return handshake, request


def judge(data: bytes, options: ServerOptions | None = None) -> int:
    """Return the status with which a server answers a request."""
    handshake = ServerHandshake(options or ServerOptions())
    try:
        request = handshake.receive(data)
        assert request is not None
        handshake.check(request)
    except HandshakeError as error:
        assert isinstance(error.response, Response)
        assert error.response.build().startswith(b"HTTP/1.1 ")
        assert b"close" in error.response.build().partition(b"\r\n\r\n")[0]
        return error.response.status
    return handshake.accept(request).status


def refused(data: bytes, options: ServerOptions | None = None) -> HandshakeError:
    handshake, request = receive(data, options)
    with pytest.raises(HandshakeError) as raised:
        handshake.check(request)
    assert raised.value.request is request
    return raised.value


GOOD_HANDSHAKES = {
    "plain": head(),
    "firefox-connection-list": head({"Connection": "keep-alive, Upgrade"}),
    "upper-case": head({"Upgrade": "WEBSOCKET", "Connection": "UPGRADE"}),
    "upper-case-names": head().replace(b"Upgrade:", b"UPGRADE:").replace(b"Host:", b"HOST:"),
    "lower-case-names": head().replace(b"Sec-WebSocket-", b"sec-websocket-").replace(b"Host:", b"host:"),
    "connection-twice": head({}, "Connection: keep-alive"),
    "spaces-around-values": head({"Upgrade": " websocket \t", "Sec-WebSocket-Key": f"\t{KEY} "}),
    "no-space-after-colon": head().replace(b": ", b":"),
    "version-8": head({"Sec-WebSocket-Version": "8"}),
    "content-length-0": head({}, "Content-Length: 0"),
    "host-with-port": head({"Host": "EXAMPLE.com:8080"}),
    "host-ipv6": head({"Host": "[::1]:8080"}),
    "absolute-target": head(start="GET http://example.com/chat HTTP/1.1"),
    "root": head(start="GET / HTTP/1.1"),
    "same-origin": head({"Origin": "https://example.com:444"}),
    "protocols": head({}, "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"),
    "32-protocols": head({"Sec-WebSocket-Protocol": ",".join(f"p{n:02}{'x' * 61}" for n in range(32))}),
    "extensions": head(
        {"Sec-WebSocket-Extensions": 'permessage-deflate; server_max_window_bits="10", foo; bar'}
    ),
    "extensions-constructor": head({"Sec-WebSocket-Extensions": "constructor, __proto__; toString"}),
    "many-extensions": head({"Sec-WebSocket-Extensions": ", ".join(["a; b"] * 100)}),
    "obs-text": head({"X": "\xe9"}),
    "same-header-90-times": head({}, *["X-Same: y"] * 90),
}

BAD_HANDSHAKES = {
    "http-1.0": (400, head(start="GET / HTTP/1.0")),
    "http-1.0-no-host": (400, head({"Host": None}, start="GET / HTTP/1.0")),
    "http-2.0": (505, head(start="GET / HTTP/2.0")),
    "http-0.9": (400, b"GET /\r\n\r\n"),
    "not-http": (400, b"hello world\r\n\r\n"),
    "no-host": (400, head({"Host": None})),
    "host-twice": (400, head({}, "Host: example.com")),
    "host-bad-chars": (400, head({"Host": "exa<mple"})),
    "host-list": (400, head({"Host": "a,b"})),
    "host-user": (400, head({"Host": "a@b"})),
    "host-empty": (400, head({"Host": ""})),
    "content-length-body": (400, head({}, "Content-Length: 5") + b"hello"),
    "transfer-encoding-chunked": (400, head({}, "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "cl-and-te": (400, head({}, "Content-Length: 5", "Transfer-Encoding: chunked")),
    "cl-plus": (400, head({}, "Content-Length: +0")),
    "cl-negative": (400, head({}, "Content-Length: -1")),
    "cl-twice": (400, head({}, "Content-Length: 0", "Content-Length: 5")),
    "bare-lf": (400, head().replace(b"\r\n", b"\n")),
    "one-bare-lf": (400, head({"X": "a\nY: b"})),
    "bare-cr": (400, head({"X": "a\rY: b"})),
    "nul": (400, head({"X": "a\0b"})),
    "ctl": (400, head({"X": "a\x01b"})),
    "del": (400, head({"X": "a\x7fb"})),
    "obs-fold": (400, head({"X": "a\r\n b"})),
    "obs-fold-first": (400, head().replace(b"\r\nHost", b"\r\n Host")),
    "space-before-colon": (400, head().replace(b"Upgrade:", b"Upgrade :")),
    "no-colon": (400, head({}, "nonsense")),
    "empty-name": (400, head({}, ": x")),
    "target-asterisk": (400, head(start="GET * HTTP/1.1")),
    "target-relative": (400, head(start="GET chat HTTP/1.1")),
    "target-control": (400, head(start="GET /\x01 HTTP/1.1")),
    "target-non-ascii": (400, head(start="GET /\xe9 HTTP/1.1")),
    "target-fragment": (400, head(start="GET /#a HTTP/1.1")),
    "target-other-host": (400, head(start="GET http://evil.example/ HTTP/1.1")),
    "target-other-scheme": (400, head(start="GET ftp://example.com/ HTTP/1.1")),
    "two-spaces": (400, head(start="GET  / HTTP/1.1")),
    "post": (405, head(start="POST / HTTP/1.1")),
    "connect": (405, head(start="CONNECT example.com:80 HTTP/1.1")),
    "options-asterisk": (405, head(start="OPTIONS * HTTP/1.1")),
    "unknown-method": (400, head(start="HELLO / HTTP/1.1")),
    "no-upgrade": (426, head({"Upgrade": None})),
    "plain-get": (426, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "upgrade-h2c": (400, head({"Upgrade": "h2c"})),
    "upgrade-twice": (400, head({}, "Upgrade: websocket")),
    "no-connection": (400, head({"Connection": None})),
    "connection-close": (400, head({"Connection": "close"})),
    "connection-upgraded": (400, head({"Connection": "Upgraded"})),
    "no-key": (400, head({"Sec-WebSocket-Key": None})),
    "two-keys": (400, head({}, f"Sec-WebSocket-Key: {KEY}")),
    "key-of-15-bytes": (400, head({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAA"})),
    "key-of-17-bytes": (400, head({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAAA="})),
    "key-not-base64": (400, head({"Sec-WebSocket-Key": "!" * 22 + "=="})),
    "key-unpadded": (400, head({"Sec-WebSocket-Key": KEY[:-2]})),
    "no-version": (426, head({"Sec-WebSocket-Version": None})),
    "version-12": (426, head({"Sec-WebSocket-Version": "12"})),
    "version-0": (426, head({"Sec-WebSocket-Version": "0"})),
    "version-013": (426, head({"Sec-WebSocket-Version": "013"})),
    "version-list": (426, head({"Sec-WebSocket-Version": "13, 8"})),
    "version-non-ascii-digits": (426, head({"Sec-WebSocket-Version": "1\xb3"})),
    "foreign-origin": (403, head({"Origin": "http://evil.example"})),
    "null-origin": (403, head({"Origin": "null"})),
    "two-origins": (403, head({"Origin": "http://example.com"}, "Origin: http://evil.example")),
    "foreign-draft-origin": (
        403,
        head({"Sec-WebSocket-Version": "8", "Sec-WebSocket-Origin": "http://evil.example"}),
    ),
    "foreign-origin-version-8": (403, head({"Sec-WebSocket-Version": "8", "Origin": "http://evil.example"})),
    "empty-protocol": (400, head({"Sec-WebSocket-Protocol": ""})),
    "protocol-with-space": (400, head({"Sec-WebSocket-Protocol": "a b"})),
    "protocol-empty-element": (400, head({"Sec-WebSocket-Protocol": "a,,b"})),
    "duplicate-protocol": (400, head({"Sec-WebSocket-Protocol": "a, b, a"})),
    "duplicate-protocol-two-lines": (400, head({}, "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a")),
    "non-ascii-protocol": (400, head({"Sec-WebSocket-Protocol": "caf\xe9"})),
    "33-protocols": (400, head({"Sec-WebSocket-Protocol": ",".join(f"p{n}" for n in range(33))})),
    "long-protocol": (400, head({"Sec-WebSocket-Protocol": "x" * 65})),
    "empty-extensions": (400, head({"Sec-WebSocket-Extensions": ""})),
    "bad-extensions": (400, head({"Sec-WebSocket-Extensions": "permessage-deflate; =1"})),
    "unterminated-extension": (400, head({"Sec-WebSocket-Extensions": 'a; b="1'})),
    "same-header-100-times": (431, head({}, *["X-Same: y"] * 100)),
    "long-target": (414, head(start=f"GET /{'a' * 8192} HTTP/1.1")),
    "long-header": (431, head({"X": "a" * 8192})),
    "large-head": (431, head({"X": "a" * 8000, "Y": "a" * 8000, "Z": "a" * 400})),
    "redos-protocol": (400, head({"Sec-WebSocket-Protocol": "a" + " " * 8000 + "b"})),
    "redos-protocol-commas": (400, head({"Sec-WebSocket-Protocol": "a," * 4000})),
    "redos-extensions-space": (400, head({"Sec-WebSocket-Extensions": "a;" + " " * 8000 + '"'})),
    "redos-extensions-quotes": (400, head({"Sec-WebSocket-Extensions": 'a;b="' + "\\a" * 4000})),
    "redos-extensions-parameters": (400, head({"Sec-WebSocket-Extensions": "a" + ";b" * 4000 + ";"})),
}


@pytest.mark.parametrize("data", GOOD_HANDSHAKES.values(), ids=GOOD_HANDSHAKES.keys())
def test_good_handshakes_are_accepted(data: bytes) -> None:
    assert judge(data) == 101


@pytest.mark.parametrize(("status", "data"), BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES.keys())
def test_bad_handshakes_are_refused_at_little_cost(
    status: int, data: bytes, cpu_time: Callable[[Callable[[], object]], float]
) -> None:
    assert judge(data) == status
    assert cpu_time(lambda: judge(data)) <= 0.5


class TestReceive:
    def test_the_request_and_frames_that_came_with_it(self) -> None:
        handshake = ServerHandshake(ServerOptions(), secure=True)
        data = head() + b"\x81\x80abcd"
        assert handshake.receive(data[:50]) is None
        assert handshake.trailing == b""
        request = handshake.receive(data[50:])
        assert request is not None
        assert (request.target, request.path, request.secure) == ("/chat?x", "/chat", True)
        assert handshake.trailing == b"\x81\x80abcd"

    @given(st.binary(max_size=300), st.sampled_from([b"", b"GET ", b"GET / HTTP/1.1\r\n", head()[:-2]]))
    def test_any_bytes_raise_only_handshake_errors(self, data: bytes, prefix: bytes) -> None:
        handshake = ServerHandshake(ServerOptions())
        try:
            request = handshake.receive(prefix + data)
            if request is not None:
                handshake.check(request)
        except HandshakeError as error:
            assert 400 <= error.response.status < 600

    @given(st.integers(0, 250), st.sampled_from(list(BAD_HANDSHAKES.values())))
    def test_a_cut_changes_no_answer(self, at: int, case: tuple[int, bytes]) -> None:
        status, data = case
        handshake = ServerHandshake(ServerOptions())
        with pytest.raises(HandshakeError) as raised:
            for part in (data[:at], data[at:]):
                request = handshake.receive(part)
                if request is not None:
                    handshake.check(request)
        assert raised.value.response.status == status

    def test_it_is_freed_without_the_collector(self) -> None:
        gc.disable()
        try:
            handshake, _ = receive(head())
            freed = weakref.ref(handshake)
            del handshake
            assert freed() is None
        finally:
            gc.enable()


class TestCheck:
    @pytest.mark.row(40, 41, 42, 43, 45, 46)
    def test_the_errors_are_named(self) -> None:
        for data, kind, text in (
            (head(start="POST / HTTP/1.1"), HandshakeError, "Invalid HTTP method: 'POST'"),
            (head({"Upgrade": None}), InvalidUpgrade, "Invalid Upgrade header: there is none"),
            (head({"Upgrade": "h2c"}), InvalidUpgrade, "Invalid Upgrade header: 'h2c', not websocket"),
            (
                head({"Connection": "close"}),
                InvalidUpgrade,
                "Invalid Connection header: 'close' has no Upgrade",
            ),
            (
                head({"Sec-WebSocket-Key": "x"}),
                InvalidHeader,
                "Missing or invalid Sec-WebSocket-Key header: 'x'",
            ),
            (
                head({"Sec-WebSocket-Version": "7"}),
                InvalidHeader,
                "Missing or invalid Sec-WebSocket-Version header: '7', not 13 or 8",
            ),
            (
                head({"Sec-WebSocket-Protocol": "a,a"}),
                InvalidHeader,
                "Invalid Sec-WebSocket-Protocol header: a name comes twice in 'a,a'",
            ),
            (
                head({"Sec-WebSocket-Extensions": ";"}),
                InvalidHeader,
                "Invalid Sec-WebSocket-Extensions header: a token expected",
            ),
        ):
            error = refused(data)
            assert type(error) is kind
            assert str(error).startswith(text)
            assert error.response.body.decode() == f"{error}\n"

    def test_a_405_names_the_method(self) -> None:
        assert refused(head(start="POST / HTTP/1.1")).response.headers["Allow"] == "GET"

    @pytest.mark.row(41, 47)
    @pytest.mark.parametrize("changes", [{"Upgrade": None}, {"Sec-WebSocket-Version": "12"}])
    def test_a_426_says_what_it_wants_and_closes(self, changes: Mapping[str, str | None]) -> None:
        headers = refused(head(changes)).response.headers
        assert headers["Upgrade"] == "websocket"
        assert headers["Connection"] == "close, Upgrade"

    @pytest.mark.row(43)
    def test_a_wrong_version_is_told_the_right_ones(self) -> None:
        assert (
            refused(head({"Sec-WebSocket-Version": "9"})).response.headers["Sec-WebSocket-Version"] == "13, 8"
        )
        assert "Sec-WebSocket-Version" not in refused(head({"Upgrade": None})).response.headers

    @pytest.mark.row(44)
    @pytest.mark.parametrize(
        ("target", "status"),
        [("/chat", 101), ("/chat?x=/y", 101), ("/chat/", 404), ("/", 404), ("/Chat", 404), ("/%63hat", 404)],
    )
    def test_the_path(self, target: str, status: int) -> None:
        assert judge(head(start=f"GET {target} HTTP/1.1"), ServerOptions(path="/chat")) == status

    @pytest.mark.row(37, 44)
    def test_should_handle_decides_instead_of_the_path(self) -> None:
        options = ServerOptions(path="/chat")
        handshake = ServerHandshake(options, should_handle=lambda request: request.path == "/other")
        request = handshake.receive(head(start="GET /other HTTP/1.1"))
        assert request is not None
        handshake.check(request)
        assert not matches_path(options, request)
        request.target = "/chat"
        with pytest.raises(HandshakeError, match="no WebSocket is served at the path '/chat'"):
            handshake.check(request)

    @pytest.mark.parametrize(
        ("origins", "origin", "status"),
        [
            (ANY, "http://evil.example", 101),
            (["http://a.example"], "http://a.example", 101),
            (["http://a.example"], "http://example.com", 403),
            (["http://a.example"], None, 403),
            ([None], None, 101),
            ([re.compile(r"https?://\w+\.example")], "http://a.example", 101),
        ],
    )
    def test_the_origins(self, origins: Any, origin: str | None, status: int) -> None:
        assert judge(head({"Origin": origin}), ServerOptions(origins=origins)) == status

    def test_a_refused_origin_names_the_option(self) -> None:
        error = refused(head({"Origin": "http://evil.example"}))
        text = "the Origin 'http://evil.example' is not allowed at the Host 'example.com' (option origins)"
        assert str(error) == text
        assert error.response.body.decode() == text + "\n"
        none = refused(head(), ServerOptions(origins=["http://a.example"]))
        assert str(none).startswith("a request without an Origin is not allowed")

    def test_requests_of_other_readers_may_lack_a_host(self) -> None:
        request = Request(
            "GET", "/", Headers({name: value for name, value in GOOD.items() if value and name != "Host"})
        )
        handshake = ServerHandshake(ServerOptions())
        handshake.check(request)
        request.headers["Origin"] = "http://a"
        with pytest.raises(InvalidHeader, match="Origin"):
            handshake.check(request)


class TestOffers:
    def test_protocols(self) -> None:
        handshake, request = receive(head({}, "Sec-WebSocket-Protocol: b, a", "Sec-WebSocket-Protocol: c"))
        assert handshake.offered_protocols(request) == ("b", "a", "c")
        assert handshake.choose_protocol(request) == "b"

    def test_no_protocols(self) -> None:
        handshake, request = receive(head())
        assert handshake.offered_protocols(request) == ()
        assert handshake.choose_protocol(request) is None

    def test_extensions(self) -> None:
        handshake, request = receive(head({"Sec-WebSocket-Extensions": "a; b=1, c"}))
        assert handshake.offered_extensions(request) == [
            ExtensionOffer("a", [("b", "1")]),
            ExtensionOffer("c", []),
        ]

    @pytest.mark.parametrize(
        ("changes", "origin"),
        [
            ({}, None),
            ({"Origin": "http://a"}, "http://a"),
            ({"Sec-WebSocket-Origin": "http://b"}, None),
            ({"Sec-WebSocket-Version": "8", "Sec-WebSocket-Origin": "http://b"}, "http://b"),
            (
                {"Sec-WebSocket-Version": "8", "Sec-WebSocket-Origin": "http://b", "Origin": "http://a"},
                "http://b",
            ),
            ({"Sec-WebSocket-Version": "8", "Origin": "http://a"}, "http://a"),
        ],
    )
    def test_verify_info(self, changes: Mapping[str, str | None], origin: str | None) -> None:
        handshake = ServerHandshake(ServerOptions(), secure=True)
        request = handshake.receive(head(changes))
        assert request is not None
        assert handshake.verify_info(request) == VerifyInfo(origin, request, True)


def build(response: Response) -> Iterable[str]:
    return response.build().decode("latin-1").split("\r\n")


class TestAccept:
    def test_the_least(self) -> None:
        handshake, request = receive(head({"Sec-WebSocket-Protocol": "a", "Sec-WebSocket-Extensions": "b"}))
        assert build(handshake.accept(request)) == [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {ACCEPT}",
            "",
            "",
        ]

    def test_the_order_of_headers(self) -> None:
        handshake, request = receive(
            head({"Sec-WebSocket-Protocol": "a, b", "Sec-WebSocket-Extensions": "x; y"})
        )
        response = handshake.accept(
            request,
            protocol="b",
            headers=Headers([("Set-Cookie", "c=1"), ("Set-Cookie", "d=2")]),
            extensions=[ExtensionOffer("x", [("y", None)])],
        )
        assert build(response)[3:] == [  # type: ignore[index]
            f"Sec-WebSocket-Accept: {ACCEPT}",
            "Sec-WebSocket-Protocol: b",
            "Sec-WebSocket-Extensions: x; y",
            "Set-Cookie: c=1",
            "Set-Cookie: d=2",
            "",
            "",
        ]

    @pytest.mark.parametrize(("offer", "listed"), [("a, b", "a, b was"), (None, "none was")])
    def test_a_protocol_must_have_been_offered(self, offer: str | None, listed: str) -> None:
        handshake, request = receive(head({"Sec-WebSocket-Protocol": offer}))
        with pytest.raises(NegotiationError, match=f"'z' was not offered by the client: {listed}") as raised:
            handshake.accept(request, protocol="z")
        assert raised.value.response.status == 500
        assert raised.value.response.body == b"Internal Server Error\n"
        assert raised.value.request is request

    @pytest.mark.parametrize(
        "name", ["upgrade", "Connection", "SEC-WEBSOCKET-ACCEPT", "Sec-WebSocket-Protocol", "Content-Length"]
    )
    def test_headers_that_the_handshake_writes(self, name: str) -> None:
        handshake, request = receive(head())
        with pytest.raises(ValueError, match=f"^header {name}: the handshake decides on it"):
            handshake.accept(request, headers={name: "x"})

    def test_headers_that_cannot_be_sent(self) -> None:
        handshake, request = receive(head())
        with pytest.raises(ValueError, match=r"^header X: "):
            handshake.accept(request, headers={"X": "a\r\nb"})


class TestRefuse:
    def test_with_a_body_and_headers(self) -> None:
        response = ServerHandshake(ServerOptions()).refuse(503, "later\n", {"Retry-After": "5"})
        assert build(response) == [
            "HTTP/1.1 503 Service Unavailable",
            "Retry-After: 5",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Length: 6",
            "Connection: close",
            "",
            "later\n",
        ]

    def test_without_a_body(self) -> None:
        assert ServerHandshake(ServerOptions()).refuse(401).body == b"Unauthorized\n"
