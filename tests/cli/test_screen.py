"""What is printed, and what of it reaches a terminal unchanged."""

import io

import pytest

from wsline.cli.screen import Screen, complain, escape


class Standard(io.TextIOWrapper):
    """A standard stream that says of itself whether it is a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


class Desk:
    """A screen and what it printed."""

    def __init__(self, *, stdin: bool, stdout: bool) -> None:
        self._stdout, self._stderr = Standard(stdout), Standard(True)
        self.screen = Screen(Standard(stdin), self._stdout, self._stderr)

    @property
    def printed(self) -> tuple[str, str]:
        return self._stdout.text(), self._stderr.text()


@pytest.fixture(autouse=True)
def without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve ☃ 👩\u200d💻", "plain, naïve ☃ 👩\u200d💻"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b[2J\x07\r\x00", r"\x1b[2J\x07\r\x00"),
        ("\x7f\x9b2J", r"\x7f\x9b2J"),
        ("\u202egnp.exe\u2066 \u200f \u2028", r"\u202egnp.exe\u2066 \u200f \u2028"),
    ],
)
def test_what_commands_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_complaint_is_one_safe_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("bad\nthing \x1b[31m")
    assert capsys.readouterr().err == "wsline: bad thing \\x1b[31m\n"


@pytest.mark.parametrize("stdin", [False, True])
def test_a_pipe_gets_messages_as_they_are(stdin: bool) -> None:
    desk = Desk(stdin=stdin, stdout=False)
    desk.screen.show("a\x1b[2J\nb")
    desk.screen.show(b"\x00\xff")
    desk.screen.note("unseen")
    assert not desk.screen.interactive
    assert desk.printed == ("a\x1b[2J\nb\nhex:00ff\n", "")


def test_a_terminal_behind_piped_input_is_safe_and_unmarked() -> None:
    desk = Desk(stdin=False, stdout=True)
    desk.screen.show("a\x1b[2J\nb")
    desk.screen.note("unseen")
    assert not desk.screen.interactive
    assert desk.printed == ("a\\x1b[2J\nb\n", "")


def test_a_terminal_marks_messages_and_gets_notes() -> None:
    desk = Desk(stdin=True, stdout=True)
    desk.screen.show("a\nb")
    desk.screen.note("note \x07")
    assert desk.screen.interactive
    assert desk.printed == ("< a\n  b\n", "note \\x07\n")


def test_colours_come_unless_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")  # empty counts as none
    desk = Desk(stdin=True, stdout=True)
    desk.screen.show("a")
    desk.screen.note("note")
    assert desk.printed == ("\x1b[36m< \x1b[0ma\n", "\x1b[2mnote\x1b[0m\n")


def test_closed_input_is_no_terminal() -> None:
    assert not Screen(None, Standard(True), Standard(True)).interactive
