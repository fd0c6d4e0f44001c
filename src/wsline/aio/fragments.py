"""Messages from iterables: each item is a fragment."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from ..payload import Fragments
from ..spec import CloseCode, State
from .session import Session

__all__ = ["send_fragments"]


async def send_fragments(session: Session, items: Any, binary: bool | None, compress: bool = True) -> None:
    """Send the items of an iterable or asynchronous iterable as the fragments of one message.

    Args:
        session: sends them.
        items: all text, or all binary.
        binary: see `Messaging.send`.
        compress: whether the message may be compressed.

    Raises:
        TypeError: a fragment of another type. The connection is failed: the message cannot be completed.
        InvalidState, ConnectionClosed, ConcurrencyError: as `Connection.begin_stream`.
    """
    session.connection.begin_stream(compress)
    fragments = Fragments(binary)
    try:
        async for item in _iterate(items):
            await session.send_fragment(fragments.take(item), False)
        await session.send_fragment(fragments.last(), True)
    except BaseException as error:
        # Not if it is closed; another one that is closed may be where the fragments come from.
        if session.connection.state == State.OPEN:
            session.fail(error, CloseCode.INTERNAL_ERROR, "message not completed")
        raise


async def _iterate(items: Any) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
