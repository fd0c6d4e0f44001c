"""What a WebSocket receives: from the channel through the connection to a listener or to the queue."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ..bounds import CLOSING_SIZE, control_only
from ..connection import Connection
from ..wire.close import Close
from ..wire.fragments import Fragment
from ..wire.kernels import Assembly
from ..wire.messages import HEADROOM, Ping, Pong
from .channel import Channel, Consumer
from .coroutines import call
from .flow import Receive, ReceiveQueue, receive
from .timers import NEVER

__all__ = ["Receiving"]

_OPEN: Final = 1

_CLOSING_SIZE: Final = CLOSING_SIZE


class Receiving(Consumer):
    """The receiving half of a `Session`.

    Args:
        loop: the loop it lives in.
        connection: its protocol state.

    Attributes:
        connection: as above.
        channel: the byte stream; `None` before it is open and after it is closed.
        queue: messages that have arrived and were not yet taken.
        is_paused: the user stopped reading.
        tells_control: somebody listens to pings or pongs; else a flood of them is not told to nobody.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        self.armed_at = NEVER
        self.loop = loop
        self.connection = connection
        self.channel: Channel | None = None
        self.queue = ReceiveQueue(loop, connection.options.max_queue)
        self.is_paused = False
        self.tells_control = True
        self._listener: Callable[..., object] | None = None
        self._arity = 0
        self._pump_due = False
        self._has_close = False
        self._is_held = False

    def emit(self, event: str, *arguments: Any) -> None:
        """Tell the listeners of an event."""
        raise NotImplementedError

    def on_handler_error(self, error: Exception) -> None:
        """Deal with an exception in a listener."""
        raise NotImplementedError

    def on_change(self) -> None:
        """Deal with a connection that is not open any more."""
        raise NotImplementedError

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take bytes from the channel."""
        self._deliver(self.connection.receive(buffer, start, end))

    def take_early(self, data: bytes) -> None:
        """Take bytes that came together with the opening handshake."""
        if data:
            self.receive(bytearray(HEADROOM) + data, HEADROOM, HEADROOM + len(data))

    def window(self) -> Assembly | None:
        """Return where to receive straight to."""
        return self.connection.window()

    def window_room(self) -> int:
        """Return how many bytes fit there."""
        return self.connection.window_room()

    def receive_window(self, n: int) -> None:
        """Take bytes that were received there."""
        self._deliver(self.connection.receive_window(n))

    def receive_eof(self) -> None:
        """Note that the peer sends nothing more."""
        self.connection.receive_eof()

    def _deliver(self, events: list[Any]) -> None:
        queue = self.queue
        if self.connection.state != _OPEN and queue.size >= _CLOSING_SIZE and self.connection.cause is None:
            events = control_only(events)
        try:
            for event in events:
                if type(event) is not str and type(event) is not bytes:
                    self._on_other(event)
                elif self._listener is None or self.is_paused or self._pump_due:
                    queue.put(event)
                else:
                    self._call_listener(event)
        except Exception as error:
            self.on_handler_error(error)
        if queue.has_messages():
            queue.wake(True)
            if queue.is_full():
                self._pause_until_low()
        if self._has_close:
            self._has_close = False
            self.connection.acknowledge_close()
        if self.connection.state != _OPEN:
            self.on_change()

    def _call_listener(self, message: Any) -> None:
        listener = self._listener
        if listener is None:
            return
        if self._arity == 1:
            call(listener, message)
        elif self._arity:
            listener(message, type(message) is not str)
        else:
            listener()

    def _on_other(self, event: Any) -> None:
        if type(event) is Pong:
            for waiter, seconds in event.answered:
                if waiter is not None:
                    waiter.finish(seconds)
            if self.tells_control:
                self.emit("pong", event.payload)
        elif type(event) is Ping:
            if self.tells_control:
                self.emit("ping", event.payload)
        elif type(event) is Close:
            self._has_close = True
            if self.channel is not None:
                # Whoever paused reading would not see the end.
                self.channel.resume_reading()
        elif type(event) is Fragment or self._listener is None or self.is_paused or self._pump_due:
            self.queue.put(event)
        else:
            self._call_listener(event)

    def set_listener(self, listener: Callable[..., object] | None, arity: int) -> None:
        """Call `listener` for each message.

        What came before anyone listened is kept, and delivered first in a later turn of the loop.

        Args:
            listener: the function, or `None` for none.
            arity: how many of (message, is_binary) it takes.
        """
        self._listener = listener
        self._arity = arity
        if listener is not None and self.queue.has_messages():
            self._pump_soon()

    def set_form(self, form: Callable[[Any], Any], keeps_fragments: bool) -> None:
        """Let `form` make something of each message; `keeps_fragments`: it wants `KeptFragments`."""
        self.queue.form = form
        self.connection.reader.split().keeps = keeps_fragments

    def has_listener(self) -> bool:
        """Whether messages go to a listener."""
        return self._listener is not None

    def _pump_soon(self) -> None:
        if not self._pump_due:
            self._pump_due = True
            self.loop.call_soon(self._pump)

    def _pump(self) -> None:
        if self.queue.holder is not None:
            return  # it stays due: `release_queue` goes on
        self._pump_due = False
        try:
            while self._listener is not None and not self.is_paused and self.queue.has_messages():
                self._call_listener(self.queue.get())
        except Exception as error:
            self.on_handler_error(error)

    def receive_message(self, convert: Callable[[Any], Any] | None, ends: bool) -> Receive:
        """Return the wait for the next message: see `Receive`."""
        return receive(self.queue, convert, ends)

    def release_queue(self, holder: Any) -> None:
        """End what `ReceiveQueue.hold` began, if it was for `holder`."""
        if self.queue.holder is holder:
            self.queue.hold(None)
            if self._pump_due:
                self.loop.call_soon(self._pump)

    def hold(self) -> None:
        """Read nothing until `release`; unlike `pause` this is not the user's."""
        self._is_held = True
        if self.channel is not None:
            self.channel.pause_reading()

    def release(self) -> None:
        """End what `hold` began."""
        self._is_held = False
        self._resume_reading()

    def pause(self) -> None:
        """Stop reading."""
        if self.channel is not None and not self.is_paused:
            self.is_paused = True
            self.channel.pause_reading()

    def resume(self) -> None:
        """Start reading again."""
        if self.is_paused:
            self.is_paused = False
            if self._listener is not None and self.queue.has_messages():
                self._pump_soon()
            self._resume_reading()

    def _pause_until_low(self) -> None:
        # Once we have closed, the peer's close frame is behind these messages, and nobody may take them.
        if self.connection.state == _OPEN and self.queue.on_low is None and self.channel is not None:
            self.queue.on_low = self._resume_reading
            self.channel.pause_reading()

    def _resume_reading(self) -> None:
        if self.channel is None or self.is_paused or self._is_held or self.queue.on_low is not None:
            return
        self.channel.resume_reading()
