"""HTTP/1.1 messages and the readers of their heads."""

import itertools
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.errors import HandshakeError
from wsline.handshake.headers import Headers
from wsline.handshake.http1 import (
    MAX_BODY,
    Request,
    RequestReader,
    Response,
    ResponseReader,
    build_last,
    refusal,
)
from wsline.options import Options

OPTIONS = Options()


def each_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def read_request(parts: Iterable[bytes], options: Options = OPTIONS) -> RequestReader:
    reader = RequestReader(options)
    for part in parts:
        reader.feed(part)
    return reader


def refuse(data: bytes, options: Options = OPTIONS) -> HandshakeError:
    """Return the error of a request, which is the same when it comes byte by byte."""
    with pytest.raises(HandshakeError) as raised:
        read_request([data], options)
    with pytest.raises(HandshakeError) as dribbled:
        read_request(each_byte(data), options)
    assert str(dribbled.value) == str(raised.value)
    return raised.value


def read_response(parts: Iterable[bytes]) -> tuple[ResponseReader, Response | None]:
    reader, response = ResponseReader(OPTIONS), None
    for part in parts:
        response = reader.feed(part)
    return reader, response


class TestRequest:
    @pytest.mark.parametrize(
        ("target", "path"),
        [
            ("/", "/"),
            ("/a/b?c=/d", "/a/b"),
            ("/a%20b", "/a%20b"),
            ("/a://b", "/a://b"),
            ("//a/b", "//a/b"),
            ("http://h/a/b?c", "/a/b"),
            ("http://h?c/d", "/"),
            ("http://h", "/"),
            ("*", "*"),
            ("h:80", "h:80"),
        ],
    )
    def test_path(self, target: str, path: str) -> None:
        assert Request("GET", target, Headers()).path == path

    def test_build(self) -> None:
        request = Request("GET", "/a?b", Headers([("Host", "h"), ("A", "1"), ("A", "2")]))
        assert request.build() == b"GET /a?b HTTP/1.1\r\nHost: h\r\nA: 1\r\nA: 2\r\n\r\n"

    @pytest.mark.parametrize("target", ["", "/a b", "/a\r\nX: y", "/\0", "/\x7f", "/caf\xe9", "/a#b"])
    def test_targets_that_cannot_be_sent(self, target: str) -> None:
        with pytest.raises(ValueError, match=r"^request target "):
            Request("GET", target, Headers()).build()

    @pytest.mark.parametrize("method", ["", "GET /", "GET\r\n"])
    def test_methods_that_cannot_be_sent(self, method: str) -> None:
        with pytest.raises(ValueError, match=r"^request method "):
            Request(method, "/", Headers()).build()

    def test_applications_keep_their_findings_in_attributes(self) -> None:
        request, other = Request("GET", "/", Headers()), Request("GET", "/", Headers())
        request.attributes["user"] = "ann"
        request.remote_address = ("127.0.0.1", 5)
        assert other.attributes == {}
        assert (request.secure, other.remote_address, other.body) == (False, None, b"")


class TestResponse:
    def test_text_is_sent_with_its_length_and_type(self) -> None:
        assert Response(404, body="caf\xe9").build() == (
            b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
            b"Connection: close\r\n\r\ncaf\xc3\xa9"
        )

    def test_headers_of_the_caller_stay(self) -> None:
        response = Response(
            200, {"Content-Type": "text/html", "Connection": "keep-alive", "content-length": "99"}, b"<p>"
        )
        assert response.build() == (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n"
            b"Content-Length: 3\r\n\r\n<p>"
        )
        assert response.headers["Content-Length"] == "99"

    def test_a_connection_can_go_on_and_a_body_be_left_out(self) -> None:
        response = Response(200, {"Content-Type": "text/html"}, b"<p>")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n"
        assert response.build(keep_alive=True) == head + b"\r\n<p>"
        assert response.build(keep_alive=True, with_body=False) == head + b"\r\n"
        assert response.build(with_body=False) == head + b"Connection: close\r\n\r\n"

    def test_an_empty_body_has_a_length_and_no_type(self) -> None:
        assert Response(401).build() == (
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    def test_some_statuses_have_no_content(self) -> None:
        assert (
            Response(101, {"Upgrade": "x"}).build()
            == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
        )
        assert Response(204).build() == b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        with pytest.raises(ValueError, match="status 304 has no body"):
            Response(304, body="x").build()

    def test_transfer_encoding_is_not_ours(self) -> None:
        with pytest.raises(ValueError, match=r"^header Transfer-Encoding: "):
            Response(200, {"transfer-encoding": "chunked"}).build()

    def test_reasons(self) -> None:
        assert Response(200, reason="Fine").build().startswith(b"HTTP/1.1 200 Fine\r\n")
        assert Response(799).build().startswith(b"HTTP/1.1 799 \r\n")
        assert Response(200, reason="").reason == ""

    @pytest.mark.parametrize("reason", ["a\r\nb", "a\nb", "\0", "\x1b", "\u20ac"])
    def test_reasons_that_cannot_be_sent(self, reason: str) -> None:
        with pytest.raises(ValueError, match=r"^reason="):
            Response(200, reason=reason)

    @pytest.mark.parametrize("status", [-1, 0, 99, 1000])
    def test_statuses_that_cannot_be_sent(self, status: int) -> None:
        with pytest.raises(ValueError, match=f"^status={status}: must be a number from 100 to 999"):
            Response(status)

    def test_headers_that_cannot_be_sent(self) -> None:
        with pytest.raises(ValueError, match=r"^header Location: "):
            Response(302, {"Location": "/a\r\nSet-Cookie: b"})

    def test_refusals_say_something(self) -> None:
        assert refusal(403).body == b"Forbidden\n"
        assert refusal(403, "no", {"X": "y"}) == Response(403, {"X": "y"}, b"no")
        assert refusal(403, b"").body == b""


class TestRequestReader:
    def test_a_request_and_what_follows_it(self) -> None:
        data = b"GET /a?b HTTP/1.1\r\nHost: h:80\r\nX:  y \t\r\nX:\r\n\r\n"
        for parts in ([data + b"\x81\x00"], each_byte(data + b"\x81\x00")):
            reader = read_request(parts)
            request = reader.request
            assert request is not None
            assert (request.method, request.target, request.version) == ("GET", "/a?b", "HTTP/1.1")
            assert list(request.headers.items()) == [("Host", "h:80"), ("X", "y"), ("X", "")]
            assert reader.trailing == b"\x81\x00"
            assert reader.feed(b"more") is request
            assert reader.trailing == b"\x81\x00more"

    def test_it_waits_for_the_end_of_the_head(self) -> None:
        reader = RequestReader(OPTIONS)
        assert reader.feed(b"") is None
        assert reader.feed(b"GET / HTTP/1.1\r\nHost: h\r\n\r") is None
        assert reader.feed(b"\n") is not None

    def test_values_are_latin_1(self) -> None:
        request = read_request([b"GET / HTTP/1.1\r\nHost: h\r\nX: \xe9\xff\ty\r\n\r\n"]).request
        assert request is not None
        assert request.headers["x"] == "\xe9\xff\ty"

    @pytest.mark.parametrize(
        "head",
        [
            b"GET / HTTP/1.0\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
        ],
    )
    def test_requests_for_others_to_judge(self, head: bytes) -> None:
        assert read_request([head + b"rest"]).trailing == b"rest"

    @pytest.mark.parametrize(
        ("head", "status", "why"),
        [
            (b"hello\r\n", 400, "Invalid HTTP request line: 'hello'"),
            (b"\r\n", 400, "Invalid HTTP request line: ''"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", 400, "Invalid HTTP request line"),
            (b"\x16\x03\x01\x02\x00", 400, "byte 0x16 in an HTTP head"),
            (b"\x81\x85abcd\x00", 400, "byte 0x00 in an HTTP head"),
            (b"\xff / HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"NOPE / HTTP/1.1\r\n", 400, "Invalid method encountered, at the line 'NOPE / HTTP/1.1'"),
            (b"get / HTTP/1.1\r\n", 400, "Invalid method encountered"),
            (b"GET  / HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET\t/ HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b" GET / HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET / HTTP/1.1 \r\n", 400, "Invalid HTTP request line"),
            (b"GET /a b HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET /\x7f HTTP/1.1\r\n", 400, "byte 0x7f in an HTTP head"),
            (b"GET /\x01 HTTP/1.1\r\n", 400, "byte 0x01 in an HTTP head"),
            (b"GET /\xc3\xa9 HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET /a#b HTTP/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET a HTTP/1.1\r\n", 400, "Invalid characters in url"),
            (b"GET /\r\n", 400, "Invalid HTTP request line"),
            (b"GET / http/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET / ICE/1.1\r\n", 400, "Invalid HTTP request line"),
            (b"GET / HTTP/0.9\r\n", 505, "HTTP/0.9: only HTTP/1.1 is supported"),
            (b"GET / HTTP/1.2\r\n", 505, "HTTP/1.2: only HTTP/1.1 is supported"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2.0: only HTTP/1.1 is supported"),
            (b"GET / HTTP/1.1\nHost: h\n\n", 400, "byte 0x0a in an HTTP head"),
            (b"GET / HTTP/1.1\r\n Host: h\r\n", 400, "Invalid HTTP header line: ' Host: h'"),
            (
                b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[:-4] + b"\r\n folded\r\n",
                400,
                "Invalid HTTP header line: ' folded'",
            ),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n", 400, "Invalid HTTP header line: 'X : y'"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n", 400, "Invalid HTTP header line"),
            (b"GET / HTTP/1.1\r\nHost: h\r\n: y\r\n", 400, "Invalid HTTP header line"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX\xe9: y\r\n", 400, "Invalid HTTP header line"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n", 400, "byte 0x0a in an HTTP head"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n", 400, "byte 0x0d in an HTTP head"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n", 400, "byte 0x00 in an HTTP head"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n", 400, "Content-Length"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n", 400, "Content-Length"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400, "Content-Length"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n", 400, "Content-Length"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 30 + b"\r\n", 400, "Content-Length"),
            (
                b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
                400,
                "Content-Length",
            ),
            (
                b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
                "Content-Length",
            ),
            (b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 400, "Transfer-Encoding"),
            (b"GET / HTTP/1.1\r\n\r\n", 400, "Invalid Host header: one is needed, 0 came"),
            (
                b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
                400,
                "Invalid Host header: one is needed, 2 came",
            ),
            (
                b"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n",
                400,
                "Invalid Host header: one is needed, 2 came",
            ),
            (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "Invalid Host header: '' is not a host"),
            (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Invalid Host header: 'a/b' is not a host"),
            (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Invalid Host header: 'a b' is not a host"),
            (b"GET / HTTP/1.0\r\nHost: a@b\r\n\r\n", 400, "Invalid Host header: 'a@b' is not a host"),
        ],
    )
    def test_malformed(self, head: bytes, status: int, why: str) -> None:
        error = refuse(head)
        assert error.response.status == status
        assert why in str(error)
        assert error.response.body.decode() == f"{error}\n"

    def test_limits(self) -> None:
        options = Options(max_head_size=512, max_head_line=128, max_headers=8)
        start = b"GET / HTTP/1.1\r\nHost: h\r\n"
        assert refuse(b"GET /" + b"a" * 200, options).response.status == 414
        assert refuse(start + b"X: " + b"a" * 200, options).response.status == 431
        assert refuse(start + b"X: y\r\n" * 8, options).response.status == 431
        assert refuse(start + (b"X: " + b"y" * 100 + b"\r\n") * 6, options).response.status == 431
        assert read_request([start + b"X: y\r\n" * 7 + b"\r\n"], options).request is not None

    def test_floods_stop_at_the_limits(self) -> None:
        start = b"GET / HTTP/1.1\r\nHost: h\r\n"
        assert refuse_at(start, b"X: y\r\n") <= len(start) + 101 * 6
        assert refuse_at(b"GET /", b"a" * 10) <= 8192 + 10
        assert refuse_at(start + b"X: ", b"a" * 10) <= len(start) + 8192 + 10
        assert refuse_at(start, b"X: " + b"y" * 1000 + b"\r\n") <= 16384 + 1005

    def test_bytes_one_at_a_time_cost_little(self, cpu_time: Callable[[Callable[[], object]], float]) -> None:
        data = b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(
            b"X-%d: %s\r\n" % (n, b"y" * 90) for n in range(72)
        )
        assert len(data) > 7000
        parts = each_byte(data + b"\r\n")
        assert read_request(parts).request is not None
        assert cpu_time(lambda: read_request(parts)) <= 0.1

    @given(st.lists(st.integers(0, 80)))
    def test_cuts_do_not_matter(self, cuts: list[int]) -> None:
        data = b"GET /x HTTP/1.1\r\nHost: h\r\nA: 1\r\nA: 2\r\nUpgrade: websocket\r\n\r\n\x81\x80abcd"
        places = [0, *sorted(cuts), len(data)]
        reader = read_request(data[start:end] for start, end in itertools.pairwise(places))
        whole = read_request([data])
        assert reader.request == whole.request
        assert reader.trailing == whole.trailing == b"\x81\x80abcd"


def refuse_at(start: bytes, flood: bytes) -> int:
    """Return how many bytes a reader takes before it refuses an endless flood."""
    reader, taken = RequestReader(OPTIONS), len(start)
    reader.feed(start)
    for _ in range(5000):
        taken += len(flood)
        try:
            reader.feed(flood)
        except HandshakeError:
            return taken
    raise AssertionError("never refused")


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class TestResponseReader:
    def test_a_101_and_what_follows_it(self) -> None:
        for parts in ([SWITCHING + b"\x81\x00"], each_byte(SWITCHING + b"\x81\x00")):
            reader, response = read_response(parts)
            assert response == Response(101, {"Upgrade": "websocket", "Connection": "Upgrade"})
            assert reader.trailing == b"\x81\x00"
            assert reader.received == len(SWITCHING) + 2

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 101 S\r\n\r\n",
            b"HTTP/1.0 101 S\r\n\r\n",
            b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
            b"HTTP/1.1 101 S\r\nContent-Length: 5\r\n\r\n",
        ],
    )
    def test_a_101_is_for_the_handshake_to_judge(self, head: bytes) -> None:
        reader, response = read_response(each_byte(head + b"rest"))
        assert response is not None
        assert (response.status, response.version) == (101, head[:8].decode())
        assert reader.trailing == b"rest"

    @pytest.mark.parametrize(
        ("data", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
            (
                b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n",
                b"hello",
            ),
            (b"HTTP/1.1 304 Not Modified\r\n\r\n", b""),
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n"
                b"HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno",
                b"no",
            ),
            (
                b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                b"Content-Length: 2\r\n\r\nno",
                b"no",
            ),
        ],
    )
    @pytest.mark.parametrize("cut", [each_byte, lambda data: [data]])
    def test_bodies(self, data: bytes, body: bytes, cut: object) -> None:
        assert callable(cut)
        parts = cut(data)
        reader, response = read_response(parts[:-1])
        assert response is None
        response = reader.feed(parts[-1])
        assert response is not None
        assert response.body == body
        assert "A" not in response.headers
        assert reader.trailing == b""

    @pytest.mark.parametrize(
        ("data", "body"),
        [
            (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
            (b"HTTP/1.0 200 OK\r\n\r\n", b""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", b"hel"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", b"hel"),
        ],
    )
    def test_bodies_that_end_with_the_connection(self, data: bytes, body: bytes) -> None:
        reader, response = read_response(each_byte(data))
        assert response is None
        assert reader.response is not None
        assert reader.feed_eof() is reader.response
        assert reader.response.body == body

    @pytest.mark.parametrize(
        ("data", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno\r\nHTTP/1.1 200 OK\r\n\r\nmore", b"no"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\nX: y\r\n\r\nmore", b"no"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\nx\r\n", b"no"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b""),
        ],
    )
    def test_what_cannot_be_read_ends_the_body(self, data: bytes, body: bytes) -> None:
        _, response = read_response([data])
        assert response is not None
        assert response.body == body

    @pytest.mark.parametrize(
        "head", [b"HTTP/1.1 403 No\r\n\r\n", b"HTTP/1.1 403 No\r\nContent-Length: 99999999\r\n\r\n"]
    )
    def test_bodies_are_read_up_to_a_limit(self, head: bytes) -> None:
        reader = ResponseReader(OPTIONS)
        assert reader.feed(head) is None
        assert reader.feed(b"x" * (MAX_BODY - 1)) is None
        response = reader.feed(b"y" * 1_000_000)
        assert response is not None
        assert response.body == b"x" * (MAX_BODY - 1) + b"y"
        assert reader.feed(b"z") is response
        assert len(response.body) == MAX_BODY

    def test_trailers_are_bounded_as_a_body(self) -> None:
        reader = ResponseReader(OPTIONS)
        assert reader.feed(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n") is None
        for _ in range(MAX_BODY // 600):
            assert reader.feed(b"A: b\r\n" * 100) is None
        assert reader.feed(b"A: b\r\n" * 100) is not None

    @pytest.mark.parametrize(
        "line", [b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n", b"HTTP/1.1 200 caf\xe9\t!\r\n"]
    )
    def test_status_lines(self, line: bytes) -> None:
        _, response = read_response([line + b"Content-Length: 0\r\n\r\n"])
        assert response is not None
        assert response.reason == line[13:].strip(b"\r\n").decode("latin-1")

    @pytest.mark.parametrize(
        "data",
        [
            b"SSH-2.0-x\r\n",
            b"\r\n",
            b"HTTP/2.0 200 OK\r\n",
            b"http/1.1 200 OK\r\n",
            b"HTTP/1.1 20 OK\r\n",
            b"HTTP/1.1 099 OK\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 +20 OK\r\n",
            b"HTTP/1.1  200 OK\r\n",
            b"HTTP/1.1 101 a\0b\r\n",
            b"HTTP/1.1 101 a\nb\r\n",
            b"HTTP/1.1 101 S\r\nA : b\r\n",
            b"HTTP/1.1 101 S\r\nA: b\r\n c\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 101 S\r\n" + b"A: b\r\n" * 101,
            b"HTTP/1.1 101 S\r\nA: " + b"b" * 8192,
            b"HTTP/1.1 101 " + b"b" * 8192,
        ],
    )
    def test_malformed(self, data: bytes) -> None:
        with pytest.raises(HandshakeError) as raised:
            read_response([data])
        with pytest.raises(HandshakeError) as dribbled:
            read_response(each_byte(data))
        assert str(raised.value) == str(dribbled.value)
        assert raised.value.response is None

    def test_interim_responses_are_limited(self) -> None:
        interim = b"HTTP/1.1 102 Processing\r\n\r\n"
        assert read_response([interim * 8 + SWITCHING])[1] is not None
        with pytest.raises(HandshakeError, match="more than 8 interim responses"):
            read_response([interim * 9 + SWITCHING])

    @pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
    def test_the_end_within_the_head(self, data: bytes) -> None:
        reader, _ = read_response([data])
        with pytest.raises(HandshakeError, match=f"closed after {len(data)} bytes of the server's answer"):
            reader.feed_eof()


def test_a_response_that_cannot_be_sent_is_a_500() -> None:
    assert build_last(Response(204)) == (Response(204).build(), None)
    data, error = build_last(Response(204, body="x"))
    assert data == refusal(500).build()
    assert "a response with status 204 has no body" in str(error)
