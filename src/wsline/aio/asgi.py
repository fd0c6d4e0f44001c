"""WebSockets on an ASGI server: `WebSocketApp` is the application, `ASGIWebSocket` the connection.

The ASGI server has the socket, and speaks WebSocket with the client; an application sees whole messages.
So what has to do with frames is the server's and not to be had here: pings and latency, fragments,
compression, limits, pausing, cutting the connection, the peer's answer to a close of ours, TLS.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final, TypedDict, Unpack
from urllib.parse import quote

from ..closing import close_info, closed_error
from ..errors import CloseInfo, ConcurrencyError, ConnectionClosed, ConnectionClosedOK, HandshakeError
from ..handshake.headers import Headers
from ..handshake.http1 import Request, Response, refusal
from ..handshake.judging import judge
from ..handshake.server import ServerHandshake, matches_path, upgrade_required
from ..options import OriginRule, ServerOptions
from ..payload import as_bytes, as_text
from ..spec import CloseCode, Role, State
from ..wire.close import Close, check_close, is_sendable_code
from ..wire.data import to_message
from .asking import consult

__all__ = ["ASGIWebSocket", "WebSocketApp"]

logger: Final = logging.getLogger("wsline")

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ASGIKeywords(TypedDict, total=False):
    """Those of `options.ServerOptions` that mean something here."""

    path: str | None
    origins: OriginRule | Any
    handle_protocols: Callable[..., Any] | None
    verify_client: Callable[..., Any] | None
    process_request: Callable[..., Any] | None


class ASGIWebSocket:
    """A WebSocket on an ASGI server, with the coroutines of `WebSocket`; made by `WebSocketApp`.

    Attributes:
        request: the request of the opening handshake; `request.attributes["scope"]` is the ASGI scope.
        protocol: the subprotocol that was agreed on, or `None`.
        ready_state: a `State`.
    """

    def __init__(self, receive: Receive, send: Send, request: Request, protocol: str | None) -> None:
        self.request = request
        self.protocol = protocol
        self.ready_state = State.OPEN
        self._receive = receive
        self._send = send
        self._is_receiving = False
        self._sent: Close | None = None
        self._received: Close | None = None
        self._initiator: str | None = None
        self._cause: BaseException | None = None

    async def send(self, data: Any, *, binary: bool | None = None) -> None:
        """Send a message. Unlike `WebSocket.send`, nothing happens before it is awaited.

        Args:
            data: text, or bytes, or what has a buffer.
            binary: send as binary (`True`) or text (`False`), whatever the type.

        Raises:
            TypeError: data of another type; fragments cannot be sent over ASGI.
            ConnectionClosed: the connection is closed, or lost.
        """
        message = to_message(data, binary)
        if message is None:
            raise TypeError(f"data of type {type(data).__name__}: over ASGI a message is sent in one piece")
        self._check_open()
        kind = "text" if isinstance(message, str) else "bytes"
        await self._tell({"type": "websocket.send", kind: message})

    async def recv(self, *, decode: bool | None = None) -> Any:
        """Receive a message.

        Args:
            decode: `True`: always `str`; `False`: always `bytes`; `None`: as it was sent.

        Raises:
            ConnectionClosedOK: both sides have closed normally.
            ConnectionClosedError: the connection ended in another way.
            ConcurrencyError: another coroutine waits here.
        """
        self._check_open()
        message = await self._next()
        if message is None:
            raise closed_error(self.close_info)
        if decode is None:
            return message
        return as_text(message) if decode else as_bytes(message)

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            return

    async def _next(self) -> str | bytes | None:
        """Return the next message, or `None` when the connection is closed."""
        if self._is_receiving:
            raise ConcurrencyError("another coroutine waits for a message")
        self._is_receiving = True
        try:
            event = await self._receive()
        finally:
            self._is_receiving = False
        if event["type"] != "websocket.receive":
            self._on_disconnect(event.get("code"), event.get("reason") or "")
            return None
        text: str | None = event.get("text")
        data: bytes = event.get("bytes") or b""
        return data if text is None else text

    def _on_disconnect(self, code: int | None, reason: str) -> None:
        self.ready_state = State.CLOSED
        code = CloseCode.NO_STATUS_RECEIVED if code is None else code
        if code == CloseCode.NO_STATUS_RECEIVED or is_sendable_code(code):
            self._received = Close(code, reason)
            # The server has answered it.
            self._sent = self._sent or self._received
            self._initiator = self._initiator or "peer"

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close; the ASGI server performs the closing handshake, and tells nothing of the peer's answer.

        Args:
            code, reason: see `WebSocket.close`.

        Raises:
            TypeError, ValueError: bad arguments; the state is unchanged.
        """
        check_close(code, reason)
        if self.ready_state == State.OPEN:
            self.ready_state = State.CLOSED
            self._sent = Close(code, reason)
            self._initiator = "local"
            await self._tell({"type": "websocket.close", "code": code, "reason": reason}, quietly=True)

    async def wait_closed(self) -> None:
        """Wait until the client closes; messages that come meanwhile are dropped."""
        while self.ready_state == State.OPEN:
            await self._next()

    async def _tell(self, event: Event, quietly: bool = False) -> None:
        try:
            await self._send(event)
        except OSError as error:
            # The ASGI specification: an OSError of `send` says that the client is gone.
            self.ready_state = State.CLOSED
            self._cause = error
            if not quietly:
                raise closed_error(self.close_info) from error

    def _check_open(self) -> None:
        if self.ready_state != State.OPEN:
            raise closed_error(self.close_info)

    @property
    def close_info(self) -> CloseInfo:
        """How the connection ended, as far as the ASGI server tells it."""
        return close_info(Role.SERVER, self._sent, self._received, self._initiator, self._cause, False)

    @property
    def close_code(self) -> int | None:
        """The code of the client's close frame: 1005 if it had none, 1006 without it; `None` before."""
        return self.close_info.code if self.ready_state == State.CLOSED else None

    @property
    def close_reason(self) -> str | None:
        """The reason in it."""
        return self.close_info.reason if self.ready_state == State.CLOSED else None

    @property
    def remote_address(self) -> Any:
        """Host and port of the client, if the ASGI server tells them."""
        return self.request.remote_address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ready_state.name} {self.remote_address}>"


class WebSocketApp:
    """An ASGI application whose WebSockets are served by a handler.

    Args:
        handler: a coroutine function, called with an `ASGIWebSocket`. When it returns, the WebSocket is
            closed with 1000; when it raises, with 1011, and the exception is logged.
        app: the ASGI application for all else: pages, the lifespan, WebSockets at other paths than `path`.
            `None`: pages get 426, and other paths 404.
        options: `path`, `origins`, `handle_protocols`, `verify_client` and `process_request` of
            `ServerOptions`. A refusal reaches the client with its status and body where the server has
            the extension `websocket.http.response`, else as 403.

    Raises:
        TypeError, ValueError: bad arguments; the other options are those of the ASGI server.
    """

    def __init__(
        self,
        handler: Callable[[ASGIWebSocket], Awaitable[object]],
        app: App | None = None,
        **options: Unpack[ASGIKeywords],
    ) -> None:
        if not callable(handler):
            raise TypeError(f"handler={handler!r}: must be a coroutine function that takes a WebSocket")
        self.options = ServerOptions.from_keywords(type(self).__name__, options)
        for name in options:
            if name not in ASGIKeywords.__annotations__:
                raise TypeError(f"{name}: is up to the ASGI server; give it an option of its own")
        self._handler = handler
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI calls it."""
        if scope["type"] == "websocket":
            request = _request(scope)
            if self._app is None or matches_path(self.options, request):
                await self._serve(scope, request, receive, send)
                return
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await _answer(send, "http.response", upgrade_required(_request(scope)).response)

    async def _serve(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        verdict = await self._judge(request)
        if isinstance(verdict, Response):
            if "websocket.http.response" in scope.get("extensions", ()):
                await _answer(send, "websocket.http.response", verdict)
            else:
                await send({"type": "websocket.close", "code": CloseCode.POLICY_VIOLATION})
            return
        await send({"type": "websocket.accept", "subprotocol": verdict, "headers": []})
        await self._handle(ASGIWebSocket(receive, send, request, verdict))

    async def _judge(self, request: Request) -> Response | str | None:
        handshake = ServerHandshake(self.options)
        try:
            questions = judge(handshake, self.options, request, handshake.check_admission)
            verdict = await consult(questions)
            if isinstance(verdict, str):
                handshake.check_protocol(request, verdict)
            return verdict
        except HandshakeError as error:
            logger.info("handshake refused: %s", error)
            response: Response = error.response
            return response
        except Exception as error:
            logger.error("exception while a request was judged", exc_info=error)
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _handle(self, websocket: ASGIWebSocket) -> None:
        try:
            await self._handler(websocket)
        except Exception as error:
            # The end of its own connection is how most handlers end.
            if websocket.ready_state == State.OPEN or not isinstance(error, ConnectionClosed):
                logger.error("exception in a handler of %s", websocket.remote_address, exc_info=error)
                await websocket.close(CloseCode.INTERNAL_ERROR, "internal error")
        await websocket.close()


def _request(scope: Scope) -> Request:
    target: bytes = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    query: bytes = scope.get("query_string", b"")
    if query:
        target += b"?" + query
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    client = scope.get("client")
    return Request(
        scope.get("method", "GET"),
        target.decode("latin-1"),
        Headers(fields),
        f"HTTP/{scope['http_version']}",
        secure=scope["scheme"] in ("wss", "https"),
        remote_address=None if client is None else tuple(client),
        attributes={"scope": scope},
    )


async def _answer(send: Send, kind: str, response: Response) -> None:
    headers = [*response.headers.items(), ("content-length", str(len(response.body)))]
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    kept = [line for line in lines if line[0] != b"connection"]  # the server's
    await send({"type": f"{kind}.start", "status": response.status, "headers": kept})
    await send({"type": f"{kind}.body", "body": response.body})


async def _live(receive: Receive, send: Send) -> None:
    for what in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{what}.complete"})
