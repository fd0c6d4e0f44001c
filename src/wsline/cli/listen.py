"""`wsline listen`: a server that shows what comes in, and sends what is typed."""

import argparse
import asyncio
import signal
import sys
from contextlib import aclosing
from typing import Any, Final

from wsline import ANY, SAME_HOST, CloseInfo, Request, WebSocket, WebSocketServer
from wsline.http import HTTPServer
from wsline.monitor import Dashboard

from .certificates import ASK, server_context
from .editor import input_lines
from .folder import Folder
from .screen import Screen, complain
from .usage import USAGE, add_options, count, option, port

__all__ = ["EXAMPLE", "PURPOSE", "add_arguments", "run"]

PURPOSE: Final = "Serve WebSockets: messages are printed, your lines go to all who are there."
EXAMPLE: Final = """\
example: wsline listen 8080 --broadcast --folder ./public --dashboard
exit status: 0 after Ctrl-C or SIGTERM, 1 cannot listen there, 2 usage"""

CANNOT_LISTEN: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("port", metavar="PORT", type=port, nargs="?", default=8080, help=argparse.SUPPRESS)
    add_options(
        parser,
        option("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)"),
        option("--path", metavar="PATH", help="accept WebSockets at this path only"),
        option("--echo", action="store_true", help="send each message back"),
        option("--broadcast", action="store_true", help="send each message to all others"),
        option("--folder", metavar="DIR", help="serve the files of this folder beside it"),
        option("--dashboard", action="store_true", help="a page with live figures at /dashboard"),
        option("-s", "--subprotocol", metavar="NAME", dest="subprotocols", action="append", default=[],
               help="take this subprotocol (repeatable)"),
        option("-o", "--origin", metavar="URL", dest="origins", action="append", default=[],
               help="let pages from there connect, too; any: all"),
        option("--cert", metavar="FILE", help="serve TLS; the key may be in --key FILE"),
        option("--key", metavar="FILE", help=argparse.SUPPRESS),
        option("--passphrase", metavar="TEXT", nargs="?", const=ASK,
               help="of the key; asked for without TEXT"),
        option("--deflate", action="store_true", help="compress messages"),
        option("--max-connections", metavar="N", type=count, help="more are refused"),
        option("-P", "--show-ping-pong", action="store_true", help="tell of pings and pongs"),
        option("-q", "--quiet", action="store_true", help="do not print messages"),
        option("--no-color", action="store_true", help="no colours"),
    )  # fmt: skip


async def run(options: argparse.Namespace) -> int:
    """Serve as the options say until Ctrl-C or SIGTERM, and return the exit status."""
    screen = Screen(sys.stdin, sys.stdout, sys.stderr, colour=not options.no_color)
    try:
        hub = Hub(screen, options)
    except (ValueError, TypeError) as error:
        complain(str(error))
        return USAGE
    try:
        await hub.http.start()
    except OSError as error:
        complain(error.strerror or str(error))
        return CANNOT_LISTEN
    try:
        await hub.serve()
    except asyncio.CancelledError:  # Ctrl-C
        pass
    hub.http.close()
    await hub.http.wait_closed()
    return 0


class Hub:
    """A server, who is connected to it, and what they are told.

    Args:
        screen: where messages go.
        options: those of the command.

    Attributes:
        http: the HTTP server below.
    """

    def __init__(self, screen: Screen, options: argparse.Namespace) -> None:
        self._screen = screen
        self._options = options
        self._numbers: dict[WebSocket, int] = {}
        self._last_number = 0
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._secure = options.cert is not None
        self.http = HTTPServer(options.host, options.port, ssl=server_context(options))
        dashboard = Dashboard(self.http) if options.dashboard else None  # first: its path is one of ours, too
        self._server = WebSocketServer(server=self.http, **_server_settings(options))
        self._server.on("connection", self._enter)
        if dashboard is not None:
            dashboard.watch(self._server)
        if options.folder is not None:
            self.http.on("request", Folder(options.folder).answer)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, number = self.http.address()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{'wss' if self._secure else 'ws'}://{shown}:{number}{self._options.path or '/'}"

    async def serve(self) -> None:
        """Tell where it listens, and send what is typed; end with Ctrl-D, Ctrl-C or SIGTERM."""
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop)
        except (NotImplementedError, RuntimeError):  # no loop signals on Windows
            pass
        self._tell_where()
        typing = asyncio.create_task(self._send_input())
        try:
            await asyncio.wait([typing, self._stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            typing.cancel()
            await asyncio.wait([typing])
        if not typing.cancelled():
            typing.result()

    def stop(self) -> None:
        """End `serve`."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _tell_where(self) -> None:
        self._screen.tell(f"Listening at {self.url}")
        page = self.url.replace("ws", "http", 1).removesuffix(self._options.path or "/")
        if self._options.folder is not None:
            self._screen.tell(f"Serving {self._options.folder} at {page}/")
        if self._options.dashboard:
            self._screen.tell(f"Dashboard at {page}/dashboard")

    async def _send_input(self) -> None:
        async with aclosing(input_lines(self._screen, self._bottom)) as lines:
            try:
                async for line in lines:
                    self._server.broadcast(line)
            except UnicodeDecodeError:
                complain("the input is not UTF-8")
        if not self._screen.interactive:  # whoever began us does not type
            await self._stopped

    def _bottom(self) -> str:
        return f" {self.url}   connected {len(self._numbers)}"

    # -- clients

    def _enter(self, ws: WebSocket, request: Request) -> None:
        self._last_number += 1
        number = self._numbers[ws] = self._last_number
        address = ws.remote_address
        where = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "a UNIX socket"
        protocol = f", subprotocol {ws.protocol}" if ws.protocol else ""
        self._screen.note(f"#{number} connected from {where} to {request.target}{protocol}")
        ws.on("close", lambda: self._leave(ws))
        if self._options.show_ping_pong:
            ws.on("ping", lambda data: self._screen.tell(f"#{number} ping"))
            ws.on("pong", lambda data: self._screen.tell(f"#{number} pong"))
        if self._options.echo and self._options.quiet and not self._options.broadcast:
            ws.on("message", ws.send)  # no step in between: this is what benchmarks measure
        else:
            ws.on("message", lambda data: self._take(ws, data))

    def _take(self, ws: WebSocket, data: Any) -> None:
        if self._options.echo:
            ws.send(data)
        if self._options.broadcast:
            self._server.broadcast(data, exclude=[ws])
        if not self._options.quiet:
            try:
                self._screen.show(data, f"#{self._numbers[ws]} ")
            except BrokenPipeError:  # the reader of the pipe has what it wants
                self.stop()

    def _leave(self, ws: WebSocket) -> None:
        self._screen.note(f"#{self._numbers.pop(ws)} {_how(ws.close_info)}")


def _how(info: CloseInfo) -> str:
    if info.is_ok:
        return f"closed ({info.code})"
    return f"closed: {info.hint}"


def _server_settings(options: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "path": options.path,
        "per_message_deflate": options.deflate,
        "max_connections": options.max_connections,
        "handle_protocols": lambda offered, request: next(
            (each for each in offered if each in options.subprotocols), None
        ),
    }
    if "any" in options.origins:
        settings["origins"] = ANY
    else:
        settings["origins"] = [*options.origins, None] if options.origins else SAME_HOST
    return settings
