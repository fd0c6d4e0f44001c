"""Asking the application: in what order is in handshake/test_judging.py."""

from collections.abc import Generator
from typing import Any

import pytest

from wsline import Response
from wsline.aio.asking import build_last, consult, settle
from wsline.handshake.judging import Question


async def later(value: object) -> object:
    return value


async def test_values_and_coroutines() -> None:
    assert await settle(5) == 5
    assert await settle(later(5)) == 5


async def test_questions_are_answered_one_after_the_other() -> None:
    def questions() -> Generator[Question, Any, str | None]:
        first = yield Question(later, ("a",))
        second = yield Question(str.upper, ("b",))
        return str(first + second)

    def none() -> Generator[Question, Any, str | None]:
        return "c"
        yield

    assert await consult(questions()) == "aB"
    assert await consult(none()) == "c"


def test_a_response_that_cannot_be_sent_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    assert build_last(Response(204)) == Response(204).build()
    assert build_last(Response(204, body="x")).startswith(b"HTTP/1.1 500 ")
    assert "a response with status 204 has no body" in caplog.text
    nonsense: Any = 5
    assert build_last(Response(200, body=nonsense)).startswith(b"HTTP/1.1 500 ")
