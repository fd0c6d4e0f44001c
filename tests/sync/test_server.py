"""The blocking server: handlers in threads, closing, limits, signals."""

import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import wsline
from tests.doors.peer import REQUEST
from tests.sync.peers import DEADLINE, Task, echo, pair, raw_client, serving, until, url_of
from wsline import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    Response,
    ServerState,
    SlowConsumer,
    State,
)
from wsline.sync import WebSocket, WebSocketServer, connect, serve
from wsline.sync.server import logger


def state(server: WebSocketServer) -> ServerState:
    return server.state


# -- a life


def test_a_life() -> None:
    server = WebSocketServer(echo, "127.0.0.1", 0)
    assert state(server) is ServerState.NEW
    assert server.wait_closed() is True, "there is nothing to wait for"
    server.close()
    assert state(server) is ServerState.NEW, "there is nothing to close"
    with pytest.raises(RuntimeError, match="not running"):
        server.address()
    with server:
        assert state(server) is ServerState.RUNNING
        with pytest.raises(RuntimeError, match="started before; it is RUNNING"):
            server.start()
        assert server.wait_closed(0.01) is False
        with connect(url_of(server)) as ws:
            ws.send("x")
            assert ws.recv() == "x"
            assert repr(server) == "<WebSocketServer RUNNING 1 open>"
    assert state(server) is ServerState.CLOSED
    server.close()
    with pytest.raises(RuntimeError, match="it is CLOSED"):
        server.start()


def test_serve_forever_ends_with_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsline.sync.server._LOOK_UP", 0.01)
    server = WebSocketServer(echo, "127.0.0.1", 0)
    serving = Task(server.serve_forever)
    until(lambda: state(server) is ServerState.RUNNING)
    with connect(url_of(server)) as ws:
        server.shutdown(4000, "maintenance")
        assert ws.wait_closed(5)
        assert (ws.close_code, ws.close_reason) == (4000, "maintenance")
    assert serving.result() is None
    assert state(server) is ServerState.CLOSED


def test_serve_forever_closes_for_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(echo, "127.0.0.1", 0)
    wait_closed, calls = server.wait_closed, []

    def interrupted(timeout: float | None = None) -> bool:
        calls.append(timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return wait_closed(timeout)

    monkeypatch.setattr(server, "wait_closed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        server.serve_forever()
    assert state(server) is ServerState.CLOSED


def test_a22_the_class_can_be_chosen() -> None:
    class Loud(WebSocket):
        def send(self, data: Any, **options: Any) -> None:
            super().send(data.upper(), **options)

    with serving(echo, web_socket=Loud) as (server, url), connect(url) as ws:
        ws.send("hello")
        assert ws.recv(timeout=DEADLINE) == "HELLO"
        assert [type(each) for each in server.clients] == [Loud]
    for bad in (int, object, wsline.WebSocket):
        with pytest.raises(TypeError, match=r"web_socket=.*: must be a subclass of wsline\.sync\.WebSocket"):
            WebSocketServer(echo, port=0, web_socket=bad)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((5,), {"port": 1}, TypeError),
        ((echo,), {}, TypeError),
        ((echo,), {"port": 1, "unix_path": "x"}, TypeError),
        ((echo,), {"port": 65536}, ValueError),
        ((echo,), {"port": 1, "max_connections": 0}, ValueError),
        ((echo,), {"port": 1, "max_paylaod": 1}, TypeError),
    ],
)
def test_bad_arguments(arguments: Any, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        serve(*arguments, **options)


@pytest.mark.parametrize("name", ["handler", "process_request", "verify_client", "handle_protocols"])
def test_coroutine_functions_are_refused(name: str) -> None:
    async def function(*arguments: Any) -> None:
        """Would never run."""

    options: dict[str, Any] = {"handler": echo, "port": 0, name: function}
    with pytest.raises(TypeError, match=f"{name}=.*: must be a plain function"):
        WebSocketServer(**options)


def test_a_port_in_use() -> None:
    with serving(echo) as (server, _):
        port = server.address()[1]
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1 port {port}: Address already in use"):
            serve(echo, "127.0.0.1", port)


def test_unix_sockets_and_open_ones(tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    with serve(echo, unix_path=place) as server, connect(f"ws+unix:{place}:/x?y=1") as ws:
        assert server.address() == place
        ws.send("x")
        assert ws.recv() == "x"
        assert ws.request.target == "/x?y=1"
    listening = socket.create_server(("127.0.0.1", 0))
    with serve(echo, sock=listening) as server:
        connected = socket.create_connection(listening.getsockname())
        with connect("ws://127.0.0.1/", sock=connected) as ws:
            ws.send("x")
            assert ws.recv() == "x"
        assert connected.fileno() == -1
    with serve(echo, port=0) as server, connect(f"ws://127.0.0.1:{server.address()[1]}/") as ws:
        ws.send("x")
        assert ws.recv() == "x"


# -- handlers


def test_each_client_has_a_thread() -> None:
    together = threading.Barrier(3)

    def handler(ws: WebSocket) -> None:
        together.wait(5)
        ws.send(threading.current_thread().name)

    with serving(handler) as (_, url):
        clients = [connect(url) for _ in range(2)]
        together.wait(5)
        for ws in clients:
            assert list(ws) == ["wsline handler"]
            assert ws.close_code == 1000
            ws.close()


def test_an_exception_of_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    def handler(ws: WebSocket) -> None:
        raise ZeroDivisionError("on purpose")

    with serving(handler) as (_, url), connect(url) as ws:
        with pytest.raises(ConnectionClosedError):
            ws.recv()
        assert (ws.close_code, ws.close_reason) == (1011, "internal error")
    assert "exception in a handler" in caplog.text
    assert "ZeroDivisionError: on purpose" in caplog.text


def test_the_end_of_its_connection_is_no_error_of_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    def handler(ws: WebSocket) -> None:
        while True:
            ws.recv()

    def ended() -> list[str]:
        told = [each for each in caplog.records if "a handler ended with its connection" in each.message]
        return [each.levelname for each in told]

    caplog.set_level(logging.DEBUG, logger.name)
    with serving(handler) as (_, url):
        with connect(url):
            pass
        until(lambda: len(ended()) == 1)
        with connect(url) as ws:
            ws.terminate()
        until(lambda: len(ended()) == 2)
        with connect(url) as ws, pytest.raises(ConnectionClosed):
            ws._session.connection.send_text("x", False)
            ws._session.connection.output.put(b"\xff\xff", False, 0)
            ws.send("")
            ws.recv()
    assert ended() == ["DEBUG", "DEBUG", "INFO"]


def test_the_end_of_another_connection_is_an_error_of_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda ws: ws.close(4000)) as (_, elsewhere):

        def handler(ws: WebSocket) -> None:
            with connect(elsewhere) as other:
                ws.send(other.recv())

        with serving(handler) as (_, url), connect(url) as ws:
            with pytest.raises(ConnectionClosedError):
                ws.recv()
            assert ws.close_code == 1011
    assert "exception in a handler" in caplog.text


def test_without_threads_a_client_is_refused(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "wsline handler":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with serving(echo) as (_, url), connect(url) as ws, pytest.raises(ConnectionClosedError):
        ws.recv()
    with serving(echo, process_request=lambda request: None) as (_, url):
        with pytest.raises(InvalidStatus) as caught:
            connect(url)
        assert (caught.value.response.status, caught.value.response.body) == (503, b"too many threads\n")
    assert caplog.text.count("can't start new thread (option max_connections)") == 2


# -- limits


def test_max_connections() -> None:
    with serving(echo, max_connections=2) as (server, url):
        clients = [connect(url) for _ in range(2)]
        with pytest.raises(InvalidStatus) as caught:
            connect(url)
        assert caught.value.response.status == 503
        assert b"max_connections" in caught.value.response.body
        for ws in clients:
            ws.close()
        until(lambda: not server.clients)
        connect(url).close()


def test_many_come_at_once_and_no_more_are_let_in() -> None:
    with serving(echo, max_connections=3) as (server, url):

        def attempt() -> WebSocket | None:
            try:
                return connect(url)
            except InvalidStatus:
                return None

        tasks = [Task(attempt) for _ in range(12)]
        opened = [ws for ws in (task.result() for task in tasks) if ws is not None]
        assert len(opened) == len(server.clients) == 3
        for ws in opened:
            ws.close()


def test_clients_and_broadcast() -> None:
    with serving(echo) as (server, url):
        one, two, three = (connect(url) for _ in range(3))
        assert len(server.clients) == 3
        (chosen,) = (each for each in server.clients if each.remote_address == one.local_address)
        server.broadcast("but one", exclude=[chosen])
        server.broadcast("as binary", binary=True)
        with pytest.raises(TypeError, match="type int"):
            server.broadcast(5)  # type: ignore[arg-type]
        one.close()
        until(lambda: len(server.clients) == 2)
        server.broadcast("who is closed gets none")
        assert list(one) == [b"as binary"]
        for ws in (two, three):
            assert [ws.recv() for _ in range(3)] == ["but one", b"as binary", "who is closed gets none"]
            ws.close()
    with serving(echo, client_tracking=False) as (server, url), connect(url) as ws:
        assert server.clients == set()
        server.broadcast("to all")
        assert ws.recv() == "to all"


def test_a_broadcast_cuts_a_slow_consumer_off_and_waits_for_nobody() -> None:
    ends: list[BaseException | None] = []

    def handler(ws: WebSocket) -> None:
        ws.wait_closed()
        ends.append(ws.close_info.cause)

    with serving(handler, max_buffered=1 << 20) as (server, url), connect(url) as slow, connect(url) as quick:
        slow.pause()
        for _ in range(1000):
            server.broadcast(b"x" * (1 << 16))
            assert len(quick.recv(timeout=5)) == 1 << 16
            if len(server.clients) == 1:
                break
        until(lambda: ends)
        assert isinstance(ends[0], SlowConsumer)
        server.broadcast("still here")
        assert quick.recv() == "still here"
        slow.terminate()


# -- closing


def test_closing_with_handlers_that_run() -> None:
    released = threading.Event()
    handled: list[object] = []

    def handler(ws: WebSocket) -> None:
        handled.append(list(ws))
        released.wait(5)
        handled.append("released")

    with serving(handler) as (server, url), connect(url) as ws:
        with raw_client(server.address()[1]) as silent:
            silent.sock.sendall(b"GET / HTTP/1.1\r\n")
            until(lambda: len(server._openings) == 1)
            server.close()
            assert silent.read_head().startswith(b"HTTP/1.1 503 ")
        with pytest.raises(OSError):
            connect(url)
        with pytest.raises(ConnectionClosedOK):
            ws.recv()
        assert ws.close_code == 1001
        waiting = Task(server.wait_closed)
        until(lambda: handled == [[]])
        assert not waiting.is_over
        released.set()
        assert waiting.result() is True
        assert handled == [[], "released"]


def test_closing_without_the_clients() -> None:
    with serving(echo) as (server, url), connect(url) as ws:
        server.close(close_clients=False)
        with pytest.raises(OSError):
            connect(url)
        ws.send("still here")
        assert ws.recv() == "still here"
        with pytest.raises(RuntimeError, match="not running"):
            server.address()


def test_a_bad_code_closes_nothing() -> None:
    with serving(echo) as (server, url):
        with pytest.raises(ValueError):
            server.close(999)
        connect(url).close()


def test_a_request_that_is_judged_when_the_server_closes() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def process(request: Any) -> None:
        asked.set()
        go_on.wait(5)

    with serving(echo, process_request=process) as (server, url):
        connecting = Task(connect, url)
        asked.wait(5)
        server.close()
        with pytest.raises(InvalidStatus, match="503"):
            connecting.result()
        assert not server.wait_closed(0.01)
        go_on.set()


def test_who_comes_while_the_server_closes_is_refused() -> None:
    """Accepted before, opened after."""
    with serving(echo) as (server, url), raw_client(server.address()[1]) as peer:
        until(lambda: server._openings)
        with server._lock:
            server.state = ServerState.CLOSING
        with pytest.raises(InvalidStatus, match="503"):
            connect(url)
        peer.sock.sendall(REQUEST + b"\r\n")
        assert peer.read_head().startswith(b"HTTP/1.1 503 ")
        with server._lock:
            server.state = ServerState.RUNNING


# -- processes

PROGRAM = """
import sys, time
from wsline.sync import WebSocketServer

def handler(ws):
    for message in ws:
        ws.send(message)
    if ws.request.path == "/stuck":
        time.sleep(60)
    print("handled", flush=True)

server = WebSocketServer(handler, "127.0.0.1", 0).start()
"""

# Two connections can be had; the others wait in the backlog.
STARVE = """
import os, resource
lowest = os.dup(0)
os.close(lowest)
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 2, hard))
print(server.address()[1], flush=True)  # not before: it accepts already
server.serve_forever()
"""

RUN = """
import signal, threading

def tell():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # until `run` has it
        time.sleep(0.001)
    print(server.address()[1], flush=True)

threading.Thread(target=tell).start()
server.run()
print("closed", flush=True)
"""


@contextmanager
def running(program: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a program that prints its port; yield it and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port.isdigit(), process.communicate(timeout=DEADLINE)
            yield process, f"ws://127.0.0.1:{port}/"
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_gracefully(number: signal.Signals) -> None:
    with running(PROGRAM + RUN) as (process, url):
        with connect(url) as ws:
            ws.send("x")
            assert ws.recv() == "x"
            process.send_signal(number)
            assert list(ws) == []
            assert ws.close_code == 1001
        output, errors = process.communicate(timeout=DEADLINE)
    assert (output.split(), errors, process.returncode) == (["handled", "closed"], "", 0)


def test_a_second_signal_waits_for_no_handler() -> None:
    with running(PROGRAM + RUN) as (process, url), connect(url + "stuck") as ws, connect(url) as other:
        other.pause()
        process.send_signal(signal.SIGTERM)
        assert list(ws) == []
        process.send_signal(signal.SIGTERM)
        # The handler that is stuck would take a minute.
        output, errors = process.communicate(timeout=DEADLINE)
        other.terminate()
    assert (output.split()[-1], errors, process.returncode) == ("closed", "", 0)


def test_without_descriptors_the_server_waits_and_does_not_spin() -> None:
    with running(PROGRAM + STARVE) as (process, url):
        first = connect(url)
        second = connect(url)
        waiting = [Task(connect, url) for _ in range(2)]
        before = cpu_seconds(process.pid)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            first.send("still served")
            assert first.recv(timeout=5) == "still served"
            time.sleep(0.02)
        assert not any(task.is_over for task in waiting)
        assert cpu_seconds(process.pid) - before < 0.3
        first.close()
        second.close()
        for task in waiting:
            ws = task.result()
            ws.send("at last")
            assert ws.recv(timeout=5) == "at last"
            ws.close()
        process.kill()
        _, errors = process.communicate(timeout=DEADLINE)
        assert "Too many open files" in errors


def cpu_seconds(pid: int) -> float:
    """Return how long a process has computed."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_program_that_ends_with_open_connections_ends() -> None:
    """Neither the loop's thread nor a handler that waits keeps it alive."""
    program = """
        from wsline.sync import connect
        from wsline.sync import serve
        server = serve(lambda ws: ws.recv(), "127.0.0.1", 0)
        ws = connect(f"ws://127.0.0.1:{server.address()[1]}/")
        print("ends", flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("ends\n", "", 0)


def test_five_hundred_connections_leave_nothing() -> None:
    """The fixture counts threads and descriptors."""
    with serving(echo) as (server, url):
        connect(url).close()
        until(lambda: not server._threads)
        threads, opened = threading.active_count(), len(os.listdir("/proc/self/fd"))
        for i in range(500):
            with connect(url) as ws:
                if i % 10 == 0:
                    ws.send("x")
                    assert ws.recv(timeout=5) == "x"
        until(lambda: not server.clients and not server._threads and not server._openings)
        until(lambda: threading.active_count() == threads)
        until(lambda: len(os.listdir("/proc/self/fd")) == opened)


def test_a_forked_child_has_no_part_in_it() -> None:
    """It closes its descriptors, and what it does to its copies is not seen by the peer."""
    with pair() as (client, server):
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            # Newer Pythons warn of a fork beside threads, which is what this is about.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            status = 1
            try:
                assert client.ready_state is State.CLOSED
                for call in (lambda: client.send("x"), client.recv, client.ping):
                    with pytest.raises(ConnectionClosedError, match="belongs to the process that was forked"):
                        call()
                client.close()
                client.terminate()
                # A connection of its own.
                with serve(echo, "127.0.0.1", 0) as other, connect(url_of(other)) as ws:
                    ws.send("x")
                    assert ws.recv(timeout=5) == "x"
                status = 0
            except BaseException as error:
                os.write(writing, repr(error).encode())
            finally:
                os._exit(status)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        told = os.read(reading, 1000)
        os.close(reading)
        assert (status, told) == (0, b"")
        client.send("x")
        assert server.recv() == "x"
        client.close()
        assert client.close_info.is_ok, "the child's copy of the socket does not keep it open"


def test_a_response_of_verify_client_is_the_answer() -> None:
    with serving(echo, verify_client=lambda info: Response(429, body="later")) as (_, url):
        with pytest.raises(InvalidStatus) as caught:
            connect(url)
        assert (caught.value.response.status, caught.value.response.body) == (429, b"later")


def test_run_takes_the_signals_and_gives_them_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = WebSocketServer(echo, "127.0.0.1", 0)

    def live() -> int | None:
        until(lambda: state(server) is ServerState.RUNNING)
        with connect(url_of(server)) as ws:
            until(lambda: signal.getsignal(signal.SIGTERM) != before[0])
            os.kill(os.getpid(), signal.SIGTERM)
            assert list(ws) == []
            return ws.close_code

    living = Task(live)
    server.run()
    assert living.result() == 1001
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_second_signal_ends_the_wait_for_handlers() -> None:
    released = threading.Event()

    def handler(ws: WebSocket) -> None:
        released.wait(60)

    server = WebSocketServer(handler, "127.0.0.1", 0)

    def live() -> None:
        until(lambda: state(server) is ServerState.RUNNING)
        ws = connect(url_of(server))
        ws.pause()
        until(lambda: signal.getsignal(signal.SIGTERM) == server._on_signal)
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: state(server) is not ServerState.RUNNING)
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: state(server) is ServerState.CLOSED)
        ws.terminate()  # it does not read: it would not see the end

    living = Task(live)
    started = time.monotonic()
    server.run()
    assert time.monotonic() - started < 3 * DEADLINE
    assert server._threads
    released.set()
    living.result()


def test_a_connection_that_is_lost_while_it_is_accepted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger.name)

    def fail(self: Any, *arguments: Any) -> None:
        raise ConnectionResetError("it has gone")

    with serving(echo) as (server, _):
        monkeypatch.setattr("wsline.sync.server.Stream", fail)
        with raw_client(server.address()[1]) as peer:
            assert peer.is_at_end()
        assert "a connection was lost while it was accepted: it has gone" in caplog.text
        assert not server._openings


def test_who_is_accepted_at_the_last_moment_is_refused() -> None:
    with serving(echo) as (server, _):
        ours, theirs = socket.socketpair()
        with server._lock:
            server.state = ServerState.CLOSING
        server._on_accepted(ours)
        with theirs:
            theirs.settimeout(5)
            assert theirs.recv(100).startswith(b"HTTP/1.1 503 ")
        until(lambda: not server._openings)
        with server._lock:
            server.state = ServerState.RUNNING


def test_clients_are_closed_one_after_the_other_where_that_is_asked_for() -> None:
    with serving(echo) as (server, url):
        clients = [connect(url) for _ in range(5)]
        began = time.monotonic()
        server.close(drain=0.5)
        times = []
        for each in clients:
            with pytest.raises(ConnectionClosedOK):
                each.recv(timeout=DEADLINE)
            assert each.close_code == 1001
        assert server.wait_closed(DEADLINE)
        times.append(time.monotonic() - began)
        assert 0.35 < times[-1] < 5
    with pytest.raises(ValueError, match="drain=-1"):
        server.close(drain=-1)
