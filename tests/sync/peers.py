"""Threads, and peers that speak bytes, for the tests of the blocking door."""

import base64
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.doors.peer import CLOSE, GUID, REQUEST, Frame, frame
from wsline.sync import WebSocket, WebSocketServer, connect, serve
from wsline.sync.loop import Loop

DEADLINE = 10.0  # seconds, for whatever must come


class Task:
    """A function in a thread."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._function = function
        self._arguments = arguments
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._function(*self._arguments)
        except BaseException as error:
            self._error = error

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> Any:
        """Wait for the end; return what the function returned, or raise what it raised."""
        self._thread.join(DEADLINE)
        assert self.is_over, "the thread does not end"
        if self._error is not None:
            raise self._error
        return self._result


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the condition has not come to hold"
        time.sleep(0.001)


@contextmanager
def held(loop: Loop) -> Iterator[None]:
    """Let the loop's thread stand still, as if it were not there: so it is in a forked child."""
    is_held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        is_held.set()
        go_on.wait(DEADLINE)

    loop.call(hold)
    assert is_held.wait(DEADLINE)
    try:
        yield
    finally:
        go_on.set()


class RawPeer:
    """One end of a byte stream, with the words of RFC 6455."""

    def __init__(self, sock: socket.socket, is_client: bool) -> None:
        sock.settimeout(DEADLINE)
        self.sock = sock
        self.is_client = is_client

    def read(self, n: int) -> bytes:
        data = bytearray()
        while len(data) < n:
            part = self.sock.recv(min(n - len(data), 1 << 20))
            if not part:
                raise EOFError(bytes(data))
            data += part
        return bytes(data)

    def read_head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        return head

    def open(self, headers: bytes = b"", behind: bytes = b"") -> bytes:
        """Perform the client's handshake; return the response's head."""
        self.sock.sendall(REQUEST + headers + b"\r\n" + behind)
        head = self.read_head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        return head

    def accept(self, behind: bytes = b"") -> bytes:
        """Perform the server's handshake; return the request's head."""
        head = self.read_head()
        lines = [line.partition(b": ") for line in head.split(b"\r\n")]
        key = next(value for name, _, value in lines if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + behind
        )
        return head

    def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        self.sock.sendall(frame(opcode, payload, fin=fin, rsv=rsv, mask=self.is_client))

    def receive(self) -> Frame:
        first, second = self.read(2)
        assert bool(second & 0x80) is not self.is_client
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        key = b"" if self.is_client else self.read(4)
        payload = self.read(length)
        if key:
            repeated = (key * (length // 4 + 1))[:length]
            word = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
            payload = word.to_bytes(length, "big")
        return Frame(first & 15, payload, bool(first & 0x80))

    def answer_close(self) -> Frame:
        """Receive up to a close frame, and answer it."""
        while (received := self.receive()).opcode != CLOSE:
            pass
        self.send(CLOSE, received.payload)
        return received

    def is_at_end(self) -> bool:
        """Whether the other side sends nothing more, whatever way it ends."""
        try:
            return self.sock.recv(1) == b""
        except OSError:
            return True

    def cut(self) -> None:
        """End the stream with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@contextmanager
def raw_server(script: Callable[[RawPeer], object]) -> Iterator[str]:
    """Run a script for one connection; yield the URL. What it raises is raised here at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE)

        def run() -> None:
            sock, _ = listening.accept()
            with sock:
                script(RawPeer(sock, is_client=False))

        task = Task(run)
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        task.result()


@contextmanager
def raw_client(port: int) -> Iterator[RawPeer]:
    """Connect without saying anything."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        yield RawPeer(sock, is_client=True)


def url_of(server: WebSocketServer) -> str:
    return f"ws://127.0.0.1:{server.address()[1]}/"


@contextmanager
def serving(handler: Callable[[WebSocket], object], **options: Any) -> Iterator[tuple[WebSocketServer, str]]:
    """Run a server; yield it and its URL."""
    with serve(handler, "127.0.0.1", 0, **options) as server:
        yield server, url_of(server)


@contextmanager
def pair(client: dict[str, Any] | None = None, **options: Any) -> Iterator[tuple[WebSocket, WebSocket]]:
    """Yield both ends of a connection, the client's first; `options` are the server's."""
    accepted: list[WebSocket] = []
    over = threading.Event()

    def handler(ws: WebSocket) -> None:
        accepted.append(ws)
        over.wait(DEADLINE)

    with serving(handler, **options) as (_, url):
        try:
            with connect(url, **(client or {})) as ours:
                until(lambda: accepted)
                yield ours, accepted[0]
        finally:
            over.set()


def echo(ws: WebSocket) -> None:
    """Send every message back."""
    for message in ws:
        ws.send(message)
