"""A chat of wsline inside an application of aiohttp (pip install aiohttp).

python examples/in_aiohttp.py --port 8080
python -m wsline connect ws://127.0.0.1:8080/chat?name=Ada
"""

import argparse

from aiohttp import web

from wsline import Request, WebSocket, WebSocketServer
from wsline.aiohttp import handle_upgrade

chat = WebSocketServer(no_server=True)


@chat.on("connection")
def connection(ws: WebSocket, request: Request, name: str) -> None:
    """Let everybody hear what one says."""
    ws.on("message", lambda data: chat.broadcast(f"{name}: {data}"))


async def page(request: web.Request) -> web.Response:
    """What else the application serves."""
    return web.Response(text=f"{len(chat.clients)} people are in the chat\n")


async def enter(request: web.Request) -> web.StreamResponse:
    """Judge the request with the means of aiohttp, then make a WebSocket of it."""
    name = request.query.get("name")
    if not name:
        raise web.HTTPBadRequest(text="Say who you are: /chat?name=Ada\n")
    return await handle_upgrade(chat, request, name)


async def leave(app: web.Application) -> None:
    """Say goodbye to all before the application ends."""
    chat.close()
    await chat.wait_closed()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A chat inside an application of aiohttp.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/chat", enter)
    app.on_shutdown.append(leave)
    web.run_app(app, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
