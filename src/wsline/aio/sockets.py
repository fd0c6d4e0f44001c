"""From a host to a connected socket: addresses in turns, and the first that answers (RFC 8305)."""

import asyncio
import os
import socket
from collections.abc import Sequence
from typing import Any

from ..handshake.addresses import Address, all_failed, interleave
from ..options import ClientOptions

__all__ = ["open_socket", "open_unix_socket"]


async def open_socket(host: str, port: int, options: ClientOptions) -> socket.socket:
    """Connect to a host: its addresses are tried in turns of `happy_eyeballs_delay`, families alternating.

    Args:
        host: a name or an address.
        port: a TCP port.
        options: has `family`, `local_address` and `happy_eyeballs_delay`.

    Returns:
        The socket that was connected first; it does not block. All others are closed.

    Raises:
        OSError: the name has no address, or none of them could be connected to; it tells of each.

    Cancelling closes them all.
    """
    addresses = interleave(await _resolve(host, port, options.family))
    if len(addresses) == 1:
        return await _connect(*addresses[0], options.local_address)
    return await _connect_first(host, port, addresses, options)


async def open_unix_socket(path: str) -> socket.socket:
    """Connect to a UNIX socket; as `open_socket`."""
    return await _connect(socket.AF_UNIX, path, None)


async def _resolve(host: str, port: int, family: int) -> list[Address]:
    try:
        # An address needs no resolver, which would be asked in a thread.
        infos = socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in infos]


async def _connect_first(
    host: str, port: int, addresses: Sequence[Address], options: ClientOptions
) -> socket.socket:
    waiting = list(reversed(addresses))
    attempts: set[asyncio.Future[socket.socket]] = set()
    errors: list[OSError] = []
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(asyncio.ensure_future(_connect(*waiting.pop(), options.local_address)))
            # RFC 8305 §5: the next one begins when the delay is over, or at once when one has failed.
            done, _ = await asyncio.wait(
                attempts,
                timeout=options.happy_eyeballs_delay if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                attempts.discard(attempt)
                error = attempt.exception()
                if error is None:
                    return attempt.result()
                if not isinstance(error, OSError):
                    raise error
                errors.append(error)
    finally:
        for attempt in attempts:
            attempt.cancel()
            # One that has connected meanwhile is closed then.
            attempt.add_done_callback(_discard)
    raise all_failed(host, port, errors)


def _discard(attempt: "asyncio.Future[socket.socket]") -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect(family: int, address: Any, local_address: tuple[str, int] | None) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if local_address is not None:
            sock.bind(local_address)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except OSError as error:
        sock.close()
        where = address if isinstance(address, str) else f"{address[0]} port {address[1]}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise type(error)(error.errno, f"cannot connect to {where}: {reason}") from None
    except BaseException:
        sock.close()
        raise
    return sock
