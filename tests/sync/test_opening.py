"""The server's side of an opening handshake: refusals, deadlines, what comes early."""

import logging
import threading
import time
from typing import Any

import pytest

from tests.doors.conftest import certificate
from tests.doors.door import Certificate
from tests.doors.peer import CLOSE, REQUEST, TEXT, close
from tests.sync.peers import DEADLINE, Task, echo, raw_client, serving, until
from wsline import InvalidStatus, Response
from wsline.sync import connect, opening

__all__ = ["certificate"]  # a fixture


def test_a_request_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsline")
    with serving(echo) as (server, _):
        for request, status in (
            (b"nonsense\r\n\r\n", b"400"),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"426"),
        ):
            with raw_client(server.address()[1]) as peer:
                peer.sock.sendall(request)
                assert peer.read_head().startswith(b"HTTP/1.1 " + status)
                peer.sock.sendall(b"and more")
    assert caplog.text.count("handshake refused: ") == 2


def test_a_response_that_cannot_be_sent_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    for options in (
        {"process_request": lambda request: Response(204, body="x")},
        {"verify_client": lambda info: Response(204, body="x")},
    ):
        with serving(echo, handshake_timeout=60, **options) as (server, url):
            with pytest.raises(InvalidStatus, match="500"):
                connect(url)
            until(lambda: not server._openings)
    assert caplog.text.count("a response with status 204 has no body") == 2
    assert "a response that cannot be sent" in caplog.text


def test_an_exception_while_judging(caplog: pytest.LogCaptureFixture) -> None:
    def raises(request: Any) -> None:
        raise ZeroDivisionError("on purpose")

    with serving(echo, process_request=raises) as (_, url), pytest.raises(InvalidStatus, match="500"):
        connect(url)
    assert "ZeroDivisionError: on purpose" in caplog.text


def test_an_exception_of_ours_while_judging(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(echo) as (server, url):
        monkeypatch.setattr(server._open, "why_full", lambda ip: 1 / 0)
        with pytest.raises(InvalidStatus, match="500"):
            connect(url)
        until(lambda: "ZeroDivisionError" in caplog.text)


def test_plain_requests_are_answered_too() -> None:
    answers = {"/": None, "/healthy": Response(200, body="OK")}
    with serving(echo, process_request=lambda request: answers[request.path]) as (server, url):
        with raw_client(server.address()[1]) as peer:
            peer.sock.sendall(b"GET /healthy HTTP/1.1\r\nHost: a\r\n\r\n")
            assert peer.read_head().startswith(b"HTTP/1.1 200 OK")
            assert peer.read(2) == b"OK"
            assert peer.is_at_end()
        connect(url).close()


def test_a_subprotocol_that_was_not_offered() -> None:
    with serving(echo, handle_protocols=lambda offered, request: "x") as (_, url):
        with pytest.raises(InvalidStatus, match="500"):
            connect(url, "a")
        connect(url).close()


def test_frames_that_come_while_a_request_is_judged() -> None:
    """More of them than are kept: the rest waits in the socket."""
    go_on = threading.Event()

    def wait(request: Any) -> None:
        go_on.wait(5)

    with serving(echo, process_request=wait) as (server, _), raw_client(server.address()[1]) as peer:
        frames = [b"%d" % i * 5000 for i in range(40)]
        peer.sock.sendall(REQUEST + b"\r\n")

        def send() -> None:
            for each in frames:
                peer.send(TEXT, each)

        sending = Task(send)
        until(lambda: any(not each._channel.is_reading for each in server._openings))
        go_on.set()
        peer.read_head()
        assert [peer.receive().payload for _ in frames] == frames
        sending.result()
        peer.send(CLOSE, close(1000))
        peer.answer_close()


def test_a_client_that_does_not_speak_tls(certificate: Certificate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsline")
    with serving(echo, ssl=certificate.server) as (server, _), raw_client(server.address()[1]) as peer:
        peer.sock.sendall(REQUEST + b"\r\n")
        until(lambda: "the client does not speak TLS" in caplog.text)
        until(lambda: not server._openings)


def test_a_client_that_is_silent_in_the_tls_handshake(certificate: Certificate) -> None:
    options = {"ssl": certificate.server, "handshake_timeout": 0.05}
    with serving(echo, **options) as (server, _), raw_client(server.address()[1]) as peer:
        assert peer.is_at_end(), "there is no answer before TLS"
    with serving(echo, ssl=certificate.server) as (server, _), raw_client(server.address()[1]) as peer:
        until(lambda: server._openings)
        server.close()
        assert peer.is_at_end()


def test_a_close_frame_with_the_request() -> None:
    with serving(echo) as (server, _), raw_client(server.address()[1]) as peer:
        peer.sock.sendall(REQUEST + b"\r\n" + b"\x88\x82\0\0\0\0\x03\xe8")
        peer.read_head()
        assert peer.receive() == (CLOSE, close(1000), True)
        assert peer.is_at_end()


@pytest.mark.parametrize("dribbles", [False, True])
def test_a_client_that_never_asks(dribbles: bool) -> None:
    started = time.monotonic()  # before the server can see the client
    with serving(echo, handshake_timeout=0.1) as (server, _), raw_client(server.address()[1]) as peer:

        def dribble() -> None:
            for i in range(len(REQUEST) if dribbles else 0):
                peer.sock.sendall(REQUEST[i : i + 1])
                time.sleep(0.01)

        dribbling = Task(dribble)
        assert peer.read_head().startswith(b"HTTP/1.1 408 ")
        assert 0.1 <= time.monotonic() - started < DEADLINE
        peer.sock.close()
        try:
            dribbling.result()
        except OSError:
            assert dribbles


def test_an_application_that_takes_too_long() -> None:
    """Its thread cannot be stopped; the client is told in time all the same, and what it says is too late."""
    go_on = threading.Event()

    def wait(request: Any) -> Response:
        go_on.wait(5)
        return Response(200)

    with serving(echo, handshake_timeout=0.1, process_request=wait) as (server, url):
        with pytest.raises(InvalidStatus, match="408"):
            connect(url)
        until(lambda: not server._openings)
        assert not server.clients
        go_on.set()


def test_without_a_limit_it_may_take_its_time() -> None:
    with serving(echo, handshake_timeout=None) as (server, url), raw_client(server.address()[1]) as peer:
        until(lambda: server._openings)
        connect(url).close()
        assert peer.open()


def test_a_client_that_goes_while_it_is_judged() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait(request: Any) -> None:
        asked.set()
        go_on.wait(5)

    with serving(echo, process_request=wait) as (server, _):
        with raw_client(server.address()[1]) as peer:
            peer.sock.sendall(REQUEST + b"\r\n")
            asked.wait(5)
        until(lambda: not server._openings)
        go_on.set()
        until(lambda: not server._threads)
        assert not server.clients


def test_a_refused_client_that_stays_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LINGER", 0.05)
    with serving(echo) as (server, _), raw_client(server.address()[1]) as peer:
        peer.sock.sendall(b"nonsense\r\n\r\n")
        assert peer.read_head().startswith(b"HTTP/1.1 400 ")
        until(lambda: not server._openings)


def test_a_server_that_closes_drops_those_it_has_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LINGER", 60.0)
    with serving(echo) as (server, _), raw_client(server.address()[1]) as peer:
        peer.sock.sendall(b"nonsense\r\n\r\n")
        assert peer.read_head().startswith(b"HTTP/1.1 400 ")
        started = time.monotonic()
        server.shutdown()
        assert time.monotonic() - started < DEADLINE


def test_a_server_that_closes_leaves_alone_what_has_just_opened() -> None:
    with serving(echo) as (server, url), connect(url) as ws:
        (open_one,) = server.clients
        over = opening.ServerOpening(
            open_one._session.channel,
            server.options,
            lambda ws: None,
            lambda function: True,
            lambda ws: None,
            lambda opening: None,
        )
        over._is_answered = True
        over.abort()
        ws.send("x")
        assert ws.recv() == "x"
