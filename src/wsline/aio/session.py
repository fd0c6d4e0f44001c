"""A `Connection` at work: it joins a channel to the user's `WebSocket`.

`Receiving` takes what comes; here are the way out, the end, and the deadlines. All waiting of one
WebSocket is in the two, and nothing is decided in them that `Connection` knows.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from ..backlog import Message
from ..closing import given_up
from ..connection import Connection
from ..errors import SlowConsumer
from ..spec import CloseCode, DeflateParameters, State
from ..wire.deflate import DeflateJob
from ..wire.prepared import PreparedMessage
from .channel import Channel
from .coroutines import Awaitable, accelerate
from .flow import DONE, PingWait, Wait
from .offload import run_job
from .receiving import Receiving
from .timers import Deadlines

__all__ = ["Session"]

logger: Final = logging.getLogger("wsline")

_DONE: Final[Awaitable] = DONE


class Session(Receiving):
    """The inside of one WebSocket.

    Args:
        loop: the loop it lives in.
        connection: its protocol state.
        emit: called with the name and the arguments of each event but `message`.

    Attributes:
        opening: the task of the opening handshake, while it goes on.
        secure, local_address, remote_address, ssl_object: the channel's, kept when it is gone.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, emit: Callable[..., object]
    ) -> None:
        Receiving.__init__(self, loop, connection)
        self.opening: asyncio.Future[None] | None = None
        self.secure = False
        self.local_address: Any = None
        self.remote_address: Any = None
        self.ssl_object: Any = None
        self._emit: Callable[..., object] | None = emit
        self._deadlines: Deadlines | None = None
        self._high_water = connection.options.high_water
        self._held_above = connection.held_above
        # `None`: nobody waits, as for most of most connections' lives.
        self._senders: list[Wait] | None = None
        self._closers: list[Wait] | None = None

    # -- opening

    def attach(
        self, channel: Channel, deadlines: Deadlines, deflate: DeflateParameters | None = None
    ) -> None:
        """Begin: the opening handshake has succeeded on this channel, and has agreed on this compression."""
        self.channel = channel
        self._deadlines = deadlines
        self.secure = channel.secure
        self.local_address = channel.local_address
        self.remote_address = channel.remote_address
        self.ssl_object = channel.ssl_object
        channel.consumer = self
        self.connection.open(deflate)
        self._arm()

    def give_up(self, cause: BaseException) -> None:
        """Note that the opening handshake has failed, or was given up."""
        self.cut(cause)

    def abandon(self) -> Awaitable:
        """Give the opening handshake up; the wait is for the end of it."""
        wait = self.wait_closed()
        self._stop_opening()
        self.give_up(given_up())
        return wait

    def _stop_opening(self) -> None:
        opening, self.opening = self.opening, None
        if opening is not None:
            opening.cancel()

    # -- out

    def send(self, data: str | bytes, fin: bool) -> Awaitable:
        """Send a message or a fragment.

        Returns:
            What to await before sending much more.

        Raises:
            InvalidState, ConnectionClosed: as `Connection.check_open` does.
            ConnectionClosedError: the peer is too slow, and was cut off.
        """
        connection = self.connection
        if connection.pending() > self._held_above and self._is_held_back(data, fin, True):
            return self._wait_for_room()
        if isinstance(data, str):
            connection.send_text(data, fin)
        else:
            connection.send_binary(data, fin)
        return self._written()

    def send_masked(self, data: str | bytes, fin: bool, mask: bool, compress: bool) -> Awaitable:
        """Send a message or a fragment, masked or not, whatever the role demands; as `send`."""
        if self.connection.pending() > self._held_above:
            self._is_held_back(
                data, False, False
            )  # it would lose its mask: it is sent, as a fragment would be
        self.connection.send_masked(data, fin, mask, compress)
        return self._written()

    def send_uncompressed(self, data: str | bytes, fin: bool) -> Awaitable:
        """Send a message or a fragment without compression; as `send`."""
        if self.connection.pending() > self._held_above and self._is_held_back(data, fin, False):
            return self._wait_for_room()
        self.connection.send_uncompressed(data, fin)
        return self._written()

    def send_prepared(self, message: PreparedMessage, compress: bool) -> Awaitable:
        """Send a prepared message; as `send`."""
        if self.connection.pending() > self._held_above and self._is_held_back(message, True, compress):
            return self._wait_for_room()
        self.connection.send_prepared(message, compress)
        return self._written()

    def send_fragment(self, fragment: str | bytes, fin: bool) -> Awaitable:
        """Send a fragment of the message begun by `Connection.begin_stream`; as `send`."""
        if self.connection.queued() > self._held_above:
            self._is_held_back(fragment, False, False)
        self.connection.send_fragment(fragment, fin)
        written = self._written()
        if fin:
            self._send_held()
        return written

    def _written(self) -> Awaitable:
        channel = self.channel
        # Of a whole batch nobody need be told: that saves a call for each message.
        if channel is not None and not channel.corked:
            channel.written()
        if self.connection.has_job():
            self._start_job()
        if self.connection.queued() <= self._high_water:
            return _DONE
        return self._wait_for_room()

    def _start_job(self) -> None:
        job, options = self.connection.take_job(), self.connection.options.deflate
        if job is not None and options is not None:
            run_job(self.loop, job, options.concurrency_limit, self._on_job_done)

    def _on_job_done(self, job: DeflateJob) -> None:
        self.connection.finish_job(job)
        self._written()
        self._send_held()
        self.on_change()
        self._wake_senders()

    def _wait_for_room(self) -> Awaitable:
        if self.channel is not None:
            # Enough for a batch; what the socket takes now need not be waited for.
            self.channel.flush()
        if self.connection.queued() <= self._high_water:
            return _DONE
        return SendWait(self)

    def wait_for_room(self) -> Wait | None:
        """Return the wait for room to send, or `None` if there is room.

        Raises:
            ConnectionClosed: the connection is lost, and what waited with it.
        """
        if self.connection.state == State.CLOSED:
            raise self.connection.closed_error()
        if self.connection.queued() <= self._high_water:
            return None
        wait = Wait(self.loop)
        if self._senders is None:
            self._senders = []
        self._senders.append(wait)
        return wait

    def _is_held_back(self, message: Message, fin: bool, compress: bool) -> bool:
        """Deal with a slow consumer; returns whether the message need not be sent now."""
        connection = self.connection
        connection.check_open()
        if self.channel is not None:
            # A batch may only have been corked: what the socket takes does not make a peer slow.
            self.channel.flush()
        connection.check_open()
        try:
            dropped = connection.hold_back(message, fin, compress)
        except SlowConsumer as error:
            self.cut(error)
            raise connection.closed_error() from error
        for each in dropped or ():
            self.emit("drop", each)
        return dropped is not None

    def ping(self, payload: bytes | None) -> Wait:
        """Send a ping; the wait is for its round-trip time in seconds."""
        wait = PingWait(self.loop, self.connection.pings)
        self.connection.send_ping(payload, wait)
        self._written()
        return wait

    def pong(self, payload: bytes) -> None:
        """Send a pong that nobody asked for."""
        self.connection.send_pong(payload)
        self._written()

    # -- the end

    def close(self, code: int | None, reason: str) -> Awaitable:
        """Begin the closing handshake; the wait is for the end of the connection."""
        self.connection.send_close(code, reason)
        if self.channel is not None:
            self.queue.on_low = None
            self.channel.resume_reading()
        self.on_change()
        return self.wait_closed()

    def wait_closed(self) -> Awaitable:
        """Return the wait for the end of the connection."""
        if self.connection.state == State.CLOSED and self._emit is None:
            return DONE
        wait = Wait(self.loop)
        if self._closers is None:
            self._closers = []
        self._closers.append(wait)
        return wait

    def fail(self, cause: BaseException, code: CloseCode, reason: str) -> None:
        """Fail the connection: see `Connection.fail`."""
        self.connection.fail(cause, code, reason)
        self.on_change()

    def terminate(self) -> None:
        """End the connection now, because the application wants it so."""
        self.connection.terminate()
        self.on_change()

    def cut(self, cause: BaseException | None) -> None:
        """End the connection now, without a closing handshake."""
        self.connection.end(cause)
        if self.channel is not None:
            self.channel.abort()
        else:
            self._finish()

    def on_handler_error(self, error: Exception) -> None:
        """Fail the connection for an exception in the application's code, which is logged."""
        logger.error("exception in a handler of %s", self.remote_address, exc_info=error)
        if self.connection.state == State.CONNECTING:
            self._stop_opening()
            self.give_up(error)
            return
        self.fail(error, CloseCode.INTERNAL_ERROR, "internal error")
        if self.connection.cause is not error:  # else the end tells it
            self.emit("error", error)

    def on_change(self) -> None:
        """Let the channel and the timer follow the connection's state."""
        if self.channel is None:
            return
        if self.connection.state == State.CLOSED:
            self.channel.abort()
            return
        self.channel.ending = self.connection.exit
        self.channel.written()
        self._arm()

    def on_lost(self, error: OSError | None) -> None:
        """Note that the channel is closed."""
        self.channel = None
        self.connection.end(error)
        self._finish()

    def _finish(self) -> None:
        """Wake everyone who waits, once, and let go of the user's objects."""
        emit, self._emit = self._emit, None
        if emit is None:
            return
        connection = self.connection
        self.queue.on_low = None
        self.queue.finish(connection.closed_error)
        for wait in self._senders or ():
            wait.finish(None, connection.closed_error)
        for wait in connection.pings.drop_all():
            if wait is not None:
                wait.finish(None, connection.closed_error)
        for wait in self._closers or ():
            wait.finish(None)
        self._senders = self._closers = None
        # "close" is the last event: what has been received comes before it, paused or not.
        self.is_paused = False
        self._pump()
        self._listener = None
        info = connection.close_info
        if info.cause is not None:
            _call(emit, "error", info.cause)
        _call(emit, "close", info.code, info.reason)

    def emit(self, event: str, *arguments: Any) -> None:
        """Tell the listeners; an exception in one of them fails the connection."""
        if self._emit is None:
            return
        try:
            self._emit(event, *arguments)
        except Exception as error:
            if event == "error":
                logger.error("exception in an 'error' listener", exc_info=error)
            else:
                self.on_handler_error(error)

    # -- time

    def _arm(self) -> None:
        when = self.connection.deadline
        if when is not None and self._deadlines is not None:
            self._deadlines.arm(self, when)

    def on_deadline(self, now: float) -> None:
        """Do what is due."""
        self.connection.on_deadline(now, not (self.is_paused or self.queue.on_low is not None))
        self.on_change()

    def on_blocked(self) -> None:
        """Note that the socket took not all of the output."""
        self.connection.on_blocked()
        self._arm()

    def on_progress(self) -> None:
        """Note that it took some of it, after it had been blocked."""
        self.connection.on_progress()
        self._send_held()
        self._arm()
        self._wake_senders()

    def _send_held(self) -> None:
        if self.channel is not None:
            self.connection.send_held(self.channel)

    def _wake_senders(self) -> None:
        if self._senders is not None and self.connection.queued() <= self._high_water:
            senders, self._senders = self._senders, None
            for wait in senders:
                wait.finish(None)


class SendWait(Awaitable):
    """The wait for room to send. It costs its session nothing before it is awaited: many never are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._wait: Wait | None = None

    def step(self) -> Any:
        """Go on: yields a waiter, or ends with `None`."""
        if self._wait is None:
            self._wait = self._session.wait_for_room()
        if self._wait is None:
            self.is_over = True
            return None
        outcome = self._wait.step()
        self.is_over = self._wait.is_over
        return outcome

    def close(self) -> None:
        """Stop waiting."""
        if self._wait is not None:
            self._wait.close()


accelerate(SendWait)


def _call(emit: Callable[..., object], event: str, *arguments: Any) -> None:
    try:
        emit(event, *arguments)
    except Exception as error:
        logger.error("exception in a %r listener", event, exc_info=error)
