"""`wsline bench` against real servers."""

import json
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cli.command import echo, run, run_here, serving
from tests.cli.test_connect import unused_port
from wsline import WebSocket
from wsline.cli.bench import payload_of

QUICK = ["-t", "0.2", "-c", "2", "-d", "3"]


@pytest.mark.row(195)
async def test_an_echo_server_is_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "out.svg"
    async with serving(echo) as url:
        result = await run_here(capsys, "bench", *QUICK, "-b", "1k", "--json", "--plot", str(picture), url)
    assert (result.status, result.errors) == (0, "")
    figures = json.loads(result.output)
    assert (figures["url"], figures["connections"], figures["depth"], figures["size"]) == (url, 2, 3, 1024)
    assert (figures["deflate"], figures["tls"]) == (False, False)
    assert figures["messages"] == sum(count for _, count in figures["histogram"]) > 0
    assert figures["messages_per_second"] == pytest.approx(figures["messages"] / figures["seconds"])
    latency = figures["latency_seconds"]
    assert 0 < latency["least"] <= latency["p50"] <= latency["p99"] <= latency["most"]
    assert "messages/s: 2 connections, 3 in flight, 1024 bytes" in picture.read_text()


async def test_text_for_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo, per_message_deflate=True) as url:
        result = await run_here(capsys, "bench", *QUICK, "--deflate", "-b", "2k", url)
    assert (result.status, result.errors) == (0, "")
    assert "load        2 connections x 3 in flight, 2048 bytes, deflate\n" in result.output.decode()
    assert " messages/s, " in result.output.decode()


async def test_tls_and_binary(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.sign("here", "IP:127.0.0.1").server_context()
    async with serving(echo, ssl=context) as url:
        secure = url.replace("ws:", "wss:")
        words = ["bench", *QUICK, "--json", "--binary", secure]
        result = await run_here(capsys, *words, "--ca", str(authority.path))
        refused = await run_here(capsys, *words)
    assert json.loads(result.output)["tls"] is True
    assert refused.status == 1
    assert "--ca FILE" in refused.errors


async def test_without_url_it_measures_a_server_of_its_own() -> None:
    result = await run("bench", *QUICK, "--json")
    assert (result.status, result.errors) == (0, "")
    assert json.loads(result.output)["messages"] > 0


async def silent(ws: WebSocket) -> None:
    async for _ in ws:
        await ws.send("?")


async def test_failures_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    refused = await run_here(capsys, "bench", *QUICK, f"ws://127.0.0.1:{unused_port()}/")
    assert refused.status == 1
    assert refused.errors.endswith("connection refused, is a server listening there?\n")
    async with serving(silent) as url:
        other = await run_here(capsys, "bench", *QUICK, url)
    assert other == (3, b"", "wsline: another message came than was sent: is this an echo server?\n")
    wrong = await run_here(capsys, "bench", "nonsense")
    assert (wrong.status, wrong.errors.count("\n")) == (2, 1)
    for words in (["-c", "0"], ["-t", "0"], ["-b", "much"], ["--key", "x"]):
        result = await run_here(capsys, "bench", *words, "ws://127.0.0.1:1/")
        assert (result.status, result.errors.count("\n")) == (2, 1)


async def test_a_picture_of_no_format_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo) as url:
        result = await run_here(capsys, "bench", *QUICK, "--plot", "out.nonsense", url)
    assert result.status == 2
    assert result.errors.startswith("wsline: --plot out.nonsense: ")
    assert result.errors.count("\n") == 1


async def test_without_matplotlib_it_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    result = await run_here(capsys, "bench", "--plot", "out.png", "ws://127.0.0.1:1/")
    assert result == (2, b"", "wsline: --plot needs matplotlib: pip install wsline[plot]\n")


@pytest.mark.parametrize("length", [0, 1, 125, 100_000])
def test_payloads_have_their_size(length: int) -> None:
    text, data = payload_of(length, False), payload_of(length, True)
    assert (type(text), len(text)) == (str, length)
    assert (type(data), len(data)) == (bytes, length)
