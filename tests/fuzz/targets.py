"""What is fuzzed: each target takes any bytes, and raises if the library does what it must not.

The first byte chooses among options and ways to cut the rest. Whatever arrives is read twice, whole and in
pieces: both must come to the same. No exception leaves but those that are documented.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from wsline.errors import HandshakeError, LocalProtocolError, RemoteProtocolError
from wsline.handshake.client import ClientHandshake
from wsline.handshake.http1 import RequestReader, ResponseReader
from wsline.handshake.server import ServerHandshake
from wsline.handshake.uri import parse_uri
from wsline.options import ClientOptions, ServerOptions
from wsline.sans_io import Connection
from wsline.spec import DeflateParameters, Role, State
from wsline.wire.deflate import Inflater
from wsline.wire.kernels import Assembly
from wsline.wire.messages import HEADROOM, MessageReader

__all__ = ["SEEDS", "TARGETS"]

MAX_PAYLOAD: Final = 4096

_URI = parse_uri("ws://localhost/")
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="


def pieces(data: bytes, way: int) -> Iterator[bytes]:
    """Cut data: into pieces of a size that `way` chooses."""
    size = (1, 2, 3, 7, 61, 1024)[way % 6]
    for start in range(0, len(data), size):
        yield data[start : start + size]


def role_of(choice: int) -> Role:
    """Return the role that a number chooses."""
    return Role.SERVER if choice & 1 else Role.CLIENT


# -- frames


def read_frames(parts: Iterator[bytes], role: Role) -> tuple[list[Any], Any]:
    """Return the events of a reader, and the rule that was broken."""
    reader = MessageReader(role, ServerOptions(max_payload=MAX_PAYLOAD, max_fragments=16))
    events: list[Any] = []
    for part in parts:
        buffer = bytearray(HEADROOM) + part
        try:
            reader.receive(buffer, HEADROOM, len(buffer), events)
        except LocalProtocolError as error:
            return events, error.violation
    return events, None


def frames(data: bytes) -> None:
    """Frames and messages, without a connection."""
    choice, rest = data[0], data[1:]
    whole = read_frames(iter([rest]), role_of(choice))
    cut = read_frames(pieces(rest, choice >> 1), role_of(choice))
    assert whole == cut, (whole, cut)
    assert all(len(event) <= MAX_PAYLOAD for event in whole[0] if isinstance(event, str | bytes))


# -- what is compressed


def inflate_message(parts: list[bytes]) -> tuple[bytes, Any]:
    """Return what a message inflates to, or the rule that it breaks."""
    inflater = Inflater(15, True, MAX_PAYLOAD, 1024)
    assembly = Assembly()
    try:
        for i, part in enumerate(parts):
            inflater.inflate(part, i == len(parts) - 1, assembly)
    except LocalProtocolError as error:
        return b"", error.violation
    return assembly.take_bytes(), None


def inflate(data: bytes) -> None:
    """A compressed message."""
    rest = data[1:]
    content, violation = inflate_message([rest])
    assert len(content) <= MAX_PAYLOAD
    if rest and violation is None:
        assert inflate_message(list(pieces(rest, data[0]))) == (content, None)


# -- heads


def read_head(reader: Any, parts: Iterator[bytes]) -> Any:
    """Return what a reader of heads made of the bytes: a message, nothing yet, or its refusal."""
    made = None
    try:
        for part in parts:
            made = reader.feed(part)
    except HandshakeError as error:
        return str(error)
    return None if made is None else made.headers


def request_head(data: bytes) -> None:
    """The head of a request, and the judgement on it."""
    options = ServerOptions(per_message_deflate=True)
    whole = read_head(RequestReader(options), iter([data[1:]]))
    assert whole == read_head(RequestReader(options), pieces(data[1:], data[0]))
    handshake = ServerHandshake(options)
    try:
        request = handshake.receive(data[1:])
        if request is not None:
            handshake.check(request)
            handshake.choose_deflate(request)
            answer = handshake.accept(request, protocol=handshake.choose_protocol(request)).build()
            assert answer.startswith(b"HTTP/1.1 101 ")
    except HandshakeError as error:
        assert error.response is not None
        assert error.response.build().startswith(b"HTTP/1.1 ")


def response_head(data: bytes) -> None:
    """The head of a response, and the judgement on it."""
    options = ClientOptions()
    whole = read_head(ResponseReader(options), iter([data[1:]]))
    assert whole == read_head(ResponseReader(options), pieces(data[1:], data[0]))
    handshake = ClientHandshake(_URI, options, ("chat",), _KEY)
    try:
        handshake.receive(data[1:])
    except HandshakeError:
        return


# -- the whole connection


def connection(data: bytes) -> None:
    """A connection that answers what it hears; it ends cleanly, or with the rule that the peer broke."""
    choice, rest = data[0], data[1:]
    options = ServerOptions(max_payload=MAX_PAYLOAD, per_message_deflate=bool(choice & 2))
    end = Connection(role_of(choice), options, lambda: 0.0)
    end.open(DeflateParameters() if choice & 2 else None)
    for part in pieces(rest, choice >> 2):
        buffer = bytearray(HEADROOM) + part
        for event in end.receive(buffer, HEADROOM, len(buffer)):
            if end.state != State.OPEN:
                continue
            if isinstance(event, str):
                end.send_text(event, True)
            elif isinstance(event, bytes):
                end.send_binary(event, True)
        end.acknowledge_close()
        end.output.take()
    end.receive_eof()
    assert end.state == State.CLOSED
    assert end.cause is None or isinstance(end.cause, RemoteProtocolError | ConnectionError), end.cause
    assert end.output.pending() == 0
    assert end.close_info.code in range(1000, 5000)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    each.__name__: each for each in (frames, inflate, request_head, response_head, connection)
}

_REQUEST: Final = (
    b"GET /chat?a=b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n"
    b'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10, x; y="z"\r\n\r\n'
)
_RESPONSE: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n"
)
_WIRE: Final = [
    b"\x81\x05hello", b"\x82\x7e\x00\x80" + bytes(128), b"\x01\x03\xe2\x82\xac\x00\x00\x80\x01x",
    b"\x89\x02hi\x8a\x00", b"\x88\x02\x03\xe8", b"\x88\x05\x03\xe9bye", b"\x81\x85\x01\x02\x03\x04ignmn",
    b"\x82\xfe\x00\x80\x01\x02\x03\x04" + bytes(128), b"\x88\x82\x01\x02\x03\x04\x02\xea",
    b"\xc1\x07\xf2H\xcd\xc9\xc9\x07\x00", b"\xc1\x87\x01\x02\x03\x04\xf3J\xce\xcd\xc8\x05\x03",
]  # fmt: skip
_DEFLATED: Final = [b"\xf2H\xcd\xc9\xc9\x07\x00", b"\x00", b"\x02\x00", b"\x00\x05\x00\xfa\xffHello\x00"]

SEEDS: Final[dict[str, list[bytes]]] = {
    "frames": [bytes([n]) + wire for n, wire in enumerate(_WIRE * 2)],
    "inflate": [bytes([n]) + data for n, data in enumerate(_DEFLATED)],
    "request_head": [b"\0" + _REQUEST, b"\1GET / HTTP/1.0\r\n\r\n", b"\2" + _REQUEST.replace(b"13", b"8")],
    "response_head": [
        b"\0" + _RESPONSE,
        b"\1HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 3\r\n\r\nabc",
    ],
    "connection": [bytes([n]) + wire for n, wire in enumerate(_WIRE * 4)],
}
