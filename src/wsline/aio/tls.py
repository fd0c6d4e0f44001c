"""TLS on a socket of the reactor.

OpenSSL never sees the socket. What was received goes into a piece of memory that it reads from, and what
it writes to another one is sent. Both belong to the loop, not to the connection, like the buffer that
sockets receive into: they are empty again before anybody is called. An idle connection owns neither.
"""

import ssl
from typing import Any, Final

from ..handshake.tls import HUNG_UP, truncated, wrong_protocol
from ..wire.kernels import Output, take_bytes
from ..wire.messages import HEADROOM
from .reactor import RECEIVE_SIZE, Reactor, SocketChannel
from .syscalls import READABLE, receive, send

__all__ = ["TLSChannel"]

# What the records of one read decrypt to always fits the reactor's buffer: the end of a record that had
# begun before can be one record (RFC 8446 §5.2: 2**14 + 256 bytes) longer than what came.
_ROOM: Final = RECEIVE_SIZE - (1 << 15)

_MOST_READS: Final = 4

# So much is encrypted at a time, and then sent: it is held twice.
_PIECE: Final = 1 << 16

_MOST_SEGMENTS: Final = 16

# Below it a copy is cheaper than a view.
_SMALL: Final = 1 << 12

# More than a piece and its records: what TLS answers to a peer that asks and asks, and reads nothing.
_MOST_UNSENT: Final = 1 << 18

_SIZE: Final = RECEIVE_SIZE
_HEADROOM: Final = HEADROOM
_READABLE: Final = READABLE


class Shared:
    """What the TLS channels of one loop share.

    Args:
        buffer: the reactor's.

    Attributes:
        incoming, outgoing: what OpenSSL reads from and writes to.
        view: the buffer without its headroom.
        is_busy: a TLS handshake is calling the user's functions.
    """

    def __init__(self, buffer: bytearray) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.view = memoryview(buffer)[HEADROOM:]
        self.is_busy = False


class TLSChannel(SocketChannel):
    """A channel over TLS over a non-blocking stream socket.

    It begins with the TLS handshake; what is put into the output before its end is sent then. The output
    counts what is encrypted and not yet sent, too.

    Args:
        reactor, sock, output, direct: as of `SocketChannel`.
        context: the `ssl.SSLContext`.
        server_side: which end this is.
        server_hostname: the client's: who the server must be.

    Raises:
        ssl.SSLError, ValueError: the context cannot be used so; the socket is still the caller's.
    """

    def __init__(
        self,
        reactor: Reactor,
        sock: Any,
        context: Any,
        output: Output | None = None,
        direct: bool = False,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        if reactor.tls is None:
            reactor.tls = Shared(reactor.buffer)
        self._shared = reactor.tls
        self._tls = context.wrap_bio(
            self._shared.incoming,
            self._shared.outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
        )
        self._has_ended = False
        self._has_said_farewell = False
        self._fault: OSError | None = None
        self._unsent = b""
        self._sent = 0
        self._covered = 0  # bytes of the output that `_unsent` stands for
        if not server_side:
            self._greet()
        SocketChannel.__init__(self, reactor, sock, output, direct)
        self.is_ready = False
        self.secure = True
        self.ssl_object = self._tls

    def _greet(self) -> None:
        try:
            self._shake_hands()
        finally:
            self._collect()

    def _shake_hands(self) -> None:
        """Go on with the TLS handshake, as far as it goes."""
        self._shared.is_busy = True
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        finally:
            self._shared.is_busy = False
        wrong = wrong_protocol(self._tls.selected_alpn_protocol())
        if wrong is not None:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, wrong)
        self.is_ready = True

    def has_output(self) -> bool:
        """Whether there is something to do for `flush`."""
        return (len(self._unsent) > 0 and not self.output.blocked) or SocketChannel.has_output(self)

    # -- in

    def _receive(self) -> None:
        for _ in range(_MOST_READS):
            n = receive(self.fd, self._reactor.buffer, _HEADROOM, _ROOM)
            if n == 0:
                self._receive_eof()
            if n <= 0:
                return
            self._take(n)
            if n < _ROOM or self.closed or not self._events & _READABLE:
                return

    def _receive_eof(self) -> None:
        """Note that TCP has ended, and TLS has not."""
        self._close(truncated() if self.is_ready else ssl.SSLEOFError(ssl.SSL_ERROR_EOF, HUNG_UP))

    def _take(self, n: int) -> None:
        """Take `n` bytes that have been received."""
        size = self._decrypt(n)
        if size:
            self.consumer.receive(self._reactor.buffer, _HEADROOM, _HEADROOM + size)
        if self._has_ended and not self.closed:
            self._finish()
        elif len(self._unsent) > _MOST_UNSENT:
            told = f"the peer makes TLS answer and reads nothing: {len(self._unsent)} bytes wait"
            self._close(ssl.SSLError(ssl.SSL_ERROR_SSL, told))

    def _decrypt(self, n: int) -> int:
        """Decrypt to the reactor's buffer what is in it; return how much that is."""
        shared = self._shared
        incoming = shared.incoming
        size = 0
        try:
            incoming.write(take_bytes(self._reactor.buffer, _HEADROOM, n) if n < _SMALL else shared.view[:n])
            if not self.is_ready:
                self._shake_hands()
            # One record at a time. A record is never left within OpenSSL: it fits.
            while self.is_ready:
                got = self._tls.read(_SIZE, shared.view[size:] if size else shared.view)
                if got == 0:
                    self._has_ended = True
                    break
                size += got
                if not incoming.pending:
                    break
        except ssl.SSLWantReadError:
            pass  # OpenSSL keeps the beginning of a record
        except ssl.SSLZeroReturnError:
            self._has_ended = True
        except ssl.SSLError as error:
            self._has_ended = True
            self._fault = error
        finally:
            if incoming.pending:
                incoming.read()
            if shared.outgoing.pending:
                self._collect()
        return size

    def _finish(self) -> None:
        """End as the peer has: with its farewell, or with a fault."""
        fault, self._fault = self._fault, None
        if fault is None:
            self.flush()  # the answers to what came before it
            self.consumer.receive_eof()
            if not self._has_said_farewell:
                self._say_farewell()
        self._send_last()
        self._close(fault)

    def _send_last(self) -> None:
        """Send an alert or a farewell if the socket takes it."""
        if self._unsent and not self.output.blocked and not self.closed:
            try:
                send(self.fd, self._unsent, self._sent, len(self._unsent) - self._sent)
            except OSError:
                pass  # the peer has gone, and needs it no more

    # -- out

    def flush(self) -> None:
        """Encrypt and send the output, as far as the socket takes it."""
        if self.closed:
            return
        if self._shared.is_busy:
            # The context's sni_callback sends something elsewhere: the memory is in use.
            self._reactor.flush_later(self)
            return
        progress = False
        try:
            if not self.output.blocked:
                self._encrypt()  # behind what TLS says itself
            while self._unsent:
                n = send(self.fd, self._unsent, self._sent, len(self._unsent) - self._sent)
                if n > 0:
                    self._count(n)
                    progress = True
                if self._unsent:
                    self._on_blocked(progress)
                    return
                self._encrypt()
        except OSError as error:
            self._close(error)
            return
        if self.output.blocked:
            self._on_drained()
        if self.ending and self.is_ready and not self.output.pending():
            self._leave()

    def _encrypt(self) -> None:
        """Encrypt a piece of the output."""
        output = self.output
        if self.is_ready and output.pending() > 0:
            try:
                if output.segments_size:
                    self._encrypt_segments(output)
                else:
                    data = take_bytes(output.block, output.start, min(_PIECE, output.end - output.start))
                    self._covered = self._tls.write(data)
            except ssl.SSLWantReadError:
                pass  # the peer begins a new handshake (TLS 1.2); what it sends then brings us back here
            finally:
                self._collect()

    def _encrypt_segments(self, output: Output) -> None:
        for view in output.views(_MOST_SEGMENTS):
            self._covered += self._tls.write(view[: _PIECE - self._covered])
            if self._covered == _PIECE:
                break

    def _collect(self) -> None:
        """Take over what OpenSSL has written."""
        written = self._shared.outgoing.read()
        self._unsent = self._unsent[self._sent :] + written if self._unsent else written
        self._sent = 0

    def _count(self, n: int) -> None:
        """Count `n` bytes as sent."""
        self._sent += n
        n = min(n, self._covered)
        if self._sent == len(self._unsent):
            self._unsent = b""
            self._sent = 0
            n = self._covered
        self._covered -= n
        self.output.consume(n)

    # -- the end

    def _leave(self) -> None:
        if self._has_said_farewell:
            SocketChannel._leave(self)
        else:
            self._say_farewell()
            self.flush()

    def _say_farewell(self) -> None:
        """Write close_notify; the peer's is not waited for."""
        self._has_said_farewell = True
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # there is no farewell of the peer yet, or TLS has failed before
        finally:
            self._collect()
