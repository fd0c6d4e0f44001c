"""The options of compression: what both sides may agree on, and how this side does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Final

from .checks import FLAG, Check, check_all, option, size
from .zlibs import IMPLEMENTATIONS

__all__ = ["Deflate"]

_BITS: Final = Check(
    "an integer from 8 to 15, False or None",
    (int, bool, NoneType),
    lambda value: value is None or value is False or (value is not True and 8 <= value <= 15),
)
_BITS_OR_BARE: Final = Check(
    "an integer from 8 to 15, True, False or None",
    (int, bool, NoneType),
    lambda value: value is None or type(value) is bool or 8 <= value <= 15,
)
_IMPLEMENTATION: Final = Check(
    " or ".join(map(repr, IMPLEMENTATIONS)), (str,), lambda value: value in IMPLEMENTATIONS
)
_CHOICE: Final = Check("True, False or None", (bool, NoneType))

# What zlib can be told, and how little and how much.
_DEFLATING: Final = {"level": (-1, 9), "mem_level": (1, 9), "strategy": (0, 4)}
_INFLATING: Final = {"chunk_size": (1 << 10, 1 << 20)}


def _numbers(ranges: Mapping[str, tuple[int, int]]) -> Check:
    allowed = ", ".join(f"{name}: {least} to {most}" for name, (least, most) in ranges.items())
    return Check(
        f"a mapping of names to integers ({allowed}), or None",
        (Mapping, NoneType),
        lambda value: all(
            name in ranges and type(number) is int and ranges[name][0] <= number <= ranges[name][1]
            for name, number in (value or {}).items()
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """How messages are compressed (permessage-deflate, RFC 7692).

    Attributes:
        server_no_context_takeover: a server: `True` compresses each message for itself, whatever the
            client offers; `False` declines offers that ask for it; `None` follows the offer. A client:
            `True` asks the server for it.
        client_no_context_takeover: a server: `True` asks the client to compress each message for itself.
            A client: `True` does so; `False` refuses a server that asks for it.
        server_max_window_bits: a server: 8 to 15 is its window; offers that want a smaller one are
            declined; `False` declines offers that ask for any; `None`: at most 12, less if asked. A
            client: asks the server for it.
        client_max_window_bits: a server: 8 to 15 is asked of the client, and offers that do not allow
            that are declined; `False` or `True` never asks; `None` asks for at most 12 where the offer
            allows it. A client: a number is offered, and is its window; `False` offers nothing and
            refuses a server that asks; `True` or `None` offers to follow the server.
        threshold: messages of fewer bytes are not compressed; applies, as in `ws`, only while this side
            compresses each message for itself. Of a fragmented message the first fragment counts.
        threshold_always: `threshold` applies with context takeover, too.
        concurrency_limit: most threads that compress long messages (`ws`: concurrencyLimit); 0: no limit.
        memory_budget: when all compression of this process takes more bytes, new clients of a server get
            no context takeover; `None`: no budget. See `deflate_memory`.
        zlib_deflate_options: `level`, `mem_level` and `strategy` of zlib; default: 1, 5 and 0.
        zlib_inflate_options: `chunk_size`, in which data is inflated, in bytes; default: 65536.
        implementation: what compresses and inflates: `"zlib"` of the standard library, `"zlib-ng"`, or
            `"isal"` (levels 0 to 3, strategy 0; for a window of 8 bits `"zlib"` compresses).

    Raises:
        TypeError, ValueError: a value is not allowed.
        ImportError: the implementation needs the extra `wsline[fast-deflate]`.
    """

    server_no_context_takeover: bool | None = option(None, _CHOICE)
    client_no_context_takeover: bool | None = option(None, _CHOICE)
    server_max_window_bits: int | None = option(None, _BITS)
    client_max_window_bits: int | None = option(None, _BITS_OR_BARE)
    threshold: int = option(1024, size(0))
    threshold_always: bool = option(False, FLAG)
    concurrency_limit: int = option(10, size(0))
    memory_budget: int | None = option(None, size(0, none="no budget"))
    zlib_deflate_options: Mapping[str, int] | None = option(None, _numbers(_DEFLATING))
    zlib_inflate_options: Mapping[str, int] | None = option(None, _numbers(_INFLATING))
    implementation: str = option("zlib", _IMPLEMENTATION)

    def __post_init__(self) -> None:
        check_all(self)
        chosen = IMPLEMENTATIONS[self.implementation]
        ranges = {"level": chosen.levels, "strategy": chosen.strategies}
        for name, (least, most) in ranges.items():
            value = (self.zlib_deflate_options or {}).get(name)
            if value is not None and not least <= value <= most:
                raise ValueError(
                    f"zlib_deflate_options={self.zlib_deflate_options!r}: {name} must be {least} to {most}"
                    f" with implementation={self.implementation!r}"
                )
        chosen.load()
