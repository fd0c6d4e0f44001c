"""The address of a client behind reverse proxies, from X-Forwarded-For."""

import ipaddress
from collections.abc import Iterable

from .http1 import Request

__all__ = ["client_ip"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_ip(request: Request, trusted_proxies: Iterable[str] = ()) -> str | None:
    """Return the IP address of the client that sent a request.

    Each proxy appends to X-Forwarded-For whom it got the request from, so the list is true from its end
    on, as far as the proxies are ours: the client is the last one that is none of them. What a client
    writes there itself stands before that, and is not looked at.

    Args:
        request: the request.
        trusted_proxies: addresses and networks (`"10.0.0.0/8"`) of our proxies; `"unix"` if the last of
            them connects over a UNIX socket. Without any, X-Forwarded-For means nothing.

    Returns:
        The address; that of the nearest of our proxies if the header is ill-formed; `None` if nobody
        knows it.

    Raises:
        ValueError: a trusted proxy is neither an address nor a network.

    Source: the FAQ of `ws`, "How to get the IP address of the client?".
    """
    names = set(trusted_proxies)
    networks = [ipaddress.ip_network(each) for each in names - {"unix"}]
    peer = request.remote_address
    address = _parse(str(peer[0])) if isinstance(peer, tuple) else None
    if address is None and "unix" not in names:
        return None
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    while hops and (address is None or _is_trusted(address, networks)):
        before = _parse(hops.pop().strip(" \t"))
        if before is None:
            break
        address = before
    return None if address is None else str(address)


def _parse(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families shows an IPv4 address so.
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: _Address, networks: list[_Network]) -> bool:
    return any(address in network for network in networks)
