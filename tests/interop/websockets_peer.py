"""The `websockets` package as a peer: `python websockets_peer.py server OPTIONS` or `client OPTIONS URL`.

It speaks as the `ws` programs beside it do: events as JSON lines on standard output, commands as JSON
lines on standard input.
"""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request, Response

Message = dict[str, str]


def tell(event: str, **details: Any) -> None:
    """Print an event."""
    print(json.dumps({"event": event, **details}), flush=True)


def packed(data: str | bytes) -> Message:
    """Return a message as JSON takes it: text as it is, binary data as Base64."""
    return {"text": data} if isinstance(data, str) else {"base64": base64.b64encode(data).decode()}


def unpacked(message: Message) -> str | bytes:
    """Undo `packed`."""
    return message["text"] if "text" in message else base64.b64decode(message["base64"])


async def follow(ws: Connection, options: dict[str, Any], headers: Any) -> None:
    """Tell what happens on the connection, and obey commands, until it is closed."""
    extensions = ", ".join(extension.name for extension in ws.protocol.extensions)
    tell(
        "open",
        protocol=ws.subprotocol or "",
        extensions=extensions,
        headers={name.lower(): value for name, value in headers.raw_items()},
    )
    commands = asyncio.create_task(obey_commands(ws))
    try:
        while True:
            message = await ws.recv()
            tell("message", **packed(message))
            if options.get("echo"):
                await ws.send(message)
    except ConnectionClosed:
        tell("close", code=ws.close_code, reason=ws.close_reason)
    commands.cancel()


async def obey_commands(ws: Connection) -> None:
    """Do what standard input says."""
    commands = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async for line in commands:
        await obey(ws, json.loads(line))


async def obey(ws: Connection, command: dict[str, Any]) -> None:
    """Do one command."""
    match command.pop("do"):
        case "send":
            await ws.send(unpacked(command))
        case "send_fragments":
            await ws.send(fragments(ws, command["fragments"]))
        case "ping":
            data = base64.b64decode(command["base64"])
            await (await ws.ping(data))
            tell("pong", **packed(data))
        case "close":
            await ws.close(command["code"], command["reason"])
        case unknown:
            raise ValueError(f"unknown command {unknown}")


async def fragments(ws: Connection, messages: list[Message]) -> AsyncIterator[str | bytes]:
    """Yield fragments to be sent; a ping goes between the first and the second."""
    for index, message in enumerate(messages):
        if index == 1:
            await ws.ping("between")
        yield unpacked(message)


def extensions(factory: Any, options: dict[str, Any]) -> list[Any] | None:
    """Return what `perMessageDeflate` says, in the words of this package."""
    wish = options.get("perMessageDeflate")
    if not wish:
        return None
    # Its own defaults: windows of 12 bits.
    words = {"server_max_window_bits": 12, "client_max_window_bits": 12} if wish is True else wish
    return [factory(**words, compress_settings={"memLevel": 5})]


async def run_server(options: dict[str, Any]) -> None:
    """Serve one connection at a time."""

    def refuse(ws: ServerConnection, request: Request) -> Response | None:
        if "refuse" not in options:
            return None
        return ws.respond(HTTPStatus(options["refuse"]["status"]), options["refuse"]["body"])

    def add_headers(ws: ServerConnection, request: Request, response: Response) -> None:
        response.headers.update(options.get("headers", {}))

    async def handle(ws: ServerConnection) -> None:
        assert ws.request is not None
        await follow(ws, options, ws.request.headers)

    async with serve(
        handle,
        "127.0.0.1",
        0,
        subprotocols=options.get("protocols"),
        compression=None,
        extensions=extensions(ServerPerMessageDeflateFactory, options),
        max_size=None,
        process_request=refuse,
        process_response=add_headers,
    ) as server:
        tell("listening", port=next(iter(server.sockets)).getsockname()[1])
        await server.serve_forever()


async def run_client(options: dict[str, Any], url: str) -> None:
    """Connect once."""
    try:
        async with connect(
            url,
            subprotocols=options.get("protocols"),
            additional_headers=options.get("headers"),
            compression=None,
            extensions=extensions(ClientPerMessageDeflateFactory, options),
            max_size=None,
            proxy=None,
        ) as ws:
            assert ws.response is not None
            await follow(ws, options, ws.response.headers)
    except InvalidStatus as error:
        body = error.response.body or b""
        tell("refused", status=error.response.status_code, body=bytes(body).decode())


if __name__ == "__main__":
    role, settings, *arguments = sys.argv[1:]
    if role == "server":
        asyncio.run(run_server(json.loads(settings)))
    else:
        asyncio.run(run_client(json.loads(settings), *arguments))
