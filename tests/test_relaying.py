"""The packets of the relay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.relaying import LONGEST, Order, Packets, build_packet
from wsline.topic_errors import MalformedEnvelope

PACKETS = st.lists(st.tuples(st.sampled_from(list(Order)), st.binary(max_size=20), st.binary(max_size=50)))


def test_a_packet() -> None:
    packet = build_packet(Order.MESSAGE, b"topic", b"data")
    assert packet == b"\0\0\0\x0c\x03\0\x05topicdata"
    assert list(Packets().feed(packet)) == [(Order.MESSAGE, b"topic", b"data")]


@given(PACKETS, st.integers(1, 40))
def test_in_pieces(packets: list[tuple[Order, bytes, bytes]], size: int) -> None:
    stream = b"".join(build_packet(*packet) for packet in packets)
    reader = Packets()
    found = [each for at in range(0, len(stream), size) for each in reader.feed(stream[at : at + size])]
    assert found == packets
    assert not reader._buffer


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x03\x00\0\0",  # no such order
        b"\0\0\0\x03\x05\0\0",
        b"\0\0\0\x03\x01\0\x01",  # a topic that is longer than the packet
        b"\xff\xff\xff\xff\x03\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_packet(data: bytes) -> None:
    with pytest.raises(MalformedEnvelope, match="no packet of a relay"):
        list(Packets().feed(data))


def test_the_longest() -> None:
    head = build_packet(Order.MESSAGE, b"t" * 1000)[:7]
    length = (3 + 1000 + LONGEST).to_bytes(4, "big")
    assert list(Packets().feed(length + head[4:])) == []
