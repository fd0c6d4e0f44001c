"""`wsline proxy`: TCP through a WebSocket, and a WebSocket to TCP."""

import argparse
import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from wsline import WebSocket, WebSocketError, WebSocketServer, connect, create_websocket_stream

from .client import add_client_options, explain, settings_of, shown_url
from .screen import Screen, complain
from .usage import USAGE, add_options, count, hide, option

__all__ = ["EXAMPLE", "PURPOSE", "add_arguments", "run"]

PURPOSE: Final = "Carry TCP connections over WebSockets: run it at both ends, or at one."
EXAMPLE: Final = """\
LISTEN, TARGET: one is tcp://HOST:PORT, the other ws://HOST:PORT/PATH, or wss:
example: wsline proxy ws://0.0.0.0:8080/db tcp://127.0.0.1:5432   # at one end
         wsline proxy tcp://127.0.0.1:5432 ws://gateway:8080/db   # other end
For TARGET ws: -H -o -s -p --auth --ca --cert -n --proxy -L, see connect --help
exit status: 0 after Ctrl-C or SIGTERM, 1 cannot listen there, 2 usage"""

CANNOT_LISTEN: Final = 1

_CHUNK: Final = 65536  # bytes of one read, and of one message, at most
_TCP: Final = re.compile(r"tcp://(\[[^]/]+\]|[^:/]+):(\d{1,5})/?")
_WS: Final = re.compile(r"ws://(\[[^]/]+\]|[^:/]+):(\d{1,5})(/.*)?")


class Place(NamedTuple):
    """Where to listen, or a TCP target."""

    host: str
    port: int
    path: str = ""


@dataclass
class Traffic:
    """How many bytes one connection has carried."""

    to_websocket: int = 0
    to_tcp: int = 0


class Connections:
    """Who is connected: each has a number, is told of, and counted; all end with the command.

    Args:
        screen: who is told.
        most: how many there may be at a time.
    """

    def __init__(self, screen: Screen, most: int) -> None:
        self._screen = screen
        self._most = most
        self._last = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def carry(self, whence: str, work: Callable[[Traffic], Awaitable[None]]) -> None:
        """Do the work of one connection."""
        self._last += 1
        number = self._last
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= self._most:
            self._screen.tell(
                f"#{number} from {whence}: refused, {self._most} are connected (--max-connections)"
            )
            return
        self._tasks.add(task)
        self._screen.tell(f"#{number} from {whence}")
        traffic = Traffic()
        try:
            await work(traffic)
            self._screen.tell(
                f"#{number} ended: {traffic.to_websocket} bytes from TCP, {traffic.to_tcp} bytes to it"
            )
        except (OSError, ValueError, WebSocketError) as error:
            complain(f"#{number}: {explain(error)}")
        finally:
            self._tasks.discard(task)

    async def end(self) -> None:
        """End all."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("listen", metavar="LISTEN", help=argparse.SUPPRESS)
    parser.add_argument("target", metavar="TARGET", help=argparse.SUPPRESS)
    hide(parser, add_client_options)
    add_options(
        parser,
        option("--max-connections", metavar="N", type=count, default=1000, help="at a time (1000)"),
    )


async def run(options: argparse.Namespace) -> int:
    """Carry connections until Ctrl-C or SIGTERM, and return the exit status."""
    connections = Connections(Screen(None, sys.stdout, sys.stderr), options.max_connections)
    try:
        server = _make_server(options, connections)
    except ValueError as error:
        complain(str(error))
        return USAGE
    try:
        closing = await server()
    except OSError as error:
        complain(error.strerror or str(error))
        return CANNOT_LISTEN
    stopped = asyncio.Event()
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    except (NotImplementedError, RuntimeError):  # no loop signals on Windows
        pass
    try:
        await stopped.wait()
    except asyncio.CancelledError:  # Ctrl-C
        pass
    await connections.end()
    await closing()
    return 0


_Start = Callable[[], Awaitable[Callable[[], Awaitable[None]]]]


def _make_server(options: argparse.Namespace, connections: Connections) -> _Start:
    """Return what begins to listen, and then returns what ends it."""
    if (tcp := _TCP.fullmatch(options.listen)) and options.target.startswith(("ws:", "wss:", "http")):
        settings = settings_of(options)
        connect(options.target, options.subprotocols or None, **settings)  # bad arguments fail here
        here = _place(tcp)
        return lambda: _listen_tcp(here, options, settings, connections)
    if (ws := _WS.fullmatch(options.listen)) and (tcp := _TCP.fullmatch(options.target)):
        here, target = _place(ws), _place(tcp)
        return lambda: _listen_ws(here, target, options, connections)
    raise ValueError(
        f"LISTEN {options.listen} and TARGET {options.target}: one must be tcp://HOST:PORT, the other"
        " ws://HOST:PORT/PATH"
    )


def _place(match: re.Match[str]) -> Place:
    port = int(match[2])
    if port > 65535:
        raise ValueError(f"{match[0]}: a port is at most 65535")
    return Place(match[1].strip("[]"), port, match[3] or "" if match.re is _WS else "")


# -- from TCP to a WebSocket


async def _listen_tcp(
    place: Place, options: argparse.Namespace, settings: dict[str, Any], connections: Connections
) -> Callable[[], Awaitable[None]]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def work(traffic: Traffic) -> None:
            async with connect(options.target, options.subprotocols or None, **settings) as ws:
                await _join(ws, reader, writer, traffic)

        try:
            await connections.carry(_shown(writer.get_extra_info("peername")), work)
        except asyncio.CancelledError:  # asyncio's server would report it as an error
            pass
        finally:
            await _close(writer)

    server = await asyncio.start_server(accept, place.host, place.port, limit=_CHUNK)
    host, port = server.sockets[0].getsockname()[:2]
    _tell_where(f"tcp://{_authority(host, port)}", shown_url(options.target))

    async def end() -> None:
        server.close()
        await server.wait_closed()

    return end


# -- from a WebSocket to TCP


async def _listen_ws(
    place: Place, target: Place, options: argparse.Namespace, connections: Connections
) -> Callable[[], Awaitable[None]]:
    async def accept(ws: WebSocket) -> None:
        async def work(traffic: Traffic) -> None:
            reader, writer = await asyncio.open_connection(target.host, target.port, limit=_CHUNK)
            try:
                await _join(ws, reader, writer, traffic)
            finally:
                await _close(writer)

        await connections.carry(_shown(ws.remote_address), work)

    server = WebSocketServer(
        accept,
        place.host,
        place.port,
        path=place.path.partition("?")[0] or None,
        handle_protocols=lambda offered, request: next(
            (each for each in offered if each in options.subprotocols), None
        ),
    )
    await server.start()
    host, port = server.address()[:2]
    _tell_where(f"ws://{_authority(host, port)}{place.path or '/'}", options.target)

    async def end() -> None:
        server.close()
        await server.wait_closed()

    return end


# -- both


async def _join(
    ws: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, traffic: "Traffic"
) -> None:
    """Carry bytes in both directions until one side ends."""
    from_ws, to_ws = create_websocket_stream(ws, limit=_CHUNK)

    async def to_websocket() -> None:
        async for data in _chunks(reader):
            to_ws.write(data)
            await to_ws.drain()
            traffic.to_websocket += len(data)

    async def to_tcp() -> None:
        async for data in _chunks(from_ws):
            writer.write(data)
            await writer.drain()
            traffic.to_tcp += len(data)

    tasks = [asyncio.create_task(to_websocket()), asyncio.create_task(to_tcp())]
    try:
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if tasks[1] in waiting:
            # A WebSocket cannot be half-closed: what the other side has sent by now still comes.
            to_ws.write_eof()
            await tasks[1]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        to_ws.close()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(_CHUNK):
        yield data


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:  # it was reset
        pass


def _tell_where(listening: str, target: str) -> None:
    print(f"Listening at {listening}, for {target}", file=sys.stderr, flush=True)


def _shown(address: Any) -> str:
    return _authority(*address[:2]) if isinstance(address, tuple) else "a UNIX socket"


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
