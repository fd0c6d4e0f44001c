"""What every server of this folder does alike: its options, its event loop, its first line of output."""

import argparse
import asyncio
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from signal import SIGUSR2
from typing import Any

BURST = 1000  # messages for one, with `--app burst`

APPS = ("echo", "broadcast", "burst")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        port: to listen at on 127.0.0.1; 0 lets the system choose.
        app: `echo`: each message goes back. `broadcast`: it goes to all clients. `burst`: the sender gets it
            `BURST` times, from outside the batch in which it was read.
        tls: for the server's side, or None.
        deflate: whether to accept permessage-deflate.
        level: of the compression, for servers that have a choice; 0 is their default.
    """

    port: int
    app: str
    tls: ssl.SSLContext | None
    deflate: bool
    level: int


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    # Looked up by name, so that what runs on asyncio does without uvloop.
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module(name).new_event_loop
    return factory


def announce(port: int) -> None:
    """Tell the harness, which waits for this line, where the server listens."""
    print("listening", port, flush=True)


def when_asked_to_close(close: Callable[[], object]) -> None:
    """Call `close`, which shall close all clients with a closing handshake, when SIGUSR2 comes."""
    asyncio.get_running_loop().add_signal_handler(SIGUSR2, close)


def wsline_keywords(options: Options) -> dict[str, Any]:
    """Return what the options mean for wsline's `per_message_deflate`."""
    if not options.deflate:
        return {}
    if not options.level:
        return {"per_message_deflate": True}
    deflate: Any = import_module("wsline").Deflate
    return {"per_message_deflate": deflate(zlib_deflate_options={"level": options.level, "mem_level": 8})}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose (default)")
    parser.add_argument("--app", choices=APPS, default="echo", help="what the server does")
    parser.add_argument("--certificate", help="with --key: serve TLS")
    parser.add_argument("--key")
    parser.add_argument("--deflate", action="store_true", help="accept permessage-deflate")
    parser.add_argument("--level", type=int, default=0, help="of the compression; 0: the server's default")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    context = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
    return Options(arguments.port, arguments.app, context, arguments.deflate, arguments.level)


def run(main: Callable[[Options], Coroutine[Any, Any, None]], default_loop: str = "asyncio") -> None:
    """Run `main` on the loop that the command line names, until a signal ends the process."""
    command_line = parser()
    command_line.add_argument("--loop", choices=["asyncio", "uvloop"], default=default_loop)
    arguments = command_line.parse_args()
    with asyncio.Runner(loop_factory=_loop_factory(arguments.loop)) as runner:
        runner.run(main(_options(arguments)))
