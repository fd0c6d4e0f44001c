"""The order in which a server judges a request: what it checks itself, and when the application is asked."""

from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Any, NamedTuple

from ..options import ServerOptions
from .http1 import Request, Response, refusal
from .server import ServerHandshake

__all__ = ["Question", "expect_response", "judge"]


class Question(NamedTuple):
    """A question to the application: call `function` with `arguments`."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def judge(
    handshake: ServerHandshake,
    options: ServerOptions,
    request: Request,
    check: Callable[[Request], object] | None = None,
) -> Generator[Question, Any, Response | str | None]:
    """Judge a request, with the help of the application.

    Args:
        handshake: has read the request.
        options: the server's; have the functions to ask.
        request: the request.
        check: what is checked between `process_request` and the rest; default: `handshake.check`.

    Yields:
        Each question; a door sends its answer, and is free to wait for it.

    Returns:
        The response that refuses the request, or the subprotocol to accept it with (`None`: without).

    Raises:
        HandshakeError: the request is not acceptable; see `ServerHandshake.check`.
        TypeError: an answer is of a wrong type.
    """
    if options.process_request is not None:
        response = yield Question(options.process_request, (request,))
        if response is not None:
            return expect_response(response, "process_request")
    (check or handshake.check)(request)
    if options.verify_client is not None:
        verdict = yield Question(options.verify_client, (handshake.verify_info(request),))
        if isinstance(verdict, Response):
            return verdict
        if not verdict:
            return refusal(HTTPStatus.UNAUTHORIZED)
    offered = handshake.offered_protocols(request)
    if options.handle_protocols is not None and offered:
        chosen: str | None = yield Question(options.handle_protocols, (offered, request))
        return chosen or None
    return handshake.choose_protocol(request)


def expect_response(response: Any, name: str) -> Response:
    """Return a response.

    Raises:
        TypeError: it is none; the message says that `name` returned it.
    """
    if not isinstance(response, Response):
        raise TypeError(f"{name} returned {type(response).__name__}: must return a Response or None")
    return response
