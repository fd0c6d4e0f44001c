"""Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 §4.1, §4.2.2)."""

import base64
import hashlib
import os
import re
from collections.abc import Callable
from typing import Final

from ..spec import GUID

__all__ = ["compute_accept", "generate_key", "is_key"]

_KEY_SIZE: Final = 16

# RFC 6455 §4.2.1: a base64-encoded value that, when decoded, is 16 bytes in length.
_KEY: Final = re.compile(r"[+/0-9A-Za-z]{22}==")


def generate_key(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new Sec-WebSocket-Key.

    Args:
        random_bytes: returns that many unpredictable bytes.
    """
    return base64.b64encode(random_bytes(_KEY_SIZE)).decode("ascii")


def is_key(value: str) -> bool:
    """Tell whether this can be a Sec-WebSocket-Key."""
    return _KEY.fullmatch(value) is not None


def compute_accept(key: str) -> str:
    """Return the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.

    Args:
        key: the header's value, still in base64.
    """
    # RFC 6455 §4.2.2: base64 of the SHA-1 of the key, as it was sent, and the GUID.
    digest = hashlib.sha1((key + GUID).encode("latin-1"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")
