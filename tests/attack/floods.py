"""Attacks that send much: fragments, bombs, pings, headers, lengths; messages whose echoes nobody reads."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.attack import frames
from tests.attack.hostile import gigabyte
from tests.attack.processes import MIB
from tests.attack.report import Run
from tests.attack.wire import BINARY, CONTINUATION, DEFLATE, PING, REQUEST, TEXT, Peer, frame

SECONDS = 4.0  # of what never ends


@contextmanager
def peer(run: Run, path: bytes = b"/", headers: bytes = b"") -> Iterator[Peer]:
    """Connect, and open a WebSocket."""
    connected = Peer(run.server.port)
    try:
        connected.open(path, headers)
        yield connected
    finally:
        connected.close()


def _fragments(run: Run, one: bytes, headers: bytes, first: bytes, many: int) -> None:
    """Send fragments without end."""
    with peer(run, headers=headers) as attacker:
        began = time.monotonic()
        attacker.sock.sendall(first)
        attacker.pump(one * many, 64 * MIB, 20)
        code = attacker.outcome(2)
        run.tell(f"{code} after {time.monotonic() - began:.2f} s")
        run.expect("the code", code, 1008, 1009, "cut")


def one_byte_fragments(run: Run) -> None:
    _fragments(run, frame(CONTINUATION, b"x", fin=False), b"", frame(TEXT, b"x", fin=False), 4096)


def empty_fragments(run: Run) -> None:
    _fragments(run, frame(CONTINUATION, fin=False), b"", frame(TEXT, fin=False), 4096)


def empty_blocks(run: Run) -> None:
    """Stored blocks of no bytes: valid input, no output."""
    block = b"\x00\x00\x00\xff\xff" * 400
    first = frame(BINARY, block, fin=False, rsv=4)
    _fragments(run, frame(CONTINUATION, block, fin=False), DEFLATE, first, 16)


def _unread(run: Run, size: int) -> None:
    with peer(run) as attacker:
        one = frame(BINARY, bytes(size))
        sent, ended = attacker.pump(one * max(1, MIB // len(one)), 256 * MIB, SECONDS)
        run.tell(f"{'cut' if ended else 'stops'} after {sent / MIB:.0f} MB")
        run.demand(sent < 256 * MIB, "all was taken")


def unread_large(run: Run) -> None:
    _unread(run, 65536)


def unread_small(run: Run) -> None:
    _unread(run, 100)


def bomb(run: Run) -> None:
    """One MB that inflates to one GB, in one message and over a hundred frames."""
    data = gigabyte()
    piece = len(data) // 100 + 1
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    spread = frame(BINARY, pieces[0], fin=False, rsv=4) + b"".join(
        frame(CONTINUATION, each, fin=False) for each in pieces[1:]
    )
    for name, sent in (("whole", frame(BINARY, data, rsv=4)), ("spread", spread)):
        with peer(run, headers=DEFLATE) as attacker:
            began = time.monotonic()
            attacker.pump(sent, len(sent), 10)
            code = attacker.outcome(10)
            took = time.monotonic() - began
            run.tell(f"{name} {code} in {took:.2f} s")
            run.expect(name, code, 1009)
            run.demand(took < 1, f"{name} was decided after {took:.2f} s")


def _pings(run: Run, payload: bytes) -> None:
    with peer(run) as attacker:
        sent, ended = attacker.pump(frame(PING, payload) * 2000, 512 * MIB, SECONDS)
        run.tell(f"{'cut' if ended else 'goes on'}, {sent / MIB:.0f} MB")


def pings(run: Run) -> None:
    _pings(run, b"x" * 125)


def empty_pings(run: Run) -> None:
    _pings(run, b"")


HEADS = [
    ("10,000 headers", REQUEST % b"/" + b"X: y\r\n" * 10_000 + b"\r\n", (431,)),
    ("1 MB line", REQUEST % b"/" + b"X: " + b"y" * MIB + b"\r\n\r\n", (431,)),
    ("1 MB target", REQUEST % (b"/" + b"x" * MIB) + b"\r\n", (414, 431)),
    ("no line end", b"G" * MIB, (400, 414, 431)),
    ("endless lines", REQUEST % b"/" + b"X-More: of it\r\n" * 80_000, (431,)),
    ("no colon", REQUEST % b"/" + b"x" * 2000 + b"\r\n" + b"x" * MIB, (400, 431)),
]


def heads(run: Run) -> None:
    found = []
    for name, data, allowed in HEADS:
        attacker = Peer(run.server.port)
        began = time.monotonic()
        status = attacker.status(data)
        attacker.close()
        run.expect(name, status, *allowed)
        run.demand(time.monotonic() - began < 1, f"{name} took {time.monotonic() - began:.2f} s")
        found.append(str(status))
    run.tell(" ".join(found))


def lengths(run: Run) -> None:
    codes = []
    for length in frames.LENGTHS:
        with peer(run) as attacker:
            attacker.sock.sendall(frame(BINARY, b"x", length=length))
            codes.append(attacker.outcome(5))
    run.tell(" ".join(map(str, sorted(set(codes), key=str))) + f" x {len(codes)}")
    for length, code in zip(frames.LENGTHS, codes, strict=True):
        run.expect(f"length {length}", code, 1009, 1002)
    before = run.server.cpu()
    time.sleep(0.5)
    run.demand(run.server.cpu() - before < 0.1, "it computes on")


def byte_by_byte(run: Run) -> None:
    """A frame of 100 KB and a request of 7 KB, each byte in a segment of its own."""
    data = frame(BINARY, bytes(100_000))
    with peer(run) as attacker:
        began = run.server.cpu()
        for i in range(len(data)):
            attacker.sock.send(data[i : i + 1])
        size = len(attacker.receive(20).payload)
        per_byte = (run.server.cpu() - began) / len(data)
    run.expect("the echo", size, 100_000)
    request = REQUEST % b"/" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 70) for i in range(90)) + b"\r\n"
    began = run.server.cpu()
    attacker = Peer(run.server.port)
    for i in range(len(request) - 1):
        attacker.sock.send(request[i : i + 1])
    status = attacker.status(request[-1:])
    cpu = run.server.cpu() - began
    attacker.close()
    run.tell(f"{1e6 * per_byte:.1f} us a byte, request {cpu:.2f} s")
    run.expect("the request", status, 101)
    # What the bystander and the kernel take is in it; the kernel alone takes 2 us to hand over a byte.
    run.demand(per_byte < 25e-6, f"{1e6 * per_byte:.1f} us of processor time for each byte")
    run.demand(cpu < 0.4, f"{cpu:.2f} s of processor time for the request")


def memory(run: Run) -> None:
    """What each connection pins: idle, amid a frame, amid a message of very many fragments."""
    with ExitStack() as stack:
        told = []

        def measured(name: str, most: int, data: bytes, count: int) -> None:
            before = run.server.grown_now()
            for _ in range(count):
                attacker = stack.enter_context(peer(run))
                attacker.pump(data, len(data), 5)
            time.sleep(0.3)
            each = (run.server.grown_now() - before) / count
            told.append(f"{name} {each / 1024:.0f} KB")
            run.demand(each <= most, f"{name}: {each / 1024:.0f} KB for each connection")

        measured("idle", 40 * 1024, b"", 100)
        measured("partial", 150_000 + 40 * 1024, frame(BINARY, bytes(100_000), length=1 << 20), 20)
        parked = frame(BINARY, b"x", fin=False) + frame(CONTINUATION, b"x", fin=False) * 131_000
        measured("fragments", 512 * 1024, parked, 8)
        run.tell(", ".join(told))


def memory_with_deflate(run: Run) -> None:
    """What a connection pins that has once used compression."""
    count = 50
    message = frame(TEXT, frames.deflated(b"x" * 2000), rsv=4)
    with ExitStack() as stack:
        for _ in range(count):
            attacker = stack.enter_context(peer(run, headers=DEFLATE))
            attacker.sock.sendall(message)
            attacker.receive()
        time.sleep(0.3)
        each = run.server.grown_now() / count
    run.tell(f"{each / 1024:.0f} KB each")
    run.demand(each <= 160 * 1024, f"{each / 1024:.0f} KB for each connection")
