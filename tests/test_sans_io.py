"""The protocol without I/O: what is public of it, and that it suffices."""

import subprocess
import sys
import time

import pytest

import wsline
from tests.architecture.tree import ROOT
from tests.wire.raw import PING, TEXT, Frame, build, key_from, parse
from wsline import sans_io
from wsline.sans_io import (
    HEADROOM,
    ClientHandshake,
    ClientOptions,
    Connection,
    MessageReader,
    MessageSender,
    Options,
    Output,
    Ping,
    Role,
    ServerHandshake,
    ServerOptions,
    State,
    parse_uri,
)

DOORS = {"asyncio", "socket", "ssl", "threading", "select"}


def test_a144_its_names_are_there_and_documented() -> None:
    assert len(set(sans_io.__all__)) == len(sans_io.__all__)
    bare = {name for name in sans_io.__all__ if not (getattr(sans_io, name).__doc__ or "").strip()}
    assert bare <= {"Output"}, "what is written in C has its words in the twin"


# What `ws` exports, and where it is here.
EXPORTS = {
    "WebSocket": (wsline, "WebSocket"),
    "WebSocketServer": (wsline, "WebSocketServer"),
    "createWebSocketStream": (wsline, "create_websocket_stream"),
    "PerMessageDeflate": (wsline, "Deflate"),
    "Receiver": (sans_io, "MessageReader"),
    "Sender": (sans_io, "MessageSender"),
    "extension.parse": (sans_io, "parse_extensions"),
    "extension.format": (sans_io, "build_extensions"),
    "subprotocol.parse": (sans_io.ServerHandshake, "offered_protocols"),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_a144_what_ws_exports_is_here(name: str) -> None:
    place, ours = EXPORTS[name]
    assert (getattr(place, ours).__doc__ or "").strip()
    assert ours in getattr(place, "__all__", [ours])


def test_a144_extensions_are_parsed_and_built() -> None:
    header = "permessage-deflate; client_max_window_bits; server_max_window_bits=10, x-other"
    offers = sans_io.parse_extensions(header)
    assert offers == [
        ("permessage-deflate", [("client_max_window_bits", None), ("server_max_window_bits", "10")]),
        ("x-other", []),
    ]
    assert sans_io.build_extensions(offers) == header
    with pytest.raises(ValueError, match="a token expected at index 2"):
        sans_io.parse_extensions("a;;b")


def connections() -> tuple[Connection, Connection]:
    """Open a client and a server by their handshakes, without a socket."""
    options = ClientOptions()
    asking = ClientHandshake(parse_uri("ws://example.org/chat"), options, ["one"])
    answering = ServerHandshake(ServerOptions())
    request = answering.receive(asking.build())
    assert request is not None
    answering.check(request)
    response = answering.accept(request, protocol=answering.choose_protocol(request))
    assert asking.receive(response.build()) is not None
    assert asking.protocol == "one"
    ends = (
        Connection(Role.CLIENT, options, time.monotonic),
        Connection(Role.SERVER, ServerOptions(), time.monotonic),
    )
    for each in ends:
        each.open()
    return ends


def carry(sender: Connection, receiver: Connection) -> list[object]:
    """Bring the bytes of one end to the other; return the events there."""
    buffer = bytearray(HEADROOM) + sender.output.take()
    events = receiver.receive(buffer, HEADROOM, len(buffer))
    receiver.acknowledge_close()
    return events


def test_a145_two_ends_talk_without_a_socket() -> None:
    client, server = connections()
    client.send_text("hello", True)
    client.send_binary(b"bytes", True)
    assert carry(client, server) == ["hello", b"bytes"]
    server.send_ping(b"p")
    assert carry(server, client) == [Ping(b"p")]
    assert [type(each).__name__ for each in carry(client, server)] == ["Pong"]
    server.send_close(1000, "bye")
    carry(server, client)
    carry(client, server)
    client.receive_eof()
    server.receive_eof()
    assert (client.state, server.state) == (State.CLOSED, State.CLOSED)
    assert client.close_info.was_clean
    assert client.close_info.reason == "bye"


def test_a145_a_reader_stands_alone() -> None:
    reader = MessageReader(Role.SERVER, Options())
    key = key_from(Role.SERVER)
    buffer = bytearray(HEADROOM) + build(TEXT, b"alone", key=key) + build(PING, b"p", key=key)
    events: list[object] = []
    reader.receive(buffer, HEADROOM, len(buffer), events)
    assert events == ["alone", Ping(b"p")]


def test_a145_a_sender_stands_alone() -> None:
    output = Output()
    sender = MessageSender(Role.CLIENT, output)
    sender.send_text("alone", True)
    assert parse(output.take()) == [Frame(TEXT, b"alone", masked=True)]


@pytest.mark.parametrize("name", ["sans_io", "connection", "wire.messages", "handshake.client"])
def test_a145_no_loop_is_needed(name: str) -> None:
    """In an interpreter of its own, where the public face has not imported the doors."""
    program = (
        "import sys; from tests.twins import load_pure; before = set(sys.modules);"
        f"load_pure({name!r}); print(*sorted({DOORS!r} & (set(sys.modules) - before)), 'none else')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "none else\n"
