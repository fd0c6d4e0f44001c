"""Who the client is, behind proxies that are ours, and behind others'."""

from typing import Any

import pytest

from wsline import Headers, Request
from wsline.handshake.forwarded import client_ip

OURS = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]


def ip(peer: Any, *forwarded: str, trusted: list[str] = OURS) -> str | None:
    fields = [("X-Forwarded-For", each) for each in forwarded]
    return client_ip(Request("GET", "/", Headers(fields), remote_address=peer), trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the first is the client's own invention
        ("127.0.0.1", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.1.2.3 ,\t10.4.5.6"], "203.0.113.9"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, nonsense, 10.0.0.1"], "10.0.0.1"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1%eth0", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # not one of our proxies
    ],
)
def test_a191_the_client_is_the_last_one_that_is_no_proxy_of_ours(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert ip((peer, 1234), *forwarded) == client


def test_a191_without_proxies_the_header_means_nothing() -> None:
    assert ip(("127.0.0.1", 1), "203.0.113.9", trusted=[]) == "127.0.0.1"


@pytest.mark.parametrize("peer", ["", None])
def test_a191_a_proxy_on_a_unix_socket(peer: Any) -> None:
    assert ip(peer, "203.0.113.9") is None
    assert ip(peer, "203.0.113.9", trusted=["unix"]) == "203.0.113.9"
    assert ip(peer, "203.0.113.9, 10.0.0.1", trusted=["unix", *OURS]) == "203.0.113.9"
    assert ip(peer, trusted=["unix"]) is None


def test_a_network_must_be_one() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        ip(("127.0.0.1", 1), trusted=["nonsense"])
