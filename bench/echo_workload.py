"""What `instructions.py` runs under callgrind: echoes in one process, style by style and depth by depth.

Each measurement ends with its connection, which is where callgrind writes what it has counted.
"""

import asyncio
import socket

from instructions import MESSAGES, STYLES, WORKLOADS

from wsline import WebSocket, WebSocketServer

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FRAME = bytes([0x82, 0x80 | 32]) + b"\1\2\3\4" + bytes(32)
ECHO_SIZE = 2 + 32


def listener(websocket: WebSocket) -> None:
    """Echo in event style."""

    @websocket.on("message")
    def echo(message: bytes) -> None:
        websocket.send(message)


async def coroutine(websocket: WebSocket) -> None:
    """Echo as coroutines do."""
    async for message in websocket:
        await websocket.send(message)


def exchange(peer: socket.socket, websocket: WebSocket, depth: int, batches: int) -> None:
    """Send batches of frames and have the server answer them; no task may be running."""
    channel = websocket._session.channel
    assert channel is not None
    for _ in range(batches):
        peer.sendall(FRAME * depth)
        channel.on_readable()  # type: ignore[attr-defined]
        missing = depth * ECHO_SIZE
        while missing:
            missing -= len(peer.recv(missing))


async def measure(style: str, depth: int) -> None:
    """Echo `MESSAGES` messages over one connection."""
    server = WebSocketServer(coroutine if style == "coroutine" else None, host="127.0.0.1", port=0)
    if style == "listener":
        server.on("connection", listener)
    async with server:
        with socket.create_connection(server.address()[:2]) as peer:
            peer.sendall(REQUEST)
            while not server.clients:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
            peer.recv(4096)
            (websocket,) = server.clients
            done = asyncio.get_running_loop().create_future()

            def run() -> None:
                exchange(peer, websocket, depth, MESSAGES // depth)
                websocket.terminate()
                done.set_result(None)

            asyncio.get_running_loop().call_soon(run)
            await done


async def main() -> None:
    """Do all of them."""
    for style in STYLES:
        await measure(style, 1)  # what is done once is done now
    for style, depth in WORKLOADS:
        await measure(style, depth)


if __name__ == "__main__":
    asyncio.run(main())
