"""The ways of a blocking client to a server: redirects and real proxies, as those of the other doors."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.doors import test_client_errors, test_proxies, test_redirects
from tests.doors.blocking import BlockingDoor, Threads
from tests.doors.door import Certificate
from tests.doors.test_proxies import (
    http_proxy,
    place,
    socks5_proxy,
    socks_proxy,
    squid_proxy,
    strict_http_proxy,
)

__all__ = [
    "http_proxy",
    "place",
    "socks5_proxy",
    "socks_proxy",
    "squid_proxy",
    "strict_http_proxy",
]  # fixtures

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

BORROWED: list[Callable[..., Any]] = [
    test_proxies.test_a64_an_http_proxy,
    test_proxies.test_a64_an_http_proxy_with_a_password,
    test_proxies.test_a64_an_http_proxy_refuses,
    test_proxies.test_a64_an_http_proxy_that_reaches_no_server,
    test_proxies.test_a64_squid,
    test_proxies.test_a64_squid_refuses,
    test_proxies.test_a64_squid_reaches_no_server,
    test_proxies.test_a77_redirects_are_followed_through_a_proxy,
    test_proxies.test_a64_a_socks5_proxy_with_a_password,
    test_proxies.test_a64_a_socks_proxy,
    test_proxies.test_a64_a_socks4_proxy_with_a_user,
    test_proxies.test_a64_a_socks5_proxy_refuses,
    test_proxies.test_a64_a_socks_proxy_that_reaches_no_server,
    test_proxies.test_a64_a_socks_proxy_without_the_package,
    test_proxies.test_a64_no_proxy_is_there,
    test_proxies.test_a64_the_proxy_of_the_environment,
    test_proxies.test_a58_a_silent_proxy_shares_the_deadline,
    test_client_errors.test_each_answer_has_its_exception,
    test_client_errors.test_what_came_counts_though_the_connection_breaks,
    test_client_errors.test_a_proxy_that_refuses,
    test_client_errors.test_a_server_that_says_nothing,
    test_client_errors.test_tls_that_does_not_come_about,
    test_redirects.test_a77_redirects_are_followed_to_their_end,
    test_redirects.test_a59_they_are_not_followed_by_default,
    test_redirects.test_a60_a_circle_ends,
    test_redirects.test_a78_a_location_that_leads_nowhere_is_told,
    test_redirects.test_a80_no_redirect_leads_to_a_unix_socket,
    test_redirects.test_a58_all_hops_share_one_deadline,
    test_redirects.test_what_comes_behind_a_redirects_head_is_not_waited_for,
]

globals().update({test.__name__: test for test in BORROWED})


@pytest.fixture(params=["blocking client", "tls"])
def door(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[BlockingDoor]:
    """A client that blocks; over TLS its server does, too."""
    threads = Threads()
    yield BlockingDoor(request.param, certificate if request.param == "tls" else None, threads)
    threads.close()
