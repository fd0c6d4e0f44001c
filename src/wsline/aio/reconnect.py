"""One connection after the other: what `async for ws in connect(...)` does."""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from ..backoff import Backoff, is_transient
from ..options import ClientOptions
from ..spec import CloseCode
from .websocket import WebSocket

__all__ = ["connections"]

logger: Final = logging.getLogger("wsline")


async def connections(
    connect: Callable[[], Awaitable[WebSocket]], options: ClientOptions
) -> AsyncGenerator[WebSocket, None]:
    """Yield an open WebSocket, and a new one each time that the caller has done with the last.

    Each is closed (1000) before the next is opened, and when the generator is closed.

    Args:
        connect: opens a WebSocket.
        options: has `process_exception`, `on_reconnect` and the delays.

    Raises:
        Exception: what `process_exception` says is final.
    """
    clock = asyncio.get_running_loop().time
    keeper = _Keeper(connect, options)
    while True:
        websocket = await keeper.open()
        begun = clock()
        try:
            yield websocket
        finally:
            await websocket.close()
        keeper.backoff.note_life(clock() - begun)
        await asyncio.sleep(keeper.backoff.next())


class _Keeper:
    """Opens WebSockets, as often as it takes."""

    def __init__(self, connect: Callable[[], Awaitable[WebSocket]], options: ClientOptions) -> None:
        self.backoff = Backoff(options)
        self._connect = connect
        self._options = options
        self._is_first = True

    async def open(self) -> WebSocket:
        while True:
            try:
                return await self._try()
            except Exception as error:
                self._judge(error)
                delay = self.backoff.next()
                logger.info("no connection: %s; trying again in %.1f s", error, delay)
            await asyncio.sleep(delay)

    async def _try(self) -> WebSocket:
        websocket = await self._connect()
        if not self._is_first:
            await self._greet(websocket)
        self._is_first = False
        return websocket

    async def _greet(self, websocket: WebSocket) -> None:
        try:
            done = None if self._options.on_reconnect is None else self._options.on_reconnect(websocket)
            if inspect.isawaitable(done):
                await done
        except Exception:
            await websocket.close(CloseCode.INTERNAL_ERROR)
            raise
        except BaseException:
            websocket.terminate()
            raise

    def _judge(self, error: Exception) -> None:
        """Raise what is final."""
        process = self._options.process_exception or _process_exception
        final = process(error)
        if final is error:
            raise error
        if final is not None:
            raise final from error


def _process_exception(error: Exception) -> Exception | None:
    return None if is_transient(error) else error
