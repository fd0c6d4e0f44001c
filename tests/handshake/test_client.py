"""The client's side of the opening handshake."""

import base64
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.deflate import Deflate
from wsline.errors import (
    HandshakeError,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    NoResponse,
)
from wsline.handshake.client import USER_AGENT, ClientHandshake
from wsline.handshake.extensions import ExtensionOffer
from wsline.handshake.key import is_key
from wsline.handshake.server import ServerHandshake
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions, ServerOptions
from wsline.spec import DeflateParameters

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

GOOD: dict[str, str | None] = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
}


def client(
    protocols: Sequence[str] = (), *, url: str = "ws://h/", deflate: bool | Deflate = False, **options: Any
) -> ClientHandshake:
    options["per_message_deflate"] = deflate
    return ClientHandshake(parse_uri(url), ClientOptions(**options), protocols, KEY)


def head(
    changes: Mapping[str, str | None] | None = None,
    *more: str,
    start: str = "HTTP/1.1 101 Switching Protocols",
) -> bytes:
    """Build a response: the good one, with headers changed (`None`: left out) and lines added."""
    lines = [f"{name}: {value}" for name, value in {**GOOD, **(changes or {})}.items() if value is not None]
    return "\r\n".join([start, *lines, *more, "", ""]).encode("latin-1")


def refused(handshake: ClientHandshake, data: bytes) -> HandshakeError:
    with pytest.raises(HandshakeError) as raised:
        handshake.receive(data)
    assert raised.value.request is handshake.request
    return raised.value


class TestBuild:
    def test_the_least(self) -> None:
        assert client(url="ws://h:8080/a?b").build() == (
            b"GET /a?b HTTP/1.1\r\n"
            b"Host: h:8080\r\n"
            b"Upgrade: websocket\r\n"
            b"Connection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n"
            b"User-Agent: " + USER_AGENT.encode() + b"\r\n\r\n"
        )

    @pytest.mark.row(50, 56, 57)
    def test_the_most(self) -> None:
        handshake = client(
            ["a", "b"],
            url="wss://u:p@h/",
            origin="http://o",
            headers=[("X", "1"), ("Cookie", "c"), ("x", "2")],
            deflate=Deflate(client_no_context_takeover=True),
        )
        assert list(handshake.request.headers.items())[5:] == [
            ("Origin", "http://o"),
            ("Sec-WebSocket-Protocol", "a,b"),
            (
                "Sec-WebSocket-Extensions",
                "permessage-deflate; client_no_context_takeover; client_max_window_bits",
            ),
            ("Authorization", "Basic dTpw"),
            ("User-Agent", USER_AGENT),
            ("X", "1"),
            ("Cookie", "c"),
            ("x", "2"),
        ]
        assert handshake.request.secure

    @pytest.mark.row(55, 56)
    def test_version_8_has_its_own_origin_header(self) -> None:
        headers = client(protocol_version=8, origin="http://o").request.headers
        assert headers["Sec-WebSocket-Version"] == "8"
        assert headers["Sec-WebSocket-Origin"] == "http://o"
        assert "Origin" not in headers

    def test_each_handshake_has_a_new_key(self) -> None:
        keys = {
            ClientHandshake(parse_uri("ws://h/"), ClientOptions()).request.headers["Sec-WebSocket-Key"]
            for _ in "abc"
        }
        assert len(keys) == 3
        assert all(is_key(key) for key in keys)

    @pytest.mark.row(57)
    def test_the_headers_of_the_handshake_win(self) -> None:
        theirs = {"upgrade": "x", "Connection": "x", "Sec-WebSocket-KEY": "x", "Sec-WebSocket-Version": "7"}
        assert client(headers=theirs).build() == client().build()

    def test_other_headers_can_be_replaced_in_their_place(self) -> None:
        headers = client(
            headers={"host": "other:1", "user-agent": "mine", "ORIGIN": "http://mine"}, origin="http://o"
        ).request.headers
        assert next(iter(headers)) == "Host"
        assert headers.get_all("Host") == ["other:1"]
        assert headers.get_all("User-Agent") == ["mine"]
        assert headers.get_all("Origin") == ["http://mine"]

    @pytest.mark.parametrize(
        ("name", "instead"),
        [
            ("Sec-WebSocket-Protocol", "name the subprotocols in `protocols`"),
            ("sec-websocket-extensions", "the option per_message_deflate decides on it"),
            ("Content-Length", "a WebSocket handshake has no body"),
            ("Transfer-Encoding", "a WebSocket handshake has no body"),
        ],
    )
    def test_headers_that_the_handshake_must_know(self, name: str, instead: str) -> None:
        with pytest.raises(ValueError, match=f"^header {name} cannot be set: {instead}"):
            client(headers={name: "1"})

    def test_there_is_one_host(self) -> None:
        with pytest.raises(ValueError, match=r"^header Host: a request has one, not 2"):
            client(headers=[("Host", "a"), ("host", "b")])

    @pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\0b"])
    def test_nothing_that_splits_a_header_is_sent(self, value: str) -> None:
        with pytest.raises(ValueError, match=r"^header X: "):
            client(headers={"X": value})
        with pytest.raises(ValueError, match=r"^header Origin: "):
            client(origin=value)
        with pytest.raises(ValueError, match=r"^header User-Agent: "):
            client(headers={"User-Agent": value})

    @pytest.mark.row(65)
    @pytest.mark.parametrize(
        ("url", "auth", "headers", "authorization"),
        [
            ("ws://h/", None, None, None),
            ("ws://h/", ("u", "p\u20ac:"), None, "u:p\u20ac:"),
            ("ws://v:%40@h/", ("u", "p"), None, "v:@"),
            ("ws://v@h/", None, None, "v:"),
        ],
    )
    def test_credentials(
        self, url: str, auth: tuple[str, str] | None, headers: Any, authorization: str | None
    ) -> None:
        sent = client(url=url, auth=auth, headers=headers).request.headers.get("Authorization")
        if authorization is None:
            assert sent is None
        else:
            assert sent == "Basic " + base64.b64encode(authorization.encode()).decode()

    def test_an_authorization_header_wins_over_credentials(self) -> None:
        handshake = client(url="ws://v:w@h/", auth=("u", "p"), headers={"authorization": "Bearer t"})
        assert handshake.request.headers.get_all("Authorization") == ["Bearer t"]

    def test_a_user_has_no_colon(self) -> None:
        with pytest.raises(ValueError, match=r"^auth .*: must be a tuple .*, the user without a colon"):
            client(auth=("a:b", "c"))

    def test_a_string_is_one_subprotocol(self) -> None:
        assert client("chat").request.headers["Sec-WebSocket-Protocol"] == "chat"

    @pytest.mark.row(50)
    @pytest.mark.parametrize(
        ("protocols", "named"),
        [
            ("", ""),
            ("a b", "a b"),
            ("a,b", "a,b"),
            (["a", "b", "a"], "a"),
            (["a", "b\r\nX: y"], "b\r\nX: y"),
            ("\xe9", "\xe9"),
        ],
    )
    def test_subprotocols_that_cannot_be_offered(self, protocols: Sequence[str], named: str) -> None:
        with pytest.raises(
            ValueError, match=r"^An invalid or duplicated subprotocol was specified: "
        ) as raised:
            client(protocols)
        assert f" {named!a}; protocols must be tokens, all of them diff" in str(raised.value)


class TestReceive:
    def test_an_open_websocket(self) -> None:
        handshake = client()
        data = head() + b"\x81\x00"
        assert handshake.receive(data[:20]) is None
        assert handshake.response is None
        response = handshake.receive(data[20:])
        assert response is not None
        assert response is handshake.response
        assert (response.status, handshake.trailing) == (101, b"\x81\x00")
        assert (handshake.protocol, handshake.extensions) == (None, ())
        handshake.receive_eof()

    @pytest.mark.parametrize(
        "data",
        [
            head({"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"}),
            head().replace(b"Sec-WebSocket-Accept", b"sec-websocket-accept"),
            head({"Set-Cookie": "a"}, "Set-Cookie: b"),
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head(),
            head(start="HTTP/1.1 101"),
        ],
    )
    def test_good_responses(self, data: bytes) -> None:
        assert client().receive(data) is not None

    @pytest.mark.row("165e", "165f", "165g", "165j")
    @pytest.mark.parametrize(
        ("data", "kind", "text"),
        [
            (head({"Upgrade": None}), InvalidUpgrade, "Invalid Upgrade header: '', not websocket"),
            (head({"Upgrade": "h2c"}), InvalidUpgrade, "Invalid Upgrade header: 'h2c', not websocket"),
            (head({}, "Upgrade: websocket"), InvalidUpgrade, "Invalid Upgrade header"),
            (head({"Connection": None}), InvalidUpgrade, "Invalid Connection header: '' has no Upgrade"),
            (
                head({"Connection": "close"}),
                InvalidUpgrade,
                "Invalid Connection header: 'close' has no Upgrade",
            ),
            (
                head(start="HTTP/1.0 101 S"),
                InvalidUpgrade,
                "Invalid HTTP version: HTTP/1.0; a 101 is HTTP/1.1",
            ),
            (
                head({"Sec-WebSocket-Accept": None}),
                InvalidHeader,
                f"Invalid Sec-WebSocket-Accept header: there is none, expected '{ACCEPT}'",
            ),
            (
                head({"Sec-WebSocket-Accept": "x"}),
                InvalidHeader,
                f"Invalid Sec-WebSocket-Accept header: 'x', expected '{ACCEPT}'",
            ),
            (
                head({}, f"Sec-WebSocket-Accept: {ACCEPT}"),
                InvalidHeader,
                f"Invalid Sec-WebSocket-Accept header: '{ACCEPT}, {ACCEPT}', expected",
            ),
            (
                head({"Sec-WebSocket-Protocol": "a"}),
                NegotiationError,
                "Server sent a subprotocol but none was requested: 'a'",
            ),
            (
                head({"Sec-WebSocket-Extensions": "a"}),
                NegotiationError,
                "Server sent a Sec-WebSocket-Extensions header but no extension was requested: 'a'",
            ),
        ],
    )
    def test_a_101_that_does_not_agree(self, data: bytes, kind: type[HandshakeError], text: str) -> None:
        handshake = client()
        error = refused(handshake, data)
        assert type(error) is kind
        assert str(error).startswith(text)
        assert error.response is handshake.response

    def test_the_chosen_subprotocol(self) -> None:
        handshake = client(["a", "b"])
        handshake.receive(head({"Sec-WebSocket-Protocol": "b"}))
        assert handshake.protocol == "b"

    @pytest.mark.row("165h", "165i")
    @pytest.mark.parametrize(
        ("lines", "text"),
        [
            ((), "Server sent no subprotocol (requested: a, b)"),
            (("Sec-WebSocket-Protocol: c",), "Server sent an invalid subprotocol: 'c' (requested: a, b)"),
            (("Sec-WebSocket-Protocol: A",), "Server sent an invalid subprotocol: 'A' (requested: a, b)"),
            (("Sec-WebSocket-Protocol:",), "Server sent an invalid subprotocol: '' (requested: a, b)"),
            (
                ("Sec-WebSocket-Protocol: a",) * 2,
                "Server sent an invalid subprotocol: 'a, a' (requested: a, b)",
            ),
        ],
    )
    def test_a_subprotocol_must_be_one_of_those_requested(self, lines: tuple[str, ...], text: str) -> None:
        error = refused(client(["a", "b"]), head({}, *lines))
        assert type(error) is NegotiationError
        assert str(error) == f"{text}; {error.hint}"
        assert error.hint

    def test_compression_that_the_server_agrees_to(self) -> None:
        handshake = client(deflate=True)
        assert (handshake.extensions, handshake.deflate) == ((), None)
        handshake.receive(head({"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=10"}))
        assert handshake.extensions == (
            ExtensionOffer("permessage-deflate", [("server_max_window_bits", "10")]),
        )
        assert handshake.deflate == DeflateParameters(server_max_window_bits=10)

    def test_compression_that_the_server_declines(self) -> None:
        handshake = client(deflate=True)
        handshake.receive(head())
        assert (handshake.extensions, handshake.deflate) == ((), None)

    @pytest.mark.row("165k", "165l")
    @pytest.mark.parametrize(
        ("header", "text"),
        [
            ("b", "Server indicated an extension that was not requested: 'b'"),
            ("permessage-deflate; ", "Invalid Sec-WebSocket-Extensions header: a token expected at index 19"),
            (
                "permessage-deflate; b",
                "Invalid Sec-WebSocket-Extensions header: Unknown parameter 'b'",
            ),
        ],
    )
    def test_extensions_must_have_been_offered(self, header: str, text: str) -> None:
        error = refused(client(deflate=True), head({"Sec-WebSocket-Extensions": header}))
        assert type(error) is NegotiationError
        assert str(error).startswith(text)

    @pytest.mark.row("165d")
    @pytest.mark.parametrize("status", [200, 301, 401, 403, 426, 503])
    def test_another_status(self, status: int) -> None:
        handshake = client()
        start = f"HTTP/1.1 {status} X"
        assert handshake.receive(head({}, "Content-Length: 5", start=start)) is None
        error = refused(handshake, b"sorry")
        assert type(error) is InvalidStatus
        assert str(error) == f"Unexpected server response: {status} X; {error.hint}"
        assert error.hint
        assert (error.response.status, error.response.body) == (status, b"sorry")

    def test_a_reason_is_shown_and_cut(self) -> None:
        start = f"HTTP/1.1 500 \x9b{'x' * 500}"
        error = refused(client(), head({}, "Content-Length: 0", start=start))
        assert str(error).startswith(f"Unexpected server response: 500 \\x9b{'x' * 199}...; ")

    def test_a77_a_redirect_that_is_followed_is_told_at_its_head(self) -> None:
        start = "HTTP/1.1 302 Found"
        data = head({}, "Location: /b", "Content-Length: 5", start=start)
        assert client().receive(data) is None
        error = refused(client(follow_redirects=True), data)
        assert type(error) is InvalidStatus
        assert error.headers["Location"] == "/b"
        followed = client(follow_redirects=True)
        assert followed.receive(data[:-1]) is None
        assert refused(followed, data[-1:]).response.status == 302

    @pytest.mark.parametrize(
        ("start", "lines"), [("HTTP/1.1 302 Found", ()), ("HTTP/1.1 201 Created", ("Location: /b",))]
    )
    def test_a77_what_is_no_redirect_is_read_to_its_end(self, start: str, lines: tuple[str, ...]) -> None:
        handshake = client(follow_redirects=True)
        assert handshake.receive(head({}, "Content-Length: 1", *lines, start=start)) is None
        assert refused(handshake, b"x").response.body == b"x"

    @pytest.mark.parametrize("data", [b"hello\r\n", b"\x00", b"HTTP/1.1 101 S\r\nA: " + b"b" * 9000])
    def test_what_is_not_http(self, data: bytes) -> None:
        error = refused(client(), data)
        assert error.response is None
        assert error.hint

    @given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", head()[:-2]]))
    def test_any_bytes_raise_only_handshake_errors(self, data: bytes, prefix: bytes) -> None:
        handshake = client()
        try:
            handshake.receive(prefix + data)
            handshake.receive_eof()
        except HandshakeError as error:
            assert error.request is handshake.request

    @given(st.lists(st.integers(0, 200)))
    def test_cuts_do_not_matter(self, cuts: list[int]) -> None:
        data = head({"Sec-WebSocket-Protocol": "b"}) + b"\x81\x03abc"
        places = [0, *sorted(cuts), len(data)]
        handshake, whole = client(["a", "b"]), client(["a", "b"])
        for start, end in itertools.pairwise(places):
            handshake.receive(data[start:end])
        assert handshake.response == whole.receive(data)
        assert handshake.trailing == whole.trailing == b"\x81\x03abc"
        assert handshake.protocol == "b"


class TestReceiveEof:
    @pytest.mark.parametrize("data", [b"", b"HTTP/1.1 101 Switching"])
    def test_within_the_head(self, data: bytes) -> None:
        handshake = client()
        handshake.receive(data)
        with pytest.raises(NoResponse, match=f"after {len(data)} bytes of the server's answer") as raised:
            handshake.receive_eof()
        assert raised.value.request is handshake.request
        assert raised.value.hint

    def test_within_the_body(self) -> None:
        handshake = client()
        assert handshake.receive(b"HTTP/1.1 403 Forbidden\r\n\r\nno ent") is None
        with pytest.raises(InvalidStatus, match="Unexpected server response: 403") as raised:
            handshake.receive_eof()
        assert raised.value.response.body == b"no ent"


@pytest.mark.parametrize("version", [13, 8])
@pytest.mark.parametrize("url", ["ws://h:1/a", "wss://[::1]/", "ws+unix:/a:/b?c"])
def test_client_and_server_agree(version: int, url: str) -> None:
    handshake = client(["a", "b"], url=url, protocol_version=version)
    server = ServerHandshake(ServerOptions())
    request = server.receive(handshake.build())
    assert request is not None
    server.check(request)
    handshake.receive(server.accept(request, protocol="b").build())
    assert handshake.protocol == "b"
