"""The listening sockets of workers."""

import errno
import socket
from pathlib import Path

import pytest

from wsline.aio.places import can_divide, open_place
from wsline.aio.worker import Place


def test_each_worker_has_its_own_at_one_port() -> None:
    place = Place(host="127.0.0.1")
    assert can_divide(place)
    first = open_place(place, None)
    port = first[0].getsockname()[1]
    second = open_place(place, port)
    try:
        assert [each.getsockname() for each in second] == [("127.0.0.1", port)]
        with pytest.raises(OSError, match="Address already in use") as caught:
            open_place(Place(host="127.0.0.1", port=port), None)
        assert caught.value.errno == errno.EADDRINUSE, "it is no other program's, by mistake"
    finally:
        for each in (*first, *second):
            each.close()


def test_all_addresses_of_a_host() -> None:
    sockets = open_place(Place(host="localhost"), None)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
        assert all(each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) for each in sockets)
    finally:
        for each in sockets:
            each.close()


def test_what_is_shared(tmp_path: Path) -> None:
    place = Place(unix_path=str(tmp_path / "s"))
    assert not can_divide(place)
    (sock,) = open_place(place, None)
    assert sock.getsockname() == str(tmp_path / "s")
    given = Place(sock=sock)
    assert not can_divide(given)
    assert open_place(given, None) == [sock]
    sock.close()
