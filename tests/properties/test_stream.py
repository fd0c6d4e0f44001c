"""Whatever the bytes and however they are cut: the same events, from both twins."""

import codecs
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.streams import (
    PROFILE,
    Plan,
    cut,
    expected_events,
    mutations,
    plans,
    shown,
    wire_of,
)
from tests.twins import load_pure
from tests.wire.raw import build, outcome
from wsline.options import Options
from wsline.spec import Role
from wsline.wire.kernels import Assembly, Output
from wsline.wire.messages import MessageReader, MessageWriter

interpreted = load_pure("wire.messages", "wire.kernels", "wire.frames", "options", "spec")


@PROFILE
@given(plans(), st.data())
def test_any_chunking_gives_the_same_events(plan: Plan, data: st.DataObject) -> None:
    reader = MessageReader(plan.role, Options())
    wire = wire_of(plan)
    events, error = outcome(reader, iter(data.draw(cut(wire))))
    assert error is None
    assert shown(events) == expected_events(plan)


@PROFILE
@given(st.binary(max_size=300), st.sampled_from(Role), st.data())
def test_any_chunking_of_any_bytes_gives_the_same_end(wire: bytes, role: Role, data: st.DataObject) -> None:
    whole = outcome(MessageReader(role, Options()), iter([wire]))
    pieces = outcome(MessageReader(role, Options()), iter(data.draw(cut(wire))))
    assert shown(pieces[0]) == shown(whole[0])
    # An early error may stand for a later one of the same frame, never for none.
    assert (pieces[1] is None) == (whole[1] is None)


def make_readers(role: Role, **options: Any) -> Iterator[Any]:
    """Make a reader of each twin, as they are loaded."""
    yield MessageReader(role, Options(**options))
    yield interpreted.wire.messages.MessageReader(
        interpreted.spec.Role[role.name], interpreted.options.Options(**options)
    )


LIMITS = st.fixed_dictionaries(
    {
        "max_payload": st.sampled_from([None, 0, 10, 100]),
        "max_fragments": st.sampled_from([None, 1, 3]),
        "max_buffered_chunks": st.sampled_from([None, 2]),
        "skip_utf8_validation": st.booleans(),
    }
)


def agree(role: Role, pieces: list[bytes], options: dict[str, Any]) -> None:
    one, other = (outcome(reader, iter(pieces)) for reader in make_readers(role, **options))
    assert shown(one[0]) == shown(other[0])
    assert one[1] == other[1]


@pytest.mark.row(149)
@PROFILE
@given(st.binary(max_size=200), st.sampled_from(Role), LIMITS, st.data())
def test_the_twins_agree_on_random_bytes(
    wire: bytes, role: Role, options: dict[str, Any], data: st.DataObject
) -> None:
    agree(role, data.draw(cut(wire)), options)


@PROFILE
@given(plans(), LIMITS, st.data())
def test_the_twins_agree_on_mutated_streams(plan: Plan, options: dict[str, Any], data: st.DataObject) -> None:
    wire = data.draw(mutations(wire_of(plan)))
    agree(plan.role, data.draw(cut(wire)), options)


@pytest.mark.parametrize("name", ["wsline", "wsline_interpreted"])
@PROFILE
@given(plan=plans(), data=st.data())
def test_what_is_written_is_read(name: str, plan: Plan, data: st.DataObject) -> None:
    """Each twin writes with its own writer what this one reads."""
    messages = import_module(f"{name}.wire.messages")
    spec = import_module(f"{name}.spec")
    output = import_module(f"{name}.wire.kernels").Output()
    writer = messages.MessageWriter(spec.Role[plan.role.peer.name], output)
    for step in plan.steps:
        if step.kind == "message":
            parts = step.parts or [step.payload[:0]]
            for i, part in enumerate(parts):
                write = writer.write_text if isinstance(part, str) else writer.write_binary
                write(part, i == len(parts) - 1)
                for opcode, payload in step.between if i == 0 else []:
                    writer.write_control(spec.Opcode(opcode), payload)
        else:
            writer.write_control(spec.Opcode(step.opcode), step.payload)
    reader = MessageReader(plan.role, Options())
    events, error = outcome(reader, iter(data.draw(cut(output.take()))))
    assert error is None
    assert shown(events) == [each for each in expected_events(plan) if each[:1] != ("Close",)]


@PROFILE
@given(st.lists(st.binary(max_size=70), max_size=20), st.sampled_from(Role))
def test_the_twins_write_the_same_bytes(payloads: list[bytes], role: Role) -> None:
    output, other = Output(), interpreted.wire.kernels.Output()
    writer = MessageWriter(role, output, lambda: b"\x01\x80\xff\x00")
    twin = interpreted.wire.messages.MessageWriter(
        interpreted.spec.Role[role.name], other, lambda: b"\x01\x80\xff\x00"
    )
    for payload in payloads:
        for each in (writer, twin):
            each.write_binary(payload, True)
            each.write_text(payload.decode("latin-1"), True)
    assert output.pending() == other.pending()
    assert output.take() == other.take()


# -- UTF-8


def can_begin_text(data: bytes) -> bool:
    """Return whether some text begins with these bytes, by Python's own decoder."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return False
    rest, _ = decoder.getstate()
    # The decoder waits for the third byte of a surrogate, which cannot come.
    return not rest or any(is_text(rest + tail) for tail in TAILS)


TAILS = [b"\x80", b"\x80\x80", b"\x80\x80\x80", b"\xa0\x80", b"\x90\x80\x80"]


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_text(pieces: list[bytes]) -> None:
    for assembly in (Assembly(), interpreted.wire.kernels.Assembly()):
        seen = b""
        for piece in pieces:
            seen += piece
            assembly.append(piece, 0, len(piece), 0, 0)
            good = assembly.is_utf8()
            assert good == can_begin_text(seen), (seen, piece)
            if not good:
                break


TEXTUAL = st.one_of(
    st.binary(max_size=24),
    st.text(max_size=8).map(str.encode),
    st.lists(
        st.sampled_from(
            [bytes([each]) for each in b"a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xdf\xe0\xed\xef\xf0\xf4\xf5"]
        ),
        max_size=10,
    ).map(b"".join),
)


@PROFILE
@given(TEXTUAL)
@example("a€😀".encode())
@example(b"\xed\xa0\x80")
def test_text_is_judged_alike_at_every_split(data: bytes) -> None:
    for at in range(len(data) + 1):
        check_text([data[:at], data[at:]])
    check_text([bytes([each]) for each in data])


def test_all_pairs_of_bytes() -> None:
    for first in range(256):
        for second in range(256):
            check_text([bytes([first, second])])
            check_text([bytes([first]), bytes([second])])


BOUNDARIES = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]


def test_all_three_bytes_at_the_boundaries() -> None:
    for first in range(0xC0, 0x100):
        for second in BOUNDARIES:
            for third in BOUNDARIES:
                check_text([bytes([first, second, third])])


@PROFILE
@given(st.binary(max_size=40), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_the_twins_mask_alike(data: bytes, key: int, phase: int) -> None:
    kernels = import_module("wsline.wire.kernels")
    expected = interpreted.wire.kernels.masked(data, 0, len(data), key, phase)
    assert kernels.masked(data, 0, len(data), key, phase) == expected
    assert build(2, data, key=key.to_bytes(4, "little"))[6:] == interpreted.wire.kernels.masked(
        data, 0, len(data), key, 0
    )
