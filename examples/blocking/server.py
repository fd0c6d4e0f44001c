"""A server without a loop: a thread for each client, and one that tells all of them the time.

    python examples/blocking/server.py --port 8765

Clients are told the time every second. Who sends a sum, such as "1 + 2", gets its result.
"""

import argparse
import operator
import threading
import time

from wsline.sync import WebSocket, WebSocketServer, serve

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def compute(text: str) -> str:
    """Return the result of a sum, or what is wrong with it."""
    try:
        left, sign, right = text.split()
        return f"{text} = {OPERATORS[sign](float(left), float(right)):g}"
    except (ValueError, KeyError, ZeroDivisionError):
        return f"not a sum: {text}"


def answer(ws: WebSocket) -> None:
    """Answer one client, in its thread, until it closes."""
    for message in ws:
        ws.send(compute(message) if isinstance(message, str) else "text, please")


def tell_the_time(server: WebSocketServer, interval: float, over: threading.Event) -> None:
    """Tell all clients the time, until it is over."""
    while not over.wait(interval):
        server.broadcast(time.strftime("it is %H:%M:%S"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two times")
    arguments = parser.parse_args()
    over = threading.Event()
    with serve(answer, arguments.host, arguments.port, max_connections=100) as server:
        print(f"listening at ws://{arguments.host}:{server.address()[1]}/", flush=True)
        clock = threading.Thread(target=tell_the_time, args=(server, arguments.interval, over))
        clock.start()
        try:
            server.run()  # until Ctrl-C, or a SIGTERM
        finally:
            over.set()
            clock.join()
    print("closed", flush=True)


if __name__ == "__main__":
    main()
