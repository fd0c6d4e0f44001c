"""The thread behind all blocking WebSockets: calls, events, deadlines, and its own end."""

import socket
import threading
from collections.abc import Iterator
from functools import partial
from selectors import SelectorKey
from typing import Any

import pytest

from tests.sync.peers import until
from wsline.agenda import NEVER
from wsline.sync import loop
from wsline.sync.loop import READ, WRITE, Loop, Served, clock, enter


class Recorder(Served):
    """Notes what it is told of one end of a socket pair."""

    def __init__(self, fails: str = "") -> None:
        Served.__init__(self)
        self.sock, self.other = socket.socketpair()
        self.events = READ
        self.deadline = NEVER
        self.is_over = False
        self.fails = fails
        self.log: list[Any] = []
        self.loop = enter()

    def _note(self, what: str, *details: Any) -> None:
        self.log.append((what, *details))
        assert threading.current_thread() is self.loop.thread
        if what == self.fails:
            raise ZeroDivisionError("on purpose")

    def fileno(self) -> int:
        return self.sock.fileno()

    def wishes(self) -> tuple[int, float] | None:
        return None if self.is_over else (self.events, self.deadline)

    def on_events(self, events: int) -> None:
        if events & READ:
            self._note("events", self.sock.recv(100))
        else:
            self.events = READ
            self.loop.attend(self)
            self._note("writable")

    def on_deadline(self, now: float) -> None:
        self.deadline = NEVER
        self._note("deadline", now)

    def break_off(self) -> None:
        self._note("break off")
        self.is_over = True

    def let_go(self) -> None:
        self._note("let go")
        self.sock.close()
        self.loop.leave()

    def end(self) -> None:
        self.is_over = True
        self.loop.attend(self)
        until(lambda: not self.is_served)
        self.other.close()


def heard(recorder: Recorder, data: bytes) -> bool:
    return ("events", data) in recorder.log


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    one = Recorder()
    yield one
    one.end()


def test_events(recorder: Recorder) -> None:
    recorder.loop.attend(recorder)
    for data in (b"1", b"2"):
        recorder.other.send(data)
        until(partial(heard, recorder, data))
    recorder.events = 0
    recorder.loop.attend(recorder)
    until(lambda: not recorder.watched)
    recorder.other.send(b"3")
    recorder.deadline = clock() + 0.02
    recorder.loop.attend(recorder)
    until(lambda: recorder.log[-1][0] == "deadline")
    assert ("events", b"3") not in recorder.log
    recorder.events = READ | WRITE
    recorder.loop.attend(recorder)
    until(lambda: ("events", b"3") in recorder.log)
    recorder.events = WRITE
    recorder.loop.attend(recorder)
    until(lambda: ("writable",) in recorder.log)


def test_deadlines(recorder: Recorder) -> None:
    due = recorder.deadline = clock() + 0.05
    recorder.loop.attend(recorder)
    until(lambda: recorder.log)
    ((_, now),) = recorder.log
    assert now >= due
    assert clock() - due < 5


def test_calls_come_in_order_and_in_its_thread(recorder: Recorder) -> None:
    called: list[Any] = []

    def note(i: int) -> None:
        called.append((i, threading.current_thread()))

    over = threading.Event()
    for i in range(1000):
        recorder.loop.call(partial(note, i))
    recorder.loop.call(lambda: recorder.loop.call(over.set))
    assert over.wait(5)
    assert called == [(i, recorder.loop.thread) for i in range(1000)]
    assert recorder.loop.thread.daemon


def test_a_call_that_fails_is_logged(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    over = threading.Event()
    recorder.loop.call(lambda: 1 / 0)
    recorder.loop.call(over.set)
    assert over.wait(5)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("fails", ["events", "deadline"])
def test_who_fails_is_broken_off_and_harms_nobody(fails: str, caplog: pytest.LogCaptureFixture) -> None:
    broken, other = Recorder(fails), Recorder()
    for each in (broken, other):
        each.loop.attend(each)
    if fails == "deadline":
        broken.deadline = clock()
        broken.loop.attend(broken)
    else:
        broken.other.send(b"x")
    until(lambda: broken.log and broken.log[-1] == ("let go",))
    assert "ZeroDivisionError: on purpose" in caplog.text
    assert [each[0] for each in broken.log] == [fails, "break off", "let go"]
    other.other.send(b"x")
    until(lambda: other.log == [("events", b"x")])
    other.end()
    broken.other.close()


def test_there_is_one_and_it_ends_with_its_last_user() -> None:
    first, second = Recorder(), Recorder()
    one = first.loop
    assert second.loop is one
    first.end()
    assert one.thread.is_alive()
    second.end()
    one.thread.join(5)
    assert not one.thread.is_alive()
    third = Recorder()
    assert third.loop is not one
    third.end()
    one.call(lambda: None)  # nobody hears it, and nothing breaks


def test_it_is_left_by_who_never_began() -> None:
    one = enter()
    one.leave()
    one.thread.join(5)
    assert not one.thread.is_alive()


def test_a_thread_that_cannot_be_started_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        enter()
    assert loop._current is None


def test_in_a_forked_child_it_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hook does, without a fork: a real one is in test_server.py."""
    orphaned: list[Served] = []

    def orphan(self: Recorder) -> None:
        orphaned.append(self)

    monkeypatch.setattr(Recorder, "orphan", orphan)
    parents = Loop()
    recorder = Recorder.__new__(Recorder)
    parents._served.add(recorder)
    monkeypatch.setattr(loop, "_current", parents)
    loop._after_fork()
    assert loop._current is None
    assert orphaned == [recorder]
    loop._after_fork()
    assert orphaned == [recorder]


def test_what_is_served_must_say_how() -> None:
    served = Served()
    calls = (served.fileno, served.wishes, served.break_off, served.let_go, served.orphan)
    for call in (*calls, lambda: served.on_events(READ), lambda: served.on_deadline(0.0)):
        with pytest.raises(NotImplementedError):
            call()


def test_who_was_let_go_in_the_same_turn_is_not_called(recorder: Recorder) -> None:
    recorder.loop.attend(recorder)
    gone = Recorder()
    gone.loop.attend(gone)
    gone.end()
    key = SelectorKey(recorder, 0, READ, gone)
    recorder.loop.call(lambda: recorder.loop._serve([(key, READ)]))
    recorder.other.send(b"x")
    until(lambda: recorder.log)
    assert gone.log == [("let go",)]
