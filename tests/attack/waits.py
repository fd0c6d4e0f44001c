"""Attacks that wait: handshakes that never come, peers that neither read, nor answer, nor close."""

import resource
import select
import socket
import time

from tests.attack.floods import peer
from tests.attack.processes import until
from tests.attack.report import Run
from tests.attack.wire import CLOSE, PONG, REQUEST, TEXT, Peer, frame

_MANY = 500


def handshakes(run: Run) -> None:
    """500 sockets: a half request, nothing, a byte a second. They are waited for in one `select.poll`."""
    half = (REQUEST % b"/")[:60]
    peers = [Peer(run.server.port) for _ in range(_MANY)]
    for i, each in enumerate(peers):
        if i % 3 == 0:
            each.sock.sendall(half)
    began = time.monotonic()
    closed: list[float] = []
    open_peers = dict(enumerate(peers))
    while open_peers and time.monotonic() - began < 20:
        for i, each in tuple(open_peers.items()):
            if each.ended():
                closed.append(time.monotonic() - began)
                del open_peers[i]
            elif i % 3 == 1:
                try:
                    each.sock.send(half[:1] if i % 2 else b"G")
                except OSError:
                    pass
        time.sleep(0.5)
    for each in peers:
        each.close()
    last = max(closed, default=0.0)
    run.tell(f"{len(closed)} closed by {last:.1f} s")
    run.demand(len(closed) == _MANY, f"{_MANY - len(closed)} of {_MANY} are open after 20 s")
    run.demand(last < 13, f"the last one was closed after {last:.1f} s")


def _ends(run: Run, attacker: Peer, most: float, name: str) -> None:
    """Wait until the server has ended the connection, without reading (poll tells a hang-up, and a reset)."""
    watch = select.poll()
    watch.register(attacker.sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    began = time.monotonic()
    ended = bool(watch.poll(1000 * (most + 10)))
    took = time.monotonic() - began
    run.tell(f"{name} {took:.1f} s" if ended else f"{name} not in {took:.0f} s")
    run.demand(ended and took <= most, f"{name}: {took:.1f} s, not {most}")


def unanswered_closes(run: Run) -> None:
    """After a broken rule; after the application's close; and when the pipe is full."""
    with peer(run) as attacker:
        attacker.sock.sendall(frame(TEXT, b"\xff"))
        _ends(run, attacker, 11, "rule")
    with peer(run, b"/close") as attacker:
        attacker.sock.sendall(frame(TEXT, b"x"))
        # It is open for our side: what counts is when the descriptor is let go.
        files = run.server.files()
        took = until(lambda: run.server.files() < files, 15)
        run.tell(f"close {took:.1f} s")
        run.demand(took <= 11.5, f"close: {took:.1f} s")
    with peer(run, b"/full"):
        time.sleep(0.3)
        files = run.server.files()
        took = until(lambda: run.server.files() < files, 15)
        run.tell(f"full {took:.1f} s")
        run.demand(took <= 11.5, f"with a full pipe: {took:.1f} s")


def full_pipes(run: Run) -> None:
    """Peers that let the pipe fill, and stay."""
    peers = [Peer(run.server.port) for _ in range(3)]
    for each in peers:
        each.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.open(b"/fill")
    time.sleep(0.5)
    files = run.server.files()
    took = until(lambda: run.server.files() <= files - 3, 60)
    for each in peers:
        each.close()
    run.tell(f"cut after {took:.1f} s")
    run.demand(took < 60, "not cut in 60 s")


def silent(run: Run) -> None:
    """50 peers that never pong."""
    before = run.server.files()
    peers = [Peer(run.server.port) for _ in range(50)]
    for each in peers:
        each.open()
    took = until(lambda: run.server.files() <= before, 50)
    for each in peers:
        each.close()
    run.tell(f"cut after {took:.1f} s")
    run.demand(took <= 45, f"not cut in 45 s ({took:.1f})")


def ugly_ends(run: Run) -> None:
    """7,000 connections that end in seven ugly ways."""
    ways = 7

    def end(i: int) -> None:
        attacker = Peer(run.server.port)
        way = i % ways
        if way == 0:
            attacker.reset()
            return
        if way == 1:
            attacker.sock.sendall(b"GET / HT")
            attacker.reset()
            return
        attacker.open()
        if way == 2:
            attacker.reset()
        elif way == 3:
            attacker.sock.sendall(frame(TEXT, b"x" * 500)[:100])
            attacker.reset()
        elif way == 4:
            attacker.sock.sendall(frame(TEXT, b"x" * 500))
            attacker.reset()
        elif way == 5:
            attacker.sock.sendall(frame(TEXT, b"\xff") + frame(PONG))
            attacker.close()
        else:
            attacker.sock.sendall(frame(CLOSE, b"\x03\xe8"))
            attacker.close()

    before = run.server.files()
    for i in range(700):
        end(i)  # what is made once is no leak
    until(lambda: run.server.files() <= before, 5)
    resident = run.server.grown_now()
    for i in range(7000):
        end(i)
    took = until(lambda: run.server.files() <= before, 5)
    leaked = run.server.grown_now() - resident
    run.tell(f"{leaked / (1 << 20):+.1f} MB stay")
    run.demand(took < 5, f"{run.server.files() - before} descriptors are left")
    run.demand(leaked < 8 << 20, f"{leaked / (1 << 20):.1f} MB more stay resident")


def out_of_descriptors(run: Run) -> None:
    """A server that may have 64 descriptors, and 200 clients."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    clients = [Peer(run.server.port) for _ in range(200)]
    time.sleep(0.5)
    cpu = run.server.cpu()
    time.sleep(3)
    busy = (run.server.cpu() - cpu) / 3
    for each in clients:
        each.close()
    began = time.monotonic()
    newcomer = Peer(run.server.port)
    newcomer.sock.sendall(REQUEST % b"/" + b"\r\n")
    try:
        newcomer.head(10)
        newcomer.send(TEXT, b"x")
        newcomer.receive(10)
    except (OSError, EOFError) as error:
        run.demand(False, f"the newcomer was not served: {error!r}")
    took = time.monotonic() - began
    newcomer.close()
    run.tell(f"{100 * busy:.0f} % of a core, newcomer {took:.1f} s")
    run.demand(busy <= 0.25, f"{100 * busy:.0f} % of a core while starved")
    run.demand(took <= 3, f"a newcomer waits {took:.1f} s")
