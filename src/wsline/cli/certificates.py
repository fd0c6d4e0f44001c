"""Certificates and keys in files: `--ca`, `--cert`, `--key`, `--passphrase`, `--no-check`."""

import argparse
import getpass
import ssl
from collections.abc import Callable
from typing import Any, Final

__all__ = ["ASK", "client_context", "server_context"]

ASK: Final = object()
"""A passphrase that is to be typed."""


def client_context(options: argparse.Namespace) -> ssl.SSLContext | bool | None:
    """Return what the options mean for the option `ssl` of `wsline.connect`.

    Raises:
        ValueError: a file cannot be read, or the options contradict each other.
    """
    _check_key(options)
    if options.ca is None and options.cert is None:
        return False if options.no_check else None
    context: ssl.SSLContext = _read([options.ca], lambda: ssl.create_default_context(cafile=options.ca))
    if options.cert is not None:
        _read_certificate(context, options)
    if options.no_check:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def server_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Return the context of a server; `None` without a certificate.

    Raises:
        ValueError: as `client_context`.
    """
    _check_key(options)
    if options.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _read_certificate(context, options)
    return context


def _check_key(options: argparse.Namespace) -> None:
    if options.key is not None and options.cert is None:
        raise ValueError("--key: belongs to a certificate, see --cert")


def _read_certificate(context: ssl.SSLContext, options: argparse.Namespace) -> None:
    files = [options.cert, options.key]
    _read(files, lambda: context.load_cert_chain(options.cert, options.key, _passphrase(options.passphrase)))


def _passphrase(given: Any) -> Any:
    # A function is called only where the key has a passphrase.
    return _ask if given is None or given is ASK else given


def _ask() -> str:
    return getpass.getpass("Passphrase of the key: ")


def _read(files: list[str | None], load: Callable[[], Any]) -> Any:
    names = " or ".join(each for each in files if each is not None)
    try:
        return load()
    except ssl.SSLError as error:
        raise ValueError(f"{names}: {_why_unusable(error)}") from None
    except OSError as error:
        raise ValueError(f"{names}: {error.strerror}") from None


def _why_unusable(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    return "no certificate or key can be read there; is the passphrase right?"
