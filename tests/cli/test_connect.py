"""`wsline connect` against real servers."""

import asyncio
import shutil
import signal
import socket
import ssl
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority, openssl
from tests.cli.command import DEADLINE, echo, finish, run, serving, start, terminal
from tests.doors.door import until
from tests.doors.proxies import missing, tinyproxy
from wsline import ConnectionClosed, Request, Response, WebSocket


def unused_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return the context of a server that vouches for itself only."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl to make a certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """Run a server that gives each request the same bytes; yield its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


class Recorder:
    """A handler that keeps what the command did."""

    def __init__(self) -> None:
        self.ws: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()
        self.messages: list[Any] = []
        self.closed = asyncio.Event()
        self._first_message = asyncio.Event()

    async def __call__(self, ws: WebSocket) -> None:
        self.ws.set_result(ws)
        try:
            async for message in ws:
                self.messages.append(message)
                self._first_message.set()
        except ConnectionClosed:
            pass  # the test looks at the close code
        self.closed.set()

    async def in_conversation(self, process: Process) -> None:
        """Wait until the command, too, knows that the connection is open."""
        assert process.stdin is not None
        process.stdin.write(b"here I am\n")
        async with asyncio.timeout(DEADLINE):
            await self._first_message.wait()

    async def close_code(self) -> int:
        """Wait for the end of the connection, and return the command's close code."""
        async with asyncio.timeout(DEADLINE):
            await self.closed.wait()
        return (await self.ws).close_info.code


async def test_a196_piped_lines_come_back_as_lines() -> None:
    async with serving(echo) as url:
        result = await run("connect", url, lines=b"one\ntwo \xc3\xa9\r\n\nlast, without a line end")
    assert result.errors == ""
    assert result.output.decode() == "one\ntwo é\n\nlast, without a line end\n"
    assert result.status == 0


async def test_many_piped_lines_come_back_in_order() -> None:
    lines = b"".join(b"%d %s\n" % (number, b"x" * (number % 300)) for number in range(5000))
    async with serving(echo) as url:
        result = await run("connect", url, lines=lines)
    assert result.output == lines
    assert result.status == 0


async def test_a_line_longer_than_one_read_is_one_message() -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        await run("connect", url, lines=b"x" * 300_000 + b"\n")
    assert list(map(len, recorder.messages)) == [300_000]


async def test_the_end_of_the_input_closes_with_1000() -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        result = await run("connect", url, "--wait", "0", lines=b"only line\n")
        assert await recorder.close_code() == 1000
    assert recorder.messages == ["only line"]
    assert result == (0, b"", "")


@pytest.mark.row(201)
async def test_wait_lasts_as_long_as_messages_come() -> None:
    async def trickle(ws: WebSocket) -> None:
        await ws.recv()
        for number in range(4):
            await asyncio.sleep(0.3)
            await ws.send(str(number))
        async for _ in ws:
            pass

    async with serving(trickle) as url:
        result = await run("connect", url, "--wait", "0.9", lines=b"go\n")
    assert result == (0, b"0\n1\n2\n3\n", "")


async def test_wait_minus_one_waits_for_the_server() -> None:
    async def answer_and_close(ws: WebSocket) -> None:
        await ws.recv()
        await asyncio.sleep(0.2)
        await ws.send("late")
        await ws.close()

    async with serving(answer_and_close) as url:
        result = await run("connect", url, "--wait", "-1", lines=b"go\n")
    assert result == (0, b"late\n", "")


async def test_the_server_may_close_before_the_input_ends() -> None:
    async def greet(ws: WebSocket) -> None:
        await ws.send("goodbye")
        await ws.close()

    async with serving(greet) as url:
        process = await start("connect", url)
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            assert await process.stdout.read() == b"goodbye\n"
            assert await process.wait() == 0


async def test_binary_messages_are_shown_in_hex() -> None:
    async def send_bytes(ws: WebSocket) -> None:
        await ws.send(b"hello\x00\xff")
        await ws.send(b"")
        await ws.close()

    async with serving(send_bytes) as url:
        result = await run("connect", url, "--wait", "-1")
    assert result.output == b"hex:68656c6c6f00ff\nhex:\n"


async def test_a_pipe_gets_messages_as_they_are() -> None:
    async def send_escape(ws: WebSocket) -> None:
        await ws.send("\x1b[31mred")
        await ws.close()

    async with serving(send_escape) as url:
        assert (await run("connect", url, "--wait", "-1")).output == b"\x1b[31mred\n"


@pytest.mark.row(197)
async def test_headers_origin_and_subprotocols_are_sent() -> None:
    recorder = Recorder()
    arguments = ["-H", "X-One: 1", "-H", "X-Two:2:2", "-o", "http://example.org", "-s", "b", "-s", "a"]
    async with serving(recorder, origins=["http://example.org"]) as url:
        assert (await run("connect", url, "-w", "0", *arguments)).status == 0
        headers = (await recorder.ws).request.headers
    assert headers["x-one"] == "1"
    assert headers["x-two"] == "2:2"
    assert headers["origin"] == "http://example.org"
    assert headers["sec-websocket-protocol"].replace(" ", "") == "b,a"


async def test_input_that_is_not_utf_8_is_an_error() -> None:
    async with serving(echo) as url:
        result = await run("connect", url, lines=b"\xff\xfe\n")
    assert result.status == 2
    assert result.errors == "wsline: the input is not UTF-8\n"


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://127.0.0.1/", "ws://", "ws://127.0.0.1/#fragment", "ws://127.0.0.1:99999/"]
)
async def test_a_wrong_url_is_wrong_usage(url: str) -> None:
    result = await run("connect", url)
    assert result.status == 2
    assert result.errors.startswith("wsline: ")
    assert result.errors.count("\n") == 1


async def test_a_header_that_cannot_be_sent_is_wrong_usage() -> None:
    result = await run("connect", "ws://127.0.0.1:1/", "-H", "X-Bad: a\r\nInjected: b")
    assert result.status == 2
    assert result.errors.startswith("wsline: ")
    assert result.errors.count("\n") == 1


async def test_a_refused_connection_says_where_and_why() -> None:
    port = unused_port()
    result = await run("connect", f"ws://name:password@127.0.0.1:{port}/x")
    assert result == (
        1,
        b"",
        f"wsline: cannot connect to ws://127.0.0.1:{port}/x: "
        "connection refused, is a server listening there?\n",
    )


async def test_a_host_that_is_not_known_is_told() -> None:
    result = await run("connect", "ws://no-such-host.invalid/")
    assert result.status == 1
    told = "wsline: cannot connect to ws://no-such-host.invalid/: the host name cannot be resolved, "
    assert result.errors.startswith(told)
    assert result.errors.count("\n") == 1


async def test_a_certificate_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    async with serving(echo, ssl=self_signed(tmp_path)) as url:
        secure = url.replace("ws:", "wss:")
        refused = await run("connect", secure, lines=b"hello\n")
        accepted = await run("connect", secure, "--no-check", lines=b"hello\n")
    assert refused.status == 1
    assert "certificate is refused: it is self-signed; if you trust it, pass --ca FILE" in refused.errors
    assert "--no-check" in refused.errors
    assert refused.errors.count("\n") == 1
    assert accepted == (0, b"hello\n", "")


async def test_a_web_server_without_websocket_gives_its_status_and_a_hint() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    async with answering(answer) as port:
        result = await run("connect", f"ws://127.0.0.1:{port}/")
    assert result.status == 1
    assert "200" in result.errors
    assert "check that a WebSocket server is at this URL" in result.errors
    assert result.errors.count("\n") == 1


async def test_a_server_that_speaks_no_http_is_told_in_one_line() -> None:
    async with answering(b"220 mail.example.org ESMTP\x1b[2J\r\n") as port:
        result = await run("connect", f"ws://127.0.0.1:{port}/")
    assert result.status == 1
    assert result.errors.startswith(f"wsline: cannot connect to ws://127.0.0.1:{port}/: ")
    assert result.errors.count("\n") == 1
    assert "\x1b" not in result.errors


async def test_a_refusal_names_the_options_that_may_help() -> None:
    def refuse(request: Request) -> Response:
        return Response(401, body=b"who are you?\n")

    async with serving(echo, process_request=refuse) as url:
        result = await run("connect", url)
    assert result.status == 1
    assert "401" in result.errors
    assert (
        "(who are you?); give credentials with --auth USER:PASSWORD, in the URL, or in --header"
        in result.errors
    )


async def test_a_redirection_is_told_and_not_followed() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n"
    async with answering(answer) as port:
        result = await run("connect", f"ws://127.0.0.1:{port}/")
    assert result.status == 1
    assert result.errors.endswith(
        "answered 302 Found (to http://example.org/); --location goes where its Location header tells\n"
    )


async def test_a_close_that_means_an_error_is_status_3_with_its_reason() -> None:
    async def fail(ws: WebSocket) -> None:
        await ws.close(4000, "no more \x1b[31mtea")

    async with serving(fail) as url:
        result = await run("connect", url, "--wait", "-1")
    assert result == (3, b"", "wsline: the connection was closed with code 4000: no more \\x1b[31mtea\n")


async def test_a_lost_connection_is_status_4() -> None:
    async def cut(ws: WebSocket) -> None:
        ws.terminate()

    async with serving(cut) as url:
        result = await run("connect", url, "--wait", "-1")
    assert result.status == 4
    assert result.errors.startswith("wsline: the connection was lost: ")
    assert result.errors.count("\n") == 1


async def test_sigint_closes_with_1000() -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        process = await start("connect", url)
        await recorder.in_conversation(process)
        process.send_signal(signal.SIGINT)
        assert await recorder.close_code() == 1000
        async with asyncio.timeout(DEADLINE):
            assert await process.wait() == 0
        assert await finish(process) == (0, b"", "")


async def test_sigint_before_the_connection_is_open_ends_the_command() -> None:
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        process = await start("connect", f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
        process.send_signal(signal.SIGINT)
        assert await finish(process) == (130, b"", "")


async def test_a_reader_that_goes_away_closes_with_1000() -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        process = await start("connect", url)
        ws = await recorder.ws
        output = process.stdout._transport  # type: ignore[union-attr]
        pipe = output.get_extra_info("pipe")
        output.close()
        await until(lambda: pipe.closed)  # else the command could be quicker
        ws.send("nobody reads this")
        assert await recorder.close_code() == 1000
        async with asyncio.timeout(DEADLINE):
            assert await process.wait() == 0


async def test_a_terminal_shows_both_sides_and_ctrl_d_closes() -> None:
    async with serving(echo) as url, terminal("connect", url) as screen:
        await screen.wait_for(b"Connected. Ctrl-D or Ctrl-C closes the connection.")
        screen.type(b"hello\n")
        await screen.wait_for(b"< hello")
        screen.type(b"\x04")
        await screen.wait_for(b"Closed (1000)")
        assert await screen.end() == 0
        assert b"\x1b" not in screen.seen


async def test_a_terminal_shows_control_characters_escaped() -> None:
    async def send_escape(ws: WebSocket) -> None:
        await ws.send("\x1b]0;title\x07 \x9b2J \u202egnp\rx\ttab\nline")
        async for _ in ws:
            pass

    async with serving(send_escape) as url, terminal("connect", url) as screen:
        await screen.wait_for(b"\r\n  line")
        assert rb"< \x1b]0;title\x07 \x9b2J \u202egnp\rx" in screen.seen
        assert b"\x1b" not in screen.seen


async def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    async with serving(echo) as url, terminal("connect", url, colours=True) as screen:
        screen.type(b"hello\n")
        await screen.wait_for(b"\x1b[36m< \x1b[0mhello")


async def test_a197_credentials_and_protocol_8() -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        result = await run("connect", "-w", "0", "--auth", "me:se:cret", "-p", "8", url)
        headers = (await recorder.ws).request.headers
    assert result == (0, b"", "")
    assert headers["authorization"] == "Basic bWU6c2U6Y3JldA=="
    assert headers["sec-websocket-version"] == "8"


async def test_a198_certificates_of_both_sides(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.sign("server", "IP:127.0.0.1").server_context()
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = authority.sign("client")
    locked = tmp_path / "locked.pem"
    openssl("ec", "-in", ours.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    words = [
        "--ca",
        str(authority.path),
        "--cert",
        str(ours.path),
        "--key",
        str(locked),
        "--passphrase",
        "secret",
    ]
    async with serving(echo, ssl=context) as url:
        secure = url.replace("ws:", "wss:")
        accepted = await run("connect", *words, secure, lines=b"hello\n")
        refused = await run("connect", *words[:2], secure, lines=b"hello\n")
    assert accepted == (0, b"hello\n", "")
    assert refused.status != 0
    assert "--cert and --key" in refused.errors


async def test_a199_redirects_and_proxies(tmp_path: Path) -> None:
    if (why := missing("tinyproxy")) is not None:
        pytest.skip(why)
    places: list[str] = []

    def redirect(request: Request) -> Response:
        return Response(302, {"Location": places[0]})

    async with serving(echo) as there, serving(echo, process_request=redirect) as url:
        places.append(there)
        with tinyproxy(tmp_path) as proxy:
            words = ["-L", "--max-redirects", "1", "-x", "hello", "-w", "0.2"]
            proxied = await run("connect", "--proxy", proxy.url("http"), *words, url)
            direct = await run("connect", *words, url)
    assert proxied == direct == (0, b"hello\n", "")


async def test_too_many_redirects_are_told() -> None:
    async with serving(echo, process_request=lambda request: Response(302, {"Location": "/again"})) as url:
        result = await run("connect", "-L", "--max-redirects", "2", url)
    assert result.status == 1
    assert "--max-redirects" in result.errors
    assert result.errors.count("\n") == 1


async def test_a_proxy_that_is_not_there_is_told() -> None:
    proxy = f"http://me:secret@127.0.0.1:{unused_port()}"
    result = await run("connect", "--proxy", proxy, "ws://example.org/")
    assert result.status == 1
    assert "proxy http://127.0.0.1:" in result.errors
    assert "secret" not in result.errors
    assert result.errors.count("\n") == 1


async def test_a200_commands_in_a_pipe_and_pings_that_are_told() -> None:
    async def ping(ws: WebSocket) -> None:
        async for message in ws:
            await ws.ping(b"\xff" if message == "ping me" else b"text")
            await ws.send(message)

    async with serving(ping) as url:
        lines = b"ping me\n//close\n/pong unasked\n/ping data\n/close nonsense\n"
        result = await run("connect", "--slash", "-P", "-w", "0.3", url, lines=lines)
        closed = await run("connect", "--slash", "-w", "-1", url, lines=b"/close 4001 good bye\n")
    assert (result.status, result.output) == (0, b"ping me\n/close\n")
    told = result.errors.splitlines()
    assert {"ping hex:ff", "ping text", "pong data"} <= set(told)
    assert [line for line in told if line.startswith("pong after ")]
    assert "/close: 'nonsense' is no close code, as in /close 1000 goodbye" in told
    assert closed == (0, b"", "")


async def test_without_slash_commands_are_messages() -> None:
    async with serving(echo) as url:
        assert await run("connect", url, lines=b"/close\n//ping\n") == (0, b"/close\n//ping\n", "")


async def test_a201_execute_sends_lines_instead_of_the_input() -> None:
    async with serving(echo) as url:
        words = ["-x", "one", "-x", "two", "--wait", "0.2", "--no-color"]
        assert await run("connect", *words, url, lines=b"not this\n") == (0, b"one\ntwo\n", "")


async def test_execute_on_a_terminal_ends_by_itself() -> None:
    async with serving(echo) as url, terminal("connect", "-x", "hello", "-w", "0.2", url) as screen:
        await screen.wait_for(b"< hello")
        await screen.wait_for(b"Closed (1000)")
        assert await screen.end() == 0
