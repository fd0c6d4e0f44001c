"""Attacks on the rules: requests and frames that are wrong, what comes early, foreign origins."""

import re

from tests.attack import frames, requests
from tests.attack.floods import peer
from tests.attack.report import Run
from tests.attack.wire import CLOSE, DEFLATE, PING, PONG, REQUEST, TEXT, Peer, frame

ANSWER = re.compile(rb"^HTTP/1\.[01] [0-9]{3} ", re.MULTILINE)


def handshakes(run: Run) -> None:
    wrong = 0
    for name, data, allowed in requests.CASES:
        attacker = Peer(run.server.port)
        cpu = run.server.cpu()
        status = attacker.status(data, 3)
        # What follows a refusal is not read as one more request: there is one answer.
        answers = 1 if status == 101 else 1 + len(ANSWER.findall(attacker.rest()))
        attacker.close()
        ok = status in allowed and answers == 1 and run.server.cpu() - cpu < 0.5
        wrong += not ok
        wanted = " or ".join(map(str, allowed))
        run.demand(ok, f"{name}: {answers} answers, {status}, not {wanted}")
    run.tell(f"{wrong} wrong of {len(requests.CASES)}")


def _judged(run: Run, cases: list[frames.Case], headers: bytes = b"") -> int:
    wrong = 0
    for name, data, expected in cases:
        with peer(run, headers=headers) as attacker:
            attacker.sock.sendall(data)
            found = _answer(attacker)
        wrong += found != expected
        run.demand(found == expected, f"{name}: {found}, not {expected}")
    return wrong


def _answer(attacker: Peer) -> str | int:
    """Return "echo" when a message comes, or what the end is."""
    try:
        while True:
            found = attacker.receive(3)
            if found.opcode == CLOSE:
                return found.code
            if found.opcode not in (PING, PONG):
                return frames.ECHO
    except TimeoutError:
        return "open"
    except (OSError, EOFError):
        return "cut"


def broken_frames(run: Run) -> None:
    wrong = _judged(run, frames.CASES)
    run.tell(f"{wrong} wrong of {len(frames.CASES)}")


def broken_frames_with_deflate(run: Run) -> None:
    cases = [each for each in frames.CASES if not each.name.startswith("RSV1")] + frames.WITH_DEFLATE
    wrong = _judged(run, cases, DEFLATE)
    run.tell(f"{wrong} wrong of {len(cases)}")


def early(run: Run) -> None:
    """Frames, and HTTP, in the same segment as the request."""
    for name, behind, expected in (
        ("frames", frame(TEXT, b"x"), frames.ECHO),
        ("close", frame(CLOSE, b"\x03\xe8"), 1000),
        ("HTTP", REQUEST % b"/" + b"\r\n", 1002),
        ("half a frame", frame(TEXT, b"x")[:3], "open"),
    ):
        attacker = Peer(run.server.port)
        attacker.open(behind=behind)
        found = _answer(attacker)
        attacker.close()
        run.expect(f"{name} behind the request", found, expected)
    run.tell("as it should be" if run.outcome().passed else "wrong")


def origins(run: Run) -> None:
    statuses = []
    for origin in requests.FOREIGN:
        attacker = Peer(run.server.port)
        statuses.append(attacker.status(requests.request(b"GET / HTTP/1.1", b"Origin: " + origin)))
        attacker.close()
        run.expect(f"origin {origin!r}", statuses[-1], 403)
    for origin in requests.OWN:
        attacker = Peer(run.server.port)
        status = attacker.status(requests.request(b"GET / HTTP/1.1", b"Origin: " + origin))
        attacker.close()
        run.expect(f"own origin {origin!r}", status, 101)
    run.tell(f"403 x {statuses.count(403)}")
