"""The blocking examples, as their first lines say."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wsline.sync import connect

PLACE = Path(__file__).parents[2] / "examples" / "blocking"
DEADLINE = 20  # seconds


@contextmanager
def server(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the server at a free port; yield its URL and the process."""
    command = [sys.executable, "-W", "error", str(PLACE / "server.py"), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.fullmatch(r"listening at (ws://127\.0\.0\.1:\d+/)\n", process.stdout.readline())
            assert found is not None, process.communicate()
            yield found[1], process
        finally:
            process.kill()


def run_client(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(PLACE / "client.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_a_client_gets_its_answers() -> None:
    with server("--interval", "60") as (url, process):
        done = run_client(url, "1 + 2", "6 * 7", "1 / 0", "hello")
        *answers, ping = done.stdout.splitlines()
        assert answers == ["1 + 2 = 3", "6 * 7 = 42", "not a sum: 1 / 0", "not a sum: hello"]
        assert re.fullmatch(r"a ping takes [\d.]+ ms", ping)
        assert (done.stderr, done.returncode) == ("", 0)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE) == ("closed\n", "")
        assert process.returncode == 0


def test_all_clients_are_told_the_time() -> None:
    with server("--interval", "0.02") as (url, process), connect(url) as one, connect(url) as other:
        for ws in (one, other):
            assert re.fullmatch(r"it is \d\d:\d\d:\d\d", ws.recv(timeout=DEADLINE))
        one.send(b"binary")
        while (answer := one.recv(timeout=DEADLINE)).startswith("it is "):
            pass
        assert answer == "text, please"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert all(message.startswith("it is ") for message in other)
        assert other.close_code == 1001
        assert process.wait(DEADLINE) == 0
        assert time.monotonic() - started < 10


def test_a_client_whose_server_goes() -> None:
    with server("--interval", "0.02") as (url, process):
        command = [sys.executable, "-W", "error", str(PLACE / "client.py"), url, "1 + 1"]
        with connect(url) as ws:
            ws.send("x")
            ws.recv(timeout=DEADLINE)
            process.kill()
            with pytest.raises(Exception, match=r"ended the TCP connection|reset"):
                list(ws)
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert "ConnectionRefusedError" in done.stderr
