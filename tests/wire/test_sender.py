"""Whose turn it is to send: fragments of one message are not mixed with another's (RFC 6455 §5.4)."""

import pytest

from wsline.errors import ConcurrencyError, InvalidState
from wsline.spec import Opcode, Role
from wsline.wire.kernels import Output
from wsline.wire.prepared import PreparedMessage
from wsline.wire.sender import MessageSender

HELLO = b"\x81\x05hello"
FRAMED = b"\x82\x01f"
PREPARED = PreparedMessage(b"f")


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def sender(output: Output) -> MessageSender:
    return MessageSender(Role.SERVER, output)


def test_messages_go_out_as_they_are_sent(sender: MessageSender, output: Output) -> None:
    sender.send_text("hello", True)
    sender.send_binary(b"x", True)
    sender.send_prepared(PREPARED, True)
    sender.send_control(Opcode.PING, b"p")
    assert output.take() == HELLO + b"\x82\x01x" + FRAMED + b"\x89\x01p"
    assert sender.aside == 0


def test_a_client_masks(output: Output) -> None:
    sender = MessageSender(Role.CLIENT, output, lambda: b"\x01\x01\x01\x01")
    sender.send_binary(b"\x00\x01", True)
    assert output.take() == b"\x82\x82\x01\x01\x01\x01\x01\x00"


def test_a_framed_message_waits_for_the_end_of_a_fragmented_one(
    sender: MessageSender, output: Output
) -> None:
    sender.send_text("a", False)
    sender.send_prepared(PREPARED, True)
    sender.send_prepared(PREPARED, True)
    assert sender.aside == 2
    sender.send_control(Opcode.PONG, b"")
    sender.send_text("b", False)
    assert output.take() == b"\x01\x01a" + b"\x8a\x00" + b"\x00\x01b"
    sender.send_binary(b"c", True)
    assert output.take() == b"\x80\x01c" + FRAMED + FRAMED
    assert sender.aside == 0


def test_other_messages_follow_a_stream(sender: MessageSender, output: Output) -> None:
    sender.begin_stream()
    sender.send_fragment("a", False)
    sender.send_text("hello", True)
    sender.send_prepared(PREPARED, True)
    assert sender.aside == len(b"hello" + b"f")
    assert output.take() == b"\x01\x01a"
    sender.send_fragment("b", True)
    assert output.take() == b"\x80\x01b" + HELLO + FRAMED
    assert sender.aside == 0


def test_a_fragmented_message_that_began_during_a_stream_goes_on_after_it(
    sender: MessageSender, output: Output
) -> None:
    sender.begin_stream()
    sender.send_text("x", False)
    sender.send_prepared(PREPARED, True)
    sender.send_fragment(b"s", True)
    assert output.take() == b"\x82\x01s" + b"\x01\x01x"
    assert sender.aside == 1
    sender.send_text("y", True)
    assert output.take() == b"\x80\x01y" + FRAMED
    assert sender.aside == 0


def test_only_one_message_is_fragmented_at_a_time(sender: MessageSender) -> None:
    sender.begin_stream()
    with pytest.raises(ConcurrencyError):
        sender.begin_stream()
    sender.send_fragment(b"", True)
    sender.send_text("a", False)
    with pytest.raises(ConcurrencyError):
        sender.begin_stream()


def test_a_fragment_needs_a_stream(sender: MessageSender, output: Output) -> None:
    with pytest.raises(InvalidState, match="begin_stream"):
        sender.send_fragment("x", True)
    assert output.pending() == 0


def test_drop_forgets_what_was_set_aside(sender: MessageSender, output: Output) -> None:
    sender.begin_stream()
    sender.send_text("hello", True)
    sender.drop()
    assert sender.aside == 0
    sender.send_text("hello", True)
    assert output.take() == HELLO
