"""What to do about an answer that opens no WebSocket, in one sentence for each status code."""

from http import HTTPStatus
from typing import Final

from .http1 import Response

__all__ = ["NOT_A_WEBSOCKET", "hint_for"]

NOT_A_WEBSOCKET: Final = (
    "check that a WebSocket server is at this URL, and that proxies before it pass Upgrade headers on"
)

_BY_STATUS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "give credentials with auth=(user, password), in the URL, or in headers=",
    HTTPStatus.FORBIDDEN: "the server may want another origin=, other credentials, or a cookie in headers=",
    HTTPStatus.NOT_FOUND: "check the path in the URL",
    HTTPStatus.METHOD_NOT_ALLOWED: "check the path in the URL: the one there takes no GET",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "put the user and the password in the URL of proxy=",
    HTTPStatus.UPGRADE_REQUIRED: "its Upgrade and Sec-WebSocket-Version headers tell what the server speaks;"
    " see protocol_version=",
    HTTPStatus.TOO_MANY_REQUESTS: "try again later; its Retry-After header may tell when",
}

_BY_CLASS: Final = {
    2: NOT_A_WEBSOCKET,
    3: "follow_redirects=True goes where its Location header tells",
    4: "the body of the answer may tell why: see body",
    5: "the server, or a proxy before it, has failed: try again later, as `async for ws in connect(...)`",
}


def hint_for(response: Response, follow_redirects: bool) -> str:
    """Return what to do about this answer.

    Args:
        response: with another status than 101.
        follow_redirects: the option: redirects are followed.
    """
    if response.status // 100 == 3 and (follow_redirects or "Location" not in response.headers):
        return NOT_A_WEBSOCKET
    return _BY_STATUS.get(response.status) or _BY_CLASS.get(response.status // 100, NOT_A_WEBSOCKET)
