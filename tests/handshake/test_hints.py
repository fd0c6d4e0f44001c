"""What to do about an answer that opens no WebSocket."""

import pytest

from wsline.handshake.hints import NOT_A_WEBSOCKET, hint_for
from wsline.handshake.http1 import Response


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "a WebSocket server is at this URL"),
        (304, "a WebSocket server is at this URL"),
        (400, "see body"),
        (401, "auth=(user, password)"),
        (403, "origin="),
        (404, "the path in the URL"),
        (405, "takes no GET"),
        (407, "proxy="),
        (418, "see body"),
        (426, "protocol_version="),
        (429, "Retry-After"),
        (500, "try again later"),
        (503, "try again later"),
        (600, "a WebSocket server is at this URL"),
    ],
)
def test_each_status_has_its_hint(status: int, words: str) -> None:
    assert words in hint_for(Response(status), follow_redirects=False)


def test_a77_a_redirect_that_is_not_followed_can_be() -> None:
    redirect = Response(302, {"Location": "/b"})
    assert "follow_redirects=True" in hint_for(redirect, follow_redirects=False)
    assert hint_for(redirect, follow_redirects=True) == NOT_A_WEBSOCKET
