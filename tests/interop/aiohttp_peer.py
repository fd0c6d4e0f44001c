"""The `aiohttp` package as a peer: `python aiohttp_peer.py server OPTIONS` or `client OPTIONS URL`.

It speaks as the programs beside it do, as far as it can: options echo and perMessageDeflate (window bits, 0
for none), the events listening, open, message and close, the command send.
"""

import asyncio
import base64
import json
import sys
from typing import Any

from aiohttp import ClientSession, WSMsgType, web


def tell(event: str, **details: Any) -> None:
    """Print an event."""
    print(json.dumps({"event": event, **details}), flush=True)


async def follow(ws: Any, options: dict[str, Any]) -> None:
    """Tell what happens on the connection, and obey commands, until it is closed."""
    tell("open", extensions="permessage-deflate" if ws.compress else "")
    commands = asyncio.create_task(obey_commands(ws))
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            tell("message", text=message.data)
        else:
            tell("message", base64=base64.b64encode(message.data).decode())
        if options.get("echo"):
            await send(ws, message.data)
    commands.cancel()
    tell("close", code=ws.close_code)


async def send(ws: Any, data: str | bytes) -> None:
    """Send a message."""
    await (ws.send_str(data) if isinstance(data, str) else ws.send_bytes(data))


async def obey_commands(ws: Any) -> None:
    """Send what standard input says."""
    commands = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async for line in commands:
        command = json.loads(line)
        assert command["do"] == "send"
        await send(ws, command["text"] if "text" in command else base64.b64decode(command["base64"]))


async def run_server(options: dict[str, Any]) -> None:
    """Serve one connection at a time."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=bool(options.get("perMessageDeflate")), max_msg_size=0)
        await ws.prepare(request)
        await follow(ws, options)
        return ws

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    tell("listening", port=runner.addresses[0][1])
    await asyncio.Event().wait()


async def run_client(options: dict[str, Any], url: str) -> None:
    """Connect once."""
    compress = options.get("perMessageDeflate", 0)
    async with ClientSession() as session, session.ws_connect(url, compress=compress, max_msg_size=0) as ws:
        await follow(ws, options)


if __name__ == "__main__":
    role, settings, *arguments = sys.argv[1:]
    if role == "server":
        asyncio.run(run_server(json.loads(settings)))
    else:
        asyncio.run(run_client(json.loads(settings), *arguments))
