"""How a connection moves from state to state, and how a door leaves it: tables, no behaviour.

And the states of a server, which has no table: they only follow each other.
"""

from enum import Enum, IntEnum
from typing import Final

from .errors import InvalidState
from .spec import State

__all__ = ["Exit", "Input", "ServerState", "next_state"]


class Input(Enum):
    """What moves a connection from state to state."""

    OPENED = "the opening handshake succeeded"
    SENT_CLOSE = "we sent a close frame"
    RECEIVED_CLOSE = "the peer sent a close frame"
    FAILED = "we failed the connection"
    ENDED = "the byte stream ended"


_TRANSITIONS: Final = {
    (State.CONNECTING, Input.OPENED): State.OPEN,
    (State.CONNECTING, Input.ENDED): State.CLOSED,
    (State.OPEN, Input.SENT_CLOSE): State.CLOSING,
    (State.OPEN, Input.RECEIVED_CLOSE): State.CLOSING,
    (State.OPEN, Input.FAILED): State.CLOSING,
    (State.OPEN, Input.ENDED): State.CLOSED,
    (State.CLOSING, Input.SENT_CLOSE): State.CLOSING,
    (State.CLOSING, Input.RECEIVED_CLOSE): State.CLOSING,
    (State.CLOSING, Input.FAILED): State.CLOSING,
    (State.CLOSING, Input.ENDED): State.CLOSED,
}


def next_state(state: State, happened: Input) -> State:
    """Return the state after `happened`.

    Raises:
        InvalidState: it cannot happen in this state.
    """
    try:
        return _TRANSITIONS[state, happened]
    except KeyError:
        raise InvalidState(f"{happened.value}: impossible while {state.name}") from None


class Exit(IntEnum):
    """How the door leaves, once the output is flushed."""

    NONE = 0
    HALF_CLOSE = 1  # send FIN, and read on until the peer does so or the deadline comes
    CLOSE = 2  # close the socket

    # RFC 6455 §7.1.1: the server closes first. On a failed connection it sends FIN and reads on: closing
    # a socket with unread bytes resets it, and the peer would lose our close frame.


class ServerState(IntEnum):
    """The state of a server, numbered as in `ws`; NEW before `start`."""

    NEW = -1
    RUNNING = 0
    CLOSING = 1
    CLOSED = 2
