"""Whom a client trusts."""

import ssl

from wsline.trust import client_context


def test_a_context_of_the_users_is_taken_as_it_is() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert client_context(context) is context


def test_by_default_servers_are_verified() -> None:
    context = client_context(None)
    assert client_context(True) is context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_nothing_is_verified_on_request_only() -> None:
    context = client_context(False)
    assert client_context(False) is context
    assert context is not client_context(None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
