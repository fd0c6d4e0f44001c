"""The requests of one connection: their order, their ends, and the answers."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline import Headers, Request, Response
from wsline.handshake.heads import HeadError
from wsline.handshake.http_options import HTTPOptions
from wsline.handshake.requests import CONTINUE, Phase, RequestStream, asks_for_websocket, build_answer

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"PUT /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def new(**options: Any) -> RequestStream:
    return RequestStream(HTTPOptions(**options))


def read_each(stream: RequestStream, upgrades: bool = False) -> Iterator[Request]:
    while (request := stream.read(upgrades)) is not None:
        yield request


def read_all(stream: RequestStream, upgrades: bool = False) -> list[Request]:
    return list(read_each(stream, upgrades))


def refusal(data: bytes, upgrades: bool = False, **options: Any) -> HeadError:
    stream = new(**options)
    stream.feed(data)
    with pytest.raises(HeadError) as caught:
        read_all(stream, upgrades)
    assert caught.value.response.status == caught.value.status
    return caught.value


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_pipelined_requests_come_in_order(step: int) -> None:
    data = b"".join(each % n for n, each in enumerate([GET, POST, CHUNKED, GET, CHUNKED, POST]))
    stream, requests = new(), []
    for at in range(0, len(data), step):
        stream.feed(data[at : at + step])
        requests += read_all(stream)
    assert [each.target for each in requests] == [f"/{n}" for n in range(6)]
    assert [each.body for each in requests] == [b"", b"abc", b"abc", b"", b"abc", b"abc"]
    assert stream.phase == Phase.IDLE
    assert stream.unread == 0


PIECES = [
    GET % 1,
    POST % 2,
    CHUNKED % 3,
    b"POST / HTTP/1.1\r\n",
    b"Host: a\r\n",
    b"\r\n",
    b"0\r\n",
    b"x",
    b"5;a\r\n",
]
PIECES += [b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n", b"\n", b"hello\r\n", b" "]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.integers(0, 300), max_size=6))
def test_requests_and_errors_do_not_depend_on_the_cuts(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)

    def outcome(parts: list[bytes]) -> tuple[list[tuple[str, str, bytes]], int]:
        stream, requests = new(max_body=10), list[Request]()
        try:
            for part in parts:
                stream.feed(part)
                for request in read_each(stream):
                    requests.append(request)
        except HeadError as error:
            return [(each.method, each.target, each.body) for each in requests], error.status
        return [(each.method, each.target, each.body) for each in requests], 0

    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole, status = outcome([data])
    cut, cut_status = outcome([data[a:b] for a, b in pairwise(edges)])
    assert (cut, cut_status) == (whole, status)


def test_phases() -> None:
    stream = new()
    phases = []
    for part in (b"POST / HT", b"TP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", b"a", b"b", b"G"):
        stream.feed(part)
        stream.read(False)
        phases.append(stream.phase)
    assert phases == [Phase.HEAD, Phase.BODY, Phase.BODY, Phase.IDLE, Phase.HEAD]


def test_a_request_knows_whether_it_is_secure() -> None:
    stream = RequestStream(HTTPOptions(), secure=True)
    stream.feed(GET % 1)
    (request,) = read_all(stream)
    assert request.secure


def test_a_handshake_ends_with_its_head_where_somebody_takes_it() -> None:
    stream = new()
    stream.feed(UPGRADE + b"\r\n\x81\x00frames")
    request = stream.read(True)
    assert request is not None
    assert asks_for_websocket(request)
    assert stream.take_rest() == b"\x81\x00frames"
    # That it has a body is for the judge of the handshake to say.
    stream.feed(UPGRADE + b"Content-Length: 3000000\r\n\r\n")
    assert stream.read(True) is not None


def test_a_handshake_is_a_request_like_others_where_nobody_takes_it() -> None:
    stream = new()
    stream.feed(UPGRADE + b"Content-Length: 3\r\n\r\nabc" + GET % 1)
    first, second = read_all(stream)
    assert (first.body, second.target) == (b"abc", "/1")


@pytest.mark.parametrize(
    ("upgrade", "asks"), [("websocket", True), ("WebSocket", True), ("h2c", False), ("h2c, websocket", True)]
)
def test_what_asks_for_a_websocket(upgrade: str, asks: bool) -> None:
    assert asks_for_websocket(Request("GET", "/", Headers({"Upgrade": upgrade}))) is asks
    assert not asks_for_websocket(Request("GET", "/", Headers()))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\r\n" + GET % 1, 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413),
        (b"GET /" + b"x" * 9000, 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100, 431),
    ],
)
def test_bad_requests(data: bytes, status: int) -> None:
    assert refusal(data).status == status
    # What was smuggled behind it is not read.
    assert refusal(GET % 1 + data + GET % 2).status == status


def test_targets() -> None:
    stream = new()
    stream.feed(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET http://A/x?y HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [each.path for each in read_all(stream)] == ["*", "/x"]


def test_a_refusal_knows_the_request() -> None:
    error = refusal(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", max_body=10)
    assert error.request.target == "/"
    assert b"option max_body" in error.response.body
    assert refusal(b"x\r\n\r\n").request is None


@pytest.mark.parametrize(
    ("data", "waits"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\na", False),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", False),
        (b"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", False),
    ],
)
def test_who_waits_for_a_continue(data: bytes, waits: bool) -> None:
    stream = new()
    stream.feed(data)
    stream.read(False)
    assert stream.wants_continue is waits
    stream.feed(b"abc")
    stream.read(False)
    assert stream.wants_continue is False


def test_nothing_is_asked_for_that_would_be_refused() -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    assert refusal(data, max_body=10).status == 413
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"


# -- answers


def answer(
    response: Response, method: str = "GET", closing: bool = False, **request: Any
) -> tuple[bytes, bool]:
    version = request.pop("version", "HTTP/1.1")
    return build_answer(
        Request(method, "/", Headers(request), version), response, date="today", closing=closing
    )


def test_an_answer_goes_on() -> None:
    data, goes_on = answer(Response(200, body="hello"))
    assert goes_on
    assert data == (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_to_head_has_no_body(method: str) -> None:
    data, _ = answer(Response(200, body="hello"), method)
    assert b"Content-Length: 5\r\n" in data
    assert data.endswith(b"hello") is (method == "GET")


def test_what_ends_the_connection() -> None:
    said: dict[str, Any] = {"Connection": "keep-alive, Close"}
    for data, goes_on in (
        answer(Response(200), **said),
        answer(Response(200), closing=True),
        answer(Response(200), version="HTTP/1.0"),
    ):
        assert not goes_on
        assert b"\r\nConnection: close\r\n" in data
    data, goes_on = answer(Response(200, {"Connection": "keep-alive"}), closing=True)
    assert not goes_on
    assert b"\r\nConnection: close\r\n" in data
    assert b"keep-alive" not in data
    data, goes_on = answer(Response(200, said))
    assert not goes_on
    assert b"\r\nConnection: keep-alive, Close\r\n" in data


def test_a_response_is_not_changed() -> None:
    response = Response(204, {"X": "y"})
    data, _ = answer(response)
    assert data == b"HTTP/1.1 204 No Content\r\nX: y\r\nDate: today\r\n\r\n"
    assert response == Response(204, {"X": "y"})
    assert b"Date: then" in answer(Response(200, {"Date": "then"}))[0]


@pytest.mark.parametrize("response", [Response(101), Response(100), Response(204, body="x")])
def test_what_is_no_answer(response: Response) -> None:
    with pytest.raises(ValueError, match="status"):
        answer(response)
