"""A byte stream to the peer, and who takes its bytes: the seam between sockets and WebSockets."""

import asyncio
import math
from typing import Any, Final

from ..wire.kernels import Assembly, Output

__all__ = ["NOBODY", "Channel", "Consumer"]


class Consumer:
    """Takes what a channel receives: first the opening handshake, then a `WebSocket`.

    Each method is called by the channel, from the loop and never from within a task.

    Attributes:
        armed_at: when the loop's `Deadlines` will call `on_deadline`; theirs to keep.
    """

    armed_at: float

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Take `buffer[start:end]`, which may be overwritten; `HEADROOM` bytes before it are free."""
        raise NotImplementedError

    def window(self) -> Assembly | None:
        """Return where to receive straight to, or `None`: see `MessageReader.window`."""
        return None

    def window_room(self) -> int:
        """Return how many bytes fit there."""
        return 0

    def receive_window(self, n: int) -> None:
        """Take `n` bytes that were received there."""

    def receive_eof(self) -> None:
        """Note that the peer sends nothing more."""
        raise NotImplementedError

    def on_blocked(self) -> None:
        """Note that the socket took not all of the output."""

    def on_progress(self) -> None:
        """Note that it took some of it, after it had been blocked."""

    def on_lost(self, error: OSError | None) -> None:
        """Note that the channel is closed; called once.

        Args:
            error: what broke it, or `None` if it was closed as it should.
        """
        raise NotImplementedError

    def on_deadline(self, now: float) -> None:
        """Do what is due."""


class Nobody(Consumer):
    """Takes what nobody wants, or nobody wants any more."""

    def __init__(self) -> None:
        self.armed_at = math.inf

    def receive(self, buffer: bytearray, start: int, end: int) -> None:
        """Drop it."""

    def receive_eof(self) -> None:
        """Ignore it."""

    def on_lost(self, error: OSError | None) -> None:
        """Ignore it."""


NOBODY: Final = Nobody()


class Channel:
    """A byte stream to the peer.

    Attributes:
        loop: the loop it lives in.
        output: bytes to be sent; whoever adds some calls `written` then.
        consumer: who takes what is received.
        corked: a batch is being served; what is written meanwhile leaves at its end.
        ending: a `connection.Exit`; what to do when the output is empty.
        closed: the socket is closed, or about to be.
        local_address, remote_address: as `socket.getsockname` and `getpeername` give them.
        is_ready: nothing stands between the output and the peer: a TLS handshake is done.
        secure: the stream is encrypted.
        ssl_object: the `ssl.SSLObject` then, else `None`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, output: Output) -> None:
        self.loop = loop
        self.output = output
        self.consumer: Consumer = NOBODY
        self.corked = False
        self.ending = 0
        self.closed = False
        self.local_address: Any = None
        self.remote_address: Any = None
        self.is_ready = True
        self.secure = False
        self.ssl_object: Any = None

    def written(self) -> None:
        """Send the output: at the end of the batch or the loop's turn, or now if nothing is to come."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send the output now, as far as the socket takes it."""
        raise NotImplementedError

    def pause_reading(self) -> None:
        """Stop receiving."""
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Receive again."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close the socket now; `on_lost` follows within the loop's turn."""
        raise NotImplementedError
