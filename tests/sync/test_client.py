"""`connect`, blocking: arguments, and what an interrupt leaves."""

import threading
from typing import Any

import pytest

from tests.doors.conftest import certificate
from tests.doors.door import Certificate
from tests.doors.peer import PING, PONG, TEXT, frame
from tests.sync.peers import RawPeer, echo, raw_server, serving, until
from wsline import InvalidStatus, InvalidURI, NegotiationError, Request, Response
from wsline.sync import connect, dial, serve

__all__ = ["certificate"]  # a fixture


def test_subprotocols_and_headers() -> None:
    seen: list[Any] = []
    with serving(echo, process_request=seen.append) as (_, url):
        with connect(url, ["b", "a"], headers={"X-A": "1"}, origin="http://127.0.0.1") as ws:
            assert ws.protocol == "b"
        assert seen[0].headers["X-A"] == "1"
    choose_none = {"handle_protocols": lambda offered, request: None}
    with serving(echo, **choose_none) as (_, url), pytest.raises(NegotiationError):
        connect(url, "a")


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("http//x",), {}, InvalidURI),
        (("ws://x/#fragment",), {}, InvalidURI),
        (("ws://x", "two words"), {}, ValueError),
        (("ws://x",), {"handshake_timeout": -1}, ValueError),
        (("ws://x",), {"max_paylaod": 1}, TypeError),
    ],
)
def test_bad_arguments_fail_before_anything_is_opened(
    arguments: Any, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        connect(*arguments, **options)


def test_frames_with_the_response() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept(behind=frame(TEXT, b"one") + frame(PING, b"?") + frame(TEXT, b"two"))
        assert peer.receive() == (PONG, b"?", True)
        peer.answer_close()

    with raw_server(script) as url, connect(url) as ws:
        assert [ws.recv(), ws.recv()] == ["one", "two"]


def test_an_interrupted_connect_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt while it waits, and at the moment when it is open."""

    def interrupt(self: Any, *arguments: Any) -> None:
        raise KeyboardInterrupt

    opened = threading.Event()

    def interrupt_late(self: Any, limit: Any) -> None:
        opened.wait(5)
        raise KeyboardInterrupt

    with serving(echo) as (server, url):
        monkeypatch.setattr(dial._Opening, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            connect(url)
        until(lambda: not server._openings and not server.clients)
        end = dial._Opening._end

        def end_and_tell(self: Any, error: Any) -> None:
            end(self, error)
            opened.set()

        monkeypatch.setattr(dial._Opening, "_end", end_and_tell)
        monkeypatch.setattr(dial._Opening, "wait", interrupt_late)
        with pytest.raises(KeyboardInterrupt):
            connect(url)
        until(lambda: not server.clients)


def test_a77_redirects_and_what_is_done_before_each_request(certificate: Certificate) -> None:
    seen: list[Any] = []

    def redirect(request: Request) -> Response | None:
        return Response(302, {"Location": "/end"}) if request.path == "/" else None

    def finish(request: Request, ws: object) -> None:
        assert ws is None
        request.headers["X-Step"] = str(len(seen))
        seen.append(request.target)

    ways: list[dict[str, Any]] = [{}, {"ssl": certificate.server}]
    for tls in ways:
        seen.clear()
        with serve(echo, "127.0.0.1", 0, process_request=redirect, **tls) as server:
            url = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.address()[1]}/"
            options: dict[str, Any] = {"ssl": certificate.client} if tls else {}
            with connect(url, follow_redirects=True, finish_request=finish, **options) as ws:
                assert ws.url == f"{url}end"
                assert ws.request.headers["X-Step"] == "1"
                ws.send("x")
                assert ws.recv() == "x"
            with pytest.raises(InvalidStatus, match="302"):
                connect(url, **options)
        assert seen == ["/", "/end"]


def test_functions_that_need_a_loop_are_refused() -> None:
    async def finish(request: Request, ws: object) -> None:
        """Would never run."""

    with pytest.raises(TypeError, match=r"finish_request=.*: must be a plain function"):
        connect("ws://x/", finish_request=finish)
    for name in ("process_exception", "on_reconnect"):
        options: dict[str, Any] = {name: print}
        with pytest.raises(TypeError, match=f"{name}: must be None"):
            connect("ws://x/", **options)
