"""The exceptions of topics, and of the backplane that joins those of many processes.

WebSocketError
├ InvalidTopic
├ TooManyTopics
└ BackplaneError
  ├ BackplaneUnavailable
  └ MalformedEnvelope
"""

from .errors import WebSocketError

__all__ = ["BackplaneError", "BackplaneUnavailable", "InvalidTopic", "MalformedEnvelope", "TooManyTopics"]


class InvalidTopic(WebSocketError, ValueError):
    """This cannot be the name of a topic."""


class TooManyTopics(WebSocketError):
    """No more topics can be followed: a limit of the server is reached, which the message names."""


class BackplaneError(WebSocketError):
    """Something is wrong between a server and its backplane."""


class BackplaneUnavailable(BackplaneError, ConnectionError):
    """The backplane's broker cannot be reached, or is lost; `__cause__` tells more."""


class MalformedEnvelope(BackplaneError):
    """What came over the backplane was not published by wsline."""
