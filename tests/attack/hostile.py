"""Servers that mean harm: each mode of them against a fresh client."""

import base64
import functools
import hashlib
import select
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tests.attack.processes import MIB, Client, Setting
from tests.attack.report import MEMORY, Figures, Outcome
from tests.attack.wire import BINARY, CLOSE, CONTINUATION, PING, TEXT
from tests.attack.wire import frame as masked_frame

__all__ = ["MODES"]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MOST = 64 * MIB  # of what never ends


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, length: int = -1) -> bytes:
    return masked_frame(opcode, payload, fin=fin, rsv=rsv, mask=False, length=length)


class Victim:
    """The connection of a client, on the hostile server's side.

    Attributes:
        request: the head that it sent.
        sent: how many bytes of what never ends it took.
    """

    def __init__(self, sock: socket.socket, port: int) -> None:
        self.sock = sock
        self.port = port
        self.sent = 0
        self.request = b""
        sock.settimeout(40)
        while b"\r\n\r\n" not in self.request:
            data = sock.recv(65536)
            if not data:
                raise ConnectionError("the client has gone before its request was complete")
            self.request += data

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def field(self, name: bytes) -> bytes:
        """Return a header of the request, in lower case; empty if there is none."""
        lines = (line.partition(b": ") for line in self.request.split(b"\r\n"))
        return next((value for key, _, value in lines if key.lower() == name), b"")

    def accept(self, *lines: bytes, behind: bytes = b"", key: bytes = b"", status: bytes = b"101 X") -> None:
        digest = hashlib.sha1((key or self.field(b"sec-websocket-key")) + GUID).digest()
        accept = b"Sec-WebSocket-Accept: " + base64.b64encode(digest)
        head = [b"HTTP/1.1 " + status, b"Upgrade: websocket", b"Connection: Upgrade", accept, *lines]
        self.say(b"\r\n".join(head) + b"\r\n\r\n" + behind)

    def flood(self, again: bytes, most: int = MOST, stuck: float = 2.0) -> None:
        """Say it again and again, reading nothing, until the client is gone or takes no more."""
        self.sock.setblocking(False)
        at = 0
        try:
            while self.sent < most and select.select([], [self.sock], [], stuck)[1]:
                n = self.sock.send(memoryview(again)[at:])
                self.sent += n
                at = (at + n) % len(again)
        except OSError:
            pass
        finally:
            self.sock.settimeout(40)

    def wait(self) -> bytes:
        """Read until the client has gone; return what it said."""
        said = b""
        try:
            while data := self.sock.recv(65536):
                said += data[: max(0, 100_000 - len(said))]
        except OSError:
            pass
        return said

    def keys(self) -> list[bytes]:
        """Return the masking keys of the frames that come, each of one byte, until there are 50."""
        data = b""
        while len(data) < 50 * 7:
            more = self.sock.recv(65536)
            if not more:
                break
            data += more
        return [data[at + 2 : at + 6] for at in range(0, len(data) - 6, 7)]


Script = Callable[[Victim], object]


@dataclass(frozen=True)
class Mode:
    """One way of a server to be hostile.

    Attributes:
        name: as the documents on security name it.
        mark: what the client must do.
        peers: what those of ws, websockets, aiohttp, picows did.
        script: what is said to the client.
        error: the exception that it must tell; empty: none.
        code: the close code, if there is one.
        seconds: how long it may take.
        arguments: of the client.
        check: judges the script's outcome, `None` if it is as it should be.
        waits: it takes long and computes little.
    """

    name: str
    mark: str
    peers: Figures
    script: Script
    error: str
    code: int | None = None
    seconds: float = 2.0
    arguments: tuple[str, ...] = ()
    memory: int = MEMORY
    check: Callable[[list[object], list[Victim]], str | None] = lambda told, victims: None
    waits: bool = False
    letter: str = "evil"

    def run(self, setting: Setting) -> Outcome:
        """Let a fresh client connect."""
        gigabyte()  # made beforehand: it takes longer than a handshake may
        with hostile(self.script) as (port, told, victims):
            with Client(setting, f"ws://127.0.0.1:{port}/", *self.arguments) as client:
                found = client.told()
            time.sleep(0.05)
        seconds, grown = float(str(found["seconds"])), int(str(found["grown"]))
        what = found["error"] or "no error"
        code = "" if found["code"] is None else f" {found['code']}"
        outcome = Outcome(f"{what}{code} {seconds:.2f} s, {grown / MIB:+.1f} MB")
        if (found["error"] or "") != self.error:
            outcome.failures.append(f"{what}: {found.get('message')}, not {self.error or 'none'}")
        if self.code is not None and found["code"] != self.code:
            outcome.failures.append(f"code {found['code']}, not {self.code}")
        if seconds > self.seconds:
            outcome.failures.append(f"{seconds:.1f} s, not {self.seconds}")
        if grown >= self.memory:
            outcome.failures.append(f"{grown / MIB:.1f} MB more were resident")
        problem = self.check(told, victims)
        if problem is not None:
            outcome.failures.append(problem)
        return outcome


@contextmanager
def hostile(script: Script) -> Iterator[tuple[int, list[object], list[Victim]]]:
    """Run a hostile server; yields its port, what the script has returned, and its clients."""
    told: list[object] = []
    victims: list[Victim] = []

    def serve(sock: socket.socket) -> None:
        with closing(sock):
            try:
                victim = Victim(sock, port)
                victims.append(victim)
                told.append(script(victim))
            except OSError:
                pass  # the client has gone

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=accept, daemon=True).start()
        yield port, told, victims
        listener.shutdown(socket.SHUT_RDWR)


# -- handshakes


def dribble(victim: Victim) -> None:
    for byte in b"HTTP/1.1 101 " + b"x" * 1000:
        victim.say(bytes([byte]))
        time.sleep(0.2)


def endless(beginning: bytes, again: bytes) -> Script:
    def script(victim: Victim) -> None:
        victim.say(beginning)
        victim.flood(again)

    return script


def accepted(*lines: bytes) -> Script:
    def script(victim: Victim) -> None:
        victim.accept(*lines)
        victim.wait()

    return script


def without_upgrade(victim: Victim) -> None:
    victim.say(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
    victim.wait()


def two_accepts(victim: Victim) -> None:
    victim.accept(b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    victim.wait()


def redirect(where: str) -> Script:
    def script(victim: Victim) -> bytes:
        location = where.format(port=victim.port)
        victim.say(b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n")
        return victim.request

    return script


def redirect_elsewhere(victim: Victim) -> bytes:
    """Send the client to another host, and see what it brings along."""
    if victim.field(b"host").startswith(b"localhost"):
        victim.say(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
    else:
        redirect("ws://localhost:{port}/")(victim)
    return victim.request


# -- frames


def said(*data: bytes, extension: bool = False) -> Script:
    def script(victim: Victim) -> None:
        offered = b"Sec-WebSocket-Extensions: permessage-deflate"
        victim.accept(*([offered] if extension else []), behind=b"".join(data))
        victim.wait()

    return script


def flooded(first: bytes, again: bytes, most: int = MOST) -> Script:
    def script(victim: Victim) -> None:
        victim.accept(behind=first)
        victim.flood(again, most)
        if victim.sent < most:
            victim.wait()

    return script


@functools.cache
def gigabyte() -> bytes:
    """Return a GB of zeros, compressed."""
    squeeze = zlib.compressobj(1, wbits=-15)
    block = bytes(MIB)
    return b"".join(squeeze.compress(block) for _ in range(1024)) + squeeze.flush(zlib.Z_SYNC_FLUSH)


def bomb(victim: Victim) -> None:
    said(frame(BINARY, gigabyte(), rsv=4), extension=True)(victim)


def silent_close(victim: Victim) -> None:
    victim.accept()
    time.sleep(15)


def open_after_close(victim: Victim) -> None:
    """Answer the close frame, and leave TCP open."""
    victim.accept()
    victim.sock.recv(100)
    victim.say(frame(CLOSE, struct.pack("!H", 1000)))
    time.sleep(15)


def many_echoes(victim: Victim) -> list[bytes]:
    victim.accept(behind=frame(TEXT, b"x") * 50)
    keys = victim.keys()
    victim.say(frame(CLOSE, struct.pack("!H", 1000)))
    victim.wait()
    return keys


def took_little(told: list[object], victims: list[Victim]) -> str | None:
    taken = sum(each.sent for each in victims)
    # The kernels of both ends hold some of it.
    return None if taken < 16 * MIB else f"{taken} bytes were taken"


def keys_differ(told: list[object], victims: list[Victim]) -> str | None:
    keys = told[0] if told else []
    assert isinstance(keys, list)
    return None if len(keys) == len(set(keys)) == 50 else f"{len(set(keys))} keys in {len(keys)} frames"


def hops(most: int) -> Callable[[list[object], list[Victim]], str | None]:
    return lambda told, victims: None if len(victims) <= most + 1 else f"{len(victims)} requests"


def keeps_secrets(told: list[object], victims: list[Victim]) -> str | None:
    if len(victims) != 2:
        return f"{len(victims)} requests"
    leaked = [secret for secret in (b"secret-1", b"secret=2") if secret in victims[1].request]
    return None if not leaked else f"{leaked} went to another host"


REFUSED = "refused"
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"

MODES = [
    Mode("never-reply", "10 s", ("hangs", "10 s", "hangs", "5 s"), Victim.wait,
         "HandshakeTimeout", seconds=11, waits=True),
    Mode("dribble-head", "10 s", ("hangs", "10 s", "hangs", "5 s"), dribble,
         "HandshakeTimeout", seconds=11, waits=True),
    Mode("endless-head", REFUSED, ("ok", "ok", "ok", "ok"),
         endless(b"HTTP/1.1 101 X\r\n", b"X-More: of it\r\n" * 100), "HeadError", check=took_little),
    Mode("endless-line", REFUSED, ("ok", "ok", "ok", "ok"),
         endless(b"HTTP/1.1 101 X\r\nX: ", b"x" * 10_000), "HeadError", check=took_little),
    Mode("body-flood", "64 KiB are read", ("ok", "ok", "ok", "ok"),
         endless(b"HTTP/1.1 403 X\r\n\r\n", b"x" * 10_000), "InvalidStatus", check=took_little),
    Mode("wrong-accept", REFUSED, (REFUSED,) * 4, lambda victim: victim.accept(key=b"x"), "InvalidHeader"),
    Mode("no-upgrade", REFUSED, (REFUSED,) * 4, without_upgrade, "InvalidUpgrade"),
    Mode("status-200", REFUSED, (REFUSED,) * 4,
         lambda victim: victim.accept(status=b"200 OK"), "InvalidStatus"),
    Mode("nul", REFUSED, (REFUSED,) * 4, accepted(b"X: a\0b"), "HeadError"),
    Mode("two-accepts", REFUSED, (REFUSED, REFUSED, "accepted", "accepted"), two_accepts, "InvalidHeader"),
    Mode("extension", REFUSED, (REFUSED, REFUSED, "accepted", "accepted"),
         accepted(b"Sec-WebSocket-Extensions: x-unoffered"), "NegotiationError"),
    Mode("subprotocol", REFUSED, (REFUSED, REFUSED, "accepted", "accepted"),
         accepted(b"Sec-WebSocket-Protocol: unoffered"), "NegotiationError"),
    Mode("window-bits-99", REFUSED, (REFUSED, REFUSED, "ignored", "ignored"),
         accepted(DEFLATE + b"; server_max_window_bits=99"), "NegotiationError"),
    Mode("masked-frame", "1002", ("1002", "1002", "accepted", "1002"),
         said(masked_frame(TEXT, b"x")), "ConnectionClosedError", 1002),
    Mode("rsv1", "1002", ("1002", "1002", "1002", "accepted"),
         said(frame(TEXT, b"x", rsv=4)), "ConnectionClosedError", 1002),
    Mode("bad-utf8", "1007", ("1007", "1007", "1007", "accepted"),
         said(frame(TEXT, b"\xff")), "ConnectionClosedError", 1007),
    Mode("huge-length", "1009", ("1009",) * 4,
         said(frame(BINARY, b"x", length=1 << 40)), "ConnectionClosedError", 1009),
    Mode("topbit-length", "1009", ("1009", "1009", "1009", "1002"),
         said(frame(BINARY, b"x", length=1 << 63)), "ConnectionClosedError", 1009),
    Mode("endless-fragments", "1008", ("+9 MB", "10 s", "+20 MB", "64 MB taken"),
         flooded(frame(TEXT, b"x", fin=False), frame(CONTINUATION, b"x", fin=False) * 1000),
         "ConnectionClosedError", 1008, seconds=4),
    Mode("empty-fragments", "1008", ("+7 MB", "10 s", "never", "64 MB taken"),
         flooded(frame(TEXT, fin=False), frame(CONTINUATION, fin=False) * 1000),
         "ConnectionClosedError", 1008, seconds=4),
    Mode("bomb", "1009", ("+112 MB", "+11 MB", "-", "-"), bomb,
         "ConnectionClosedError", 1009, memory=24 * MIB, seconds=4),
    Mode("ping-flood", "bounded", ("cut", "+264 MB", "+17 MB", "+475 MB"),
         flooded(b"", frame(PING, b"x" * 125) * 1000), "ConnectionClosedError", seconds=35, waits=True),
    Mode("close-unanswered", "10 s", ("30 s", "10 s", "10 s", "> 35 s"), silent_close,
         "", 1006, seconds=11, arguments=("--closes",), waits=True),
    Mode("open-after-close", "1 s", ("0 s", "10 s", "0 s", "0.5 s"), open_after_close,
         "", 1000, arguments=("--closes",)),
    Mode("redirect-loop", "10 hops", ("not followed", "10", "refused", "5"),
         redirect("ws://127.0.0.1:{port}/"),
         "TooManyRedirects", arguments=("--redirects",), check=hops(10)),
    Mode("redirect-cross", "no secrets", ("-", "-", "-", "-"), redirect_elsewhere,
         "InvalidStatus", arguments=("--redirects", "--secrets"), check=keeps_secrets),
    Mode("redirect-off", "not followed", ("not followed", "followed", "refused", "followed"),
         redirect("ws://127.0.0.1:{port}/"), "InvalidStatus", check=hops(0)),
    Mode("mask-keys", "50 keys", ("51", "51", "51", "51"), many_echoes, "", 1000, check=keys_differ),
]  # fmt: skip
