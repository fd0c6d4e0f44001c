"""Has a message echoed every 100 ms until its standard input ends; then prints the longest round trip."""

import select
import socket
import sys
import time

from tests.attack.wire import PING, PONG, TEXT, Peer


def main() -> None:
    peer = Peer(int(sys.argv[1]))
    peer.open()
    worst = 0.0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        began = time.monotonic()
        peer.send(TEXT, b"bystander")
        try:
            while (frame := peer.receive(30)).opcode == PING:
                peer.send(PONG, frame.payload)
        except (OSError, EOFError) as error:
            sys.exit(f"the bystander was cut off: {error}")
        assert frame.payload == b"bystander", frame
        worst = max(worst, time.monotonic() - began)
    peer.sock.shutdown(socket.SHUT_RDWR)
    print(worst, flush=True)


if __name__ == "__main__":
    main()
