"""What is told of a WebSocket is what its connection and its opening handshake say."""

from types import SimpleNamespace
from typing import Any

import pytest

from wsline.connection import Connection
from wsline.facts import Facts
from wsline.handshake.headers import Headers
from wsline.handshake.http1 import Request, Response
from wsline.options import ServerOptions
from wsline.spec import Role, State


class Told(Facts):
    def __init__(self, session: Any) -> None:
        self._session = session
        self._request = Request("GET", "/", Headers())
        self._response = Response(101)
        self._protocol = "chat"
        self._url = "ws://a/"
        self._extensions = ()
        self._binary_type = "bytes"


def told() -> tuple[Told, Connection]:
    connection = Connection(Role.SERVER, ServerOptions(), lambda: 5.0)
    session = SimpleNamespace(
        connection=connection, local_address="here", remote_address="there", ssl_object="tls"
    )
    return Told(session), connection


def state(ws: Told) -> State:
    return ws.ready_state


def test_the_opening_handshake() -> None:
    ws, _ = told()
    assert (ws.url, ws.protocol, ws.extensions) == ("ws://a/", "chat", ())
    assert ws.request.path == "/"
    assert ws.response is not None
    assert ws.response.status == 101
    assert (ws.local_address, ws.remote_address, ws.ssl_object) == ("here", "there", "tls")


def test_a_life() -> None:
    ws, connection = told()
    assert state(ws) is State.CONNECTING is Facts.CONNECTING
    connection.open()
    assert state(ws) is State.OPEN is Facts.OPEN
    assert ws.latency is None
    connection.pings.sent(b"x", 2.0, None)
    connection.pings.acknowledge(b"x", 3.5)
    assert ws.latency == 1.5
    connection.send_text("four", True)
    assert ws.buffered_amount == 6
    connection.send_close(1000, "bye")
    assert state(ws) is State.CLOSING is Facts.CLOSING
    assert (ws.close_code, ws.close_reason) == (None, None)
    assert (ws.close_info.local_code, ws.close_info.local_reason) == (1000, "bye")
    connection.receive_eof()
    assert state(ws) is State.CLOSED is Facts.CLOSED
    assert (ws.close_code, ws.close_reason) == (1006, "")
    assert ws.buffered_amount == 0


class Formed(Told):
    def _set_form(self, form: Any, keeps_fragments: bool) -> None:
        self.form, self.keeps_fragments = form, keeps_fragments


def test_a98_the_form_of_binary_messages() -> None:
    ws = Formed(told()[0]._session)
    assert ws.binary_type == "bytes"
    ws.binary_type = "bytes"
    assert not hasattr(ws, "form"), "what is not changed costs nothing"
    ws.binary_type = "fragments"
    assert ws.binary_type == "fragments"
    assert ws.keeps_fragments
    assert ws.form(b"x") == [b"x"]
    ws.binary_type = "bytearray"
    assert not ws.keeps_fragments
    with pytest.raises(ValueError, match="binary_type='blob': must be one of 'bytes', "):
        ws.binary_type = "blob"
    with pytest.raises(NotImplementedError):
        told()[0].binary_type = "fragments"


def test_stats_count_from_the_opening_on() -> None:
    ws, connection = told()
    connection.output.put(b"HTTP/1.1 101 ...", False, 0)
    connection.open()
    assert ws.stats.bytes_sent == 0
    connection.send_text("four", True)
    connection.output.consume(connection.output.pending())
    assert (ws.stats.bytes_sent, ws.stats.messages_sent) == (6, 1)
