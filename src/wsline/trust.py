"""Whom a client trusts, unless it is told otherwise."""

import ssl
from functools import cache
from typing import Any

__all__ = ["client_context"]


def client_context(choice: Any) -> ssl.SSLContext:
    """Return the context that the option `ssl` of a client means.

    Args:
        choice: a context, or `None` or `True`: one that verifies the server, or `False`: one that does not.
    """
    return _our_context(choice is not False) if choice is None or type(choice) is bool else choice


@cache
def _our_context(verifies: bool) -> ssl.SSLContext:
    # The authorities that a system trusts are many: read once, and kept once.
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
