"""The opening handshakes of a server that are on their way."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import HandshakeError
from ..handshake.deflate import Verdict
from ..handshake.http1 import Request
from ..options import ServerOptions
from .channel import Channel
from .opening import Hooks, ServerOpening
from .reactor import reactor_of
from .upgrades import UpgradeSocket
from .websocket import WebSocket

__all__ = ["Accept", "Openings"]

Accept = Callable[[Channel, Request, str | None, Verdict, bytes], WebSocket]


class Openings:
    """Begins opening handshakes, and knows those that are not over.

    Args:
        options: the server's.
        hooks: the server; `on_end` is called when one is no longer counted.
    """

    def __init__(self, options: ServerOptions, hooks: Hooks) -> None:
        self._options = options
        self._on_end = hooks.on_end
        self._hooks = replace(hooks, on_end=self._on_opening_end)
        self._openings: dict[ServerOpening, None] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._openings)

    def begin(self, channel: Channel) -> None:
        """Read the request, and answer it."""
        self._add(channel, self._hooks)

    def upgrade(
        self, request: Request, socket: UpgradeSocket, head: bytes, hooks: Hooks | None = None
    ) -> ServerOpening | None:
        """Answer a request that was read elsewhere.

        Args:
            request: the request.
            socket: its connection, which is taken.
            head: the bytes that came behind it.
            hooks: instead of the server's.

        Raises:
            RuntimeError: the socket was taken before.
        """
        hooks = hooks or self._hooks
        channel, early = socket.take()
        if channel.closed:
            hooks.on_fail(HandshakeError("the client closed the connection before it was answered"))
            return None
        opening = self._add(channel, hooks)
        opening.judge(request, head + early)
        return opening

    def upgrade_and_tell(
        self, request: Request, socket: UpgradeSocket, head: bytes, accept: Accept
    ) -> "asyncio.Future[WebSocket]":
        """Answer a request as `upgrade` does, and tell what came of it.

        Args:
            request, socket, head: see `upgrade`.
            accept: makes the `WebSocket`.

        Returns:
            A future of the `WebSocket`, or of a `HandshakeError`. Cancelling it refuses the client.
        """
        outcome: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()

        def on_open(*opened: Any) -> None:
            outcome.set_result(accept(*opened))

        def on_fail(error: Exception) -> None:
            self._hooks.on_fail(error)
            if not outcome.done():
                outcome.set_exception(error)

        def on_done(outcome: "asyncio.Future[WebSocket]") -> None:
            if not outcome.cancelled():
                outcome.exception()  # who does not wait for it has chosen so
                return
            assert opening is not None, "else it has failed already"
            opening.abort()

        hooks = replace(self._hooks, on_open=on_open, on_fail=on_fail)
        opening = self.upgrade(request, socket, head, hooks)
        outcome.add_done_callback(on_done)
        return outcome

    def abort(self) -> None:
        """Refuse all of them, for the server closes."""
        for opening in tuple(self._openings):
            opening.abort()

    def _add(self, channel: Channel, hooks: Hooks) -> ServerOpening:
        if len(self._openings) >= self._options.max_pending_handshakes:
            next(iter(self._openings)).crowd_out()
        opening = ServerOpening(channel, self._options, reactor_of(channel.loop).deadlines, hooks)
        self._openings[opening] = None
        return opening

    def _on_opening_end(self, opening: ServerOpening) -> None:
        self._openings.pop(opening, None)
        self._on_end(opening)
