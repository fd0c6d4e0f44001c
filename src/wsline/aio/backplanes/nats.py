"""NATS over nats-py: core subjects, without JetStream."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import NoServersError

from ...backplane import Backplane
from ...envelopes import subject_name
from .adapter import Adapter, Receive

__all__ = ["NATSAdapter"]

_FOREVER: Final = 86400 * 365

# While an answer is due, it is asked so often whether the client is lost, in seconds.
_LOOK_UP: Final = 0.1


class NATSAdapter(Adapter):
    """One connection to NATS. The link connects anew, so that all brokers are lost and found in one way."""

    def __init__(self, options: Backplane, receive: Receive, on_lost: Callable[[Exception], object]) -> None:
        Adapter.__init__(self, options, receive, on_lost)
        self._client: Any = Client()
        self._subscriptions: dict[str, Any] = {}
        self._error: Exception | None = None
        self._is_closing = False

    async def connect(self) -> None:
        """Connect to the broker."""
        try:
            await self._client.connect(
                self._options.url,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # 0 would be no limit
                reconnect_time_wait=0,
                connect_timeout=self._options.timeout,
                no_echo=True,
                ping_interval=_FOREVER,  # the link asks whether it is there
                error_cb=self._on_error,
                closed_cb=self._on_closed,
            )
        except NoServersError as error:
            raise self._error or error from None  # the former says why
        self.longest = self._client.max_payload

    async def exchange(
        self, subscribe: Sequence[str], unsubscribe: Sequence[str], messages: Sequence[tuple[str, bytes]]
    ) -> None:
        """Tell the broker all of this: see `Adapter`."""
        client, prefix = self._client, self._options.prefix
        for topic in subscribe:
            self._subscriptions[topic] = await client.subscribe(
                subject_name(prefix, topic),
                cb=self._receiver(topic),
                pending_msgs_limit=-1,  # our own bounds are those of each client
                pending_bytes_limit=-1,
            )
        for topic in unsubscribe:
            await self._subscriptions.pop(topic).unsubscribe()
        for topic, envelope in messages:
            await client.publish(subject_name(prefix, topic), envelope)
        await self._confirm()

    async def _confirm(self) -> None:
        """Send a PING behind all of it: its answer confirms it."""
        flushing = asyncio.ensure_future(self._flush())
        try:
            # A client that is lost with something to send does not say so: it has to be asked.
            while not flushing.done():
                await asyncio.wait([flushing], timeout=_LOOK_UP)
                if self._client.is_closed and not flushing.done():
                    raise self._error or ConnectionError("the connection to NATS was closed")
        finally:
            flushing.cancel()
        flushing.result()

    async def _flush(self) -> None:
        # nats-py sends a PING ahead of what is pending: the answer to it says nothing of that.
        while self._client.pending_data_size:
            await self._client.flush(_FOREVER)
        await self._client.flush(_FOREVER)

    def _receiver(self, topic: str) -> Callable[[Any], Awaitable[None]]:
        receive = self._receive

        async def on_message(message: Any) -> None:
            receive(topic, message.data)

        return on_message

    async def _on_error(self, error: Exception) -> None:
        self._error = error

    async def _on_closed(self) -> None:
        if not self._is_closing:
            self._on_lost(self._error or ConnectionError("the connection to NATS was closed"))

    async def close(self) -> None:
        """End the connection."""
        self._is_closing = True
        self._subscriptions.clear()
        closing = asyncio.ensure_future(self._client.close())
        await asyncio.wait([closing], timeout=1)
