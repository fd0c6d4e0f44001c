"""The supervisor of a server's workers: starts them, replaces them, ends them. It has no loop of its own."""

import logging
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Final

from .backplanes.relay import serve_relay
from .places import can_divide, open_place
from .processes import Process, Slot, close_all, describe
from .worker import Place, Worker

__all__ = ["Supervisor", "WorkerFailed"]

logger: Final = logging.getLogger("wsline")

# A worker that lived so long was well: its next death is the first one again.
_WELL: Final = 10.0

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_SIGNALS: Final = (*_STOP, signal.SIGHUP, signal.SIGCHLD)


class WorkerFailed(RuntimeError):
    """A worker has ended, or did nothing, before it served."""


class Supervisor:
    """Runs a job in several processes, which listen at one place.

    Each worker has a listening socket of its own at the same port (SO_REUSEPORT), which the supervisor keeps
    open: connections that come while one worker replaces another wait in it. Where that is missing all
    share one.

    SIGTERM and SIGINT end the workers gracefully, a second one at once; SIGHUP replaces them one by one. A
    worker that ends otherwise is replaced: at once the first time, later with back-off.

    Args:
        count: how many workers.
        place: where to listen.
        job: called in each worker; the process ends when it returns.
        grace: longest time that a worker takes to end, in seconds; then it is killed.
        patience: longest time that it takes to serve.
    """

    def __init__(
        self,
        count: int,
        place: Place,
        job: Callable[[Worker], object],
        *,
        grace: float = 30.0,
        patience: float = 30.0,
    ) -> None:
        if type(count) is not int or not 1 <= count <= 1024:
            raise ValueError(f"workers={count!r}: must be an integer from 1 to 1024")
        self._count = count
        self._place = place
        self._job = job
        self._grace = grace
        self._patience = patience
        self._port: int | None = None
        self._slots: list[Slot] = []
        self._signals: list[int] = []
        self._reloading: list[Slot] = []
        self._kill_at: dict[Process, float] = {}
        self._is_stopping = False
        self._wake = self._life = (-1, -1)
        self._folder = ""

    def run(self) -> None:
        """Run the workers until a signal ends them.

        Raises:
            OSError: the place cannot be listened at.
            WorkerFailed: at the start a worker has ended, or did nothing, before it served.
            ValueError: this is not the main thread: only that one gets signals.
        """
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        self._folder = tempfile.mkdtemp(prefix="wsline-")
        self._wake, self._life = os.pipe(), os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        woken = signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        try:
            for number in _SIGNALS:
                signal.signal(number, lambda number, frame: self._signals.append(number))
            self._supervise()
        finally:
            self._kill_all()
            signal.set_wakeup_fd(woken)
            for number, action in before.items():
                signal.signal(number, action)
            self._close_sockets()
            for end in (*self._wake, *self._life):
                os.close(end)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _supervise(self) -> None:
        relay = Slot(None, [])
        self._slots = [relay]
        for number in range(self._count):
            shares = number > 0 and not can_divide(self._place)
            self._slots.append(Slot(number, self._slots[1].sockets if shares else self._open()))
        relay.process = self._spawn(relay)
        self._await_first([relay])  # before a worker takes its place
        if not self._is_stopping:
            for slot in self._slots[1:]:
                slot.process = self._spawn(slot)
            self._await_first(self._slots)
        while not (self._is_stopping and not any(slot.processes for slot in self._slots)):
            self._wait()
            self._obey_signals()
            self._reap()
            self._go_on_reloading()
            self._restart()
            self._kill_late()

    def _open(self) -> list[socket.socket]:
        sockets = open_place(self._place, self._port)
        if can_divide(self._place):
            self._port = sockets[0].getsockname()[1]
        return sockets

    def _await_first(self, slots: list[Slot]) -> None:
        """Wait until these serve."""
        deadline = time.monotonic() + self._patience
        while not self._is_stopping and not all(slot.process and slot.process.is_ready for slot in slots):
            self._wait(deadline)
            self._obey_signals()
            for slot in slots:
                process = slot.process
                self._collect(slot)
                if process is not None and process.pid is None and not self._is_stopping:
                    raise WorkerFailed(f"{slot.name} has ended before it served: see what it has said")
            if time.monotonic() >= deadline:
                raise WorkerFailed(f"the workers did not serve within {self._patience} s")

    # -- processes

    def _spawn(self, slot: Slot) -> Process:
        ready, tell = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal between the fork and the child's own handlers would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                self._be_child(slot, ready, tell)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(tell)
        logger.info("%s is process %d", slot.name, pid)
        return Process(pid, ready)

    def _be_child(self, slot: Slot, ready: int, tell: int) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            # A terminal sends these to all its processes; the supervisor hands on what matters.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._forget_the_others(slot, ready)
            relay = f"{self._folder}/relay"
            sockets = tuple(slot.sockets)
            worker = Worker(
                number=slot.number or 0, sockets=sockets, relay=relay, ready=tell, life=self._life[0]
            )
            if slot.number is None:
                serve_relay(relay, worker.tell_ready, worker.watch)
            else:
                self._job(worker)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _forget_the_others(self, slot: Slot, ready: int) -> None:
        for end in (*self._wake, self._life[1], ready):
            os.close(end)
        for other in self._slots:
            for process in other.processes:
                process.forget_pipe()
            if other.sockets is not slot.sockets:
                close_all(other.sockets)

    def _collect(self, slot: Slot) -> None:
        """Take note of those that have ended."""
        for process in slot.processes:
            if process.pid is None:
                continue
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                process.pid = None
                process.forget_pipe()
                self._kill_at.pop(process, None)
                if process is slot.process and not self._is_stopping:
                    logger.error("%s, process %d, has ended: %s", slot.name, pid, describe(status))
        slot.retired = [process for process in slot.retired if process.pid is not None]

    def _reap(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            self._collect(slot)
            process = slot.process
            if process is None or process.pid is not None:
                continue
            slot.process = None
            if not self._is_stopping:
                self._plan_restart(slot, now - process.began)
        if self._is_stopping and not any(slot.processes for slot in self._slots[1:]):
            self._end(self._slots[0], signal.SIGUSR1)  # the workers needed it to their end

    def _plan_restart(self, slot: Slot, lived: float) -> None:
        slot.deaths = 1 if lived >= _WELL else slot.deaths + 1
        slot.backoff.note_life(lived)
        delay = 0.0 if slot.deaths == 1 else slot.backoff.next()
        slot.restart_at = time.monotonic() + delay
        if not delay:
            return
        if can_divide(self._place) and any(each.process is not None for each in self._slots[1:]):
            # Nobody would take what comes there meanwhile; so it comes to the others.
            close_all(slot.sockets)
            slot.sockets = []
        logger.error("%s is started again in %.1f s", slot.name, delay)

    def _restart(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.restart_at is not None and now >= slot.restart_at and not self._is_stopping:
                slot.restart_at = None
                if not slot.sockets and slot.number is not None:
                    slot.sockets = self._open()
                slot.process = self._spawn(slot)

    # -- signals

    def _wait(self, deadline: float | None = None) -> None:
        moments = [slot.restart_at for slot in self._slots] + [*self._kill_at.values(), deadline]
        if self._reloading and self._reloading[0].process is not None:
            moments.append(self._reloading[0].process.began + self._patience)
        now = time.monotonic()
        timeout = min((max(0.0, moment - now) for moment in moments if moment is not None), default=None)
        processes = {p.ready: p for slot in self._slots for p in slot.processes if p.ready is not None}
        with selectors.DefaultSelector() as selector:
            for end in (self._wake[0], *processes):
                selector.register(end, selectors.EVENT_READ)
            for key, _ in selector.select(timeout):
                if key.fd == self._wake[0]:
                    os.read(key.fd, 4096)
                else:
                    processes[key.fd].note_ready()

    def _obey_signals(self) -> None:
        numbers, self._signals[:] = tuple(self._signals), []
        for number in numbers:
            if number in _STOP:
                self._stop()
            elif number == signal.SIGHUP and not self._is_stopping and not self._reloading:
                logger.info("the workers are replaced")
                self._reloading = [slot for slot in self._slots[1:] if slot.process is not None]
                self._replace()

    def _stop(self) -> None:
        # The second time somebody is tired of waiting.
        number = signal.SIGUSR2 if self._is_stopping else signal.SIGTERM
        self._is_stopping = True
        self._reloading = []
        self._close_sockets()
        for slot in self._slots[1:]:
            self._end(slot, number)

    def _end(self, slot: Slot, number: int) -> None:
        for process in slot.processes:
            process.signal(number)
            self._kill_at.setdefault(process, time.monotonic() + self._grace)

    def _replace(self) -> None:
        """Start the successor of the next worker; the worker itself goes when that serves."""
        slot = self._reloading[0]
        assert slot.process is not None
        slot.retired.append(slot.process)
        slot.process = self._spawn(slot)

    def _go_on_reloading(self) -> None:
        while self._reloading:
            slot = self._reloading[0]
            process = slot.process
            if process is None or process.pid is None:
                self._give_up_reloading(slot)
            elif process.is_ready:
                for old in slot.retired:
                    old.signal(signal.SIGUSR1)
                    self._kill_at.setdefault(old, time.monotonic() + self._grace)
                self._reloading.pop(0)
                self._reloading = [each for each in self._reloading if each.process is not None]
                if self._reloading:
                    self._replace()
            elif time.monotonic() >= process.began + self._patience:
                process.signal(signal.SIGKILL)
                return
            else:
                return

    def _give_up_reloading(self, slot: Slot) -> None:
        """Leave the rest as they are: the new one does not serve."""
        logger.error("%s: its successor did not serve, so the workers stay as they are", slot.name)
        self._reloading = []
        if slot.retired:
            slot.restart_at = None
            slot.process = slot.retired.pop()

    def _kill_late(self) -> None:
        now = time.monotonic()
        for process, moment in tuple(self._kill_at.items()):
            if now >= moment:
                logger.error("process %s did not end within %s s: it is killed", process.pid, self._grace)
                process.signal(signal.SIGKILL)
                del self._kill_at[process]

    def _kill_all(self) -> None:
        for slot in self._slots:
            for process in slot.processes:
                process.signal(signal.SIGKILL)
                if process.pid is not None:
                    os.waitpid(process.pid, 0)
                process.forget_pipe()

    def _close_sockets(self) -> None:
        for slot in self._slots:
            close_all(slot.sockets)
            slot.sockets = []
