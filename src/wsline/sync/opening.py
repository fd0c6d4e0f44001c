"""The server's side of an opening handshake on a channel.

The loop's thread reads the request and keeps the deadline, so that a silent client costs no thread. Who
sent a whole one gets a thread, in which the application is asked and the handler runs.
"""

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from ..errors import HandshakeError, HandshakeTimeout
from ..handshake.http1 import Request, Response, build_last, refusal
from ..handshake.judging import judge
from ..handshake.server import ServerHandshake, unavailable
from ..handshake.tls import tls_error
from ..options import ServerOptions
from ..spec import Role
from ..states import Exit
from ..wire.deflate import is_over_budget
from .channel import Channel, Consumer
from .loop import clock
from .websocket import WebSocket, begin

__all__ = ["ServerOpening"]

logger: Final = logging.getLogger("wsline")

# So long a refused client has to take the answer and close, in seconds.
_LINGER: Final = 1.0

# What is kept of a client that sends frames before it is answered.
_MOST_EARLY: Final = 1 << 16


class ServerOpening(Consumer):
    """Reads the request, has it judged, and answers.

    Args:
        channel: where the request comes from.
        options: the server's.
        admit: called with the `WebSocket` before it is opened; returns why it cannot be now, and the option
            that says so (or `None`); or `None`. The channel is locked then.
        spawn: called in the loop's thread with a function, to run it in a thread of its own; returns
            whether there was one to be had.
        handle: called in that thread with the open `WebSocket`.
        on_end: called once, when the opening is over in whatever way.

    Attributes:
        error: why no WebSocket came about, once it is over; else `None`.
    """

    def __init__(
        self,
        channel: Channel,
        options: ServerOptions,
        admit: Callable[[WebSocket], tuple[str, str | None] | None],
        spawn: Callable[[Callable[[], object]], bool],
        handle: Callable[[WebSocket], object],
        on_end: Callable[["ServerOpening"], object],
    ) -> None:
        self._channel = channel
        self._options = options
        self._admit = admit
        self._spawn = spawn
        self._handle = handle
        self._on_end = on_end
        self.error: BaseException | None = None
        self._handshake = ServerHandshake(options, secure=channel.stream.secure)
        self._early = b""
        self._is_judged = False
        self._is_answered = False
        seconds = options.handshake_timeout
        self._due = None if seconds is None else clock() + seconds

    @property
    def deadline(self) -> float | None:
        """When `on_deadline` must be called next; `None`: never."""
        return self._due

    # -- in, from the loop's thread

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes of the request, or of what comes behind it."""
        data = bytes(buffer[start:end])
        if self._is_answered:
            return
        if self._is_judged:
            self._early += data
            if len(self._early) > _MOST_EARLY:
                self._channel.pause_reading()
            return
        try:
            request = self._handshake.receive(data)
        except HandshakeError as error:
            self._refuse_and_log(error)
            return
        if request is not None:
            self._is_judged = True
            self._early = self._handshake.trailing
            request.remote_address = self._channel.remote_address
            self._judge(request)

    def on_lost(self, error: BaseException | None) -> None:
        """Note that nothing can be answered any more."""
        if self.error is None and not self._is_answered:
            self.error = error or HandshakeError("the client closed the connection before it was answered")
        self._is_answered = True
        if isinstance(error, OSError) and not self._channel.stream.is_ready:
            self._channel.later(lambda: logger.info("%s", tls_error(error)))

    def on_gone(self) -> None:
        """Note that the socket is closed."""
        self._end()

    def on_deadline(self, now: float) -> None:
        """Give a slow client up."""
        if self._is_answered or not self._channel.stream.is_ready:
            if not self._is_answered:
                self.error = HandshakeTimeout("TLS was not established in time (option handshake_timeout)")
            self._channel.abort()
            return
        seconds = self._options.handshake_timeout
        message = f"the request was not complete, or not answered, after {seconds} s"
        self._answer(refusal(HTTPStatus.REQUEST_TIMEOUT, f"{message}\n"), HandshakeTimeout(message))

    # -- judging

    def _judge(self, request: Request) -> None:
        options = self._options
        if options.process_request or options.verify_client or options.handle_protocols:
            self._channel.later(lambda: self._start(lambda: self._consult(request)))
            return
        try:
            self._handshake.check(request)
            websocket = self._accept(request, self._handshake.choose_protocol(request))
        except Exception as error:
            self._refuse_and_log(error)
            return
        if websocket is not None:
            self._channel.later(lambda: self._start(lambda: self._handle(websocket), websocket))

    def _start(self, function: Callable[[], object], websocket: WebSocket | None = None) -> None:
        if self._spawn(function):
            return
        if websocket is not None:
            websocket.terminate()
            return
        with self._channel.lock:
            self._answer(unavailable("too many threads"))

    def _consult(self, request: Request) -> None:
        """Judge with the application's help, in a thread of its own, and handle the WebSocket there."""
        websocket: WebSocket | None = None
        try:
            answer = self._ask(request)
            with self._channel.lock:
                if isinstance(answer, Response):
                    self._answer(answer)
                else:
                    websocket = self._accept(request, answer)
        except Exception as error:
            _log(error)
            with self._channel.lock:
                self._refuse(error)
        if websocket is not None:
            self._handle(websocket)

    def _ask(self, request: Request) -> Response | str | None:
        """Return the application's response, or the subprotocol."""
        questions = judge(self._handshake, self._options, request)
        answer: Any = None
        try:
            while True:
                question = questions.send(answer)
                answer = question.function(*question.arguments)
        except StopIteration as judged:
            outcome: Response | str | None = judged.value
            return outcome

    # -- answering, with the channel locked

    def _accept(self, request: Request, protocol: str | None) -> WebSocket | None:
        channel = self._channel
        if self._is_answered:
            return None
        deflate = self._handshake.choose_deflate(request, frugal=is_over_budget(self._options.deflate))
        for declined in deflate.reasons:
            channel.later(partial(logger.info, "an offer of compression was declined: %s", declined))
        response = self._handshake.accept(request, protocol=protocol, extensions=deflate.extensions)
        session = begin(Role.SERVER, self._options, channel, channel.output, deflate.parameters)
        kind: type[WebSocket] = self._options.web_socket or WebSocket
        websocket = kind(session, None, protocol, request, None, deflate.extensions)
        busy = self._admit(websocket)
        if busy is not None:
            self._answer(unavailable(busy[0]), _no_room(*busy))
            return None
        self._is_answered = True
        channel.output.put(response.build(), False, 0)
        channel.consumer = session
        channel.resume_reading()
        session.take_early(self._early)
        channel.flush()
        channel.attend()
        self._end()
        return websocket

    def _refuse_and_log(self, error: Exception) -> None:
        # Not here, where the channel is locked: what logs is the application's.
        self._channel.later(lambda: _log(error))
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, HandshakeError):
            self._answer(error.response or refusal(HTTPStatus.BAD_REQUEST), error)
        else:
            self._answer(refusal(HTTPStatus.INTERNAL_SERVER_ERROR), error)

    def _answer(self, response: Response, error: Exception | None = None) -> None:
        """Send a response that ends the connection."""
        channel = self._channel
        if self._is_answered:
            return
        self.error = error or HandshakeError(f"the handshake was refused with {response.status}")
        data, fault = build_last(response)
        if fault is not None:
            channel.later(lambda: logger.error("a response that cannot be sent", exc_info=fault))
        self._is_answered = True
        channel.output.put(data, False, 0)
        channel.ending = int(Exit.HALF_CLOSE)
        self._due = clock() + _LINGER
        channel.flush()
        channel.attend()

    def _end(self) -> None:
        self._channel.later(lambda: self._on_end(self))

    def abort(self, reason: str = "the server is closing", limit: str | None = None) -> None:
        """Refuse the client, for this reason and option; drop one that has been refused before."""
        with self._channel.lock:
            if self._is_answered or not self._channel.stream.is_ready:
                if self._channel.consumer is self:
                    self._channel.abort()
                return
            # Not cut at once: a reset would take the answer from the client.
            self._answer(unavailable(reason), _no_room(reason, limit))


def _no_room(reason: str, limit: str | None) -> HandshakeError:
    error = HandshakeError(reason)
    error.limit = limit
    return error


def _log(error: Exception) -> None:
    if isinstance(error, HandshakeError):
        logger.info("handshake refused: %s", error)
    else:
        logger.error("exception while a request was judged", exc_info=error)
