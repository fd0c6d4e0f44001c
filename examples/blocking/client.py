"""A client without a loop: one thread listens while another one asks.

python examples/blocking/client.py ws://127.0.0.1:8765/ "1 + 2" "6 * 7"
"""

import argparse
import threading

from wsline import ConnectionClosed
from wsline.sync import WebSocket, connect


def listen(ws: WebSocket, asked: int, answered: threading.Event) -> None:
    """Print what comes; tell when there are as many answers as questions."""
    try:
        for message in ws:
            print(message, flush=True)
            asked -= not message.startswith("it is ")
            if asked == 0:
                answered.set()
    except ConnectionClosed as error:
        print(f"the connection is lost: {error}", flush=True)
    answered.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("sums", nargs="+")
    arguments = parser.parse_args()
    answered = threading.Event()
    with connect(arguments.url) as ws:
        listening = threading.Thread(target=listen, args=(ws, len(arguments.sums), answered))
        listening.start()
        for each in arguments.sums:
            ws.send(each)
        answered.wait(10)
        print(f"a ping takes {ws.ping(timeout=5) * 1000:.1f} ms", flush=True)
        ws.close()  # wakes the other thread
        listening.join()


if __name__ == "__main__":
    main()
