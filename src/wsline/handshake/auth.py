"""Basic authentication of clients (RFC 7617), for the option `process_request`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from http import HTTPStatus

from .http1 import Request, Response, refusal

__all__ = ["basic_auth", "basic_credentials_of"]


def basic_auth(users: Mapping[str, str], *, realm: str = "WebSocket") -> Callable[[Request], Response | None]:
    """Return a function for `process_request` that lets in who knows a password.

    Browsers send no such header with a WebSocket unless the user info is in the URL; other clients do
    (`auth=`). Use it over TLS only: the password is not encrypted.

    Args:
        users: the password of each user.
        realm: shown by clients that ask for the password.

    Returns:
        A function that returns `None` for a request with a right password, else a 401.

    Raises:
        TypeError: a user or a password is not a string.
        ValueError: the realm has a character that cannot be in it, or a user has a colon.
    """
    for user, password in users.items():
        if not isinstance(user, str) or not isinstance(password, str):
            raise TypeError(f"users: {user!a} or its password is not a string")
        if ":" in user:
            raise ValueError(f"users: {user!a} has a colon, which no user of Basic authentication can have")
    if not realm.isascii() or not realm.isprintable() or '"' in realm or "\\" in realm:
        raise ValueError(f"realm={realm!a}: must be printable ASCII without quotes and backslashes")
    digests = {_digest(user): _digest(password) for user, password in users.items()}
    challenge = {"WWW-Authenticate": f'Basic realm="{realm}", charset="UTF-8"'}

    def process_request(request: Request) -> Response | None:
        given = basic_credentials_of(request)
        if given is not None and _knows(digests, *given):
            return None
        return refusal(HTTPStatus.UNAUTHORIZED, "user and password, please\n", challenge)

    return process_request


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _knows(digests: Mapping[bytes, bytes], user: str, password: str) -> bool:
    """Compare with all users, known or not: how long it takes tells nothing of who there is."""
    wanted, given = _digest(user), _digest(password)
    found = False
    for each, digest in digests.items():
        is_user = hmac.compare_digest(each, wanted)
        is_password = hmac.compare_digest(digest, given)
        found |= is_user & is_password
    return found


def basic_credentials_of(request: Request) -> tuple[str, str] | None:
    """Return user and password of the Authorization header; `None`: there is none, or it is ill-formed."""
    headers = request.headers.get_all("Authorization")
    if len(headers) != 1:
        return None
    scheme, _, encoded = headers[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(" "), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None
