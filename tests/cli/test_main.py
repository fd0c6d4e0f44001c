"""The command line itself: subcommands, options, help, version, exit status 2."""

import pytest

from tests.cli.command import run


async def test_version_names_the_program_and_its_version() -> None:
    result = await run("--version")
    assert result.status == 0
    name, version = result.output.decode().split()
    assert name == "wsline"
    assert version[0].isdigit()


@pytest.mark.parametrize("arguments", [("--help",), ("connect", "--help")])
async def test_help_fits_a_terminal(arguments: tuple[str, ...]) -> None:
    result = await run(*arguments)
    assert result.status == 0
    assert b"usage: wsline" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


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
async def test_wrong_usage_is_status_2_and_says_why(arguments: tuple[str, ...], complaint: str) -> None:
    result = await run(*arguments)
    assert result.status == 2
    assert result.output == b""
    assert complaint in result.errors.splitlines()[-1]
