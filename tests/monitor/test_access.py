"""Who is on this machine, and who only looks so."""

from typing import Any

import pytest

from wsline import Headers, Request
from wsline.monitor.access import is_local, refused


def request(peer: Any, host: str = "localhost:8080", **headers: str) -> Request:
    fields = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/", Headers(fields), remote_address=peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
def test_this_machine(peer: str, host: str) -> None:
    assert is_local(request((peer, 1234), host))


@pytest.mark.parametrize(
    "other",
    [
        request(("10.0.0.1", 1)),
        request(("::ffff:10.0.0.1", 1)),
        request("/run/server.sock"),
        request(None),
        request(("127.0.0.1", 1), "evil.example"),  # its name leads here
        request(("127.0.0.1", 1), "127.0.0.1.evil.example:8080"),
        request(("127.0.0.1", 1), ""),
        request(("127.0.0.1", 1), X_Forwarded_For="1.2.3.4"),
        request(("127.0.0.1", 1), forwarded="for=1.2.3.4"),
        request(("127.0.0.1", 1), Via="1.1 proxy"),
    ],
    ids=str,
)
def test_others(other: Request) -> None:
    assert not is_local(other)


def test_a_refusal_names_the_option() -> None:
    assert refused().status == 403
    assert b"`allow`" in refused().body
