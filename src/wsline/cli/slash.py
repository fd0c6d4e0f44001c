"""`/ping`, `/pong` and `/close`: lines that are no messages."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from wsline import CloseCode, ConnectionClosed, InvalidState, WebSocket

__all__ = ["COMMANDS", "is_command", "perform", "without_escape"]

COMMANDS: Final = ("/ping", "/pong", "/close")


def is_command(line: str) -> bool:
    """Return whether a line is a command; `//ping` is the message `/ping`."""
    return line.split(" ", 1)[0] in COMMANDS


def without_escape(line: str) -> str:
    """Return the message that a line is."""
    return line[1:] if line.startswith("//") and is_command(line[1:]) else line


def perform(ws: WebSocket, line: str, tell: Callable[[str], object]) -> Coroutine[Any, Any, None] | None:
    """Do what a command says, at once.

    Args:
        ws: an open connection.
        line: `/ping [DATA]`, `/pong [DATA]`, or `/close [CODE [REASON]]`.
        tell: called with what there is to tell: the round-trip time, or why it cannot be done.

    Returns:
        For a ping, what waits for the pong.

    Raises:
        ConnectionClosed: the connection is closed.
    """
    name, _, rest = line.partition(" ")
    try:
        if name == "/ping":
            return _tell_pong(ws.ping(rest), tell)
        if name == "/pong":
            ws.pong(rest)
        else:
            ws.close(*_close_arguments(rest))
    except (TypeError, ValueError, InvalidState) as error:
        tell(f"{name}: {error}")
    return None


async def _tell_pong(pong: Awaitable[float], tell: Callable[[str], object]) -> None:
    try:
        tell(f"pong after {await pong * 1000:.3g} ms")
    except ConnectionClosed:
        return  # told by whoever waits for the end


def _close_arguments(rest: str) -> tuple[Any, ...]:
    code, _, reason = rest.strip().partition(" ")
    if not code:
        return (CloseCode.NORMAL_CLOSURE,)
    if not code.isdecimal():
        raise ValueError(f"{code!r} is no close code, as in /close 1000 goodbye")
    return int(code), reason
