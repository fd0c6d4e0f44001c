"""How words are read: one line of complaint, one screen of help, and values that mean something."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from wsline.cli.usage import (
    USAGE,
    Parser,
    add_options,
    count,
    duration,
    header,
    hide,
    option,
    port,
    seconds,
    size,
)

GOOD = [
    (header, "X-One: 1", ("X-One", "1")),
    (header, "X-Two:a:b", ("X-Two", "a:b")),
    (seconds, "0.5", 0.5),
    (seconds, "-1", None),
    (duration, "10", 10.0),
    (duration, "1.5s", 1.5),
    (duration, "2m", 120.0),
    (duration, "1h", 3600.0),
    (size, "0", 0),
    (size, "125", 125),
    (size, "64k", 65536),
    (size, "1MB", 1024**2),
    (port, "0", 0),
    (port, "65535", 65535),
    (count, "1", 1),
]

BAD = [
    (header, "no colon"),
    (header, ": no name"),
    (seconds, "soon"),
    (seconds, "-2"),
    (seconds, "inf"),
    (seconds, "nan"),
    (duration, "0"),
    (duration, "10 days"),
    (size, "-1"),
    (size, "1g"),
    (port, "65536"),
    (port, "http"),
    (count, "0"),
    (count, "1.5"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_values_are_read(read: Callable[[str], Any], text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(("read", "text"), BAD)
def test_other_values_are_named(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r".+") as caught:
        read(text)
    assert repr(text) in str(caught.value)


def parser() -> Parser:
    made = Parser("tool", "[OPTIONS] FILE", "Does it.", "example: tool x")
    made.add_argument("file", metavar="FILE", help=argparse.SUPPRESS)
    add_options(made, option("-n", "--number", metavar="N", type=count, default=3, help="how many (3)"))
    hide(made, lambda each: add_options(each, option("--hidden", action="store_true", help="seen elsewhere")))
    return made


def test_options_are_data() -> None:
    options = parser().parse_args(["-n", "5", "--hidden", "x"])
    assert (options.number, options.hidden, options.file) == (5, True, "x")


def test_help_has_the_purpose_the_options_and_an_example() -> None:
    shown = parser().format_help()
    assert shown.startswith("usage: tool [OPTIONS] FILE\nDoes it.\n\noptions:\n")
    assert "  -n, --number N  how many (3)\n" in shown
    assert shown.endswith("\nexample: tool x\n")
    assert "hidden" not in shown
    assert "FILE " not in shown


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--wrong", "x"], "unrecognized arguments: --wrong"),
        (["--num", "1", "x"], "unrecognized arguments: --num x"),
        ([], "the following arguments are required: FILE"),
        (["-n", "no", "x"], "argument -n/--number: 'no' is not a number from 1 on"),
    ],
)
def test_wrong_words_get_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)
    assert ended.value.code == USAGE
    assert capsys.readouterr() == ("", f"wsline: {complaint} (see tool --help)\n")
