"""A server that tells each client ten times a second what it costs, and people on a page at /dashboard.

python examples/server_stats.py --port 8080
"""

import argparse
import asyncio
import json
import resource
import time

from wsline import ConnectionClosed, WebSocket, WebSocketServer
from wsline.http import HTTPServer
from wsline.monitor import Dashboard

INTERVAL = 0.1  # seconds


async def handler(ws: WebSocket) -> None:
    """Send until the client goes; a client that is slow makes us wait, so that nothing piles up."""
    try:
        while True:
            used = resource.getrusage(resource.RUSAGE_SELF)
            stats = {
                "time": time.time(),
                "cpu_seconds": used.ru_utime + used.ru_stime,
                "max_rss_kib": used.ru_maxrss,
                "sent": ws.stats.messages_sent,
            }
            await ws.send(json.dumps(stats))
            await asyncio.sleep(INTERVAL)
    except ConnectionClosed as closed:
        print("gone:", closed, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    http = HTTPServer("127.0.0.1", parser.parse_args().port)
    server = WebSocketServer(handler, server=http, path="/")
    Dashboard(http, server)  # all it takes for the page
    http.on("listening", lambda: print("listening at port", http.address()[1], flush=True))
    http.run()


if __name__ == "__main__":
    main()
