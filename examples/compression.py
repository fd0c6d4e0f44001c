"""An echo server whose compression is tuned; docs/deflate.md tells what each option costs and gains.

python examples/compression.py --port 8080
"""

import argparse

from wsline import Deflate, WebSocket, WebSocketServer, deflate_memory

TUNED = Deflate(
    # Little memory: nothing is kept between messages, and while one lasts, little.
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=10,
    zlib_deflate_options={"level": 3, "mem_level": 7},
    zlib_inflate_options={"chunk_size": 10 * 1024},
    # Smaller messages are not worth it.
    threshold=1024,
    # Long messages are compressed in other threads; so many at once.
    concurrency_limit=10,
)


async def handler(ws: WebSocket) -> None:
    """Send every message back; secrets beside text of others would go with `compress=False`."""
    print("agreed:", *ws.extensions or ["no compression"], flush=True)
    received = 0
    async for message in ws:
        received += len(message)
        await ws.send(message)
    print(f"messages of {received} characters came in {ws.stats.bytes_received} bytes", flush=True)
    print(f"zlib holds {deflate_memory()} bytes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080)
    server = WebSocketServer(handler, "127.0.0.1", parser.parse_args().port, per_message_deflate=TUNED)
    server.on("listening", lambda: print("listening at port", server.address()[1], flush=True))
    server.run()


if __name__ == "__main__":
    main()
