"""Takes files over WebSockets, from a page and from client.py, and tells how far it is.

    python examples/upload/server.py --folder uploads --port 8080

An upload is one connection. The client sends `{"name": ..., "size": ...}` as text, then the file in binary
messages. The server answers `{"received": n}` now and then, which is the progress that counts: what is on
disk, not what the client has handed to its system; and at last `{"done": name, "sha256": ...}`. A client
that is faster than the disk is slowed down by TCP, so that no file has to fit into memory.
"""

import argparse
import asyncio
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from wsline import CloseCode, Request, Response, WebSocket, WebSocketServer

PAGE = Path(__file__).with_name("page.html").read_bytes()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
        " img-src data:"
    ),
}
LARGEST = 1 << 30  # bytes
CHUNK = 1 << 20  # bytes of one message, at most
TOLD_EVERY = 1 << 20  # bytes
NAME = re.compile(r"[\w][\w .()-]{0,99}")  # no slash, no dot in front


class Refused(Exception):
    """This upload is not taken; the message says why."""


async def upload(ws: WebSocket, folder: Path) -> None:
    """Take one file."""
    try:
        name, size = parse(await ws.recv())
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-") as file:
            digest = await receive(ws, file, size)
            # Whoever looks into the folder sees whole files only.
            place = await asyncio.to_thread(keep, file, folder, name)
        await ws.send(json.dumps({"done": place.name, "sha256": digest}))
        print(f"received {place.name}: {size} bytes", flush=True)
    except Refused as error:
        await ws.close(CloseCode.POLICY_VIOLATION, str(error))


def parse(message: str | bytes) -> tuple[str, int]:
    """Read what the client says of its file."""
    try:
        about = json.loads(message)
        name, size = about["name"], about["size"]
    except (ValueError, TypeError, KeyError):
        raise Refused("first say name and size, in JSON") from None
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise Refused("not a name for a file")
    if type(size) is not int or not 0 <= size <= LARGEST:
        raise Refused(f"0 to {LARGEST} bytes")
    return name, size


async def receive(ws: WebSocket, file: Any, size: int) -> str:
    """Write the file as it comes, telling how far it is; return its SHA-256."""
    digest = hashlib.sha256()
    received = told = 0
    while received < size:
        data = await ws.recv(decode=False)
        received += len(data)
        if received > size:
            raise Refused("that is more than was said")
        await asyncio.to_thread(file.write, data)
        digest.update(data)
        if received - told >= TOLD_EVERY or received == size:
            told = received
            await ws.send(json.dumps({"received": received}))
    return digest.hexdigest()


def keep(file: Any, folder: Path, name: str) -> Path:
    """Give the file its name, or one with a number, for nothing is overwritten."""
    file.flush()
    stem, dot, ending = name.partition(".")
    for number in range(1, 1000):
        place = folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
        try:
            place.hardlink_to(file.name)
            return place
        except FileExistsError:
            continue
    raise Refused("there are too many files of this name")


def page(request: Request) -> Response | None:
    """Answer what is not the WebSocket: the page at `/`, and nothing else."""
    if request.path == "/upload":
        return None
    if request.path == "/":
        return Response(200, PAGE_HEADERS, PAGE)
    return Response(404, body="The page is at /\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("uploads"), help="where the files go")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    async def handler(ws: WebSocket) -> None:
        await upload(ws, options.folder)

    server = WebSocketServer(
        handler,
        "127.0.0.1",
        options.port,
        path="/upload",
        process_request=page,
        max_payload=CHUNK,
        max_queue=2,
    )
    server.on("listening", lambda: print("listening at port", server.address()[1], flush=True))
    server.run()


if __name__ == "__main__":
    main()
