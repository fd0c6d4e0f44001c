"""What all commands that connect have in common: the options, what they mean, and why it failed."""

import argparse
import re
import socket
import ssl
from argparse import SUPPRESS
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from wsline import InvalidStatus, Response, TLSError, WebSocketError

from .certificates import ASK, client_context
from .screen import complain
from .usage import USAGE, add_options, count, header, option

__all__ = ["CONNECT_FAILED", "add_client_options", "explain", "refuse", "settings_of", "shown_url"]

CONNECT_FAILED: Final = 1
"""The exit status when no connection came about."""

_LONGEST_REMARK: Final = 200  # characters

# The library's advice names its own options; here they have other names.
_NAMES_HERE: Final = {
    r"auth=\(user, password\)": "--auth USER:PASSWORD",
    r"follow_redirects=True": "--location",
    r"headers=": "--header",
    r"another origin=": "another --origin",
    r"URL of proxy=": "URL of --proxy",
    r"protocol_version=": "--protocol",
    r"protocols=": "--subprotocol",
    r"pass ssl=ssl\.create_default_context\(cafile=\.\.\.\) with": "pass --ca FILE with",
    r"load one with context\.load_cert_chain": "give it with --cert and --key",
    r"the context another (certificate) of ours \(context\.load_cert_chain\)": r"another \1, see --cert",
    r"; option server_hostname says which name (must be in it|to ask for)": "",
    r"minimum_version and maximum_version of the contexts of": "the versions of TLS that are allowed on",
    r" \(context\.set_ciphers, load_cert_chain\)": "",
    r"; offer one that it takes \(context\.set_alpn_protocols\)": "",
    r"see `__cause__` for OpenSSL's words, and the": "see the",
    r"\(option max_redirects\)": "(--max-redirects)",
    r", as `async for ws in connect\(\.\.\.\)`": "",
    r"; see body": "",
    r": see body": "",
}


def add_client_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a client: what it says in its request, whom it trusts, which way it takes."""
    add_options(
        parser,
        option("-H", "--header", metavar="NAME:VALUE", dest="headers", action="append", default=[],
               type=header, help="add a header to the request (repeatable)"),
        option("-o", "--origin", metavar="URL", help="set the Origin header"),
        option("-s", "--subprotocol", metavar="NAME", dest="subprotocols", action="append", default=[],
               help="offer a subprotocol (repeatable)"),
        option("-p", "--protocol", metavar="N", type=int, choices=(8, 13), default=13,
               help="protocol version, 13 or 8"),
        option("--auth", metavar="USER:PASSWORD", help="Basic authentication"),
        option("--ca", metavar="FILE", help="trust the certificates in this file only"),
        option("--cert", metavar="FILE", help="show this certificate; its key may be in --key FILE"),
        option("--key", metavar="FILE", help=SUPPRESS),
        option("--passphrase", metavar="TEXT", nargs="?", const=ASK,
               help="of the key; asked for without TEXT"),
        option("-n", "--no-check", action="store_true", help="accept any certificate, also a forged one"),
        option("--proxy", metavar="URL", help="http: or socks5: proxy; env: as the environment says"),
        option("-L", "--location", action="store_true",
               help="follow redirects, at most --max-redirects N (10)"),
        option("--max-redirects", metavar="N", type=count, default=10, help=SUPPRESS),
    )  # fmt: skip


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `wsline.connect` that the command line asks for.

    Raises:
        ValueError: they contradict each other, or a file cannot be read.
    """
    settings: dict[str, Any] = {
        "headers": options.headers,
        "origin": options.origin,
        "protocol_version": options.protocol,
        "follow_redirects": options.location,
        "max_redirects": options.max_redirects,
        "ssl": client_context(options),
    }
    if options.auth is not None:
        user, _, password = options.auth.partition(":")
        settings["auth"] = (user, password)
    if options.proxy is not None:
        settings["proxy"] = True if options.proxy == "env" else options.proxy
    return settings


# -- why it failed


def refuse(url: str, error: Exception) -> int:
    """Complain that a connection did not come about; return the exit status."""
    if isinstance(error, ValueError | TypeError) and not isinstance(error, OSError):
        complain(explain(error))
        return USAGE
    complain(f"cannot connect to {shown_url(url)}: {explain(error)}")
    return CONNECT_FAILED


def shown_url(url: str) -> str:
    """Return a URL without its password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def explain(error: Exception) -> str:
    """Return what an exception says, with the advice in the words of the command line."""
    text = _explain(error)
    for pattern, here in _NAMES_HERE.items():
        text = re.sub(pattern, here, text)
    return text


def _explain(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        response = error.response
        hint = f"; {error.hint}" if error.hint else ""
        return f"the server answered {response.status} {response.reason}{_remark(response)}{hint}"
    if isinstance(error, TLSError) and isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return f"{error} (--no-check accepts any)"
    if isinstance(error, WebSocketError):
        return str(error)
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved, {error.strerror}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused, is a server listening there?"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)


def _remark(response: Response) -> str:
    """Return what the server says in plain text about its refusal: the first line."""
    where = response.headers.get("Location")
    if where is not None and response.status // 100 == 3:
        return f" (to {where[:_LONGEST_REMARK]})"
    if not response.headers.get("Content-Type", "").startswith("text/plain"):
        return ""
    line = response.body.decode(errors="replace").strip().partition("\n")[0]
    return f" ({line[:_LONGEST_REMARK]})" if line else ""
