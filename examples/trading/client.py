"""A client in event style, for whom latency counts: each message is dealt with in the call that brings it.

    python examples/trading/client.py ws://127.0.0.1:8080/ ACME GLOBEX

No task wakes up between the socket and `on_message`, and an order leaves with the system call that ends the
batch, before anything else runs. The client buys when a price has fallen by a per mille since it last looked.
"""

import argparse
import asyncio
import json
import time

from wsline import WebSocket

FALL = 0.001


class Trader:
    """Watches prices on one connection.

    Args:
        url: where the feed is.
        names: what to watch.
        until: how many prices to look at.
    """

    def __init__(self, url: str, names: list[str], until: int) -> None:
        self._names = names
        self._until = until
        self._last: dict[str, float] = {}
        self._delays: list[float] = []
        self.orders = 0
        # Small messages gain nothing by compression but time.
        self.ws = WebSocket(url, per_message_deflate=False, ping_interval=5, max_payload=65536)
        self.ws.on("open", self.on_open)
        self.ws.on("message", self.on_message)
        self.ws.on("close", self.on_close)

    def on_open(self) -> None:
        """Subscribe."""
        self.ws.send(json.dumps({"subscribe": self._names}))

    def on_message(self, text: str) -> None:
        """Look at a price, and act at once."""
        message = json.loads(text)
        self._delays.append(time.time() - message["time"])
        name, ask = message["topic"], message["data"]["ask"]
        if ask < self._last.setdefault(name, ask) * (1 - FALL):
            self.buy(name, ask)
            self._last[name] = ask
        elif ask > self._last[name]:
            self._last[name] = ask
        if len(self._delays) == self._until:
            self.ws.close()

    def buy(self, name: str, price: float) -> None:
        """Place an order; here it is only told."""
        self.orders += 1
        print(f"buy {name} at {price:.2f}", flush=True)

    def on_close(self, code: int, reason: str) -> None:
        """Tell how it went."""
        if self._delays:
            middle = sorted(self._delays)[len(self._delays) // 2]
            print(f"{len(self._delays)} prices, median age {middle * 1e6:.0f} µs, {self.orders} orders")
        print(f"closed ({code}) {reason}".rstrip(), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--until", type=int, default=1000, help="how many prices to look at")
    options = parser.parse_args()
    await Trader(options.url, options.names, options.until).ws.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
