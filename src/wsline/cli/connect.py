"""`wsline connect`: talk to a server by lines."""

import argparse
import asyncio
import os
import socket
import ssl
import sys
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from wsline import ConnectionClosed, InvalidStatus, Response, WebSocket, WebSocketError, connect

from .lines import read_lines
from .screen import Screen, complain

__all__ = ["run"]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2

STDIN: Final = 0  # file descriptor
LONGEST_REMARK: Final = 200  # characters

STATUS_HINTS: Final = {
    400: "the server does not accept this request",
    401: "the server wants to know who you are, see --header",
    403: "the server may expect another origin or a login, see --origin and --header",
    404: "is the path of the URL right?",
}


async def run(options: argparse.Namespace) -> int:
    """Connect as the options say, talk until the connection is closed, and return the exit status."""
    try:
        ws = await connect(options.url, options.subprotocols or None, **_settings(options))
    except OSError as error:
        return _refuse(options.url, _explain_os_error(error))
    except ValueError as error:
        complain(str(error))
        return USAGE
    except InvalidStatus as error:
        return _refuse(options.url, _explain_status(error.response))
    except WebSocketError as error:
        return _refuse(options.url, str(error))
    screen = Screen(sys.stdin, sys.stdout, sys.stderr)
    return await Conversation(ws, screen, options.wait).hold()


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {"headers": options.headers, "origin": options.origin}
    if options.no_check and urlsplit(options.url).scheme in ("wss", "https"):
        settings["ssl"] = ssl.create_default_context()
        settings["ssl"].check_hostname = False
        settings["ssl"].verify_mode = ssl.CERT_NONE
    return settings


def _refuse(url: str, reason: str) -> int:
    parts = urlsplit(url)
    shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))  # without a password
    complain(f"cannot connect to {shown}: {reason}")
    return FAILED


def _explain_os_error(error: OSError) -> str:
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted, {error.__cause__.verify_message} (--no-check accepts any)"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused, is a server listening there?"
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved, {error.strerror}"
    return error.strerror or str(error) or type(error).__name__


def _explain_status(response: Response) -> str:
    hint = STATUS_HINTS.get(response.status, "is this the URL of a WebSocket?")
    if location := response.headers.get("Location"):
        hint = f"redirects are not followed, this one leads to {location}"
    return f"the server answered {response.status} {response.reason}{_remark(response)}; {hint}"


def _remark(response: Response) -> str:
    """Return what the server says in plain text about its refusal: the first line."""
    if not response.headers.get("Content-Type", "").startswith("text/plain"):
        return ""
    line = response.body.decode(errors="replace").strip().partition("\n")[0]
    return f" ({line[:LONGEST_REMARK]})" if line else ""


class Conversation:
    """Lines of standard input to the server, its messages to the screen, until one of them ends.

    Args:
        ws: an open connection.
        screen: where messages go.
        wait: how long no message must have come, after the end of piped input, before the connection
            is closed, in seconds; `None` waits until the server closes.
    """

    def __init__(self, ws: WebSocket, screen: Screen, wait: float | None) -> None:
        self._ws = ws
        self._screen = screen
        self._wait = 0 if screen.interactive else wait
        self._last_message = 0.0
        self._status = OK

    async def hold(self) -> int:
        """Talk until the connection is closed, and return the exit status."""
        protocol = f", subprotocol {self._ws.protocol}" if self._ws.protocol else ""
        self._screen.note(f"Connected{protocol}. Ctrl-D or Ctrl-C closes the connection.")
        sending = asyncio.create_task(self._send_input())
        try:
            await self._show_messages()
        except asyncio.CancelledError:  # Ctrl-C
            await self._ws.close()
        finally:
            sending.cancel()
        return self._tell_close()

    async def _show_messages(self) -> None:
        try:
            async for message in self._ws:
                self._last_message = asyncio.get_running_loop().time()
                self._screen.show(message)
        except ConnectionClosed:
            return  # told by `_tell_close`
        except BrokenPipeError:  # the reader of the pipe has what it wants
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            await self._ws.close()

    async def _send_input(self) -> None:
        try:
            async for line in read_lines(STDIN):
                await self._ws.send(line.decode())
            await self._wait_for_answers()
            await self._ws.close()
        except ConnectionClosed:
            return
        except UnicodeDecodeError:
            complain("the input is not UTF-8")
            self._status = FAILED
            await self._ws.close()

    async def _wait_for_answers(self) -> None:
        if self._wait is None:
            await asyncio.Future()  # until the connection ends, which cancels this task
        if not self._wait:
            return
        await self._ws.ping()  # however slow the network is, all lines have arrived now
        clock = asyncio.get_running_loop().time
        quiet_since = clock()
        while (left := quiet_since + self._wait - clock()) > 0:
            await asyncio.sleep(left)
            quiet_since = max(quiet_since, self._last_message)

    def _tell_close(self) -> int:
        how = self._ws.close_info
        reason = f": {how.reason}" if how.reason else ""
        if how.is_ok:
            self._screen.note(f"Closed ({how.code}){reason}")
            return self._status
        if how.was_clean:
            complain(f"the connection was closed with code {how.code}{reason}")
        else:
            complain(f"the connection was lost: {how.hint}")
        return FAILED
