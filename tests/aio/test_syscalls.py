"""Receive, send, and wait for readiness, on socket pairs."""

import errno
import os
import select
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from wsline.aio.syscalls import HAS_EPOLL, READABLE, WOULD_BLOCK, WRITABLE, Poller, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def poller() -> Iterator[Poller]:
    each = Poller()
    yield each
    each.close()


def closed_descriptor() -> int:
    one, other = socket.socketpair()
    fd = one.fileno()
    # Not the lowest one: that would be given to the next that asks.
    high = os.dup2(fd, 512)
    one.close()
    other.close()
    os.close(high)
    return high


def reset_pair() -> Pair:
    """A TCP connection whose peer has reset it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()
    return one, other


# -- receive and send


def test_bytes_go_from_a_buffer_to_a_buffer(pair: Pair) -> None:
    one, other = pair
    assert send(one.fileno(), bytearray(b"--hello--"), 2, 5) == 5
    buffer = bytearray(b"." * 10)
    assert receive(other.fileno(), buffer, 3, 6) == 5
    assert buffer == b"...hello.."
    buffer.append(0)  # it is not held any more


def test_no_more_than_asked_is_taken(pair: Pair) -> None:
    one, other = pair
    assert send(one.fileno(), bytearray(b"abcdef"), 0, 4) == 4
    buffer = bytearray(b"." * 6)
    assert receive(other.fileno(), buffer, 1, 3) == 3
    assert buffer == b".abc.."
    assert receive(other.fileno(), buffer, 0, 6) == 1
    assert buffer == b"dabc.."


def test_without_bytes_it_would_block(pair: Pair) -> None:
    buffer = bytearray(b"....")
    assert receive(pair[0].fileno(), buffer, 0, 4) == WOULD_BLOCK == -1
    assert buffer == b"...."


def test_without_room_it_would_block(pair: Pair) -> None:
    one, other = pair
    block = bytearray(1 << 16)
    sent = 0
    while (n := send(one.fileno(), block, 0, len(block))) != WOULD_BLOCK:
        assert n > 0
        sent += n
    assert sent > 0
    received = 0
    while (n := receive(other.fileno(), block, 0, len(block))) != WOULD_BLOCK:
        received += n
    assert received == sent
    assert send(one.fileno(), block, 0, 10) == 10


def test_the_end_of_the_stream(pair: Pair) -> None:
    one, other = pair
    assert send(one.fileno(), bytearray(b"last"), 0, 4) == 4
    one.shutdown(socket.SHUT_WR)
    buffer = bytearray(8)
    assert receive(other.fileno(), buffer, 0, 8) == 4
    assert receive(other.fileno(), buffer, 0, 8) == 0
    assert receive(other.fileno(), buffer, 0, 8) == 0
    assert send(other.fileno(), bytearray(b"still"), 0, 5) == 5, "the other way is open"


def test_sending_to_who_has_gone_is_a_broken_pipe(pair: Pair) -> None:
    one, other = pair
    other.close()
    with pytest.raises(BrokenPipeError) as caught:
        send(one.fileno(), bytearray(b"x"), 0, 1)
    assert caught.value.errno == errno.EPIPE
    assert caught.value.strerror == os.strerror(errno.EPIPE)


def test_a_connection_that_was_reset() -> None:
    one, _ = reset_pair()
    with one:
        with pytest.raises(ConnectionResetError) as caught:
            receive(one.fileno(), bytearray(4), 0, 4)
        assert caught.value.errno == errno.ECONNRESET
        with pytest.raises(BrokenPipeError):
            send(one.fileno(), bytearray(4), 0, 4)


def test_a_descriptor_that_is_closed() -> None:
    for fd in (closed_descriptor(), -1):
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            receive(fd, bytearray(4), 0, 4)
        assert caught.value.errno == errno.EBADF
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            send(fd, bytearray(4), 0, 4)
        assert caught.value.errno == errno.EBADF


# -- readiness


def ready(poller: Poller, most: int = 256) -> dict[int, int]:
    n = poller.wait(most)
    found = {poller.fd_at(i): poller.events_at(i) for i in range(n)}
    assert len(found) == n
    return found


def test_epoll_is_there_where_python_has_it() -> None:
    assert hasattr(select, "epoll") == HAS_EPOLL
    assert sys.platform == "linux" or not HAS_EPOLL


def test_the_numbers_are_those_of_epoll() -> None:
    assert (select.EPOLLIN, select.EPOLLOUT) == (READABLE, WRITABLE)


def test_a_poller_tells_what_is_ready(poller: Poller, pair: Pair) -> None:
    one, other = pair
    poller.add(one.fileno(), READABLE)
    poller.add(other.fileno(), READABLE | WRITABLE)
    assert ready(poller) == {other.fileno(): WRITABLE}
    one.send(b"x")
    other.send(b"y")
    expected = {one.fileno(): READABLE, other.fileno(): READABLE | WRITABLE}
    assert ready(poller) == expected
    assert ready(poller) == expected, "as long as it is so"
    one.recv(1)
    assert ready(poller) == {other.fileno(): READABLE | WRITABLE}


def test_what_is_watched_for_can_be_changed(poller: Poller, pair: Pair) -> None:
    one, other = pair
    poller.add(one.fileno(), READABLE)
    other.send(b"x")
    poller.change(one.fileno(), WRITABLE)
    assert ready(poller) == {one.fileno(): WRITABLE}
    poller.change(one.fileno(), 0)
    assert ready(poller) == {}
    poller.change(one.fileno(), READABLE)
    assert ready(poller) == {one.fileno(): READABLE}


def test_what_is_removed_is_not_told(poller: Poller, pair: Pair) -> None:
    one, other = pair
    poller.add(one.fileno(), READABLE)
    other.send(b"x")
    poller.remove(one.fileno())
    assert ready(poller) == {}
    poller.add(one.fileno(), READABLE)
    assert ready(poller) == {one.fileno(): READABLE}


def test_a_hang_up_is_told_unasked(poller: Poller, pair: Pair) -> None:
    one, other = pair
    poller.add(one.fileno(), 0)
    other.close()
    assert ready(poller)[one.fileno()] & ~WRITABLE
    reset, _ = reset_pair()
    with reset:
        poller.add(reset.fileno(), 0)
        assert ready(poller)[reset.fileno()] & ~WRITABLE


def test_no_more_than_asked_are_told(poller: Poller) -> None:
    pairs = [socket.socketpair() for _ in range(5)]
    try:
        for one, _ in pairs:
            poller.add(one.fileno(), WRITABLE)
        assert len(ready(poller, 2)) == 2
        assert len(ready(poller, 100)) == 5
        assert len(ready(poller, 1000)) == 5
    finally:
        for one, other in pairs:
            one.close()
            other.close()


def test_wrong_use_is_an_error(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    with pytest.raises(FileNotFoundError):
        poller.change(fd, READABLE)
    with pytest.raises(FileNotFoundError):
        poller.remove(fd)
    poller.add(fd, READABLE)
    with pytest.raises(FileExistsError):
        poller.add(fd, READABLE)
    with pytest.raises(OSError, match="Bad file descriptor"):
        poller.add(closed_descriptor(), READABLE)


def test_a_poller_is_one_descriptor(pair: Pair) -> None:
    poller = Poller()
    fd = poller.fileno()
    assert not os.get_inheritable(fd)
    poller.add(pair[0].fileno(), READABLE)
    assert select.select([fd], [], [], 0)[0] == []
    pair[1].send(b"x")
    assert select.select([fd], [], [], 10)[0] == [fd]
    poller.close()
    poller.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_poller_that_is_forgotten_is_closed() -> None:
    poller = Poller()
    fd = poller.fileno()
    os.fstat(fd)
    del poller
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
