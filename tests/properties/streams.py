"""Random streams of frames, random ways to cut and to spoil them."""

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from tests.wire.raw import CLOSE, CONTINUATION, PING, PONG, TEXT, build
from wsline.spec import Role

# In CI the same examples each time; elsewhere new ones.
PROFILE = settings(deadline=None, derandomize=os.environ.get("CI") == "true", max_examples=200, database=None)


@dataclass
class Step:
    """A message with its fragments and what stands between them, or a control frame."""

    kind: str
    opcode: int
    payload: Any
    parts: list[Any] = field(default_factory=list)
    between: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass
class Plan:
    """What the end of this role receives."""

    role: Role
    steps: list[Step]
    key: bytes
    close: bytes | None


CONTROL_PAYLOADS = st.one_of(st.binary(max_size=8), st.binary(min_size=125, max_size=125))
CONTROLS = st.tuples(st.sampled_from([PING, PONG]), CONTROL_PAYLOADS)
SIZES = st.sampled_from([0, 1, 7, 8, 124, 125, 126, 127, 1000])


@st.composite
def messages(draw: st.DrawFn) -> Step:
    """Draw a message and its fragments; those of a text are texts."""
    is_text = draw(st.booleans())
    payload: Any
    if is_text:
        payload = draw(st.text(st.characters(codec="utf-8"), max_size=12)) * draw(
            st.sampled_from([0, 1, 1, 20])
        )
    else:
        payload = draw(
            st.one_of(st.binary(max_size=20), SIZES.map(lambda n: bytes(range(250)) * (n // 250 + 1)))
        )
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    edges = [0, *cuts, len(payload)]
    parts = [payload[a:b] for a, b in itertools.pairwise(edges)]
    between = draw(st.lists(CONTROLS, max_size=2))
    return Step("message", TEXT if is_text else 2, payload, parts, between)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw what one end receives."""
    control = CONTROLS.map(lambda each: Step("control", *each))
    steps = draw(st.lists(st.one_of(messages(), control), max_size=6))
    close = draw(st.sampled_from([None, b"", b"\x03\xe8", b"\x0f\xa0because"]))
    return Plan(draw(st.sampled_from(Role)), steps, draw(st.binary(min_size=4, max_size=4)), close)


def wire_of(plan: Plan) -> bytes:
    """Write the frames of a plan; the text is cut anywhere, in the middle of characters, too."""
    key = plan.key if plan.role is Role.SERVER else None
    wire = b""
    for step in plan.steps:
        if step.kind == "control":
            wire += build(step.opcode, step.payload, key=key)
            continue
        data = step.payload.encode() if isinstance(step.payload, str) else step.payload
        n = len(step.parts)
        size = len(data) // n + 1
        for i in range(n):
            part = data[i * size :] if i == n - 1 else data[i * size : (i + 1) * size]
            wire += build(step.opcode if i == 0 else CONTINUATION, part, fin=i == n - 1, key=key)
            if i == 0:
                for opcode, payload in step.between:
                    wire += build(opcode, payload, key=key)
    if plan.close is not None:
        wire += build(CLOSE, plan.close, key=key)
    return wire


def expected_events(plan: Plan) -> list[Any]:
    """Return what `shown` gives for the events of `wire_of(plan)`."""
    events: list[Any] = []
    names = {PING: "Ping", PONG: "Pong"}
    for step in plan.steps:
        if step.kind == "control":
            events.append((names[step.opcode], step.payload))
            continue
        between = [(names[opcode], payload) for opcode, payload in step.between]
        events += [step.payload, *between] if len(step.parts) == 1 else [*between, step.payload]
    if plan.close is not None:
        code = int.from_bytes(plan.close[:2], "big") if plan.close else 1005
        events.append(("Close", code, plan.close[2:].decode()))
    return events


def shown(events: list[Any]) -> list[Any]:
    """Return events of either twin in a form in which they can be compared."""
    made: list[Any] = []
    for each in events:
        name = type(each).__name__
        if name in ("Ping", "Pong"):
            made.append((name, each.payload))
        elif name == "Close":
            made.append((name, each.code, each.reason))
        else:
            assert type(each) in (str, bytes)
            made.append(each)
    return made


@st.composite
def cut(draw: st.DrawFn, wire: bytes) -> list[bytes]:
    """Draw a way to cut bytes into pieces."""
    if draw(st.integers(0, 9)) == 0:
        return [bytes([each]) for each in wire]
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=12, unique=True)))
    edges = [0, *cuts, len(wire)]
    return [wire[a:b] for a, b in itertools.pairwise(edges) if a < b]


@st.composite
def mutations(draw: st.DrawFn, wire: bytes) -> bytes:
    """Draw a stream with some bytes changed, dropped, or put in."""
    spoilt = bytearray(wire)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(spoilt)))
        how = draw(st.sampled_from(["change", "flip", "drop", "insert"]))
        if how == "insert":
            spoilt[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif at < len(spoilt):
            if how == "drop":
                del spoilt[at]
            else:
                change = draw(st.integers(1, 255)) if how == "change" else 1 << draw(st.integers(0, 7))
                spoilt[at] ^= change
    return bytes(spoilt)
