"""Real sessions over channels that keep what is sent, for tests without sockets."""

import asyncio
from typing import Any

from wsline.aio.channel import Channel
from wsline.aio.session import Session
from wsline.aio.timers import Deadlines, clock
from wsline.connection import Connection
from wsline.options import ServerOptions
from wsline.spec import Role
from wsline.wire.kernels import Output
from wsline.wire.messages import HEADROOM


class KeepingChannel(Channel):
    """Keeps what is written until a test takes it; like a socket that takes nothing, if `stuck`."""

    def __init__(self, output: Output, stuck: bool = False) -> None:
        Channel.__init__(self, asyncio.get_running_loop(), output)
        self.stuck = stuck
        self.sent = bytearray()
        self.log: list[str] = []

    def written(self) -> None:
        if not self.stuck:
            self.sent += self.output.take()

    def flush(self) -> None:
        self.written()

    def unstick(self) -> None:
        """Take what waits, and let the session know."""
        self.stuck = False
        self.written()
        self.consumer.on_progress()

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self.consumer.on_lost(None)

    def take(self) -> bytes:
        """Return what was sent since the last call."""
        sent = bytes(self.sent)
        self.sent.clear()
        return sent


def new_session(**options: Any) -> Session:
    """Return a server's session before its opening handshake."""
    connection = Connection(Role.SERVER, ServerOptions(**options), clock)
    return Session(asyncio.get_running_loop(), connection, lambda event, *arguments: None)


def open_session(stuck: bool = False, **options: Any) -> tuple[Session, KeepingChannel]:
    """Return a server's session that is open, and its channel."""
    session = new_session(**{"ping_interval": None, **options})
    channel = KeepingChannel(session.connection.output, stuck)
    session.attach(channel, Deadlines(asyncio.get_running_loop()))
    return session, channel


def frame(first: int, payload: bytes, mask: bool = False) -> bytes:
    """Return a short frame: the first byte, the length, a key of zeros if it comes from a client."""
    assert len(payload) < 126
    return bytes([first, len(payload) | 0x80 * mask]) + bytes(4 * mask) + payload


def feed(session: Session, *frames: bytes) -> None:
    """Let a session receive bytes; call it where no task is running if one waits for a message."""
    data = b"".join(frames)
    session.receive(bytearray(HEADROOM) + data, HEADROOM, HEADROOM + len(data))
