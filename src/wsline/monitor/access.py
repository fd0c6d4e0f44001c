"""Who may see the figures of a server."""

import ipaddress
import re
from http import HTTPStatus
from typing import Final

from wsline import Request, Response

__all__ = ["is_local", "refused"]

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_PORT: Final = re.compile(r":\d+\Z")


def is_local(request: Request) -> bool:
    """Return whether a request comes from this machine, from somebody who named this machine.

    That is not so behind a reverse proxy; nor for a page of another name that leads here (DNS rebinding).
    """
    peer = request.remote_address
    if not isinstance(peer, tuple) or not _is_loopback(str(peer[0])):
        return False
    if any(name in request.headers for name in _FORWARDED):
        return False
    host = _PORT.sub("", request.headers.get("Host", "")).strip("[]")
    return host == "localhost" or _is_loopback(host)


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    # A socket for both families shows an IPv4 address so.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def refused() -> Response:
    """Return the answer to who may not see them."""
    return Response(
        HTTPStatus.FORBIDDEN,
        body="Only for requests from this machine, unless the option `allow` says otherwise\n",
    )
