"""`wsline connect`: talk to a server by lines."""

import argparse
import asyncio
import os
import sys
from contextlib import aclosing
from typing import Any, Final

from wsline import ConnectionClosed, WebSocket, WebSocketError, connect

from .client import add_client_options, refuse, settings_of
from .editor import input_lines
from .screen import Screen, complain
from .slash import is_command, perform, without_escape
from .usage import USAGE, add_options, option, seconds

__all__ = ["EXAMPLE", "PURPOSE", "add_arguments", "run"]

PURPOSE: Final = "Talk to a server: lines are messages; binary ones are shown as hex:68656c6c6f."
EXAMPLE: Final = """\
example: echo hello | wsline connect -H 'X-Token: 1' wss://example.org/chat
exit status: 0 closed normally, 1 not connected, 2 usage, 3 error code, 4 lost"""

OK: Final = 0
CLOSED_WITH_ERROR: Final = 3
LOST: Final = 4

_KEEPALIVE: Final = 5.0  # seconds, where somebody sees the round-trip time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("url", metavar="URL", help=argparse.SUPPRESS)
    add_client_options(parser)
    add_options(
        parser,
        option("--slash", action="store_true", help="/ping /pong /close [CODE REASON] in pipes, too"),
        option("-P", "--show-ping-pong", action="store_true", help="tell of pings and pongs"),
        option("-x", "--execute", metavar="LINE", action="append",
               help="send this instead of the input (repeatable)"),
        option("-w", "--wait", metavar="SECONDS", type=seconds, default=1.0,
               help="silence to wait for at the end (1); -1: close never"),
        option("--no-color", action="store_true", help="no colours"),
    )  # fmt: skip


async def run(options: argparse.Namespace) -> int:
    """Connect as the options say, talk until the connection is closed, and return the exit status."""
    screen = Screen(sys.stdin, sys.stdout, sys.stderr, colour=not options.no_color)
    try:
        settings = settings_of(options)
        if screen.interactive:
            settings["ping_interval"] = _KEEPALIVE
        ws = await connect(options.url, options.subprotocols or None, **settings)
    except (OSError, ValueError, TypeError, ImportError, WebSocketError) as error:
        return refuse(options.url, error)
    return await Conversation(ws, screen, options).hold()


class Conversation:
    """Lines to the server, its messages to the screen, until one of them ends.

    Args:
        ws: an open connection.
        screen: where messages go.
        options: `execute`, `wait`, `slash` and `show_ping_pong`.
    """

    def __init__(self, ws: WebSocket, screen: Screen, options: argparse.Namespace) -> None:
        self._ws = ws
        self._screen = screen
        self._execute: list[str] | None = options.execute
        # Who types sees the answers, and closes when it is time.
        self._types = screen.interactive and self._execute is None
        self._wait: float | None = 0 if self._types else options.wait
        self._has_commands: bool = options.slash or self._types
        self._pings: set[asyncio.Task[None]] = set()
        self._last_message = 0.0
        self._status = OK
        if options.show_ping_pong:
            ws.on("ping", lambda data: screen.tell(f"ping {_readable(data)}".rstrip()))
            ws.on("pong", lambda data: screen.tell(f"pong {_readable(data)}".rstrip()))

    async def hold(self) -> int:
        """Talk until the connection is closed, and return the exit status."""
        protocol = f", subprotocol {self._ws.protocol}" if self._ws.protocol else ""
        self._screen.note(f"Connected{protocol}. Ctrl-D or Ctrl-C closes the connection.")
        sending = asyncio.create_task(self._send_input())
        try:
            await self._show_messages()
        except asyncio.CancelledError:  # Ctrl-C
            await self._ws.close()
        finally:
            for task in (sending, *self._pings):
                task.cancel()
            await asyncio.wait([sending])  # a line editor puts the terminal in order
        if not sending.cancelled() and (error := sending.exception()) is not None:
            raise error
        return self._tell_close()

    async def _show_messages(self) -> None:
        try:
            async for message in self._ws:
                self._last_message = asyncio.get_running_loop().time()
                self._screen.show(message)
        except ConnectionClosed:
            return  # told by `_tell_close`
        except BrokenPipeError:  # the reader of the pipe has what it wants
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            await self._ws.close()

    # -- from the input

    async def _send_input(self) -> None:
        try:
            await self._send_lines()
            await self._wait_for_answers()
        except ConnectionClosed:
            return
        except UnicodeDecodeError:
            complain("the input is not UTF-8")
            self._status = USAGE
        await self._ws.close()

    async def _send_lines(self) -> None:
        if self._execute is not None:
            for line in self._execute:
                await self._take(line)
            return
        async with aclosing(input_lines(self._screen, self._bottom)) as lines:
            async for line in lines:
                await self._take(line)

    async def _take(self, line: str) -> None:
        if not self._has_commands:
            await self._ws.send(line)
        elif is_command(line):
            self._perform(line)
        else:
            await self._ws.send(without_escape(line))

    def _perform(self, line: str) -> None:
        waiting = perform(self._ws, line, self._screen.tell)
        if waiting is not None:  # nobody waits for a pong to type on
            task = asyncio.create_task(waiting)
            self._pings.add(task)
            task.add_done_callback(self._pings.discard)

    async def _wait_for_answers(self) -> None:
        if self._wait is None:
            await asyncio.Future()  # until the connection ends, which cancels this task
        if not self._wait:
            return
        await self._ws.ping()  # however slow the network is, all lines have arrived now
        clock = asyncio.get_running_loop().time
        quiet_since = clock()
        while (left := quiet_since + self._wait - clock()) > 0:
            await asyncio.sleep(left)
            quiet_since = max(quiet_since, self._last_message)

    # -- what is told

    def _bottom(self) -> str:
        ws = self._ws
        latency = "-" if ws.latency is None else f"{ws.latency * 1000:.3g} ms"
        stats = ws.stats
        return (
            f" {ws.url}   RTT {latency}   received {stats.messages_received}   sent {stats.messages_sent}"
            "   /ping /pong /close"
        )

    def _tell_close(self) -> int:
        how = self._ws.close_info
        reason = f": {how.reason}" if how.reason else ""
        if how.is_ok:
            self._screen.note(f"Closed ({how.code}){reason}")
            return self._status
        if not how.was_clean:
            complain(f"the connection was lost: {how.hint}")
            return LOST
        if how.initiator == "local" and how.cause is None:  # with /close
            self._screen.note(f"Closed ({how.local_code})")
            return self._status
        complain(f"the connection was closed with code {how.code}{reason}")
        return CLOSED_WITH_ERROR


def _readable(data: Any) -> str:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        return f"hex:{bytes(data).hex()}"
