"""A worker: one of the processes in which a server runs, seen from inside."""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Place", "Worker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens: what its supervisor must know to listen there for it.

    Attributes:
        host, port, unix_path, backlog: as the server was told.
        sock: a listening socket to use instead; it cannot be told to another process.
    """

    host: str | None = None
    port: int = 0
    unix_path: str | None = None
    backlog: int = 511
    sock: socket.socket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a worker gets from its supervisor.

    Attributes:
        number: of the worker, from 0; the one that replaces it has the same.
        sockets: to listen at; they are the worker's.
        relay: path of the UNIX socket of the machine's relay.
        ready: descriptor to write to when the worker serves.
        life: descriptor that ends with the supervisor.
    """

    number: int
    sockets: tuple[socket.socket, ...]
    relay: str
    ready: int
    life: int

    def tell_ready(self) -> None:
        """Tell the supervisor that the worker serves."""
        os.write(self.ready, b"!")
        os.close(self.ready)

    def watch(self, on_orphaned: Callable[[], object]) -> None:
        """Call `on_orphaned` when the supervisor is gone, whatever has ended it."""
        loop = asyncio.get_running_loop()

        def on_readable() -> None:
            loop.remove_reader(self.life)
            on_orphaned()

        loop.add_reader(self.life, on_readable)
