"""`wsline doctor`: each step that can fail is named, with why."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cli.command import Result, echo, run, run_here, serving
from tests.cli.test_connect import answering, unused_port
from wsline import Request, Response, WebSocketServer


def steps(result: Result) -> dict[str, tuple[str, str]]:
    """Return the sign and the words of each step, the last one of a name."""
    found = {}
    for line in result.output.decode().splitlines():
        if not line.startswith(" "):
            sign, name, *words = line.split()
            found[name] = (sign, " ".join(words))
    return found


async def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo, per_message_deflate=True) as url:
        result = await run_here(capsys, "doctor", "-s", "chat", url)
    found = steps(result)
    assert (result.status, result.errors) == (0, "")
    assert list(found) == [
        "URL",
        "proxy",
        "addresses",
        "TCP",
        "HTTP",
        "subprotocol",
        "extensions",
        "ping",
        "close",
    ]
    assert {sign for name, (sign, _) in found.items() if name != "proxy"} == {"ok"}
    assert found["HTTP"][1].startswith("101 Switching Protocols")
    assert found["subprotocol"][1] == "chat (offered: chat)"
    assert found["extensions"][1].startswith("permessage-deflate")


async def test_tls_shows_the_certificate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.sign("here", "DNS:localhost,IP:127.0.0.1")
    async with serving(echo, ssl=certificate.server_context()) as url:
        secure = url.replace("ws:", "wss:")
        trusted = await run_here(capsys, "doctor", "--ca", str(authority.path), secure)
        unchecked = await run_here(capsys, "doctor", "-n", secure)
        refused = await run_here(capsys, "doctor", secure)
    assert trusted.status == unchecked.status == 0
    assert steps(trusted)["TLS"][1].startswith("TLSv1.3, ")
    assert "for localhost, 127.0.0.1" in trusted.output.decode()
    assert "signed by an authority of the tests, valid until" in trusted.output.decode()
    assert "its certificate was not verified" in unchecked.output.decode()
    assert refused.status == 1
    assert list(steps(refused))[-1] == "TLS"
    assert steps(refused)["TLS"][0] == "FAIL"
    assert "--ca FILE" in steps(refused)["TLS"][1]


async def test_tls_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo) as url:
        found = steps(await run_here(capsys, "doctor", url.replace("ws:", "wss:")))
    assert found["TLS"][0] == "FAIL"
    assert "does not speak TLS" in found["TLS"][1]


async def test_a_name_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    result = await run_here(capsys, "doctor", "ws://no-such-host.invalid/")
    assert result.status == 1
    assert list(steps(result).items())[-1][0] == "addresses"
    assert steps(result)["addresses"][1].startswith("no-such-host.invalid: the host name cannot be resolved")


async def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    result = await run_here(capsys, "doctor", f"ws://127.0.0.1:{unused_port()}/")
    assert result.status == 1
    assert steps(result)["TCP"][0] == steps(result)["connected"][0] == "FAIL"
    assert "connection refused" in steps(result)["TCP"][1]


async def test_one_address_of_several_is_enough(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = 0

    async def two(*arguments: object, **keywords: object) -> list[object]:
        return [(socket.AF_INET, 1, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]

    async with serving(echo) as url:
        port = int(url.rpartition(":")[2].strip("/"))
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        result = await run_here(capsys, "doctor", f"ws://localhost:{port}/")
    assert result.status == 0
    lines = [line for line in result.output.decode().splitlines() if " TCP " in line]
    assert [line.split()[0] for line in lines] == ["FAIL", "ok"]
    assert steps(result)["addresses"][1].startswith("localhost has 2")


async def test_a_web_server_shows_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    body = "<title>Not here</title>\n" + "x" * 1000
    answer = f"HTTP/1.1 404 Not Found\r\nServer: old\x1b[31m\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    answer = answer.replace("\x1b[31m", "")
    async with answering(answer.encode()) as port:
        result = await run_here(capsys, "doctor", f"ws://127.0.0.1:{port}/")
    assert result.status == 1
    assert steps(result)["HTTP"] == ("FAIL", "the server answered 404 Not Found; check the path in the URL")
    text = result.output.decode()
    for line in (
        "HTTP/1.1 404 Not Found",
        "Server: old",
        "<title>Not here</title>",
        f"... ({len(body)} bytes)",
    ):
        assert f"{' ' * 18}{line}\n" in text


async def test_what_could_command_the_terminal_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n\x1b[2J\x1b]0;x"
    async with answering(answer) as port:
        result = await run_here(capsys, "doctor", f"ws://127.0.0.1:{port}/")
    assert b"\x1b" not in result.output
    assert rb"\x1b[2J" in result.output


async def test_a_server_without_the_subprotocol(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo, handle_protocols=lambda offered, request: None) as url:
        result = await run_here(capsys, "doctor", "-s", "chat", url)
    assert result.status == 1
    assert steps(result)["HTTP"][0] == "ok"
    assert steps(result)["subprotocol"][0] == "FAIL"
    assert "(requested: chat)" in steps(result)["subprotocol"][1]


async def test_a_server_that_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        result = await run_here(capsys, "doctor", "-t", "0.2", f"ws://127.0.0.1:{port}/")
        secure = await run_here(capsys, "doctor", "-t", "0.2", f"wss://127.0.0.1:{port}/")
    assert result.status == secure.status == 1
    assert "was not open after 0.2 s" in steps(result)["HTTP"][1]
    assert steps(secure)["TLS"] == ("FAIL", "no answer within 0.2 s")


async def test_a_server_that_answers_no_ping(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo, auto_pong=False) as url:
        result = await run_here(capsys, "doctor", "-t", "0.3", url)
    assert result.status == 1
    assert steps(result)["ping"] == ("FAIL", "no answer within 0.3 s")
    assert steps(result)["close"] == ("ok", "1000")


async def test_redirects_are_followed_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo) as there:

        def redirect(request: Request) -> Response:
            return Response(302, {"Location": there})

        async with serving(echo, process_request=redirect) as url:
            result = await run_here(capsys, "doctor", "-L", url)
    assert result.status == 0
    assert f"redirected to {there}" in result.output.decode()


@asynccontextmanager
async def http_proxy(answer: bytes) -> AsyncIterator[int]:
    """Run a proxy that answers each CONNECT so; with a 200 it leads to where it was asked to."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if b" 200 " in answer:
            host, _, port = head.split()[1].decode().rpartition(":")
            far, out = await asyncio.open_connection(host, int(port))

            async def back() -> None:
                while data := await far.read(65536):
                    writer.write(data)
                writer.close()

            task = asyncio.create_task(back())
            while data := await reader.read(65536):
                out.write(data)
            out.close()
            await task
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_through_a_proxy(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo) as url, http_proxy(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        result = await run_here(capsys, "doctor", "--proxy", f"http://me:secret@127.0.0.1:{port}", url)
    assert result.status == 0
    assert steps(result)["proxy"] == ("ok", f"http://127.0.0.1:{port}")
    assert steps(result)["tunnel"][0] == "ok"
    assert b"secret" not in result.output


async def test_a_proxy_that_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with http_proxy(refusal) as port:
        result = await run_here(capsys, "doctor", "--proxy", f"http://127.0.0.1:{port}", "ws://example.org/")
    assert result.status == 1
    assert steps(result)["tunnel"][0] == "FAIL"
    assert "407" in steps(result)["tunnel"][1]
    assert "http://user:password@host:port" in steps(result)["tunnel"][1]


async def test_a_unix_socket(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    missing = await run_here(capsys, "doctor", f"ws+unix:{path}:/")
    server = WebSocketServer(echo, unix_path=str(path))
    async with server:
        result = await run_here(capsys, "doctor", f"ws+unix:{path}:/")
    assert (missing.status, steps(missing)["TCP"][0]) == (1, "FAIL")
    assert result.status == 0
    assert steps(result)["URL"][1].endswith(f"the UNIX socket {path}")


@pytest.mark.parametrize(
    "words", [["nonsense"], ["--proxy", "ftp://x", "ws://a/"], ["-t", "0", "ws://a/"], []]
)
async def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    result = await run_here(capsys, "doctor", *words)
    assert (result.status, result.output, result.errors.count("\n")) == (2, b"", 1)


async def test_as_a_process_it_ends_with_its_status() -> None:
    assert (await run("doctor", f"ws://127.0.0.1:{unused_port()}/")).status == 1
