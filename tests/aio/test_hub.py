"""The topics at work, with stand-ins for WebSockets: whom a message reaches, and what is told."""

from typing import Any

import pytest

from wsline import ConnectionClosedError, PreparedMessage, State
from wsline.aio.hub import Hub, send_to_all
from wsline.errors import CloseInfo
from wsline.options import ServerOptions


class Stub:
    """What a hub needs of a WebSocket."""

    OPEN = State.OPEN

    def __init__(self, state: State = State.OPEN, error: Exception | None = None) -> None:
        self.connection = self
        self.state = int(state)
        self.received: list[bytes] = []
        self._error = error
        self._session = self

    def send_prepared(self, message: PreparedMessage, compress: bool) -> None:
        if self._error is not None:
            raise self._error
        self.received.append(message.plain().payload)


def test_those_who_cannot_take_it_are_left_out() -> None:
    slow = Stub(error=ConnectionClosedError(CloseInfo(hint="too slow")))
    good, closing, excluded = Stub(), Stub(State.CLOSING), Stub()
    everybody = [slow, good, closing, excluded]
    assert send_to_all(everybody, PreparedMessage("x"), [excluded]) == 1
    assert [each.received for each in everybody] == [[], [b"x"], [], []]


def test_another_exception_is_not_swallowed() -> None:
    with pytest.raises(LookupError):
        send_to_all([Stub(error=LookupError())], PreparedMessage("x"), ())


def test_what_is_told() -> None:
    told: list[tuple[Any, ...]] = []
    hub = Hub(ServerOptions(), lambda *arguments: told.append(arguments))
    one, two = Stub(), Stub()
    hub.subscribe(one, "a")
    hub.subscribe(two, "a")
    hub.subscribe(two, "b")
    hub.unsubscribe(one, "a")
    hub.unsubscribe(one, "a")
    hub.drop(two)
    hub.drop(two)
    assert told == [
        ("topic_added", "a"),
        ("topic_added", "b"),
        ("topic_removed", "a"),
        ("topic_removed", "b"),
    ]
