"""An open WebSocket without I/O: bytes in, events out, deadlines as data.

A door feeds it what the socket gives, sends what it puts into `output`, calls `on_deadline` when
`deadline` has come, and lets go of the socket as `exit` says. Everything else is decided here.
"""

from collections.abc import Callable
from typing import Any, Final

from .errors import LocalProtocolError, UnreadPongs, Violation
from .liveness import BURST, NEVER, ControlRate, Keepalive, Stalls, keepalive_timeout, write_timeout
from .options import Options
from .sending import Sending
from .spec import MAX_CLOSE_REASON, CloseCode, DeflateParameters, Opcode, Role, State
from .states import Exit, Input, next_state
from .wire.close import Close, build_close, check_close
from .wire.deflate import DeflateJob, make_deflater, make_inflater
from .wire.kernels import Assembly, Output
from .wire.messages import MessageReader, Ping, Pong
from .wire.sender import MessageSender

__all__ = ["Connection"]

# So long, at most, we wait for the peer's FIN when all is said, in seconds (RFC 6455 §7.1.1).
_LINGER: Final = 1.0

_OPEN: Final = 1
_CLOSED: Final = 3
_PONG: Final = Opcode.PONG
_NO_LIMIT: Final = 0x7FFFFFFFFFFFFFFF


class Connection(Sending):
    """One end of a WebSocket.

    Args:
        role: which end.
        options: the limits, times and switches.
        clock: returns the time in seconds, never going back.
        output: where the bytes to be sent go; default: a new one.
        generate_mask: see `FrameWriter`.

    Attributes:
        state: a `State`.
        output: bytes that the door must send, in order.
        pings: the `PingLedger`.
        exit: an `Exit`; what the door does once `output` is flushed.
        deflate: what was agreed on compression; `None`: nothing is compressed.
        cause: the exception that ended or failed the connection, if one did.
        reader, sender: of the messages; opening_size: bytes of the output before them.
    """

    def __init__(
        self,
        role: Role,
        options: Options,
        clock: Callable[[], float],
        output: Output | None = None,
        generate_mask: Callable[[], bytes] | None = None,
    ) -> None:
        output = Output() if output is None else output
        Sending.__init__(self, role, options, output, MessageSender(role, output, generate_mask))
        self.exit = int(Exit.NONE)
        self.deflate: DeflateParameters | None = None
        self.opening_size = 0
        self._clock = clock
        self.reader = MessageReader(role, options)
        self._keepalive: Keepalive | None = None
        self._control_rate: ControlRate | None = None
        self._stalls = Stalls()
        self._heard = False
        self._close_due = NEVER
        self._write_due = NEVER
        self._unacknowledged: Close | None = None
        self._auto_pong = options.auto_pong
        self._held_pong: bytes | None = None
        self._held_pongs = 0

    def _move(self, happened: Input) -> None:
        self.state = int(next_state(State(self.state), happened))

    def open(self, deflate: DeflateParameters | None = None) -> None:
        """Note that the opening handshake succeeded.

        Args:
            deflate: what was agreed on permessage-deflate, if it was.
        """
        self._move(Input.OPENED)
        self.opening_size = self.output.sent + self.output.pending()
        options = self.options
        if deflate is not None:
            self.deflate = deflate
            self.sender.deflate_by(make_deflater(self.role, deflate, options))
            self.reader.inflate_by(make_inflater(self.role, deflate, options))
        if self.output.blocked:
            self.on_blocked()
        if options.max_control_rate is not None:
            self._control_rate = ControlRate(options.max_control_rate, self._clock())
        if options.ping_interval is not None:
            self._keepalive = Keepalive(options.ping_interval, options.ping_timeout, self._clock())

    # -- in

    def receive(self, buffer: bytearray, start: int, end: int) -> list[Any]:
        """Take bytes from the peer.

        Args:
            buffer: holds them, and `wire.messages.HEADROOM` free bytes before; they are overwritten.
            start: where they begin.
            end: where they end.

        Returns:
            The events: `str`, `bytes`, `Ping`, `Pong`, `Close`. Pings are answered and pongs noted
            already. A close frame takes effect with `acknowledge_close`, so that the messages before it
            can still be answered. A peer that breaks a rule has failed the connection: `cause` is the
            `RemoteProtocolError`.
        """
        events: list[Any] = []
        self._heard = True
        try:
            self.reader.receive(buffer, start, end, events)
        except LocalProtocolError as error:
            self._blame_peer(error)
        if self.reader.saw_control:
            self._act_on_control(events)
        return events

    def window(self) -> Assembly | None:
        """Return where to receive straight to, or `None`: see `MessageReader.window`."""
        return self.reader.window()

    def window_room(self) -> int:
        """Return how many bytes may be received into the window."""
        return self.reader.window_room()

    def receive_window(self, n: int) -> list[Any]:
        """Take `n` bytes that were received into the window; returns the events as `receive` does."""
        events: list[Any] = []
        self._heard = True
        try:
            self.reader.receive_window(n, events)
        except LocalProtocolError as error:
            self._blame_peer(error)
        return events

    def receive_eof(self) -> None:
        """Note that the peer sends nothing more; the connection is closed."""
        self.end(None)

    def end(self, cause: BaseException | None) -> None:
        """Note that the byte stream is gone: the connection is closed.

        Args:
            cause: the exception that the socket gave, if any.
        """
        if self.state == State.CLOSED:
            return
        if self.cause is None and not (self.sent_close and self.received_close):
            self.cause = cause
        self._note_unsent(True)
        self._move(Input.ENDED)
        self.reader.drop()
        self.output.clear()
        self.sender.drop()
        self._forget_held()
        self._held_pong = None
        self.exit = int(Exit.CLOSE)
        self._keepalive = None
        self._close_due = self._write_due = NEVER

    def terminate(self) -> None:
        """Note that the application cut the connection."""
        if self.state != State.CLOSED:
            self._is_terminated = True
            self.end(None)

    def _blame_peer(self, error: LocalProtocolError) -> None:
        self.fail(error.of_peer(), error.close_code)

    def _act_on_control(self, events: list[Any]) -> None:
        self.reader.saw_control = False
        if self._control_rate is not None and not self._is_rate_kept(self._control_rate, events):
            return
        for event in events:
            if self.state == _CLOSED:
                return
            if type(event) is Ping:
                if self._auto_pong and self.state == _OPEN:
                    self._answer_ping(event.payload)
            elif type(event) is Pong:
                event.answered = self.pings.acknowledge(event.payload, self._clock())
            elif type(event) is Close:
                self._unacknowledged = event

    def _is_rate_kept(self, rate: ControlRate, events: list[Any]) -> bool:
        count = sum(isinstance(each, Ping | Pong | Close) for each in events)
        if self.state == _OPEN and not rate.admits(count, self._clock()):
            limit = self.options.max_control_rate
            self._blame_peer(Violation.TOO_MANY_CONTROL_FRAMES.error(limit=limit, seconds=int(BURST)))
            events.clear()
            return False
        return True

    def _answer_ping(self, payload: bytes) -> None:
        if not self.output.blocked:
            self.sender.send_control(_PONG, payload)
            return
        # RFC 6455 §5.5.3: answering only the newest of several pings is enough.
        self._held_pong = payload
        self._held_pongs += 1
        if self._held_pongs > (self.options.max_pending_auto_pongs or NEVER):
            message = f"the peer sent {self._held_pongs} pings without reading a pong"
            self.end(UnreadPongs(f"{message} (option max_pending_auto_pongs)"))

    def acknowledge_close(self) -> None:
        """Act on the peer's close frame, if one was received; call this when events are delivered."""
        close, self._unacknowledged = self._unacknowledged, None
        if close is None or self.state == State.CLOSED:
            return
        self.received_close = close
        if self.sent_close is None:
            self.initiator = "peer"
            # RFC 6455 §5.5.1: the answer repeats the code. A mended reason can be longer than what came.
            self._release(_NO_LIMIT)
            fits = len(close.reason.encode()) <= MAX_CLOSE_REASON
            self._write_close(close if fits else Close(close.code))
        self._move(Input.RECEIVED_CLOSE)
        if self.sender.is_idle():
            self._leave()

    def _leave(self) -> None:
        """Let the door go: both close frames are on their way."""
        if self.role is Role.SERVER:
            self.exit = int(Exit.CLOSE)
        else:
            self.exit = int(Exit.HALF_CLOSE)
            self._close_due = min(self._close_due, self._clock() + _LINGER)

    # -- out

    def finish_job(self, job: DeflateJob) -> None:
        """Send what came of a job, and what waited for it; in a later state than OPEN, too."""
        if job.error is not None:
            self.fail(job.error, CloseCode.INTERNAL_ERROR, "internal error")
            return
        self.sender.finish_job(job)
        if self.received_close is not None and self.exit == Exit.NONE and self.sender.is_idle():
            self._leave()

    def send_ping(self, payload: bytes | None, waiter: Any = None) -> bytes:
        """Write a ping and note it.

        Args:
            payload: at most 125 bytes; `None`: one that no other ping has.
            waiter: what `Pong.answered` will give back.

        Returns:
            The payload.
        """
        self.check_open()
        payload = self.pings.admit(payload, waiter)
        self.sender.send_control_in_turn(Opcode.PING, payload)
        self.pings.sent(payload, self._clock(), waiter)
        return payload

    def send_pong(self, payload: bytes) -> None:
        """Write a pong that nobody asked for."""
        self.check_open()
        self.sender.send_control_in_turn(Opcode.PONG, payload)

    def send_close(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake; in a later state, do nothing.

        Raises:
            TypeError, ValueError: as `check_close` does; the state is unchanged.
            InvalidState: the opening handshake is not done.
        """
        check_close(code, reason)
        if self.state == State.CONNECTING:
            self.check_open()
        if self.state != _OPEN:
            return
        self.initiator = "local"
        self._release(_NO_LIMIT)
        self._write_close(Close(CloseCode.NO_STATUS_RECEIVED if code is None else code, reason))
        self._move(Input.SENT_CLOSE)

    def _write_close(self, close: Close) -> None:
        self.sender.send_control_in_turn(Opcode.CLOSE, build_close(close.code, close.reason))
        self.sent_close = close
        self._keepalive = None
        self._close_due = self._clock() + self.options.close_timeout

    def fail(self, cause: BaseException, code: CloseCode, reason: str = "") -> None:
        """Fail the connection (RFC 6455 §7.1.7): send a close frame, read nothing more, leave.

        Args:
            cause: why; becomes `cause`.
            code: the close code for the peer.
            reason: the close reason for the peer.

        Raises:
            InvalidState: the opening handshake is not done.
        """
        if self.state == State.CLOSED:
            return
        self._move(Input.FAILED)
        if self.cause is None:
            self.cause = cause
        # What waits for a job is not sent any more; a close frame that was among it is.
        self._note_unsent(False)
        was_idle = self.sender.is_idle()
        self.sender.drop()
        self._forget_held()
        if self.sent_close is None:
            self.initiator = "local"
            self._write_close(Close(code, reason))
        elif not was_idle:
            self._write_close(self.sent_close)
        self.reader.drop()
        self.exit = int(Exit.HALF_CLOSE)
        self._close_due = min(self._close_due, self._clock() + _LINGER)

    # -- time

    @property
    def deadline(self) -> float | None:
        """When `on_deadline` must be called next, on the clock; `None`: never."""
        due = min(self._close_due, self._write_due)
        if self._keepalive is not None:
            due = min(due, self._keepalive.deadline)
        return None if due == NEVER else due

    def on_deadline(self, now: float, is_reading: bool = True) -> None:
        """Do what is due: ping, or give the peer up (then the state is CLOSED).

        Args:
            now: on the clock.
            is_reading: the door reads. If it does not, what was not heard may well have been said.
        """
        if not is_reading:
            self._heard = True
        if self._heard:
            self._stalls.forget()
        due = self.deadline
        if due is not None:
            self._put_off(now, self._stalls.excuse(now - due))
        if now >= self._write_due:
            self.end(write_timeout(self.options, self.output.pending()))
        elif now >= self._close_due:
            self._is_overdue = self.received_close is None and self.cause is None
            self.end(None)
        elif self._keepalive is not None:
            self._keep_alive(self._keepalive, now)

    def _put_off(self, now: float, seconds: float) -> None:
        """Put off what would end the connection now."""
        if not seconds:
            return
        if self._keepalive is not None:
            self._keepalive.put_off(now, seconds)
        if now >= self._write_due:
            self._write_due = now + min(seconds, self.options.write_timeout or seconds)
        if now >= self._close_due:
            self._close_due = now + min(seconds, self.options.close_timeout)

    def _keep_alive(self, keepalive: Keepalive, now: float) -> None:
        if keepalive.is_lost(now, self._heard):
            error = keepalive_timeout(self.options, self._stalls)
            self.fail(error, CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        elif keepalive.is_ping_due(now):
            self._heard = False
            if not self.output.blocked:
                self.send_ping(None)

    def on_blocked(self) -> None:
        """Note that the socket took not all of the output."""
        if self._write_due == NEVER and self.options.write_timeout is not None:
            self._write_due = self._clock() + self.options.write_timeout

    def on_progress(self) -> None:
        """Note that the socket took some of it, after it had been blocked."""
        self._write_due = NEVER
        # A peer that takes what we send is there, even if our ping is still behind it.
        self._heard = True
        if self.output.blocked:
            self.on_blocked()
        elif self._held_pong is not None and self.state == _OPEN:
            self.sender.send_control(Opcode.PONG, self._held_pong)
            self._held_pong = None
            self._held_pongs = 0
