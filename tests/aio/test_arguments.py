"""Where handshakes come from, and what they become: what `WebSocketServer` checks of that."""

from typing import Any

import pytest

from wsline import WebSocket
from wsline.aio.arguments import check_class, check_places
from wsline.http import HTTPServer
from wsline.options import ServerOptions


class Special(WebSocket):
    """A class of a user."""


def test_one_place_is_enough() -> None:
    check_places(0, None, False, ServerOptions())
    check_places(None, None, True, ServerOptions())
    check_places(None, None, False, ServerOptions(unix_path="/tmp/x"))
    check_places(None, HTTPServer(port=0), False, ServerOptions())


@pytest.mark.parametrize(
    ("port", "no_server", "options"),
    [
        (None, False, {}),
        (0, True, {}),
        (0, False, {"unix_path": "/tmp/x"}),
        (None, True, {"unix_path": "/tmp/x"}),
    ],
)
def test_none_or_two_are_refused(port: int | None, no_server: bool, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="One and only one of"):
        check_places(port, None, no_server, ServerOptions(**options))


def test_another_kind_of_server_is_refused() -> None:
    other: Any = object()
    with pytest.raises(TypeError, match=r"server=<object .*must be a wsline\.http\.HTTPServer"):
        check_places(None, other, False, ServerOptions())


def test_the_class_is_one_of_websocket() -> None:
    assert check_class(None) is WebSocket
    assert check_class(Special) is Special
    with pytest.raises(TypeError, match="web_socket=<class 'int'>: must be a subclass of WebSocket"):
        check_class(int)
