"""One connection to an HTTP server: read a request, have it answered, send the answer, and again."""

import asyncio
import logging
from collections.abc import Coroutine
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, Protocol

from ..errors import HandshakeError
from ..handshake.heads import HeadError
from ..handshake.http1 import Request, Response, refusal
from ..handshake.http_options import HTTPOptions
from ..handshake.requests import CONTINUE, Phase, RequestStream, asks_for_websocket, build_answer
from ..handshake.tls import tls_error
from .asking import build_last
from .channel import Channel, Consumer
from .timers import NEVER, Deadlines, clock
from .upgrades import UpgradeSocket

__all__ = ["HTTPConnection", "Site"]

logger: Final = logging.getLogger("wsline")

# Requests that wait while one is answered are kept up to this many bytes; then reading pauses.
_MOST_UNREAD: Final = 1 << 16


class Site(Protocol):
    """The server, as its connections see it."""

    options: HTTPOptions

    @property
    def is_closing(self) -> bool:
        """Connections end with their next answer."""

    def takes_upgrades(self) -> bool:
        """Return whether there is anybody to take a WebSocket."""

    async def respond(self, request: Request) -> Response:
        """Answer a request; raises nothing."""

    async def upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> Response:
        """Give a WebSocket handshake away; the response is for the case that nobody took it."""

    def on_fault(self, error: Exception) -> None:
        """Note a fault of the application."""

    def on_client_error(self, error: HandshakeError, socket: UpgradeSocket) -> bool:
        """Return whether the application answers a faulty request."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Make a task."""

    def on_connection_end(self, connection: "HTTPConnection") -> None:
        """Note the end of a connection; called once."""


class HTTPConnection(Consumer):
    """Serves the requests of one connection in their order.

    Args:
        channel: the connection.
        site: the server.
        deadlines: of the loop.
    """

    def __init__(self, channel: Channel, site: Site, deadlines: Deadlines) -> None:
        self.armed_at = NEVER
        self._channel: Channel | None = channel
        self._site = site
        self._options = site.options
        self._deadlines = deadlines
        self._stream = RequestStream(site.options, secure=channel.secure)
        self._phase = Phase.IDLE
        self._is_first = True
        self._due = NEVER
        self._task: asyncio.Task[None] | None = None
        self._is_sending = False
        self._farewell: UpgradeSocket | None = None
        channel.consumer = self
        self._set_due(self._options.header_timeout)

    # -- in

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes of requests."""
        self._stream.feed(bytes(buffer[start:end]))
        if not self._is_busy():
            self._read()
        elif self._stream.unread > _MOST_UNREAD and self._channel is not None:
            self._channel.pause_reading()

    def _is_busy(self) -> bool:
        return self._task is not None or self._is_sending

    def _read(self) -> None:
        """Read on, and begin to answer if a request is complete."""
        channel = self._channel
        if channel is None:
            return
        try:
            request = self._stream.read(self._site.takes_upgrades())
        except HeadError as error:
            self._refuse(error)
            return
        if request is not None:
            request.remote_address = channel.remote_address
            self._begin(channel, request)
            return
        if self._stream.wants_continue:
            self._stream.wants_continue = False
            channel.output.put(CONTINUE, False, 0)
            channel.written()
        if self._phase != self._stream.phase:
            self._on_phase(self._stream.phase)

    def _on_phase(self, phase: Phase) -> None:
        self._phase = phase
        if phase == Phase.BODY:
            self._set_due(self._options.body_timeout)
        elif not self._is_first:  # the first head has its time from the connection on
            self._set_due(self._options.header_timeout)

    def receive_eof(self) -> None:
        """Note that the client is gone."""

    def on_lost(self, error: OSError | None) -> None:
        """Note that the channel is closed."""
        if error is not None and self._channel is not None and not self._channel.is_ready:
            logger.info("%s", tls_error(error))
        self._channel = None
        self._end()

    def _end(self) -> None:
        """Stop: there is nobody to answer any more."""
        if self._task is not None:
            self._task.cancel()
        self._site.on_connection_end(self)

    # -- answering

    def _begin(self, channel: Channel, request: Request) -> None:
        self._set_due(None)
        if asks_for_websocket(request) and self._site.takes_upgrades():
            head = self._stream.take_rest()
            self._channel = None
            socket = self._farewell = UpgradeSocket(channel, self._deadlines, self._on_socket_end)
            self._task = self._site.spawn(self._upgrade(request, socket, head))
        else:
            self._task = self._site.spawn(self._respond(request))

    def _on_socket_end(self) -> None:
        # Whoever took the socket may still be at work in our task.
        if self._farewell is not None and self._farewell.is_taken:
            self._task = None
        self._end()

    async def _upgrade(self, request: Request, socket: UpgradeSocket, head: bytes) -> None:
        response = await self._site.upgrade(request, socket, head)
        self._task = None
        if not socket.is_answered:
            socket.end(build_last(response))

    async def _respond(self, request: Request) -> None:
        response = await self._site.respond(request)
        self._task = None
        if self._channel is not None:
            self._send(self._channel, request, response)

    def _send(self, channel: Channel, request: Request, response: Response) -> None:
        try:
            data, goes_on = build_answer(
                request, response, date=formatdate(usegmt=True), closing=self._site.is_closing
            )
        except Exception as error:
            self._site.on_fault(error)
            failed = refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
            data, goes_on = failed.build(with_body=request.method != "HEAD"), False
        if not goes_on:
            self._leave(channel).end(data)
            return
        channel.output.put(data, False, 0)
        channel.written()
        channel.flush()
        if channel.output.pending():
            # The next answer waits until the client has taken this one.
            self._is_sending = True
            self._set_due(self._options.write_timeout)
        else:
            self._go_on()

    def on_progress(self) -> None:
        """Note that the socket took some of an answer, after it had been blocked."""
        channel = self._channel
        if channel is None or not self._is_sending:
            return
        if channel.output.pending():
            self._set_due(self._options.write_timeout)
        else:
            self._is_sending = False
            self._go_on()

    def _go_on(self) -> None:
        """Turn to the next request."""
        self._is_first = False
        self._phase = Phase.IDLE
        self._set_due(self._options.idle_timeout)
        if self._channel is not None:
            self._channel.resume_reading()
        if self._stream.unread:
            self._read()
        elif self._site.is_closing:
            self.close()

    def _refuse(self, error: HandshakeError) -> None:
        channel = self._channel
        if channel is None:
            return
        logger.info("request refused: %s", error)
        socket = self._leave(channel, self._options.header_timeout)
        if not self._site.on_client_error(error, socket):
            socket.end(build_last(error.response or refusal(HTTPStatus.BAD_REQUEST)))

    def _leave(self, channel: Channel, timeout: float | None = None) -> UpgradeSocket:
        """Let go of the channel for the last answer on it."""
        self._channel = None
        self._farewell = UpgradeSocket(channel, self._deadlines, self._end, timeout)
        return self._farewell

    # -- the end

    def close(self) -> None:
        """End, but not in the middle of a request."""
        if self._channel is not None and not self._is_busy() and self._phase == Phase.IDLE:
            self._leave(self._channel).end()

    def cut(self) -> None:
        """End now."""
        if self._farewell is not None and not self._farewell.is_taken:
            self._farewell.destroy()
        elif self._channel is not None:
            self._channel.abort()

    # -- time

    def _set_due(self, timeout: float | None) -> None:
        self._due = NEVER if timeout is None else clock() + timeout
        if timeout is not None:
            self._deadlines.arm(self, self._due)

    def on_deadline(self, now: float) -> None:
        """Give up a client that takes too long."""
        channel = self._channel
        if channel is None:
            return
        if now < self._due:
            if self._due < NEVER:
                self._deadlines.arm(self, self._due)
        elif self._is_sending or not channel.is_ready:
            channel.abort()
        elif self._phase == Phase.IDLE and not self._is_first:
            self.close()
        else:
            self._refuse(_too_late(self._phase, self._options))


def _too_late(phase: Phase, options: HTTPOptions) -> HandshakeError:
    if phase == Phase.BODY:
        message = f"the body was not complete after {options.body_timeout} s (option body_timeout)"
    else:
        message = f"the head was not complete after {options.header_timeout} s (option header_timeout)"
    return HandshakeError(message, response=refusal(HTTPStatus.REQUEST_TIMEOUT, f"{message}\n"))
