"""Byte streams over non-blocking sockets: plain, and with TLS."""

import socket
import ssl
from typing import Any, Final, cast

from ..handshake.tls import HUNG_UP, truncated, wrong_protocol
from ..wire.kernels import Output
from .loop import READ, WRITE

__all__ = ["WOULD_BLOCK", "Stream", "TLSStream"]

WOULD_BLOCK: Final = -1

_MOST_SEGMENTS: Final = 16

# TLS encrypts so much at a time: what the socket does not take waits encrypted.
_PIECE: Final = 1 << 16

# More than a piece and its records: what TLS answers to a peer that asks and asks, and reads nothing.
_MOST_UNSENT: Final = 1 << 18


class Stream:
    """A byte stream.

    Args:
        sock: connected; the stream owns it from now on.

    Attributes:
        is_ready: its own handshake is over.
        awaits: the events to wait for, when `send` would have blocked.
        secure: it is encrypted.
        ssl_object: the `ssl.SSLObject` then, else `None`.
    """

    secure = False
    is_ready = True

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.awaits = WRITE
        self.ssl_object: Any = None

    @property
    def holds(self) -> bool:
        """Whether something that was taken from the output waits to be sent."""
        return False

    @property
    def has_buffered(self) -> bool:
        """Whether there may be something to receive that the socket does not show."""
        return False

    def receive(self, buffer: bytearray, at: int, n: int) -> int:
        """Receive at most `n` bytes to `buffer[at:]`.

        Returns:
            How many came, 0 at the end of the stream, or `WOULD_BLOCK`.

        Raises:
            OSError: the connection is broken.
        """
        try:
            with memoryview(buffer) as view, view[at : at + n] as part:
                return self.sock.recv_into(part)
        except (BlockingIOError, InterruptedError):
            return WOULD_BLOCK

    def send(self, output: Output) -> int:
        """Send from `output`, and consume what was taken.

        Returns:
            How many bytes the socket took, or `WOULD_BLOCK`.

        Raises:
            OSError: the connection is broken.
        """
        views = output.views(_MOST_SEGMENTS)
        try:
            n = self.sock.sendmsg(views) if hasattr(self.sock, "sendmsg") else self.sock.send(views[0])
        except (BlockingIOError, InterruptedError):
            return WOULD_BLOCK
        output.consume(n)
        return n

    def say_farewell(self) -> None:
        """Prepare to end our half: TLS has a word for it, which `send` sends."""

    def end_writing(self) -> None:
        """Send FIN."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


class TLSStream(Stream):
    """A byte stream with TLS, which begins with its handshake.

    Args:
        sock: as above.
        context: the certificates and rules.
        server_hostname: whom a client wants to talk to; `None`: this is the server.
    """

    secure = True

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_hostname: str | None) -> None:
        Stream.__init__(self, sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object: ssl.SSLObject = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname is None, server_hostname
        )
        self._unsent = memoryview(b"")
        self.is_ready = False
        self._is_over = False

    @property
    def holds(self) -> bool:
        """Whether encrypted bytes wait to be sent, or the handshake has yet to begin."""
        return bool(self._unsent or self._outgoing.pending)

    @property
    def has_buffered(self) -> bool:
        """Whether received bytes wait, encrypted or not."""
        return bool(self._incoming.pending or self.ssl_object.pending())

    def receive(self, buffer: bytearray, at: int, n: int) -> int:
        """Receive decrypted bytes: see `Stream.receive`."""
        with memoryview(buffer) as view, view[at : at + n] as part:
            while True:
                try:
                    if self._is_over:
                        return self._drain()
                    if self.is_ready:
                        # The declared type is that of a read without a buffer.
                        return cast(int, self.ssl_object.read(n, part))
                    self._shake_hands()
                except ssl.SSLWantReadError:
                    if not self._fetch():
                        return WOULD_BLOCK

    def _shake_hands(self) -> None:
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError:
            self._send_alert()
            raise
        wrong = wrong_protocol(self.ssl_object.selected_alpn_protocol())
        if wrong is not None:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, wrong)
        self.is_ready = True

    def _send_alert(self) -> None:
        # It tells the peer what is wrong. If it does not fit now, the peer does without.
        try:
            self.sock.send(self._outgoing.read())
        except OSError:
            pass

    def _fetch(self) -> bool:
        """Receive encrypted bytes; return whether there is anything new."""
        try:
            data = self.sock.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return False
        if data:
            self._incoming.write(data)
        elif self.is_ready:
            # OpenSSL has read all there was, and no farewell; some versions would take that for one.
            raise truncated()
        else:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, HUNG_UP)
        if self._outgoing.pending > _MOST_UNSENT:
            told = f"the peer makes TLS answer and reads nothing: {self._outgoing.pending} bytes wait"
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, told)
        return True

    def _drain(self) -> int:
        # We have said farewell: what still comes is for nobody, but its end is to be seen.
        while True:
            try:
                if not self.sock.recv(_PIECE):
                    return 0
            except (BlockingIOError, InterruptedError):
                return WOULD_BLOCK

    def send(self, output: Output) -> int:
        """Encrypt and send from `output`: see `Stream.send`."""
        if not self._unsent:
            try:
                self._encrypt(output)
            except ssl.SSLWantReadError:
                pass
            self._unsent = memoryview(self._outgoing.read())
        if not self._unsent:
            self.awaits = READ
            return WOULD_BLOCK
        try:
            n = self.sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            self.awaits = WRITE
            return WOULD_BLOCK
        self._unsent = self._unsent[n:]
        return n

    def _encrypt(self, output: Output) -> None:
        if not self.is_ready:
            self._shake_hands()
        while output.pending() and self._outgoing.pending < _PIECE:
            (first,) = output.views(1)
            output.consume(self.ssl_object.write(first[:_PIECE]))

    def say_farewell(self) -> None:
        """Prepare the close_notify alert."""
        if self.is_ready and not self._is_over:
            self._is_over = True
            try:
                self.ssl_object.unwrap()
            except ssl.SSLError:  # the peer's farewell is not here yet, or never comes
                pass
