"""A client that stays connected: it subscribes again after each reconnection, and asks for what it missed.

    python examples/reconnecting.py ws://127.0.0.1:8080/ prices news

It sends `{"subscribe": [...], "after": n}`; each message has a number, so that none is lost or seen twice.
examples/trading/feed.py is a server that speaks so.
"""

import asyncio
import json
import sys

from wsline import ConnectionClosed, WebSocket, connect


async def follow(url: str, topics: list[str]) -> None:
    """Print what comes, for ever."""
    last = 0

    async def subscribe(ws: WebSocket) -> None:
        await ws.send(json.dumps({"subscribe": topics, "after": last}))

    def failed(error: Exception) -> Exception | None:
        print("not connected:", error, flush=True)
        return None  # try again, later each time; to give up, return the error

    # A short first delay; each further one is up to twice as long, and drawn by lot, so that not all
    # clients come at once when a server is back.
    staying = connect(url, reconnect_delay=0.2, process_exception=failed, ping_interval=5, ping_timeout=5)
    async for ws in staying:
        try:
            print("connected", flush=True)
            await subscribe(ws)
            async for text in ws:
                message = json.loads(text)
                last = message["number"]
                print(f"{last} {message['topic']} {message['data']}", flush=True)
        except ConnectionClosed as closed:
            print("lost:", closed, flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(follow(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        pass
