"""Asking the application, which answers with a value or with a coroutine that returns it."""

import inspect
import logging
from collections.abc import Generator
from typing import Any, Final

from ..handshake import http1
from ..handshake.http1 import Response
from ..handshake.judging import Question

__all__ = ["build_last", "consult", "settle"]

logger: Final = logging.getLogger("wsline")


async def settle(result: Any) -> Any:
    """Return what a function returned, or what its coroutine returns."""
    return await result if inspect.isawaitable(result) else result


def build_last(response: Response) -> bytes:
    """Return the last response of a connection as it goes on the wire: a 500 if it cannot be sent."""
    data, error = http1.build_last(response)
    if error is not None:
        logger.error("a response that cannot be sent", exc_info=error)
    return data


async def consult(questions: Generator[Question, Any, Response | str | None]) -> Response | str | None:
    """Have questions answered by the application: see `handshake.judging.judge`."""
    answer = None
    try:
        while True:
            question = questions.send(answer)
            answer = await settle(question.function(*question.arguments))
    except StopIteration as judged:
        outcome: Response | str | None = judged.value
        return outcome
