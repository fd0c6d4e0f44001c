"""The server's side of an opening handshake on a channel."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from ..errors import HandshakeError
from ..handshake.headers import Headers
from ..handshake.http1 import Request, Response, refusal
from ..handshake.judging import judge
from ..handshake.server import ServerHandshake
from ..handshake.tls import tls_error
from ..options import ServerOptions
from ..states import Exit
from .channel import Channel, Consumer
from .timers import NEVER, Deadlines, clock

__all__ = ["ServerOpening"]

logger: Final = logging.getLogger("wsline")

# So long a refused client has to take the answer and close, in seconds.
_LINGER: Final = 1.0

# What is kept of a client that sends frames before it is answered.
_MOST_EARLY: Final = 1 << 16


class ServerOpening(Consumer):
    """Reads the request, asks the application, and answers.

    Args:
        channel: where the request comes from.
        options: the server's.
        deadlines: of the loop.
        busy: returns why no WebSocket can be opened now, or `None`.
        on_headers: called with the headers of the 101 and the request, before it is sent.
        on_open: called when the 101 is written, with the channel, the request, the subprotocol, and the
            bytes that came behind the request; it gives the channel its next consumer.
        on_end: called once, when the opening is over in whatever way.
    """

    def __init__(
        self,
        channel: Channel,
        options: ServerOptions,
        deadlines: Deadlines,
        busy: Callable[[], str | None],
        on_headers: Callable[[Headers, Request], object],
        on_open: Callable[[Channel, Request, str | None, bytes], object],
        on_end: Callable[["ServerOpening"], object],
    ) -> None:
        self.armed_at = NEVER
        self.channel: Channel | None = channel
        self._options = options
        self._deadlines = deadlines
        self._busy = busy
        self._on_headers = on_headers
        self._on_open = on_open
        self._on_end: Callable[[ServerOpening], object] | None = on_end
        self._handshake = ServerHandshake(options, secure=channel.secure)
        self._early = b""
        self._is_judged = False
        self._is_answered = False
        self._task: asyncio.Task[None] | None = None
        channel.consumer = self
        if options.handshake_timeout is not None:
            deadlines.arm(self, clock() + options.handshake_timeout)

    # -- in

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes of the request, or of what comes behind it."""
        data = bytes(buffer[start:end])
        if self._is_answered:
            return
        if self._is_judged:
            self._keep_early(data)
            return
        try:
            request = self._handshake.receive(data)
        except HandshakeError as error:
            self._on_error(error)
            return
        if request is not None:
            self._is_judged = True
            self._early = self._handshake.trailing
            self._judge(request)

    def _keep_early(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > _MOST_EARLY and self.channel is not None:
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
        self._end()

    def on_deadline(self, now: float) -> None:
        """Give a slow client up."""
        if self.channel is None:
            return
        if self._is_answered or not self.channel.is_ready:
            self.channel.abort()
            return
        if self._task is not None:
            self._task.cancel()
        seconds = self._options.handshake_timeout
        self._answer(
            refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the request was not complete, or not answered, after {seconds} s\n",
            )
        )

    # -- judging

    def _judge(self, request: Request) -> None:
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
            answer = await self._ask(request)
            if isinstance(answer, Response):
                self._answer(answer)
            else:
                self._accept(request, answer)
        except Exception as error:
            self._on_error(error)
        finally:
            self._task = None

    async def _ask(self, request: Request) -> Response | str | None:
        """Return the application's response, or the subprotocol."""
        questions = judge(self._handshake, self._options, request)
        answer = None
        try:
            while True:
                question = questions.send(answer)
                answer = await _settle(question.function(*question.arguments))
        except StopIteration as judged:
            outcome: Response | str | None = judged.value
            return outcome

    # -- answering

    def _accept(self, request: Request, protocol: str | None) -> None:
        reason = self._busy()
        if reason is not None:
            self._answer(refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n"))
            return
        channel = self.channel
        if channel is None or self._is_answered:
            return
        response = self._handshake.accept(request, protocol=protocol)
        self._on_headers(response.headers, request)
        channel.output.put(response.build(), False, 0)
        self._is_answered = True
        self.armed_at = NEVER
        self.channel = None
        channel.resume_reading()
        self._on_open(channel, request, protocol, self._early)
        channel.written()
        self._end()

    def _on_error(self, error: Exception) -> None:
        if isinstance(error, HandshakeError):
            logger.info("handshake refused: %s", error)
            self._answer(error.response or refusal(HTTPStatus.BAD_REQUEST))
        else:
            logger.error("exception while a request was judged", exc_info=error)
            self._answer(refusal(HTTPStatus.INTERNAL_SERVER_ERROR))

    def _answer(self, response: Response) -> None:
        """Send a response that ends the connection."""
        channel = self.channel
        if channel is None or self._is_answered:
            return
        self._is_answered = True
        channel.output.put(response.build(), False, 0)
        channel.ending = int(Exit.HALF_CLOSE)
        channel.written()
        self.armed_at = NEVER
        self._deadlines.arm(self, clock() + _LINGER)

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(self)

    def abort(self) -> None:
        """Refuse the client, for the server closes; drop one that has been refused before."""
        if self.channel is None:
            return
        if self._is_answered:
            self.channel.abort()
            return
        # Not cut at once: a reset would take the answer from the client.
        if self._task is not None:
            self._task.cancel()
        self._answer(refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the server is closing\n"))


async def _settle(result: Any) -> Any:
    """Return what a function returned, or what its coroutine returns."""
    return await result if inspect.isawaitable(result) else result
