"""A WebSocket client over a blocking socket, from the parts of `wsline.sans_io`.

    python examples/sans_io.py ws://127.0.0.1:8080/ "a message"

sends the message, prints what comes back, and closes.
"""

import argparse
import socket
import time

from wsline.sans_io import (
    HEADROOM,
    URI,
    ClientHandshake,
    ClientOptions,
    Close,
    Connection,
    Exit,
    Role,
    State,
    parse_uri,
)


class Client:
    """A client that waits for whatever it does."""

    def __init__(self, url: str) -> None:
        options = ClientOptions()
        uri = parse_uri(url)
        self._socket = socket.create_connection((uri.host, uri.port), timeout=10)
        self._connection = Connection(Role.CLIENT, options, time.monotonic)
        self._events: list[object] = []
        self._open(uri, options)

    def _open(self, uri: URI, options: ClientOptions) -> None:
        handshake = ClientHandshake(uri, options)
        self._socket.sendall(handshake.build())
        while handshake.receive(self._socket.recv(65536)) is None:
            pass
        self._connection.open()
        self._take(handshake.trailing)

    def send(self, text: str) -> None:
        """Send a text message."""
        self._connection.send_text(text, fin=True)
        self._flush()

    def receive(self) -> str | bytes | None:
        """Wait for a message; `None`: the server has closed."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, str | bytes):
                    return event
                if isinstance(event, Close):
                    return None
            if self._connection.state == State.CLOSED:
                return None
            self._read()

    def close(self) -> None:
        """Close, and wait for the server's close frame."""
        self._connection.send_close(1000, "")
        self._flush()
        while self._connection.state != State.CLOSED:
            self._read()
        self._socket.close()
        print(self._connection.close_info.hint)

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if data:
            self._take(data)
        else:
            self._connection.receive_eof()

    def _take(self, data: bytes) -> None:
        buffer = bytearray(HEADROOM) + data
        self._events += self._connection.receive(buffer, HEADROOM, len(buffer))
        self._connection.acknowledge_close()
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._connection.output.take())
        if self._connection.exit == Exit.HALF_CLOSE:
            self._socket.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("message")
    arguments = parser.parse_args()
    client = Client(arguments.url)
    client.send(arguments.message)
    print(client.receive())
    client.close()
