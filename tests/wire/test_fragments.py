"""Messages that are wanted in their fragments: kept apart, or one by one as they come."""

from typing import Any

import pytest

from tests.wire.raw import BINARY, CONTINUATION, PING, TEXT, build, feed, key_from, provoke
from wsline.options import Options
from wsline.spec import Role
from wsline.wire.fragments import Fragment, KeptFragments, Unpacked
from wsline.wire.messages import MessageReader, Ping

KIB = 1024


def new_reader(**options: Any) -> MessageReader:
    return MessageReader(Role.CLIENT, Options(**options))


def streaming(**options: Any) -> MessageReader:
    reader = new_reader(**options)
    reader.stream_next()
    return reader


def keeping() -> MessageReader:
    reader = new_reader()
    reader.split().keeps = True
    return reader


def shown(events: list[Any]) -> list[Any]:
    """Return events as plain values."""
    plain: list[Any] = []
    for event in events:
        if isinstance(event, Fragment):
            plain.append((event.data, event.fin))
        else:
            plain.append(event.parts if isinstance(event, KeptFragments) else event)
    return plain


def fragmented(opcode: int, *parts: bytes) -> bytes:
    """Return a message in frames."""
    frames = [build(opcode if not i else CONTINUATION, part, fin=False) for i, part in enumerate(parts[:-1])]
    return b"".join(frames) + build(CONTINUATION if frames else opcode, parts[-1])


# -- kept apart


def test_kept_fragments_come_at_the_end_of_the_message() -> None:
    reader = keeping()
    assert feed(reader, build(BINARY, b"a", fin=False) + build(CONTINUATION, b"", fin=False)) == []
    (message,) = feed(reader, build(CONTINUATION, b"bc"))
    assert message.parts == [b"a", b"", b"bc"]
    assert len(message) == 3
    assert feed(reader, build(BINARY, b"whole")) == [b"whole"]
    assert shown(feed(reader, fragmented(BINARY, b"d", b"e"))) == [[b"d", b"e"]]
    assert reader.messages == 3


def test_text_is_never_kept_in_fragments() -> None:
    assert feed(keeping(), fragmented(TEXT, b"\xc3", b"\xbc")) == ["ü"]


def test_a_message_ends_as_it_began_when_they_are_not_kept_any_more() -> None:
    reader = keeping()
    feed(reader, build(BINARY, b"a", fin=False))
    reader.split().keeps = False
    assert shown(feed(reader, build(CONTINUATION, b"b"))) == [[b"a", b"b"]]
    assert feed(reader, fragmented(BINARY, b"a", b"b")) == [b"ab"]


def test_what_was_joined_before_is_one_fragment() -> None:
    reader = new_reader()
    feed(reader, build(BINARY, b"a", fin=False) + build(CONTINUATION, b"b", fin=False))
    reader.split().keeps = True
    assert shown(feed(reader, build(CONTINUATION, b"c"))) == [[b"abc"]]


# -- as they come


@pytest.mark.parametrize("size", [None, 1])
def test_fragments_come_one_by_one(size: int | None) -> None:
    reader = streaming()
    data = build(BINARY, b"a", fin=False) + build(PING, b"p") + build(CONTINUATION, b"", fin=False)
    assert shown(feed(reader, data, size)) == [(b"a", False), Ping(b"p"), (b"", False)]
    assert shown(feed(reader, build(CONTINUATION, b"bc"), size)) == [(b"bc", True)]
    assert feed(reader, fragmented(BINARY, b"d", b"e"), size) == [b"de"], "one message only"
    assert (reader.messages, reader.pings) == (2, 1)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_whole_message_is_one_fragment(opcode: int) -> None:
    reader = streaming()
    first, second = feed(reader, build(opcode, b"x") + build(opcode, b"y"))
    whole: dict[int, list[str | bytes]] = {TEXT: ["x", "y"], BINARY: [b"x", b"y"]}
    assert (first.data, first.fin, len(first)) == (whole[opcode][0], True, 1)
    assert second == whole[opcode][1]


def test_an_empty_message_is_an_empty_fragment() -> None:
    assert shown(feed(streaming(), build(TEXT, b""))) == [("", True)]


def test_a_character_may_be_cut() -> None:
    reader = streaming()
    text = "ü😀x".encode()
    parts = [text[at : at + 1] for at in range(len(text))]
    found = shown(feed(reader, fragmented(TEXT, *parts)))
    assert [fin for _, fin in found] == [False] * (len(text) - 1) + [True]
    assert [part for part, _ in found] == ["", "ü", "", "", "", "😀", "x"]


@pytest.mark.parametrize("parts", [(b"a\xff", b"b"), (b"\xc3", b"x"), (b"a", b"\xc3")])
def test_ill_formed_text_fails(parts: tuple[bytes, ...]) -> None:
    error = provoke(streaming(), fragmented(TEXT, *parts))
    assert error.code == "INVALID_UTF8"


def test_ill_formed_text_is_mended_where_that_is_asked_for() -> None:
    reader = streaming(skip_utf8_validation=True)
    assert shown(feed(reader, fragmented(TEXT, b"a\xff\xc3", b"\xbc", b"\xc3"))) == [
        ("a\ufffd", False),
        ("ü", False),
        ("\ufffd", True),
    ]


def test_a_message_that_has_begun_goes_on_in_fragments() -> None:
    reader = new_reader()
    feed(reader, build(TEXT, b"a", fin=False) + build(CONTINUATION, b"b", fin=False))
    assert shown(reader.stream_next()) == [("ab", False)]
    assert shown(feed(reader, build(CONTINUATION, b"c", fin=False))) == [("c", False)]
    assert shown(feed(reader, build(CONTINUATION, b"d"))) == [("d", True)]


def test_kept_fragments_come_first_when_the_rest_is_streamed() -> None:
    reader = keeping()
    feed(reader, fragmented(BINARY, b"a", b"b", b"")[:-2])
    assert shown(reader.stream_next()) == [(b"a", False), (b"b", False)]
    assert shown(feed(reader, build(CONTINUATION, b"c"))) == [(b"c", True)]


def test_large_frames_come_in_pieces() -> None:
    reader = streaming(max_buffered_chunks=20)
    payload = bytes(range(256)) * 4 * KIB
    pieces = feed(reader, build(BINARY, payload), 10_000)
    assert len(pieces) == 15
    assert {len(each) for each in pieces[:-1]} == {70_000 - 10, 70_000}
    assert [each.fin for each in pieces] == [False] * 14 + [True]
    assert b"".join(each.data for each in pieces) == payload


def test_pieces_of_text_are_cut_between_characters() -> None:
    text = "€" * 50_000
    pieces = feed(streaming(), build(TEXT, text.encode()), 70_000)
    assert len(pieces) == 3
    assert "".join(each.data for each in pieces) == text


def test_the_limit_is_for_the_whole_message() -> None:
    reader = streaming(max_payload=100)
    assert len(feed(reader, build(BINARY, bytes(60), fin=False))) == 1
    error = provoke(reader, build(CONTINUATION, bytes(41)))
    assert error.code == "UNSUPPORTED_MESSAGE_LENGTH"
    assert "101 bytes" in str(error)
    reader = streaming(max_payload=100)
    parts = [bytes(60), bytes(40)]
    assert len(feed(reader, fragmented(BINARY, *parts) + fragmented(BINARY, *parts))) == 3
    assert provoke(streaming(max_payload=3), build(TEXT, b"four")).code == "UNSUPPORTED_MESSAGE_LENGTH"


def test_the_bytes_of_a_cut_character_count_once() -> None:
    reader = streaming(max_payload=4)
    assert shown(feed(reader, fragmented(TEXT, b"\xf0", b"\x9f", b"\x98", b"\x80"))) == [
        ("", False),
        ("", False),
        ("", False),
        ("😀", True),
    ]


def test_nothing_is_kept_after_drop() -> None:
    reader = keeping()
    feed(reader, build(BINARY, b"secret", fin=False))
    reader.drop()
    assert reader.split().size == 0
    assert feed(reader, build(CONTINUATION, b"x")) == []


def test_a_server_unmasks_fragments() -> None:
    reader = MessageReader(Role.SERVER, Options())
    reader.stream_next()
    key = key_from(Role.SERVER)
    data = build(BINARY, b"masked", fin=False, key=key) + build(CONTINUATION, b" too", key=key)
    assert shown(feed(reader, data)) == [(b"masked", False), (b" too", True)]
    assert reader.bytes_read == len(data)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_what_has_come_of_a_message_is_there_at_once(opcode: int) -> None:
    reader = new_reader()
    assert feed(reader, build(opcode, b"one", fin=False) + build(CONTINUATION, b"two", fin=False)) == []
    begun = b"onetwo" if opcode == BINARY else "onetwo"
    assert shown(reader.stream_next()) == [(begun, False)]
    last = b"end" if opcode == BINARY else "end"
    assert shown(feed(reader, build(CONTINUATION, b"end"))) == [(last, True)]
    assert feed(reader, build(TEXT, b"whole")) == ["whole"]


def test_half_a_character_of_what_has_come_goes_on_with_the_next() -> None:
    reader = new_reader()
    feed(reader, build(TEXT, b"a\xc3", fin=False))
    assert shown(reader.stream_next()) == [("a", False)]
    assert shown(feed(reader, build(CONTINUATION, b"\xa9"))) == [("é", True)]


def test_what_has_come_of_a_frame_is_not_there_before_its_end() -> None:
    reader = new_reader()
    frame = build(BINARY, b"abcdef", fin=False)
    feed(reader, frame[:-2])
    assert reader.stream_next() == []
    assert shown(feed(reader, frame[-2:])) == [(b"abcdef", False)]


# -- taken one by one


@pytest.mark.parametrize(
    ("items", "parts"),
    [
        (["whole"], ["whole"]),
        ([b""], [b""]),
        ([KeptFragments([b"a", b"b", b"c"])], [b"a", b"b", b"c"]),
        ([Fragment("a", False), Fragment("", False), Fragment("b", True)], ["a", "", "b"]),
    ],
    ids=["text", "empty", "kept", "one by one"],
)
def test_a_message_is_unpacked(items: list[Any], parts: list[Any]) -> None:
    message = Unpacked()
    assert not message.has_begun
    taken: list[Any] = []
    for item in items:
        assert not message.has_ended
        message.put(item)
        while message:
            taken.append(message.take())
            assert message.has_begun
    assert taken == parts
    assert message.has_ended
