"""A channel without a socket: it notes what is asked of it."""

import asyncio
from typing import Any

from wsline.aio.channel import Channel
from wsline.options import Options
from wsline.wire.kernels import Output
from wsline.wire.messages import HEADROOM

# No time of its own interferes; those that a test is about are given by it.
QUIET = Options(ping_interval=None, write_timeout=None, close_timeout=3600)


class RecordingChannel(Channel):
    """Takes what is sent in `flush`, as far as `takes` goes."""

    def __init__(self, output: Output) -> None:
        Channel.__init__(self, asyncio.get_running_loop(), output)
        self.calls: list[str] = []
        self.sent = b""
        self.takes = 1 << 62  # bytes
        self.error: OSError | None = None
        self.is_reading = True

    def written(self) -> None:
        self.calls.append("written")

    def flush(self) -> None:
        self.calls.append("flush")
        data = self.output.take()
        taken, rest = data[: self.takes], data[self.takes :]
        self.takes -= len(taken)
        self.sent += taken
        if rest:
            self.output.put(rest, False, 0)

    def pause_reading(self) -> None:
        self.is_reading = False
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.is_reading = True
        self.calls.append("resume_reading")

    def abort(self) -> None:
        self.calls.append("abort")
        if not self.closed:
            self.closed = True
            self.output.clear()
            self.consumer.on_lost(self.error)


def give(consumer: Any, data: bytes) -> None:
    """Hand bytes to a consumer as a channel does."""
    consumer.receive(bytearray(HEADROOM) + data, HEADROOM, HEADROOM + len(data))
