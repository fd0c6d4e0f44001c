"""The command line itself: subcommands, options, help, version, exit status 2."""

import shlex

import pytest

from tests.cli.command import run, run_here
from wsline.cli.main import parse


async def test_version_names_the_program_and_its_version() -> None:
    result = await run("--version")
    assert result.status == 0
    name, version = result.output.decode().split()
    assert name == "wsline"
    assert version[0].isdigit()


@pytest.mark.parametrize("command", ["", "connect", "listen", "serve", "bench", "proxy", "doctor"])
async def test_help_fits_a_screen_and_shows_an_example(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    result = await run_here(capsys, *filter(None, [command]), "--help")
    assert result.status == 0
    lines = result.output.decode().splitlines()
    assert lines[0].startswith(f"usage: wsline {command}")
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    [example] = [line for line in lines if line.startswith("example: ")]
    assert f"wsline {command}" in example


async def test_examples_are_right_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("connect", "listen", "serve", "bench", "proxy", "doctor"):
        result = await run_here(capsys, command, "--help")
        for line in result.output.decode().splitlines():
            if line.startswith(("example: ", "         wsline")):
                words = shlex.split(line.rpartition("| ")[2].removeprefix("example: "), comments=True)
                assert parse(words[words.index("wsline") + 1 :]).run is not None


async def test_an_unknown_option_is_one_line_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    result = await run_here(capsys, "connect", "--nonsense", "ws://127.0.0.1/")
    assert result == (2, b"", "wsline: unrecognized arguments: --nonsense (see wsline connect --help)\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "COMMAND"),
        (("dance",), "dance"),
        (("connect",), "URL"),
        (("connect", "ws://127.0.0.1", "-H", "no colon"), "NAME:VALUE"),
        (("connect", "ws://127.0.0.1", "-H", ": no name"), "NAME:VALUE"),
        (("connect", "ws://127.0.0.1", "--wait", "-2"), "-2"),
        (("connect", "ws://127.0.0.1", "--wait", "soon"), "soon"),
    ],
)
async def test_wrong_usage_is_status_2_and_says_why(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    result = await run_here(capsys, *arguments)
    assert result.status == 2
    assert result.output == b""
    assert complaint in result.errors.splitlines()[-1]
