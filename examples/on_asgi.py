"""WebSockets beside an application of Starlette, on any ASGI server (pip install starlette uvicorn).

    uvicorn --app-dir examples on_asgi:app --port 8080
    hypercorn --bind 127.0.0.1:8080 examples/on_asgi:app
    python -m wsline connect ws://127.0.0.1:8080/echo

The ASGI server has the socket: pings, compression and limits are options of its own.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from wsline.asgi import ASGIWebSocket, WebSocketApp


async def echo(ws: ASGIWebSocket) -> None:
    """Say everything again."""
    async for message in ws:
        await ws.send(message)


async def page(request: Request) -> PlainTextResponse:
    """What else the application serves."""
    return PlainTextResponse("The echo is at /echo\n")


app = WebSocketApp(echo, Starlette(routes=[Route("/", page)]), path="/echo")
