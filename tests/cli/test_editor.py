"""Editing lines on a terminal, with what the command does there; and the plain way where that cannot be."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Terminal, echo, serving, terminal
from wsline.cli.editor import history_file

PROMPT = b"\x1b[0m> "


async def typed(screen: Terminal, line: bytes, answer: bytes, count: int = 1) -> None:
    await screen.wait_until_raw()
    screen.type(line + b"\r")
    await screen.wait_for(answer, count)


async def test_a200_a_terminal_edits_lines_and_has_commands(tmp_path: Path) -> None:
    async with serving(echo) as url, terminal("connect", url, kind="xterm", home=tmp_path) as screen:
        await screen.wait_for(b"Connected.")
        await typed(screen, b"helo\x1b[Dl", b"< hello")  # cursor left, then another l
        await typed(screen, b'{"a":1}', b'< {\r\n    "a": 1\r\n  }')
        await typed(screen, b"/ping", b"pong after ")
        await typed(screen, b"//ping", b"< /ping")
        await typed(screen, b"/name Ada", b"< /name Ada")
        await typed(screen, b"\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A", b"< hello", 2)  # cursor up: history
        await screen.wait_for(b"received 5   sent 5")
        await screen.wait_until_raw()
        screen.type(b"\x04")
        await screen.wait_for(b"Closed (1000)")
        assert await screen.end() == 0
    path = tmp_path / "wsline" / "history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "+hello\n" in path.read_text()
    assert not any(colour in screen.seen for colour in (b"\x1b[36m", b"\x1b[34m", b"\x1b[2m"))


async def test_ctrl_c_closes_and_colours_come(tmp_path: Path) -> None:
    async with (
        serving(echo) as url,
        terminal("connect", url, kind="xterm", home=tmp_path, colours=True) as screen,
    ):
        await screen.wait_for(b"Connected.")
        await typed(screen, b'{"a":[true]}', b'\x1b[36m< \x1b[0m{\r\n    \x1b[34m"a"\x1b[0m: [')
        await screen.wait_until_raw()
        screen.type(b"\x03")
        await screen.wait_for(b"Closed (1000)")
        assert await screen.end() == 0


async def test_a201_no_color_says_no(tmp_path: Path) -> None:
    async with (
        serving(echo) as url,
        terminal("connect", "--no-color", url, kind="dumb", colours=True) as screen,
    ):
        screen.type(b'{"a":1}\n')
        await screen.wait_for(b'  "a": 1')
        assert b"\x1b" not in screen.seen


async def test_a_close_of_the_server_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    async def leave(ws: object) -> None:
        await ws.recv()  # type: ignore[attr-defined]
        await ws.close(4000, "enough")  # type: ignore[attr-defined]

    async with serving(leave) as url, terminal("connect", url, kind="xterm", home=tmp_path) as screen:
        await screen.wait_for(b"Connected.")
        await typed(screen, b"x", b"wsline: the connection was closed with code 4000: enough")
        assert await screen.end() == 3


WITHOUT = """
import sys
sys.modules["prompt_toolkit"] = sys.modules["rich"] = sys.modules["rich.console"] = None
from wsline.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


async def test_without_the_package_lines_are_plain_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "without.py"
    program.write_text(WITHOUT)
    monkeypatch.setattr("tests.cli.command.COMMAND", (sys.executable, "-W", "error", str(program)))
    async with serving(echo) as url, terminal("connect", url, kind="xterm") as screen:
        await screen.wait_for(b"For line editing and history: pip install wsline[cli]")
        screen.type(b"hello\n/ping\n")
        await screen.wait_for(b"< hello")
        await screen.wait_for(b"pong after ")
        screen.type(b"\x04")
        await screen.wait_for(b"Closed (1000)")
        assert await screen.end() == 0


def test_a_pipe_needs_no_package(tmp_path: Path) -> None:
    program = tmp_path / "without.py"
    program.write_text(WITHOUT)
    words = [sys.executable, "-W", "error", str(program), "connect", "nonsense"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install" not in done.stderr
    assert COMMAND[0] == sys.executable


def test_where_the_history_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert history_file() == Path("/state/wsline/history")
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", "/users/me")
    assert history_file() == Path("/users/me/.local/state/wsline/history")


async def test_a_home_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    async with serving(echo) as url, terminal("connect", url, kind="xterm", home=blocked) as screen:
        await screen.wait_for(b"Connected.")
        await typed(screen, b"hello", b"< hello")
    assert os.listdir(tmp_path) == ["file"]
    await asyncio.sleep(0)
