"""The protocol without I/O, for those who write a library of their own: bytes in, events and bytes out.

`ClientHandshake` and `ServerHandshake` perform the opening handshake; `Connection` is an open WebSocket.
`MessageReader`, `MessageSender`, `FrameReader` and `FrameWriter` are its parts, where less will do (`ws`:
Receiver and Sender). None of them knows sockets, loops, threads or the time; `examples/sans_io.py` puts
them together over a blocking socket.

    connection = Connection(Role.SERVER, ServerOptions(), time.monotonic)
    connection.open()                              # the opening handshake is done
    buffer = bytearray(HEADROOM) + received        # `HEADROOM` free bytes, then what was received
    for event in connection.receive(buffer, HEADROOM, len(buffer)):
        if isinstance(event, str):                 # or bytes, Ping, Pong, Close
            connection.send_text(event, fin=True)
    connection.acknowledge_close()                 # a close frame takes effect behind the messages
    socket.sendall(connection.output.take())
    if connection.exit and not connection.output.pending():
        socket.shutdown(SHUT_WR)                   # see `Exit`

Versions before 1.0 may change what is here.
"""

from .connection import Connection
from .handshake.client import ClientHandshake
from .handshake.extensions import ExtensionOffer, build_extensions, parse_extensions
from .handshake.headers import Headers
from .handshake.http1 import Request, Response
from .handshake.server import ServerHandshake
from .handshake.uri import URI, parse_uri
from .options import ClientOptions, Options, ServerOptions
from .spec import CloseCode, Opcode, Role, State
from .states import Exit
from .wire.close import Close, build_close, parse_close
from .wire.fragments import Fragment, KeptFragments
from .wire.frames import FrameReader, FrameWriter
from .wire.kernels import Output
from .wire.messages import HEADROOM, MessageReader, MessageWriter, Ping, Pong
from .wire.sender import MessageSender

__all__ = [
    "HEADROOM",
    "URI",
    "ClientHandshake",
    "ClientOptions",
    "Close",
    "CloseCode",
    "Connection",
    "Exit",
    "ExtensionOffer",
    "Fragment",
    "FrameReader",
    "FrameWriter",
    "Headers",
    "KeptFragments",
    "MessageReader",
    "MessageSender",
    "MessageWriter",
    "Opcode",
    "Options",
    "Output",
    "Ping",
    "Pong",
    "Request",
    "Response",
    "Role",
    "ServerHandshake",
    "ServerOptions",
    "State",
    "build_close",
    "build_extensions",
    "parse_close",
    "parse_extensions",
    "parse_uri",
]
