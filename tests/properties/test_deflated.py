"""Anything that can be sent, in any order, is what the peer's inflater makes of it.

The peer keeps one `zlib.decompressobj` over the whole connection: each message must refer only to what that
has seen, whoever compressed it.
"""

import os
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.raw import mask
from wsline.connection import Connection
from wsline.deflate import Deflate
from wsline.options import Options
from wsline.spec import DeflateParameters, Role
from wsline.wire.deflate import DeflateJob
from wsline.wire.prepared import PreparedMessage

TAIL = b"\x00\x00\xff\xff"

# Some refer to others at any distance, and some are long enough to be compressed elsewhere.
SMALL = [b"", b"a", b"hello hello", bytes(range(200)), b"the quick brown fox " * 20]
LARGE = [bytes(range(256)) * 30, bytes(range(255, 0, -1)) * 40, b"0123456789abcdef" * 600]
HUGE = [bytes(range(251)) * 1100, b"xyz" * 100_000]
DATA = st.sampled_from(SMALL * 4 + LARGE * 2 + HUGE)


class Inflating:
    """The peer: reads frames, and inflates with what it has agreed to."""

    def __init__(self, bits: int, keeps_context: bool) -> None:
        self.messages: list[bytes] = []
        self.controls: list[int] = []
        self._bits = bits
        self._keeps_context = keeps_context
        self._inflater = zlib.decompressobj(-bits)
        self._parts: list[bytes] = []
        self._compressed = False

    def read(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            first, second = data[at], data[at + 1]
            assert first & 0x30 == 0
            length, at = second & 0x7F, at + 2
            size = {126: 2, 127: 8}.get(length, 0)
            if size:
                length, at = int.from_bytes(data[at : at + size], "big"), at + size
            key, at = (data[at : at + 4], at + 4) if second > 0x7F else (b"", at)
            payload = data[at : at + length]
            assert len(payload) == length
            at += length
            self._frame(first, mask(payload, key) if key else payload)

    def _frame(self, first: int, payload: bytes) -> None:
        opcode, rsv1 = first & 0x0F, bool(first & 0x40)
        if opcode > 2:
            assert not rsv1
            self.controls.append(opcode)
            return
        assert (opcode == 0) == bool(self._parts), "fragments of two messages"
        if opcode:
            self._compressed = rsv1
        else:
            assert not rsv1
        self._parts.append(payload)
        if first & 0x80:
            whole = b"".join(self._parts)
            self._parts = []
            self.messages.append(self._inflate(whole) if self._compressed else whole)

    def _inflate(self, data: bytes) -> bytes:
        # In small steps: only so zlib looks no further than the window.
        message = b""
        data += TAIL
        while True:
            out = self._inflater.decompress(data, 64 if len(message) < 2000 else 1 << 16)
            data = self._inflater.unconsumed_tail
            message += out
            if not out and not data:
                break
        if not self._keeps_context:
            self._inflater = zlib.decompressobj(-self._bits)
        return message


class Sender:
    """Our end, and what it should have said."""

    def __init__(self, role: Role, bits: int, keeps_context: bool, options: Deflate) -> None:
        parameters = DeflateParameters(not keeps_context, not keeps_context, bits, bits)
        self.connection = Connection(role, Options(per_message_deflate=options), lambda: 0.0)
        self.connection.open(parameters)
        self.peer = Inflating(bits, keeps_context)
        self.said: list[bytes] = []
        self.after: list[bytes] = []  # prepared messages behind a fragmented one
        self.later: list[tuple[str, bytes]] = []  # behind a stream
        self.open: bytes | None = None
        self.stream: bytes | None = None
        self.jobs: list[DeflateJob] = []
        self.pings = 0

    def send(self, data: bytes, fin: bool, compress: bool) -> None:
        if compress:
            self.connection.send_binary(data, fin)
        else:
            self.connection.send_uncompressed(data, fin)
        self.open = (self.open or b"") + data
        if fin:
            self.note("message", self.open)
            self.open = None

    def note(self, kind: str, data: bytes) -> None:
        if self.stream is not None:
            self.later.append((kind, data))
        elif kind == "prepared" and self.open is not None:
            self.after.append(data)
        else:
            self.said.append(data)
            if kind == "message":
                self.said += self.after
                self.after = []

    def send_prepared(self, message: PreparedMessage, compress: bool) -> None:
        self.connection.send_prepared(message, compress)
        data = message.plain().payload
        if self.stream is not None:
            self.later.append(("held" if self.open is not None else "prepared", data))
        elif self.open is not None:
            self.after.append(data)
        else:
            self.said.append(data)

    def begin(self, compress: bool) -> None:
        if self.open is None and self.stream is None:
            self.connection.begin_stream(compress)
            self.stream = b""

    def fragment(self, data: bytes, fin: bool) -> None:
        if self.stream is None:
            return
        self.connection.send_fragment(data, fin)
        self.stream += data
        if fin:
            self.said.append(self.stream)
            self.stream = None
            held: list[bytes] = []
            for kind, each in self.later:
                if kind == "held":
                    held.append(each)
                else:
                    self.said.append(each)
                    if kind == "message":
                        self.said += held
                        held = []
            self.after = held
            self.later = []

    def ping(self) -> None:
        self.connection.send_ping(None)
        self.pings += 1

    def work(self) -> None:
        """Let the jobs go on by one step: one is taken, or run, or finished."""
        job = self.connection.take_job()
        if job is not None:
            self.jobs.append(job)
        elif self.jobs:
            job = self.jobs.pop(0)
            job.run()
            self.connection.finish_job(job)

    def carry(self) -> None:
        self.peer.read(self.connection.output.take())
        assert self.peer.messages == self.said[: len(self.peer.messages)]

    def end(self) -> None:
        if self.stream is not None:
            self.fragment(b"", True)
        if self.open is not None:
            self.send(b"", True, True)
        while self.jobs or self.connection.has_job():
            self.work()
        self.carry()
        assert self.peer.messages == self.said
        assert len(self.peer.controls) == self.pings
        assert self.connection.pending() == 0
        assert self.connection.cause is None


PREPARED = [PreparedMessage(each) for each in (*SMALL, *LARGE, HUGE[0])]
ACTIONS: Any = st.one_of(
    st.tuples(st.just("send"), DATA, st.booleans(), st.sampled_from([True, True, False])),
    st.tuples(st.just("send"), DATA, st.just(True), st.just(True)),
    st.tuples(st.just("send_prepared"), st.sampled_from(PREPARED), st.sampled_from([True, True, False])),
    st.tuples(st.just("begin"), st.booleans()),
    st.tuples(st.just("fragment"), DATA, st.booleans()),
    st.tuples(st.just("ping")),
    st.tuples(st.just("work")),
    st.tuples(st.just("carry")),
)


@pytest.mark.parametrize("keeps_context", [True, False])
@settings(deadline=None, max_examples=150, database=None, derandomize=os.environ.get("CI") == "true")
@given(
    st.sampled_from(Role),
    st.integers(8, 15),
    st.sampled_from([0, 100, 1024]),
    st.booleans(),
    st.sampled_from(["zlib", "zlib", "zlib-ng", "isal"]),
    st.lists(ACTIONS, max_size=25),
)
def test_the_window_is_what_the_peer_believes(
    keeps_context: bool,
    role: Role,
    bits: int,
    threshold: int,
    always: bool,
    implementation: str,
    actions: list[Any],
) -> None:
    options = Deflate(
        threshold=threshold,
        threshold_always=always,
        server_max_window_bits=bits,
        client_max_window_bits=bits,
        implementation=implementation,
    )
    sender = Sender(role, bits, keeps_context, options)
    for name, *arguments in actions:
        getattr(sender, name)(*arguments)
    sender.end()
