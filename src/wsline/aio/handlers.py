"""The tasks in which a server's handler runs, one for each client."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import ConnectionClosed
from .resuming import resumable
from .websocket import WebSocket

__all__ = ["Handler", "Handlers"]

logger: Final = logging.getLogger("wsline")

Handler = Callable[[WebSocket], Awaitable[object]]


class Handlers:
    """Runs a handler for each WebSocket, and closes the WebSocket at its end.

    Args:
        handler: the coroutine function.
        on_end: called after the end of each.
    """

    def __init__(self, handler: Handler, on_end: Callable[[], object]) -> None:
        self._handler = handler
        self._on_end = on_end
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, websocket: WebSocket) -> None:
        """Run the handler with this WebSocket."""
        task = asyncio.get_running_loop().create_task(self._handle(websocket))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def cancel(self) -> None:
        """Cancel all of them."""
        for task in self._tasks:
            task.cancel()

    async def _handle(self, websocket: WebSocket) -> None:
        try:
            await resumable(self._handler(websocket))
        except ConnectionClosed as error:
            # The end of its own connection is how most handlers end.
            if websocket.ready_state == WebSocket.OPEN:
                websocket._session.on_handler_error(error)
            elif error.close_info.cause is None:
                logger.debug("a handler ended with its connection: %s", error)
            else:
                logger.info("a handler ended with its connection: %s", error)
        except Exception as error:
            websocket._session.on_handler_error(error)
        await websocket.close()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._on_end()
