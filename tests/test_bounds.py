"""Bounds that are no options."""

from wsline.bounds import CLOSING_SIZE, FULL_SIZE, LOW_SIZE, MESSAGE_COST, control_only, too_slow
from wsline.errors import SlowConsumer
from wsline.wire.close import Close
from wsline.wire.messages import Ping, Pong


def test_a_queue_is_low_well_before_it_is_full_again() -> None:
    assert 0 < MESSAGE_COST < LOW_SIZE < FULL_SIZE < CLOSING_SIZE


def test_control_frames_are_told_from_messages() -> None:
    control = [Ping(b"x"), Pong(b"y"), Close(1000)]
    assert control_only(["text", control[0], b"bytes", control[1], "", control[2]]) == control
    assert control_only([]) == []


def test_a_slow_consumer_is_told_by_its_numbers() -> None:
    error = too_slow(17, 5)
    assert type(error) is SlowConsumer
    assert str(error) == "the peer reads too slowly: 17 bytes wait to be sent (option max_buffered=5)"
