"""WebSockets in an application of FastAPI (pip install fastapi uvicorn).

    uvicorn --app-dir examples in_fastapi:app --port 8080
    python -m wsline connect ws://127.0.0.1:8080/rooms/kitchen

Routes, dependencies and the interactive documentation at /docs stay FastAPI's; messages are wsline's: the
same handlers as on a server of its own, with an Origin check.
"""

from collections import defaultdict

from fastapi import FastAPI

from wsline import Request
from wsline.asgi import ASGIWebSocket, WebSocketApp

rooms: defaultdict[str, set[ASGIWebSocket]] = defaultdict(set)

web = FastAPI(title="Rooms")


@web.get("/rooms")
def list_rooms() -> dict[str, int]:
    """Tell how many people are in which room."""
    return {name: len(members) for name, members in rooms.items()}


@web.post("/rooms/{name}/announcements")
async def announce(name: str, text: str) -> dict[str, int]:
    """Say something to a room, over HTTP."""
    members = list(rooms.get(name, ()))
    for ws in members:
        await ws.send(f"* {text}")
    return {"heard_by": len(members)}


def room_of(request: Request) -> str:
    """Return the name of the room in the path."""
    return request.path.removeprefix("/rooms/").partition("/")[0]


async def talk(ws: ASGIWebSocket) -> None:
    """Everybody in a room hears what is said there."""
    name = room_of(ws.request)
    members = rooms[name]
    members.add(ws)
    try:
        async for message in ws:
            for other in list(members):
                await other.send(message)
    finally:
        members.discard(ws)
        if not members:
            rooms.pop(name, None)


app = WebSocketApp(talk, web)
