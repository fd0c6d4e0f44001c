"""`wsline bench`: how many messages an echo server sends back, and how long it takes."""

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import wsline
from wsline import WebSocketError

from .client import add_client_options, refuse, settings_of, shown_url
from .load import Load, LoadError
from .plot import MISSING_MATPLOTLIB, draw, load_matplotlib
from .report import as_json, as_text, progress, show
from .screen import complain
from .usage import USAGE, add_options, count, duration, hide, option, size

__all__ = ["EXAMPLE", "PURPOSE", "add_arguments", "payload_of", "run"]

PURPOSE: Final = "Measure an echo server: messages per second, latency. Without URL: our own."
EXAMPLE: Final = """\
example: wsline bench ws://127.0.0.1:8080/ -c 100 -d 16 -b 1k --plot out.png
TLS: wss://..., --ca, -n; also -H -o -s -p --auth --proxy, see connect --help
exit status: 0 measured, 1 not connected, 2 usage, 3 no echo, or hung up"""

FAILED: Final = 3

_ROW: Final = 20  # characters, at least
_WARM_UP: Final = 0.1  # of the time, and no more than half a second


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("url", metavar="URL", nargs="?", help=argparse.SUPPRESS)
    hide(parser, add_client_options)
    add_options(
        parser,
        option("-c", "--connections", metavar="N", type=count, default=10, help="connections (10)"),
        option("-d", "--depth", metavar="N", type=count, default=1,
               help="messages on their way on each, all the time (1)"),
        option("-b", "--size", metavar="BYTES", type=size, default=125,
               help="of a message: 125, 64k, 1m (125)"),
        option("-t", "--time", metavar="TIME", type=duration, default=5.0, help="how long: 10s, 2m (5s)"),
        option("--binary", action="store_true", help="random bytes instead of text"),
        option("--deflate", action="store_true", help="compress messages"),
        option("--json", action="store_true", help="print the figures as JSON"),
        option("--plot", metavar="FILE", help="draw the latencies: .png, .svg, .pdf"),
    )  # fmt: skip


def payload_of(length: int, binary: bool) -> str | bytes:
    """Return a message of this many bytes: random ones, or text such as people send."""
    if binary:
        return os.urandom(length)
    rows = ["["]
    for n in range(length // _ROW + 1):
        rows.append(f'{{"id":{n:05},"name":"item {n * 7919 % 1000:03}"}},')
    return "".join(rows)[:length]


async def run(options: argparse.Namespace) -> int:
    """Measure as the options say, and return the exit status."""
    if options.plot is not None and load_matplotlib() is None:
        complain(MISSING_MATPLOTLIB)
        return USAGE
    try:
        settings = settings_of(options) | {"per_message_deflate": options.deflate}
    except ValueError as error:
        complain(str(error))
        return USAGE
    async with AsyncExitStack() as stack:
        if options.url is None:
            options.url = await stack.enter_async_context(_own_server(options))
        return await _measure(options, settings)


async def _measure(options: argparse.Namespace, settings: dict[str, Any]) -> int:
    load = Load(
        options.url,
        options.subprotocols,
        settings,
        connections=options.connections,
        depth=options.depth,
        payload=payload_of(options.size, options.binary),
    )
    try:
        await load.open()
        await load.start()
        await load.measure(min(0.5, options.time * _WARM_UP))
        with progress(options):
            seconds = await load.measure(options.time)
        return _tell(options, load, _figures(options, load, seconds))
    except (OSError, ValueError, TypeError, ImportError, WebSocketError) as error:
        return refuse(options.url, error)
    except LoadError as error:
        complain(str(error))
        return FAILED
    finally:
        await load.close()


def _figures(options: argparse.Namespace, load: Load, seconds: float) -> dict[str, Any]:
    latencies = load.latencies
    rate = latencies.count / seconds
    return {
        "url": shown_url(options.url),
        "wsline": wsline.__version__,
        "compiled": wsline.compiled,
        "connections": options.connections,
        "depth": options.depth,
        "size": options.size,
        "deflate": load.deflated,
        "tls": options.url.startswith(("wss:", "https:")),
        "seconds": seconds,
        "opening_seconds": load.opening,
        "messages": latencies.count,
        "messages_per_second": rate,
        "megabytes_per_second": rate * options.size / 1e6,
        "latency_seconds": {
            "mean": latencies.mean,
            "least": latencies.least if latencies.count else 0.0,
            **{f"p{percent:g}": latencies.percentile(percent) for percent in (50, 90, 99, 99.9)},
            "most": latencies.most,
        },
    }


def _tell(options: argparse.Namespace, load: Load, figures: dict[str, Any]) -> int:
    if options.json:
        print(json.dumps(as_json(figures, load.latencies), indent=2))
    elif not show(figures, load.latencies):
        print(as_text(figures))
    if options.plot is not None:
        try:
            draw(figures, load.latencies, options.plot)
        except (OSError, ValueError) as error:
            complain(f"--plot {options.plot}: {error}")
            return USAGE
    return 0


@asynccontextmanager
async def _own_server(options: argparse.Namespace) -> AsyncIterator[str]:
    """Run an echo server in another process; yield its URL."""
    words = ["listen", "0", "--echo", "--quiet", *["--deflate"] * options.deflate]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsline", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; we end it
    )
    assert process.stderr is not None
    try:
        line = (await process.stderr.readline()).decode()
        found = re.search(r"ws://\S+", line)
        if found is None:
            raise RuntimeError(f"the echo server did not start: {line}")
        yield found[0]
    finally:
        process.terminate()
        await process.communicate()
