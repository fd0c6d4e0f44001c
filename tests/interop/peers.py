"""Peers from other hands, each in its own process, and connections between them and this library."""

import asyncio
import base64
import importlib.util
import json
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsline import WebSocket, WebSocketServer, connect

HERE = Path(__file__).parent
DEADLINE = 20  # seconds for whatever a peer should tell
LONGEST_LINE = 2**26  # bytes

Data = str | bytes


def pack(data: Data) -> dict[str, str]:
    """Return a message as the peers' JSON has it: text as it is, binary data as Base64."""
    return {"text": data} if isinstance(data, str) else {"base64": base64.b64encode(data).decode()}


def unpack(message: dict[str, Any]) -> Data:
    """Undo `pack`."""
    text = message.get("text")
    return text if isinstance(text, str) else base64.b64decode(message["base64"])


class Peer:
    """A program that tells events as JSON lines and takes commands as JSON lines."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._commands = process.stdin
        self._events = process.stdout
        self._seen: list[dict[str, Any]] = []  # events that came while another was awaited

    async def event(self, name: str) -> dict[str, Any]:
        """Return the next event of this name; fail if the peer ends or tells none in time."""
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    for event in self._seen:
                        if event["event"] == name:
                            self._seen.remove(event)
                            return event
                    self._seen.append(await self._read_event(name))
        except TimeoutError:
            raise AssertionError(f"the peer told no {name!r} but {self._seen}") from None

    async def _read_event(self, wanted: str) -> dict[str, Any]:
        line = await self._events.readline()
        assert line, f"the peer ended without {wanted!r}; it told {self._seen}"
        event: dict[str, Any] = json.loads(line)
        return event

    async def message(self) -> Data:
        """Return the next message that the peer received."""
        return unpack(await self.event("message"))

    async def tell(self, command: str, **details: Any) -> None:
        """Make the peer do something."""
        self._commands.write(json.dumps({"do": command, **details}).encode() + b"\n")
        await self._commands.drain()

    async def send(self, data: Data) -> None:
        """Make the peer send a message."""
        await self.tell("send", **pack(data))

    async def send_fragments(self, fragments: Iterable[Data]) -> None:
        """Make the peer send a message in fragments, with a ping between the first two."""
        await self.tell("send_fragments", fragments=[pack(each) for each in fragments])

    async def kill(self) -> None:
        """End the process without a farewell."""
        if self._process.returncode is None:
            self._process.kill()
        self._commands.close()
        await self._events.read()  # unread events would keep the pipe open
        await self._process.wait()


@dataclass(frozen=True)
class Side:
    """Which package is the peer, and which end of the connection it is."""

    package: str
    role: str

    @property
    def missing(self) -> str | None:
        """Why this peer cannot run here, and what to do about it; `None` if it can."""
        if self.package != "ws":
            found = importlib.util.find_spec(self.package) is not None
            return None if found else f"needs the package {self.package}: pip install {self.package}"
        if shutil.which("node") is None:
            return "needs Node.js: install the command node"
        if not (HERE / "node_modules" / "ws").is_dir():
            return "needs the npm package ws: npm install --prefix tests/interop --no-package-lock"
        return None

    @asynccontextmanager
    async def start(self, options: dict[str, Any], *arguments: str) -> AsyncIterator[Peer]:
        """Run the peer, and kill it at the end.

        Args:
            options: as the comment at the head of the programs says.
            arguments: the URL, for a client.
        """
        if self.package == "ws":
            command = ["node", str(HERE / f"ws_{self.role}.mjs")]
        else:
            command = [sys.executable, str(HERE / f"{self.package}_peer.py"), self.role]
        peer = Peer(
            await asyncio.create_subprocess_exec(
                *command, json.dumps(options), *arguments, stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE
            )
        )
        try:
            yield peer
        finally:
            await peer.kill()

    @asynccontextmanager
    async def listen(self, **options: Any) -> AsyncIterator[tuple[str, Peer]]:
        """Run a server of the peer's; yield its URL and the peer."""
        async with self.start(options) as peer:
            port = (await peer.event("listening"))["port"]
            yield f"ws://127.0.0.1:{port}", peer

    @asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[tuple[WebSocket, Peer]]:
        """Open a connection with the peer; yield our end of it and the peer."""
        opened = self._open_client if self.role == "server" else self._open_server
        async with opened(options) as (ws, peer):
            yield ws, peer
            ws.terminate()

    @asynccontextmanager
    async def _open_client(self, options: dict[str, Any]) -> AsyncIterator[tuple[WebSocket, Peer]]:
        async with self.listen(**options) as (url, peer), connect(url) as ws:
            yield ws, peer

    @asynccontextmanager
    async def _open_server(self, options: dict[str, Any]) -> AsyncIterator[tuple[WebSocket, Peer]]:
        async with our_server() as ours, self.start(options, ours.url) as peer:
            yield await ours.connection(), peer


class OurServer:
    """A server of ours and the connections that came to it."""

    def __init__(self, server: WebSocketServer) -> None:
        self.server = server
        self.url = f"ws://127.0.0.1:{server.address()[1]}"
        self._connections: asyncio.Queue[WebSocket] = asyncio.Queue()
        server.on("connection", self._connections.put_nowait)

    async def connection(self) -> WebSocket:
        """Return the next connection."""
        async with asyncio.timeout(DEADLINE):
            return await self._connections.get()


@asynccontextmanager
async def our_server(**options: Any) -> AsyncIterator[OurServer]:
    """Run a server of ours on a free port."""
    server = WebSocketServer(host="127.0.0.1", port=0, **options)
    await server.start()
    try:
        yield OurServer(server)
    finally:
        server.close()
        await server.wait_closed()
