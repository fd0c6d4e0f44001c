"""What the servers have in common: a life from `start` to `wait_closed`, and events."""

import asyncio
import importlib
import logging
import signal
from collections.abc import Callable, Generator
from typing import Any, Final, Self

from ..listening import ListenOptions
from ..states import ServerState
from .emitter import Emitter, EventSource
from .listener import Listener
from .worker import Place, Worker

__all__ = ["Service"]

logger: Final = logging.getLogger("wsline")

# Longest time that a worker takes to end, when its clients are closed, in seconds.
_GRACE: Final = 30.0

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class Service(EventSource):
    """A server: `await` it, use it in `async with`, or `run` it.

    Args:
        events: the names of its events; `listening`, `close` and `error` are among them.

    Attributes:
        state: a `ServerState`.
        worker: the number of the worker process that this is, from 0; `None` without workers.
    """

    # Those of the class of server.
    options: Any
    _host: str | None
    _port: int
    _listener: Any

    # Over how many seconds `run` spreads the closing of clients.
    _run_drain = 0.0

    worker: int | None = None

    def __init__(self, events: tuple[str, ...]) -> None:
        self.state = ServerState.NEW
        self._event_names = events
        self._emitter = Emitter(events, self._on_listener_error)
        self._closed = asyncio.Event()

    async def start(self) -> Self:
        """Begin to serve."""
        raise NotImplementedError

    def close(self) -> None:
        """Begin to stop."""
        raise NotImplementedError

    def _cut(self) -> None:
        """End what still goes on: somebody is tired of waiting for it."""
        raise NotImplementedError

    def _check_new(self) -> None:
        if self.state != ServerState.NEW:
            raise RuntimeError(f"the server was started before; it is {self.state.name}")

    async def serve_forever(self) -> None:
        """Serve until the server is closed; cancelling closes it."""
        if self.state == ServerState.NEW:
            await self.start()
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise

    def run(self, *, loop_factory: LoopFactory | None = None, workers: int | None = None) -> None:
        """Run a loop with this server until SIGINT or SIGTERM, then close it gracefully.

        Args:
            loop_factory: makes the loop, for example `uvloop.new_event_loop`; default: asyncio's.
            workers: run in so many processes, which are forked of this one and listen at one place. SIGHUP
                replaces them one by one. Topics span them, if by nothing else by a relay. Each has a copy of
                the server, whose `worker` is its number.

        Raises:
            OSError: the address cannot be listened at.
            WorkerFailed: a worker has ended before it served.
        """
        if workers is None:
            self.work(None, loop_factory)
            return
        # Here: it needs what only Unix has.
        supervisor = importlib.import_module(".supervisor", __package__)

        def job(worker: Worker) -> None:
            self.work(worker, loop_factory)

        supervisor.Supervisor(workers, self.place, job, grace=_GRACE + self._run_drain).run()

    def work(self, worker: Worker | None, loop_factory: LoopFactory | None = None) -> None:
        """Run a loop with this server: as a worker of a supervisor, or without one."""
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(self._run(worker))

    @property
    def place(self) -> Place:
        """Where it listens."""
        options: ListenOptions = self.options
        return Place(
            host=self._host,
            port=self._port,
            unix_path=options.unix_path,
            backlog=options.backlog,
            sock=options.sock,
        )

    def _join_relay(self, path: str, number: int = 0) -> None:
        """Join topics with the other workers, by the relay at this path, where no other way was chosen."""
        raise NotImplementedError

    async def _retire(self) -> None:
        """Close, for another worker has taken over."""
        raise NotImplementedError

    def _become(self, worker: Worker) -> None:
        listener: Listener = self._listener
        self.worker = worker.number
        listener.inherit(worker.sockets)
        self._join_relay(worker.relay)
        worker.watch(self.close)

    def _on_retired(self) -> None:
        self._retiring = asyncio.ensure_future(self._retire())

    async def _run(self, worker: Worker | None) -> None:
        loop = asyncio.get_running_loop()
        if worker is not None:
            self._become(worker)
        await self.start()
        if worker is not None:
            # Some send SIGTERM to the supervisor and to each worker: twice is as good as once.
            loop.add_signal_handler(signal.SIGTERM, self._stop)
            loop.add_signal_handler(signal.SIGUSR1, self._on_retired)
            loop.add_signal_handler(signal.SIGUSR2, self._cut)
            worker.tell_ready()
        for number in (signal.SIGINT, signal.SIGTERM) if worker is None else ():
            try:
                loop.add_signal_handler(number, self._on_signal)
            except (NotImplementedError, RuntimeError):
                # No loop signals on Windows, nor outside the main thread: KeyboardInterrupt does it.
                break
        await self.serve_forever()

    def _on_signal(self) -> None:
        if self.state == ServerState.RUNNING:
            self._stop()
        else:
            self._cut()

    def _stop(self) -> None:
        """Begin to stop: a signal asks for it."""
        self.close()

    async def wait_closed(self) -> None:
        """Wait until the server is closed: its connections are gone and its handlers have returned."""
        if self.state != ServerState.NEW:
            await self._closed.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *details: object) -> None:
        self.close()
        await self.wait_closed()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.start().__await__()

    def _end(self) -> None:
        self.state = ServerState.CLOSED
        self._closed.set()
        self._tell("close")

    # -- events

    def emit(self, event: str, *arguments: Any) -> bool:
        """Call the listeners of an event, in the order in which they were attached.

        Args:
            event: one of those that the class lists.
            arguments: what the listeners get; one that declares fewer gets the first of them.

        Returns:
            Whether there was a listener.

        Raises:
            ValueError: there is no such event. What a listener raises is raised here too.
        """
        if event not in self._event_names:
            raise ValueError(f"event={event!r}: must be one of {', '.join(self._event_names)}")
        return self._emitter.emit(event, *arguments)

    def _events(self) -> Emitter:
        return self._emitter

    def _tell(self, event: str, *arguments: Any) -> None:
        """Emit an event from where no exception may go on."""
        try:
            self._emitter.emit(event, *arguments)
        except Exception as error:
            self._on_listener_error(error)

    def _on_listener_error(self, error: Exception) -> None:
        logger.error("exception in a listener of the server", exc_info=error)
        try:
            self._emitter.emit("error", error)
        except Exception as second:
            logger.error("exception in an 'error' listener", exc_info=second)
