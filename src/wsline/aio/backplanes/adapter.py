"""What a broker must be able to do, and which one a URL means."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from ...backplane import Backplane

__all__ = ["Adapter", "Receive", "adapter_of"]

Receive = Callable[[str, bytes], object]
"""Called with the topic and the envelope of each message."""


class Adapter:
    """One connection to a broker, once: when it is lost, another adapter takes its place.

    Args:
        options: where the broker is.
        receive: called with what comes.
        on_lost: called with the error that ends the connection while nothing is exchanged.

    Attributes:
        longest: longest envelope that the broker takes; `None`: no limit. Known when it is connected.
    """

    longest: int | None = None

    def __init__(self, options: Backplane, receive: Receive, on_lost: Callable[[Exception], object]) -> None:
        self._options = options
        self._receive = receive
        self._on_lost = on_lost

    async def connect(self) -> None:
        """Connect to the broker; what it raises says why that cannot be done."""
        raise NotImplementedError

    async def exchange(
        self, subscribe: Sequence[str], unsubscribe: Sequence[str], messages: Sequence[tuple[str, bytes]]
    ) -> None:
        """Tell the broker all of this, in one go, and wait until it has confirmed it.

        Args:
            subscribe, unsubscribe: topics that its messages are wanted of from now on, or no more.
            messages: topics and envelopes, to be sent in this order; nothing comes back here.

        Without anything it asks whether the broker is there. An exception, also a cancellation, ends the
        connection.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """End the connection; it may be lost already, or never have been."""
        raise NotImplementedError


# The module and the class, and what to install for them.
_ADAPTERS: Final = {
    "unix": (".unix", "UnixAdapter", ""),
    "redis": (".redis", "RedisAdapter", "wsline[redis]"),
    "rediss": (".redis", "RedisAdapter", "wsline[redis]"),
    "nats": (".nats", "NATSAdapter", "wsline[nats]"),
}


def adapter_of(options: Backplane) -> type[Adapter]:
    """Return the class of the adapter for a URL.

    Raises:
        ImportError: what it needs is not installed; the message names the extra.
    """
    module, name, extra = _ADAPTERS[options.scheme]
    try:
        found: Any = importlib.import_module(module, __package__)
    except ImportError as error:
        raise ImportError(f"backplane: {options.scheme}:// needs the extra {extra} ({error})") from error
    kind: type[Adapter] = getattr(found, name)
    return kind
