"""A feed of made-up prices to try clients with: client.py and ../reconnecting.py.

    python examples/trading/feed.py --port 8080

`{"subscribe": ["ACME", ...], "after": n}` subscribes; each message is `{"number", "time", "topic", "data"}`.
The last thousand messages are kept for those who were away.
"""

import argparse
import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from wsline import CloseCode, WebSocket, WebSocketServer

KEPT = 1000
MOST_TOPICS = 20


class Feed:
    """Who follows which topic, and what has been said lately."""

    def __init__(self) -> None:
        self._number = 0
        self._past: deque[tuple[int, str, str]] = deque(maxlen=KEPT)
        self._followers: dict[WebSocket, frozenset[str]] = {}

    def enter(self, ws: WebSocket) -> None:
        """Take a connection."""
        ws.on("message", lambda text: self._subscribe(ws, text))
        ws.on("close", lambda: self._followers.pop(ws, None))

    def _subscribe(self, ws: WebSocket, text: str | bytes) -> None:
        try:
            wish = json.loads(text)
            topics, after = wish["subscribe"], wish.get("after", self._number)
            if not all(isinstance(each, str) for each in topics) or len(topics) > MOST_TOPICS:
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError):
            ws.close(CloseCode.POLICY_VIOLATION, "subscribe to a list of topics")
            return
        self._followers[ws] = frozenset(topics)
        for number, topic, message in self._past:
            if number > after and topic in topics:
                ws.send(message)

    def publish(self, topic: str, data: Any) -> None:
        """Send something to all who follow the topic."""
        self._number += 1
        message = json.dumps({"number": self._number, "time": time.time(), "topic": topic, "data": data})
        self._past.append((self._number, topic, message))
        for ws, topics in list(self._followers.items()):
            if topic in topics and ws.ready_state is WebSocket.OPEN:
                ws.send(message)


async def make_prices(publish: Callable[[str, Any], None], names: list[str], interval: float) -> None:
    """Let the prices wander."""
    prices = dict.fromkeys(names, 100.0)
    while True:
        name = random.choice(names)
        prices[name] = round(max(1.0, prices[name] * (1 + random.gauss(0, 0.002))), 2)
        publish(name, {"bid": round(prices[name] - 0.01, 2), "ask": round(prices[name] + 0.01, 2)})
        await asyncio.sleep(interval)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--interval", type=float, default=0.05, help="time between two prices, in seconds")
    parser.add_argument("--names", nargs="+", default=["ACME", "GLOBEX", "INITECH"])
    options = parser.parse_args()
    server = WebSocketServer(host="127.0.0.1", port=options.port, max_payload=4096)
    feed = Feed()
    tasks: list[asyncio.Task[None]] = []
    server.on("connection", feed.enter)

    @server.on("listening")
    def begin() -> None:
        tasks.append(asyncio.ensure_future(make_prices(feed.publish, options.names, options.interval)))
        print("listening at port", server.address()[1], flush=True)

    @server.on("close")
    def end() -> None:
        tasks[0].cancel()

    server.run()


if __name__ == "__main__":
    main()
