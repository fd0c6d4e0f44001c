"""How a connection ended: for `close_info`, and for the exceptions that carry it."""

from .errors import CloseInfo, ConnectionClosed, ConnectionClosedError, ConnectionClosedOK, HandshakeError
from .spec import Role
from .wire.close import Close

__all__ = ["close_info", "closed_error", "given_up"]


def close_info(
    role: Role,
    sent: Close | None,
    received: Close | None,
    initiator: str | None,
    cause: BaseException | None,
    is_terminated: bool,
    overdue: float | None = None,
) -> CloseInfo:
    """Return what is known of the end of a connection.

    Args:
        role: our end.
        sent: the close frame we sent.
        received: the close frame of the peer.
        initiator: `"local"` or `"peer"`, whoever's came first.
        cause: the exception that ended or failed the connection.
        is_terminated: the application cut it.
        overdue: so many seconds the peer had to answer our close frame, and has not; else `None`.
    """
    return CloseInfo(
        local_code=None if sent is None else sent.code,
        local_reason="" if sent is None else sent.reason,
        peer_code=None if received is None else received.code,
        peer_reason="" if received is None else received.reason,
        initiator=initiator,
        was_clean=sent is not None and received is not None,
        cause=cause,
        limit=getattr(cause, "limit", None) if overdue is None else "close_timeout",
        hint=_hint(f"the {role.peer.value}", sent, received, initiator, cause, is_terminated, overdue),
    )


def _hint(
    peer: str,
    sent: Close | None,
    received: Close | None,
    initiator: str | None,
    cause: BaseException | None,
    is_terminated: bool,
    overdue: float | None,
) -> str:
    if is_terminated:
        return "we cut the connection (terminate)"
    if cause is not None:
        what = f"the connection failed: {cause}"
        return what if sent is None else f"{what}; we closed with {sent!r}"
    if received is not None:
        who = "we" if initiator == "local" else peer
        return f"{who} closed the connection; {peer} sent {received!r}"
    if sent is not None:
        within = "" if overdue is None else f" within {overdue} s (option close_timeout)"
        return f"we sent {sent!r}, and {peer} has not answered it{within}"
    return f"{peer} ended the TCP connection without a close frame"


def closed_error(info: CloseInfo) -> ConnectionClosed:
    """Return the exception for calls that need the connection open, chained to the cause."""
    error = (ConnectionClosedOK if info.is_ok else ConnectionClosedError)(info)
    error.__cause__ = info.cause
    return error


def given_up() -> HandshakeError:
    """Return why a WebSocket has ended that the application gave up while it opened."""
    return HandshakeError(
        "WebSocket was closed before the connection was established",
        hint="the application called close() or terminate(), or cancelled it",
    )
