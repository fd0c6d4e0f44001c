"""What can be sent, and in what form it is received."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any

from ..spec import MAX_CONTROL_PAYLOAD, CloseCode, Role, State
from ..wire.kernels import Output
from ..wire.messages import MessageWriter
from .session import Session

__all__ = ["as_bytes", "as_text", "frame_message", "send_fragments", "to_control_payload", "to_message"]


def to_message(data: Any, binary: bool | None) -> str | bytes | None:
    """Return `data` as `str` or `bytes`; `None` if it is an iterable; else raise `TypeError`."""
    if isinstance(data, str):
        # Of a subclass (an enum, say) the characters count, not what it shows.
        return str.encode(data) if binary else str.__str__(data)
    if type(data) is not bytes:
        try:
            with memoryview(data) as view:
                data = view.tobytes()
        except TypeError:
            if isinstance(data, AsyncIterable) or (
                isinstance(data, Iterable) and not isinstance(data, Mapping)
            ):
                return None
            raise TypeError(
                f"data of type {type(data).__name__}: must be str, bytes, an object with a buffer,"
                f" or an iterable of these"
            ) from None
    return str(data, "utf-8") if binary is False else data


def frame_message(data: str | bytes, binary: bool | None) -> bytes:
    """Return a whole message in one frame, as a server sends it."""
    message = to_message(data, binary)
    if message is None:
        raise TypeError(f"data of type {type(data).__name__}: must be str, bytes or an object with a buffer")
    output = Output()
    writer = MessageWriter(Role.SERVER, output)
    if isinstance(message, str):
        writer.write_text(message, True)
    else:
        writer.write_binary(message, True)
    return output.take()


def to_control_payload(data: Any) -> bytes:
    """Return `data` as the payload of a ping or pong.

    Raises:
        TypeError, ValueError: it is of another type, or too long.
    """
    payload = to_message(data, True)
    if not isinstance(payload, bytes):
        raise TypeError(f"data of type {type(data).__name__}: must be str, bytes or an object with a buffer")
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise ValueError(
            f"data of {len(payload)} bytes:"
            f" The data size must not be greater than {MAX_CONTROL_PAYLOAD} bytes"
        )
    return payload


def as_text(message: str | bytes) -> str:
    """Return a message as text; a binary one must be UTF-8."""
    return message if isinstance(message, str) else str(message, "utf-8")


def as_bytes(message: str | bytes) -> bytes:
    """Return a message as bytes."""
    return message.encode() if isinstance(message, str) else message


async def send_fragments(session: Session, fragments: Any, binary: bool | None) -> None:
    """Send the items of an iterable or asynchronous iterable as the fragments of one message.

    Args:
        session: sends them.
        fragments: all text, or all binary.
        binary: see `Messaging.send`.

    Raises:
        TypeError: a fragment of another type. The connection is failed: the message cannot be completed.
        InvalidState, ConnectionClosed, ConcurrencyError: as `Connection.begin_stream`.
    """
    session.connection.begin_stream()
    try:
        kind: type | None = None
        async for fragment in _iterate(fragments):
            message = to_message(fragment, binary)
            if message is None or (kind is not None and type(message) is not kind):
                raise TypeError(
                    f"a fragment of type {type(fragment).__name__}: fragments must be all text or all binary"
                )
            kind = type(message)
            await session.send_fragment(message, False)
        await session.send_fragment(b"" if kind is bytes or binary else "", True)
    except BaseException as error:
        # Not if it is closed; another one that is closed may be where the fragments come from.
        if session.connection.state == State.OPEN:
            session.fail(error, CloseCode.INTERNAL_ERROR, "message not completed")
        raise


async def _iterate(fragments: Any) -> AsyncIterator[Any]:
    if isinstance(fragments, AsyncIterable):
        async for fragment in fragments:
            yield fragment
    else:
        for fragment in fragments:
            yield fragment
