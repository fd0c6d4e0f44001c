"""`recv_streaming`: a message in fragments, while it arrives."""

from typing import Any

from ..errors import ConnectionClosed
from ..wire.fragments import Unpacked
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
        self.message = Unpacked()

    def __aiter__(self) -> "FragmentStream":
        return self

    def __anext__(self) -> "FragmentWait":
        return FragmentWait(self)

    def poll(self) -> Any:
        """Return `None` if `take` will do, or what to wait for; raises as `ReceiveQueue.poll`."""
        if self.message:
            return None
        session = self.session
        waiter = session.queue.poll(self)
        if session.queue.holder is None:
            session.queue.hold(self)
            # What waits in the queue is whole already.
            if waiter is not None and self._begin():
                session.queue.leave(self)
                return None
        return waiter

    def _begin(self) -> bool:
        """Ask for fragments; return whether there are some already."""
        queue = self.session.queue
        for fragment in self.session.connection.reader.stream_next():
            queue.put(fragment)
        return queue.has_messages()

    def take(self) -> Any:
        """Return the next fragment; after the last one others may receive again."""
        if not self.message:
            self.message.put(self.session.queue.get())
        part = self.message.take()
        if self.message.has_ended:
            self.session.release_queue(self)
        return part

    def leave(self) -> None:
        """Note that nobody waits now; if nothing has come yet, others may receive."""
        queue, reader = self.session.queue, self.session.connection.reader
        queue.leave(self)
        splitter = reader.splitter
        if self.message.has_begun or queue.has_messages() or splitter is None or splitter.size:
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
        if stream.message.has_ended:
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
