"""The processes of a supervisor: how they say that they serve, and how their end is told."""

import os
import signal
import socket

import pytest

from wsline.aio.processes import Process, Slot, close_all, describe


@pytest.mark.parametrize(("said", "is_ready"), [(b"!", True), (b"", False)])
def test_ready_or_gone(said: bytes, is_ready: bool) -> None:
    ready, tell = os.pipe()
    process = Process(1, ready)
    os.write(tell, said)
    os.close(tell)
    process.note_ready()
    assert process.is_ready is is_ready
    assert process.ready is None
    process.note_ready()
    process.forget_pipe()
    assert process.is_ready is is_ready


def test_one_that_has_ended_gets_no_signals() -> None:
    process = Process(os.getpid(), 0)
    process.pid = None
    process.signal(signal.SIGKILL)


def test_its_end() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    assert describe(os.waitpid(pid, 0)[1]) == "with status 3"
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    os.kill(pid, signal.SIGKILL)
    assert describe(os.waitpid(pid, 0)[1]) == "by SIGKILL"


def test_slots() -> None:
    sock = socket.socket()
    slot, relay = Slot(2, [sock]), Slot(None, [])
    assert (slot.name, relay.name) == ("worker 2", "the relay")
    assert slot.processes == []
    old, new = Process(1, 0), Process(2, 0)
    slot.retired.append(old)
    slot.process = new
    assert slot.processes == [old, new]
    close_all(slot.sockets)
    assert sock.fileno() == -1
