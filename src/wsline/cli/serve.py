"""`wsline serve`: a server of a module of yours, in several processes, which are replaced without a pause."""

import argparse
import importlib
import json
import logging
import os
import sys
from typing import Any, Final

from ..aio.service import Service
from ..aio.worker import Place, Worker
from .screen import complain
from .usage import add_options, count, duration, option

__all__ = ["EXAMPLE", "PURPOSE", "LoadError", "add_arguments", "load", "run"]

logger: Final = logging.getLogger("wsline")

PURPOSE: Final = "Serve what a module of yours has made: a WebSocketServer or an HTTPServer."
EXAMPLE: Final = """\
example: wsline serve package.module:server --workers 4
SIGHUP replaces the workers one by one, with the module as it is then. SIGTERM
and Ctrl-C end them. Topics span them. Exit status: 1 if they could not serve."""


class LoadError(Exception):
    """There is no server to be found where it was said to be."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("target", metavar="MODULE:NAME", help="the server, or a function that makes it")
    add_options(
        parser,
        option("-w", "--workers", metavar="N", type=count, default=1, help="how many processes (1)"),
        option("--loop", metavar="NAME", choices=("asyncio", "uvloop"), default="asyncio",
               help="asyncio or uvloop (asyncio)"),
        option("--grace", metavar="TIME", type=duration, default=30.0,
               help="longest time that a worker takes to end (30s)"),
    )  # fmt: skip


def load(target: str) -> Service:
    """Return the server that `MODULE:NAME` means, imported from the current folder or the path of Python.

    Raises:
        LoadError: there is none; the message says why.
    """
    module, colon, name = target.partition(":")
    if not (module and colon and name):
        raise LoadError(f"{target!r} is not of the form MODULE:NAME, for example package.module:server")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise LoadError(f"{target}: {error}") from error
    server = found if isinstance(found, Service) or not callable(found) else found()
    if not isinstance(server, Service):
        kind = type(server).__name__
        raise LoadError(f"{target} is of type {kind}: must be a WebSocketServer or an HTTPServer")
    return server


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    # Here: it needs what only Unix has.
    supervisor = importlib.import_module("wsline.aio.supervisor")
    place = _find_place(options.target)
    if place is None:
        return 1
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("wsline: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def work(worker: Worker) -> None:
        # How a worker logs, its module says.
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        load(options.target).work(worker, _loop_factory(options.loop))

    try:
        supervisor.Supervisor(options.workers, place, work, grace=options.grace).run()
    except (OSError, ValueError, supervisor.WorkerFailed) as error:
        complain(str(error))
        return 1
    return 0


def _loop_factory(name: str) -> Any:
    return importlib.import_module("uvloop").new_event_loop if name == "uvloop" else None


def _find_place(target: str) -> Place | None:
    """Ask a child where the server listens: what this process imports could not be reloaded."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _tell_place(target, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return Place(**json.loads(told)) if told else None


def _tell_place(target: str, pipe: int) -> None:
    try:
        place = load(target).place
        if place.sock is not None:
            raise LoadError(f"{target} has a socket of its own (option sock), which workers cannot share")
        told = {each: getattr(place, each) for each in ("host", "port", "unix_path", "backlog")}
        os.write(pipe, json.dumps(told).encode())
    except LoadError as error:
        complain(str(error))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
