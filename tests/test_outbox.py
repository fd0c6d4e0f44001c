"""What waits for a broker: order, bounds, and the count of each message."""

from hypothesis import given
from hypothesis import strategies as st

from wsline.outbox import Outbox


def counts(outbox: Outbox) -> tuple[int, int, int, int]:
    return outbox.published, outbox.sent, outbox.dropped, outbox.unconfirmed


def test_in_order_and_in_batches() -> None:
    outbox = Outbox(1000)
    for number in range(5):
        assert outbox.put("t", b"%d" % number) is True
    assert (len(outbox), outbox.size) == (5, 10)
    assert outbox.take(100, 3, None) == [("t", b"0"), ("t", b"1"), ("t", b"2")]
    assert outbox.has_more()
    assert (len(outbox), outbox.size) == (5, 10), "it waits until it is confirmed"
    outbox.confirm()
    assert (len(outbox), outbox.size) == (2, 4)
    assert [data for _, data in outbox.take(1, 3, None)] == [b"3"]
    outbox.lose()
    assert [data for _, data in outbox.take(100, 3, None)] == [b"4"]
    assert not outbox.has_more()
    outbox.confirm()
    assert (len(outbox), outbox.size) == (0, 0)
    assert outbox.take(100, 3, None) == []
    assert counts(outbox) == (5, 4, 0, 1)


def test_a_batch_has_at_least_one() -> None:
    outbox = Outbox(1000)
    outbox.put("t", b"x" * 500)
    outbox.put("t", b"y")
    assert len(outbox.take(10, 10, None)) == 1


def test_the_bound() -> None:
    outbox = Outbox(10)
    assert outbox.put("t", b"x" * 9) is True
    assert outbox.put("t", b"") is False
    assert counts(outbox) == (2, 0, 1, 0)
    outbox.take(100, 10, None)
    assert outbox.put("t", b"") is False, "what is on its way takes room, too"
    outbox.confirm()
    assert outbox.put("t", b"") is True


def test_what_is_too_long_for_the_broker_is_dropped() -> None:
    outbox = Outbox(1000)
    for length in (5, 6, 4):
        outbox.put("t", b"x" * length)
    assert [len(data) for _, data in outbox.take(100, 10, 5)] == [5, 4]
    assert counts(outbox) == (3, 0, 1, 0)
    outbox.confirm()
    assert outbox.size == 0


def test_the_end() -> None:
    outbox = Outbox(1000)
    for _ in range(4):
        outbox.put("t", b"x")
    outbox.take(100, 1, None)
    outbox.discard()
    assert counts(outbox) == (4, 0, 3, 1)
    assert (len(outbox), outbox.size) == (0, 0)


@given(st.lists(st.sampled_from(["put", "put", "take", "confirm", "lose", "discard"])))
def test_every_message_is_accounted_for(steps: list[str]) -> None:
    outbox = Outbox(60)
    for number, step in enumerate(steps):
        if step == "put":
            outbox.put("t", b"x" * (number % 20))
        elif step == "take":
            outbox.take(20, 3, 15)
        else:
            getattr(outbox, step)()
        assert outbox.published == outbox.sent + outbox.dropped + outbox.unconfirmed + len(outbox)
        assert 0 <= outbox.size <= 60
    outbox.discard()
    assert outbox.size == 0
