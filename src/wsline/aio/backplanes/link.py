"""The link between the topics of this process and a broker: kept up, in order, and counted."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ...backoff import Backoff
from ...backplane import Backplane, BackplaneHealth
from ...envelopes import ORIGIN_SIZE, open_envelope, seal
from ...options import ClientOptions
from ...outbox import Outbox
from ...topic_errors import BackplaneUnavailable, MalformedEnvelope
from ...wire.prepared import PreparedMessage
from .adapter import Adapter, adapter_of

__all__ = ["Link"]

logger: Final = logging.getLogger("wsline")

# What is sent at once before the broker's confirmation is awaited.
_BATCH_BYTES: Final = 1 << 20
_BATCH_COUNT: Final = 4096
_BATCH_TOPICS: Final = 4096

_FIRST_DELAY: Final = 0.1

# So long `close` waits for the broker to take what waits, in seconds.
_PATIENCE: Final = 2.0

# Malformed messages are told so often at most, in seconds.
_TELL_INTERVAL: Final = 10.0


class Link:
    """Joins the topics of this process with those of others, over one broker.

    Args:
        options: where the broker is.
        deliver: called with the topic and each message of another process.
        tell: called with the name and the arguments of each event.

    Raises:
        ImportError: what the broker's adapter needs is not installed.
    """

    def __init__(
        self,
        options: Backplane,
        deliver: Callable[[str, PreparedMessage], object],
        tell: Callable[..., object],
    ) -> None:
        self._options = options
        self._make = adapter_of(options)
        self._deliver = deliver
        self._tell = tell
        self._origin = b""
        self._outbox = Outbox(options.max_waiting)
        self._wanted: set[str] = set()
        self._told: set[str] = set()  # what this connection to the broker knows of them
        self._changed: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._wake = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._adapter: Adapter | None = None
        self._error: Exception | None = None
        self._deadline: asyncio.Timeout | None = None
        self._lag: float | None = None
        self._received = self._malformed = self._connects = 0
        self._told_losses = (0, 0)
        self._tell_at = 0.0
        self._is_closing = False
        self._is_down = False  # and everybody was told so

    # -- a life

    async def start(self) -> None:
        """Connect to the broker, and stay connected.

        Raises:
            BackplaneUnavailable: it cannot be reached, and `must_connect` is set.
        """
        if self._work is not None:
            return
        try:
            await self._connect()
        except Exception as error:
            if self._options.must_connect:
                raise BackplaneUnavailable(
                    f"the backplane {self._options.place} cannot be reached: {self._why(error)}; start the"
                    " broker, or let the server wait for it with Backplane(must_connect=False)"
                ) from error
            self._note_down(error)
        self.begin()

    def begin(self) -> None:
        """Connect to the broker in the background, and stay connected."""
        if self._work is None and not self._is_closing:
            # Not before: processes may be forked of one that has made the server.
            self._origin = os.urandom(ORIGIN_SIZE)
            self._work = asyncio.get_running_loop().create_task(self._run())

    @property
    def is_begun(self) -> bool:
        """Whether there is something to close."""
        return self._work is not None

    async def close(self) -> None:
        """Send what waits, for a moment, and end the connection; what is left then is counted as dropped."""
        self._is_closing = True
        self._wake.set()
        if self._work is not None:
            if self._adapter is not None:
                await asyncio.wait([self._work], timeout=_PATIENCE)
            self._work.cancel()
            await asyncio.wait([self._work])
        self._outbox.discard()
        self._tell_losses()
        for topic in tuple(self._waiting):
            self._settle(topic)

    # -- what the hub says

    def publish(self, topic: str, message: PreparedMessage) -> None:
        """Send a message to the followers of a topic in other processes."""
        if self._is_closing:
            return
        self.begin()
        self._outbox.put(topic, seal(self._origin, message.opcode, message.plain().payload))
        self._wake.set()

    def subscribe(self, topic: str) -> None:
        """Want the messages of a topic."""
        self._wanted.add(topic)
        self._change(topic)

    def unsubscribe(self, topic: str) -> None:
        """Want them no more."""
        self._wanted.discard(topic)
        self._change(topic)
        self._settle(topic)

    def _change(self, topic: str) -> None:
        self.begin()
        self._changed.add(topic)
        self._wake.set()

    def is_subscribed(self, topic: str) -> bool:
        """Tell whether the broker sends the messages of a topic, or nobody wants them any more."""
        return topic in self._told or topic not in self._wanted or self._is_closing

    async def wait_subscribed(self, topic: str) -> None:
        """Wait until it is so; cancelling changes nothing."""
        while not self.is_subscribed(topic):
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(topic, []).append(waiter)
            await waiter

    def _settle(self, topic: str) -> None:
        for waiter in self._waiting.pop(topic, ()):
            if not waiter.done():
                waiter.set_result(None)

    @property
    def health(self) -> BackplaneHealth:
        """How it does."""
        outbox = self._outbox
        return BackplaneHealth(
            connected=self._adapter is not None,
            lag=self._lag,
            topics=len(self._told),
            waiting=len(outbox),
            waiting_bytes=outbox.size,
            published=outbox.published,
            sent=outbox.sent,
            dropped=outbox.dropped,
            unconfirmed=outbox.unconfirmed,
            received=self._received,
            malformed=self._malformed,
            connects=self._connects,
        )

    # -- the connection

    async def _connect(self) -> None:
        adapter = self._make(self._options, self._receive, self._on_lost)
        self._error = None
        try:
            await self._in_time(adapter.connect())
        except BaseException:
            await adapter.close()
            raise
        self._adapter = adapter
        self._connects += 1
        self._told.clear()
        self._changed = set(self._wanted)
        self._wake.set()
        if self._is_down:
            self._is_down = False
            logger.info("the backplane %s is there", self._options.place)
            self._tell("backplane_up")

    def _on_lost(self, error: Exception) -> None:
        self._error = error
        self._wake.set()
        if self._deadline is not None:
            # Nothing will confirm what is exchanged now.
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _run(self) -> None:
        delays = ClientOptions(
            reconnect_delay=_FIRST_DELAY, reconnect_max_delay=max(_FIRST_DELAY, self._options.retry_max_delay)
        )
        backoff, loop = Backoff(delays), asyncio.get_running_loop()
        while not self._is_over():
            began = loop.time()
            try:
                if self._adapter is None:
                    await self._connect()
                    began = loop.time()
                await self._serve()
            except Exception as error:
                await self._drop_adapter()
                self._note_down(error)
            except BaseException:
                await self._drop_adapter()
                raise
            backoff.note_life(loop.time() - began)
            if not self._is_over():
                await asyncio.sleep(backoff.next())
        await self._drop_adapter()

    def _is_over(self) -> bool:
        return self._is_closing and (self._adapter is None or not len(self._outbox))

    async def _drop_adapter(self) -> None:
        adapter, self._adapter = self._adapter, None
        self._told.clear()
        self._outbox.lose()
        if adapter is not None:
            await adapter.close()

    def _note_down(self, error: Exception) -> None:
        if not self._is_down:
            self._is_down = True
            reason = BackplaneUnavailable(f"the backplane {self._options.place} is away: {self._why(error)}")
            reason.__cause__ = error
            logger.warning("%s", reason)
            self._tell("backplane_down", reason)
        self._tell_losses()

    def _why(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self._options.timeout} s (Backplane option timeout)"
        return str(error) or type(error).__name__

    async def _serve(self) -> None:
        """Exchange with the broker, until it is lost."""
        adapter = self._adapter
        assert adapter is not None
        while not self._is_over():
            try:
                async with asyncio.timeout(self._options.heartbeat):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            if self._error is not None:
                raise self._error
            await self._exchange(adapter)

    async def _exchange(self, adapter: Adapter) -> None:
        loop = asyncio.get_running_loop()
        changed = [self._changed.pop() for _ in range(min(len(self._changed), _BATCH_TOPICS))]
        subscribe = [topic for topic in changed if topic in self._wanted and topic not in self._told]
        unsubscribe = [topic for topic in changed if topic not in self._wanted and topic in self._told]
        messages = self._outbox.take(_BATCH_BYTES, _BATCH_COUNT, adapter.longest)
        began = loop.time()
        await self._in_time(adapter.exchange(subscribe, unsubscribe, messages))
        self._lag = loop.time() - began
        self._outbox.confirm()
        self._told.update(subscribe)
        self._told.difference_update(unsubscribe)
        for topic in subscribe:
            self._settle(topic)
        if self._changed or self._outbox.has_more():
            self._wake.set()
        self._tell_losses()

    async def _in_time(self, doing: Coroutine[Any, Any, None]) -> None:
        """Await what an adapter does, until it is lost at the latest."""
        try:
            async with asyncio.timeout(self._options.timeout) as self._deadline:
                await doing
        except TimeoutError:
            raise self._error or TimeoutError() from None
        finally:
            self._deadline = None

    def _tell_losses(self) -> None:
        losses = (self._outbox.dropped, self._outbox.unconfirmed)
        dropped, unconfirmed = (new - old for new, old in zip(losses, self._told_losses, strict=True))
        self._told_losses = losses
        if dropped or unconfirmed:
            logger.warning(
                "the backplane %s: %d messages were dropped, %d were on their way when it was lost",
                self._options.place,
                dropped,
                unconfirmed,
            )
            self._tell("backplane_loss", dropped, unconfirmed)

    # -- what comes

    def _receive(self, topic: str, envelope: bytes) -> None:
        try:
            origin, data = open_envelope(envelope)
        except MalformedEnvelope as error:
            self._note_malformed(error)
            return
        # What this process has published is here already, and what nobody follows any more is late.
        if origin != self._origin and topic in self._wanted:
            self._received += 1
            self._deliver(topic, PreparedMessage(data))

    def _note_malformed(self, error: MalformedEnvelope) -> None:
        self._malformed += 1
        now = asyncio.get_running_loop().time()
        if now >= self._tell_at:
            self._tell_at = now + _TELL_INTERVAL
            logger.error("%s", error)
            self._tell("error", error)
