"""Two connections in memory, and any sequence of calls on both."""

import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wsline.connection import Connection
from wsline.errors import ConcurrencyError, ConnectionClosed, InvalidState
from wsline.options import Options
from wsline.spec import CloseCode, Role, State
from wsline.wire.messages import HEADROOM
from wsline.wire.prepared import PreparedMessage

ROLES = st.sampled_from(Role)
PAYLOADS = st.one_of(st.text(st.characters(codec="utf-8"), max_size=200), st.binary(max_size=200))


class TwoEnds(RuleBasedStateMachine):
    """Messages arrive whole, once and in the order in which the sender's rules put them on the wire."""

    @initialize()
    def connect(self) -> None:
        self.now = 0.0
        self.ends = {role: Connection(role, Options(), lambda: self.now) for role in Role}
        for end in self.ends.values():
            end.open()
        self.line: dict[Role, bytearray] = {role: bytearray() for role in Role}  # towards it
        self.sent: dict[Role, list[Any]] = {role: [] for role in Role}
        self.heard: dict[Role, list[Any]] = {role: [] for role in Role}
        # What each end writes: a fragmented message, a streamed one, and what waits behind them.
        self.parts: dict[Role, Any] = dict.fromkeys(Role)
        self.stream: dict[Role, Any] = dict.fromkeys(Role)
        self.aside: dict[Role, list[Any]] = {role: [] for role in Role}
        self.after: dict[Role, list[Any]] = {role: [] for role in Role}

    # -- the model of one sender

    def finish(self, role: Role, message: Any) -> None:
        """Note a finished message, and the frames that waited for its end."""
        place = self.sent[role] if self.stream[role] is None else self.aside[role]
        place.append(message)
        place += self.after[role]
        self.after[role] = []

    def can_send(self, role: Role) -> bool:
        return self.ends[role].state == State.OPEN

    @rule(role=ROLES, data=PAYLOADS, fin=st.booleans())
    def send(self, role: Role, data: str | bytes, fin: bool) -> None:
        end = self.ends[role]
        part = self.parts[role]
        if part is not None and type(part) is not type(data):
            data = data.encode() if isinstance(data, str) else data.decode("latin-1")
        write = end.send_text if isinstance(data, str) else end.send_binary
        try:
            write(data, fin)  # type: ignore[arg-type]
        except ConnectionClosed:
            assert not self.can_send(role)
            return
        assert self.can_send(role)
        whole = data if part is None else part + data
        self.parts[role] = None if fin else whole
        if fin:
            self.finish(role, whole)

    @rule(role=ROLES, data=st.binary(max_size=20))
    def send_prepared(self, role: Role, data: bytes) -> None:
        try:
            self.ends[role].send_prepared(PreparedMessage(data), True)
        except ConnectionClosed:
            assert not self.can_send(role)
            return
        if self.parts[role] is not None:
            self.after[role].append(data)
        else:
            self.finish(role, data)

    @rule(role=ROLES)
    def begin_stream(self, role: Role) -> None:
        try:
            self.ends[role].begin_stream()
        except ConnectionClosed:
            assert not self.can_send(role)
        except ConcurrencyError:
            assert self.parts[role] is not None or self.stream[role] is not None
        else:
            assert self.parts[role] is None
            assert self.stream[role] is None
            self.stream[role] = ""

    @rule(role=ROLES, data=st.text(st.characters(codec="utf-8"), max_size=20), fin=st.booleans())
    def send_fragment(self, role: Role, data: str, fin: bool) -> None:
        try:
            self.ends[role].send_fragment(data, fin)
        except ConnectionClosed:
            assert not self.can_send(role)
            return
        except InvalidState:
            assert self.stream[role] is None
            return
        self.stream[role] += data
        if fin:
            self.sent[role] += [self.stream[role], *self.aside[role]]
            self.stream[role] = None
            self.aside[role] = []

    @rule(role=ROLES, payload=st.one_of(st.none(), st.binary(max_size=125)))
    def ping(self, role: Role, payload: bytes | None) -> None:
        try:
            self.ends[role].send_ping(payload)
        except ConnectionClosed:
            assert not self.can_send(role)

    @rule(role=ROLES, payload=st.binary(max_size=125))
    def pong(self, role: Role, payload: bytes) -> None:
        try:
            self.ends[role].send_pong(payload)
        except ConnectionClosed:
            assert not self.can_send(role)

    @rule(role=ROLES, blocked=st.booleans())
    def block(self, role: Role, blocked: bool) -> None:
        end = self.ends[role]
        if end.state == State.CLOSED:
            return  # there is no socket any more
        end.output.blocked = blocked
        if blocked:
            end.on_blocked()
        else:
            end.on_progress()

    # -- the line

    @rule(role=ROLES)
    def carry(self, role: Role) -> None:
        self.line[role.peer] += self.ends[role].output.take()

    @rule(role=ROLES, n=st.integers(1, 500))
    def arrive(self, role: Role, n: int) -> None:
        line = self.line[role]
        buffer = bytearray(HEADROOM) + line[:n]
        del line[:n]
        end = self.ends[role]
        events = end.receive(buffer, HEADROOM, len(buffer))
        self.heard[role] += [each for each in events if isinstance(each, str | bytes)]
        end.acknowledge_close()

    @rule(role=ROLES, seconds=st.sampled_from([0.1, 1.0, 8.0]))
    def wait(self, role: Role, seconds: float) -> None:
        self.now += seconds
        for end in self.ends.values():
            if end.deadline is not None and end.deadline <= self.now:
                end.on_deadline(self.now)

    # -- the end

    @precondition(lambda self: len(self.sent[Role.CLIENT]) + len(self.sent[Role.SERVER]) > 3)
    @rule(role=ROLES, code=st.sampled_from([None, 1000, 1001, 4999]))
    def close(self, role: Role, code: int | None) -> None:
        self.ends[role].send_close(code, "" if code is None else "bye")

    @precondition(lambda self: len(self.sent[Role.CLIENT]) + len(self.sent[Role.SERVER]) > 5)
    @rule(role=ROLES, how=st.sampled_from(["eof", "terminate", "end", "fail"]))
    def finish_it(self, role: Role, how: str) -> None:
        end = self.ends[role]
        if how == "eof":
            end.receive_eof()
        elif how == "terminate":
            end.terminate()
        elif how == "end":
            end.end(OSError("gone"))
        else:
            end.fail(ValueError("why"), CloseCode.INTERNAL_ERROR, "failed")

    # -- what holds always

    @invariant()
    def each_hears_what_the_other_says(self) -> None:
        for role in Role:
            heard, sent = self.heard[role], self.sent[role.peer]
            assert heard == sent[: len(heard)]

    @invariant()
    def nobody_is_blamed(self) -> None:
        for end in self.ends.values():
            assert type(end.cause).__name__ != "RemoteProtocolError", end.cause
            info = end.close_info
            assert info.hint
            assert info.was_clean == (info.local_code is not None and info.peer_code is not None)
            if end.state == State.CLOSED:
                assert end.deadline is None
                assert end.output.pending() == 0

    def teardown(self) -> None:
        """Let all that is on the way arrive: then both have heard all that was sent."""
        if any(end.state != State.OPEN for end in self.ends.values()):
            return
        for _ in range(2):
            for role in Role:
                self.carry(role)
                self.arrive(role.peer, 1 << 20)
        for role in Role:
            assert self.heard[role] == self.sent[role.peer]
            assert self.ends[role].state == State.OPEN


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    max_examples=150,
    stateful_step_count=40,
    database=None,
)
