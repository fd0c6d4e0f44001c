"""TCP through a WebSocket: what `wsline proxy` does, in a few lines that can be changed.

    python examples/tcp_tunnel.py serve --to 127.0.0.1:5432 --port 8080    # where the service is
    python examples/tcp_tunnel.py connect ws://127.0.0.1:8080/ --port 5432    # where its client is

A WebSocket has no half-closed state: when one side of a TCP connection has said all, both directions end.
"""

import argparse
import asyncio

from wsline import WebSocket, WebSocketError, WebSocketServer, connect, create_websocket_stream

CHUNK = 65536  # bytes


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way; `drain` makes the faster side wait for the slower one."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()


async def join(ws: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until either side ends."""
    from_ws, to_ws = create_websocket_stream(ws)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, to_ws))
            group.create_task(pump(from_ws, writer))
    except* (OSError, WebSocketError) as lost:
        print("lost:", lost.exceptions[0], flush=True)
    finally:
        to_ws.close()
        writer.close()


def serve(to: str, port: int) -> WebSocketServer:
    """Return a server that connects each WebSocket to a TCP service."""
    host, _, service = to.rpartition(":")

    async def handler(ws: WebSocket) -> None:
        await join(ws, *await asyncio.open_connection(host, int(service)))

    return WebSocketServer(handler, "127.0.0.1", port)


async def accept(url: str, port: int) -> None:
    """Listen for TCP, and take each connection through a WebSocket of its own."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with connect(url) as ws:
                await join(ws, reader, writer)
        except (OSError, WebSocketError) as error:
            print("no way through:", error, flush=True)
            writer.close()

    async with await asyncio.start_server(handler, "127.0.0.1", port) as listener:
        print("listening at port", listener.sockets[0].getsockname()[1], flush=True)
        await listener.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="from WebSockets to a TCP service")
    serving.add_argument("--to", metavar="HOST:PORT", required=True)
    connecting = commands.add_parser("connect", help="from TCP to a WebSocket")
    connecting.add_argument("url")
    for each in (serving, connecting):
        each.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    if options.command == "serve":
        server = serve(options.to, options.port)
        server.on("listening", lambda: print("listening at port", server.address()[1], flush=True))
        server.run()
    else:
        try:
            asyncio.run(accept(options.url, options.port))
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
