"""In which order addresses are tried, and what is told when none has answered."""

import errno

from wsline.handshake.addresses import all_failed, interleave

V4, V6 = 2, 10


def test_families_take_turns_and_keep_their_order() -> None:
    addresses = [(V6, "a"), (V6, "b"), (V6, "c"), (V4, "d"), (V4, "e")]
    assert interleave(addresses) == [(V6, "a"), (V4, "d"), (V6, "b"), (V4, "e"), (V6, "c")]


def test_the_family_of_the_first_address_begins() -> None:
    assert interleave([(V4, "a"), (V6, "b")]) == [(V4, "a"), (V6, "b")]
    assert interleave([(V6, "b"), (V4, "a")]) == [(V6, "b"), (V4, "a")]


def test_one_family_stays_as_it_is() -> None:
    assert interleave([(V4, "b"), (V4, "a")]) == [(V4, "b"), (V4, "a")]
    assert interleave([]) == []


def test_one_failure_is_told_as_it_is() -> None:
    error = ConnectionRefusedError(errno.ECONNREFUSED, "no")
    assert all_failed("h", 1, [error]) is error


def test_several_failures_are_told_in_one() -> None:
    errors = [OSError(errno.ENETUNREACH, "far"), ConnectionRefusedError(errno.ECONNREFUSED, "no")]
    error = all_failed("h", 1, errors)
    assert type(error) is ConnectionRefusedError
    assert error.strerror == "cannot connect to h:1: [Errno 101] far; [Errno 111] no"


def test_no_address_is_told() -> None:
    error = all_failed("h", 1, [])
    assert "cannot connect to h:1: it has no address" in str(error)
