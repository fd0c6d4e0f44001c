"""`recv_streaming`: a message in fragments, while it arrives."""

from typing import Any

from ..errors import ConnectionClosed
from ..wire.fragments import Fragment, KeptFragments
from .coroutines import Awaitable, accelerate
from .receiving import Receiving

__all__ = ["FragmentStream"]


class FragmentStream:
    """Iterates over the fragments of one message.

    From its first step to the last fragment it is the only receiver.

    Args:
        session: receives them.
    """

    def __init__(self, session: Receiving) -> None:
        self.session = session
        self.has_ended = False
        self._has_begun = False
        self._parts: list[bytes] = []

    def __aiter__(self) -> "FragmentStream":
        return self

    def __anext__(self) -> "FragmentWait":
        return FragmentWait(self)

    def poll(self) -> Any:
        """Return `None` if `take` will do, or what to wait for; raises as `ReceiveQueue.poll`."""
        if self._parts:
            return None
        session = self.session
        waiter = session.queue.poll(self)
        if session.queue.holder is None:
            session.queue.hold(self)
            if waiter is not None:
                # What waits in the queue is whole already.
                session.connection.reader.stream_next()
        return waiter

    def take(self) -> Any:
        """Return the next fragment."""
        self._has_begun = True
        if not self._parts:
            item = self.session.queue.get()
            if type(item) is Fragment:
                self._end_if(item.fin)
                return item.data
            if type(item) is not KeptFragments:
                self._end_if(True)
                return item
            self._parts = item.parts[::-1]
        part = self._parts.pop()
        self._end_if(not self._parts)
        return part

    def _end_if(self, is_last: bool) -> None:
        if is_last:
            self.end()

    def end(self) -> None:
        """Let others receive again."""
        self.has_ended = True
        self.session.release_queue(self)

    def leave(self) -> None:
        """Note that nobody waits now; if nothing has come yet, others may receive."""
        queue, reader = self.session.queue, self.session.connection.reader
        queue.leave(self)
        splitter = reader.splitter
        if self._has_begun or queue.has_messages() or splitter is None or splitter.size:
            return
        splitter.streams = False
        self.session.release_queue(self)


class FragmentWait(Awaitable):
    """The wait for the next fragment."""

    def __init__(self, stream: FragmentStream) -> None:
        self._stream = stream

    def step(self) -> Any:
        """Go on: yields a waiter, or ends with the fragment."""
        stream = self._stream
        if stream.has_ended:
            raise StopAsyncIteration
        try:
            waiter = stream.poll()
        except ConnectionClosed:
            stream.session.release_queue(stream)
            raise
        if waiter is not None:
            return waiter
        self.is_over = True
        return stream.take()

    def close(self) -> None:
        """Stop waiting; what comes stays in the queue."""
        self._stream.leave()


accelerate(FragmentWait)
