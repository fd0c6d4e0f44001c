"""The exceptions of topics and backplanes: their family, and what callers may take them for."""

import pytest

from wsline import topic_errors
from wsline.errors import WebSocketError


@pytest.mark.parametrize("name", topic_errors.__all__)
def test_they_are_of_the_family_and_say_what_they_are(name: str) -> None:
    kind = getattr(topic_errors, name)
    assert issubclass(kind, WebSocketError)
    assert kind.__doc__


def test_builtin_exceptions_that_callers_expect() -> None:
    assert issubclass(topic_errors.InvalidTopic, ValueError)
    assert issubclass(topic_errors.BackplaneUnavailable, ConnectionError)
