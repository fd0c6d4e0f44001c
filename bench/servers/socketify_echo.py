"""uWebSockets, in C++, with socketify's callbacks in Python around it."""

import socket
from importlib import import_module
from typing import Any

import entry

socketify: Any = import_module("socketify")  # it has no types

MAX_PAYLOAD = 16 * 1024 * 1024
MAX_BACKPRESSURE = 64 * 1024 * 1024


def free_port() -> int:
    """Return a port that is free: socketify does not tell which one port 0 became."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def subscribe(ws: Any) -> None:
    ws.subscribe("all")


def echo(ws: Any, message: str | bytes, opcode: Any) -> None:
    ws.send(message, opcode)


def broadcast(ws: Any, message: str | bytes, opcode: Any) -> None:
    ws.publish("all", message, opcode)  # to all who are subscribed, the sender included


def main() -> None:
    arguments = entry.parser().parse_args()
    if arguments.app == "burst" or arguments.deflate:
        raise SystemExit("socketify_echo.py has neither bursts nor compression")
    tls = None
    if arguments.certificate:
        tls = socketify.AppOptions(key_file_name=arguments.key, cert_file_name=arguments.certificate)
    app = socketify.App(tls)
    app.ws(
        "/*",
        {
            "compression": socketify.CompressOptions.DISABLED,
            "max_payload_length": MAX_PAYLOAD,
            "max_backpressure": MAX_BACKPRESSURE,
            "idle_timeout": 0,
            "open": subscribe,
            "message": {"echo": echo, "broadcast": broadcast}[arguments.app],
        },
    )
    port = arguments.port or free_port()
    options = socketify.AppListenOptions(port=port, host="127.0.0.1")
    app.listen(options, lambda _: entry.announce(port))
    app.run()


main()
