"""The server's side of an opening handshake on a channel."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ..errors import HandshakeError, HandshakeTimeout
from ..handshake.deflate import Verdict
from ..handshake.headers import Headers
from ..handshake.http1 import Request, Response, refusal
from ..handshake.judging import judge
from ..handshake.server import NotServed, ServerHandshake, unavailable
from ..handshake.tls import tls_error
from ..options import ServerOptions
from ..wire.deflate import is_over_budget
from .asking import build_last, consult
from .channel import Channel, Consumer
from .timers import NEVER, Deadlines, clock
from .upgrades import MOST_EARLY, UpgradeSocket

__all__ = ["Hooks", "ServerOpening"]

logger: Final = logging.getLogger("wsline")


@dataclass(slots=True, kw_only=True)
class Hooks:
    """What an opening asks its server, and tells it.

    Attributes:
        should_handle: whether a request is for this server.
        busy: returns `None`, or why no WebSocket can be opened now on a channel, and the option that says so.
        on_headers: called with the headers of the 101 and the request, before it is sent.
        on_open: called when the 101 is written, with the channel, the request, the subprotocol, what was
            agreed on compression, and the bytes that came behind the request; it gives the channel its
            next consumer.
        on_client_error: called with the exception, the socket and the request when a client's handshake
            is faulty; returns whether somebody else answers it.
        on_fail: called once with why no WebSocket came about; an answer may still be on its way.
        on_end: called once, when the opening is over in whatever way.
    """

    should_handle: Callable[[Request], bool]
    busy: Callable[[Channel], tuple[str, str | None] | None]
    on_headers: Callable[[Headers, Request], object]
    on_open: Callable[[Channel, Request, str | None, Verdict, bytes], object]
    on_client_error: Callable[[HandshakeError, UpgradeSocket, Request], bool]
    on_fail: Callable[[Exception], object]
    on_end: Callable[["ServerOpening"], object]


class ServerOpening(Consumer):
    """Reads the request, asks the application, and answers.

    Args:
        channel: where the request comes from.
        options: the server's.
        deadlines: of the loop.
        hooks: the server.
    """

    def __init__(self, channel: Channel, options: ServerOptions, deadlines: Deadlines, hooks: Hooks) -> None:
        self.armed_at = NEVER
        self.channel: Channel | None = channel
        self._options = options
        self._deadlines = deadlines
        self._hooks = hooks
        self._is_over = False
        self._is_late = False
        self._handshake = ServerHandshake(options, secure=channel.secure, should_handle=hooks.should_handle)
        self._early = b""
        self._is_judged = False
        self._refused: UpgradeSocket | None = None
        self._task: asyncio.Task[None] | None = None
        channel.consumer = self
        if options.handshake_timeout is not None:
            deadlines.arm(self, clock() + options.handshake_timeout)

    # -- in

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes of the request, or of what comes behind it."""
        data = bytes(buffer[start:end])
        if self._is_judged:
            self._keep_early(data)
            return
        try:
            request = self._handshake.receive(data)
        except HandshakeError as error:
            self._on_error(error)
            return
        if request is not None:
            self.judge(request, self._handshake.trailing)

    def _keep_early(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > MOST_EARLY and self.channel is not None:
            self.channel.pause_reading()

    def receive_eof(self) -> None:
        """Note that the client is gone."""

    def on_lost(self, error: OSError | None) -> None:
        """Note that the channel is closed."""
        if error is not None and self.channel is not None and not self.channel.is_ready:
            logger.info("%s", tls_error(error))
        self.channel = None
        if self._task is not None:
            self._task.cancel()
        if self._is_late:
            self._hooks.on_fail(
                HandshakeTimeout("TLS was not established in time (option handshake_timeout)")
            )
        else:
            gone = HandshakeError("the client closed the connection before it was answered")
            self._hooks.on_fail(error or gone)
        self._end()

    def on_deadline(self, now: float) -> None:
        """Give a slow client up."""
        if self.channel is not None and not self.channel.is_ready:
            self._is_late = True
            self.channel.abort()
            return
        seconds = self._options.handshake_timeout
        message = f"the request was not complete, or not answered, after {seconds} s"
        response = refusal(HTTPStatus.REQUEST_TIMEOUT, f"{message}\n")
        self._give_up(response, HandshakeTimeout(message, response=response))

    # -- judging

    def judge(self, request: Request, early: bytes) -> None:
        """Judge a request, and answer it.

        Args:
            request: the request.
            early: the bytes that came behind it.
        """
        self._is_judged = True
        self._early = early
        channel = self.channel
        if channel is None:
            return
        request.remote_address = channel.remote_address
        options = self._options
        if options.process_request or options.verify_client or options.handle_protocols:
            self._task = channel.loop.create_task(self._consult(request))
            return
        try:
            self._handshake.check(request)
            self._accept(request, self._handshake.choose_protocol(request))
        except Exception as error:
            self._on_error(error)

    async def _consult(self, request: Request) -> None:
        """Judge with the application's help, which may take its time."""
        try:
            answer = await consult(judge(self._handshake, self._options, request))
            if isinstance(answer, Response):
                self._answer(answer)
            else:
                self._accept(request, answer)
        except Exception as error:
            self._on_error(error)
        finally:
            self._task = None

    # -- answering

    def _accept(self, request: Request, protocol: str | None) -> None:
        channel = self.channel
        if channel is None:
            return
        busy = self._hooks.busy(channel)
        if busy is not None:
            self._answer(*_no_room(*busy))
            return
        deflate = self._handshake.choose_deflate(request, frugal=is_over_budget(self._options.deflate))
        for reason in deflate.reasons:
            logger.info("an offer of compression was declined: %s", reason)
        response = self._handshake.accept(request, protocol=protocol, extensions=deflate.extensions)
        self._hooks.on_headers(response.headers, request)
        channel.output.put(response.build(), False, 0)
        self.armed_at = NEVER
        self.channel = None
        channel.resume_reading()
        self._hooks.on_open(channel, request, protocol, deflate, self._early)
        request.headers.pack()  # they are kept as long as the WebSocket
        channel.written()
        self._end()

    def _on_error(self, error: Exception) -> None:
        if not isinstance(error, HandshakeError):
            logger.error("exception while a request was judged", exc_info=error)
            self._answer(refusal(HTTPStatus.INTERNAL_SERVER_ERROR), error)
            return
        logger.info("handshake refused: %s", error)
        response = error.response or refusal(HTTPStatus.BAD_REQUEST)
        if _is_clients(error, response) and self.channel is not None:
            socket = self._refuse(error, self._options.handshake_timeout)
            if self._hooks.on_client_error(error, socket, error.request):
                return
            socket.end(build_last(response))
        else:
            self._answer(response, error)

    def _answer(self, response: Response, error: Exception | None = None) -> None:
        """Send a response that ends the connection."""
        if self.channel is not None:
            if error is None:
                message = f"the handshake was refused with {response.status} {response.reason}"
                error = HandshakeError(message, response=response)
            self._refuse(error, None).end(build_last(response))

    def _refuse(self, error: Exception, timeout: float | None) -> UpgradeSocket:
        """Let go of the channel; who answers it has so much time."""
        channel, self.channel = self.channel, None
        assert channel is not None
        self.armed_at = NEVER
        self._refused = UpgradeSocket(channel, self._deadlines, self._end, timeout)
        self._hooks.on_fail(error)
        return self._refused

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._hooks.on_end(self)

    def abort(self) -> None:
        """Refuse the client, for the server closes; drop one that has been refused before."""
        if self._refused is not None:
            self._refused.destroy()
        else:
            # Not cut at once: a reset would take the answer from the client.
            self._give_up(*_no_room("the server is closing", None))

    def crowd_out(self) -> None:
        """Make room for others, for this is the oldest of too many."""
        if self._refused is not None:
            self._refused.destroy()
        elif self.channel is not None and not self.channel.is_ready:
            self.channel.abort()
        else:
            self._give_up(*_no_room("too many handshakes (max_pending_handshakes)", "max_pending_handshakes"))

    def _give_up(self, response: Response, error: HandshakeError) -> None:
        if self._task is not None:
            self._task.cancel()
        self._answer(response, error)


def _no_room(reason: str, limit: str | None) -> tuple[Response, HandshakeError]:
    """Return the refusal of a client for which there is no room now, and why it is refused."""
    response = unavailable(reason)
    error = HandshakeError(reason, response=response)
    error.limit = limit
    return response, error


def _is_clients(error: HandshakeError, response: Response) -> bool:
    """Whether it is a fault of a client that asks for a WebSocket of this server."""
    request = error.request
    return (
        request is not None
        and "Upgrade" in request.headers
        and not isinstance(error, NotServed)
        and response.status < HTTPStatus.INTERNAL_SERVER_ERROR
    )
