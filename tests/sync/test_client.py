"""`connect`, blocking: arguments, and what an interrupt leaves."""

import threading
from typing import Any

import pytest

from tests.doors.peer import PING, PONG, TEXT, frame
from tests.sync.peers import RawPeer, echo, raw_server, serving, until
from wsline import InvalidURI, NegotiationError
from wsline.sync import connect, dial


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
