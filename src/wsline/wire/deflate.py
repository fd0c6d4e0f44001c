"""Compression of messages: permessage-deflate (RFC 7692 §7.2).

One `Deflater` compresses what a connection sends, one `Inflater` inflates what it receives. Both hold
zlib's memory only from their first message on; without context takeover, only while a message lasts.
"""

import zlib
from types import ModuleType
from typing import Any, Final, NamedTuple

from ..deflate import Deflate
from ..errors import Violation
from ..options import Options
from ..spec import DeflateParameters, Role
from ..zlibs import IMPLEMENTATIONS, Implementation
from .kernels import Assembly

__all__ = [
    "PIECE",
    "DeflateJob",
    "Deflater",
    "Inflater",
    "Settings",
    "deflate_memory",
    "is_over_budget",
    "make_deflater",
    "make_inflater",
]

PIECE: Final = 16384
"""Most bytes to be passed to `Inflater.inflate` at once: what zlib leaves of them, it copies."""

_SYNC: Final = zlib.Z_SYNC_FLUSH

# RFC 7692 §7.2.1: what a flush ends with, and a message leaves out.
_TAIL: Final = b"\x00\x00\xff\xff"

# RFC 7692 §7.2.3.6: an empty message.
_EMPTY: Final = b"\x00"

# The tail and a block without data, the second one the last of a stream: only between two blocks do they
# come to nothing.
_PROBE: Final = _TAIL + b"\x00\x00\x00\xff\xff"
_LAST: Final = _TAIL + b"\x03\x00"

# So many times its size in compressed bytes a message may take, and so many bytes more: a flush after each
# byte takes 7 times as much.
_WORST: Final = 16
_SLACK: Final = 65536

_UNLIMITED: Final = 0x7FFFFFFFFFFFFFFF

# Where nothing else is wished, a window has 2**12 bytes.
_USUAL_BITS: Final = 12


class Ledger:
    """How much memory all compression of this process takes, in bytes, as zlib's documentation has it."""

    def __init__(self) -> None:
        self.total = 0


ledger: Final = Ledger()


def deflate_memory() -> int:
    """Return how much memory zlib holds for the WebSockets of this process, in bytes (an estimate).

    It is what `Deflate(memory_budget=...)` is compared with.
    """
    return ledger.total


def is_over_budget(options: Deflate | None) -> bool:
    """Tell whether new connections must do with less, by `memory_budget`."""
    return options is not None and options.memory_budget is not None and ledger.total > options.memory_budget


class Lease:
    """An entry in the ledger, while it lives.

    No thread but one with the interpreter's lock is here, and no other one comes in between.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        ledger.total += size

    def __del__(self) -> None:
        ledger.total -= self.size


class Settings(NamedTuple):
    """What a compressor is made of. Two with the same settings make the same of a message."""

    window_bits: int
    level: int
    mem_level: int
    strategy: int
    implementation: str = "zlib"

    @property
    def size(self) -> int:
        """How much memory a compressor takes, in bytes (an estimate)."""
        return self._able().compressor_size(self.window_bits, self.level, self.mem_level)

    def load(self) -> ModuleType:
        """Return the module whose compressors can be made so."""
        return self._able().load()

    def compressor(self, module: ModuleType, dictionary: bytes) -> Any:
        """Return a new compressor.

        Args:
            module: what `load` returned.
            dictionary: what the peer's window ends with.
        """
        # No raw stream has 8 bits: `zlibs` tells why one of 9 will do.
        bits = -max(self.window_bits, 9)
        make = module.compressobj
        if dictionary:
            return make(self.level, zlib.DEFLATED, bits, self.mem_level, self.strategy, dictionary)
        return make(self.level, zlib.DEFLATED, bits, self.mem_level, self.strategy)

    def _able(self) -> Implementation:
        chosen = IMPLEMENTATIONS[self.implementation]
        return chosen if self.window_bits >= chosen.least_bits else IMPLEMENTATIONS["zlib"]


class Deflater:
    """Compresses the messages that one end of a connection sends.

    Args:
        settings: of the compressor.
        keeps_context: with context takeover: messages refer to those before.
        threshold: messages of fewer bytes are not worth it.
        always: that goes for messages with context takeover, too.

    Attributes:
        settings, threshold: as above.
    """

    def __init__(self, settings: Settings, keeps_context: bool, threshold: int, always: bool) -> None:
        self.settings = settings
        self.threshold = threshold
        self._keeps_context = keeps_context
        # `ws`: threshold counts only where each message is compressed for itself.
        self._least = 0 if keeps_context and not always else threshold
        self._zlib = settings.load()
        self._size = settings.size
        self._compressor: Any = None
        self._lease: Lease | None = None
        self._dictionary = b""

    def wants(self, n: int) -> bool:
        """Tell whether a message, or the first fragment of one, of `n` bytes is to be compressed."""
        return n >= self._least

    def begin(self) -> None:
        """Get ready to compress."""
        if self._compressor is None:
            self._compressor = self.settings.compressor(self._zlib, self._dictionary)
            self._lease = Lease(self._size)
            self._dictionary = b""

    def encode(self, data: bytes, fin: bool) -> bytes:
        """Compress a message or a fragment; `begin` comes before, and `end` after the message.

        Args:
            data: the message or fragment.
            fin: whether it ends the message.
        """
        if not data:
            return _EMPTY if fin else data
        head: bytes = self._compressor.compress(data)
        rest: bytes = self._compressor.flush(_SYNC)
        if fin:
            rest = rest[: len(rest) - 4]
        return head + rest if head else rest

    def end(self) -> None:
        """Note the end of a message."""
        if not self._keeps_context:
            self.drop()

    def deflate(self, data: bytes, fin: bool) -> bytes:
        """Compress a message or a fragment."""
        if self._compressor is None and data:
            self.begin()
        encoded = self.encode(data, fin)
        if fin and not self._keeps_context:
            self.drop()
        return encoded

    def follow(self, tail: bytes) -> None:
        """Note that the peer is sent a message that another compressor has made, which `tail` is the end of.

        It fills the peer's window. The next compressor begins with just that: what it refers to is there.
        """
        if self._keeps_context:
            self.drop()
            self._dictionary = tail

    def drop(self) -> None:
        """Let go of zlib's memory. What comes next refers to nothing that was before."""
        self._compressor = None
        self._lease = None


class DeflateJob:
    """A long message, or fragment, to be compressed in another thread; what `run` finds is kept here.

    Attributes:
        opcode, fin: of the frame.
        size: of the data, in bytes.
        result: the compressed data.
        error: the exception, if `run` failed.
    """

    def __init__(self, deflater: Deflater, opcode: int, data: bytes, fin: bool) -> None:
        self.opcode = opcode
        self.fin = fin
        self.size = len(data)
        self.result = b""
        self.error: Exception | None = None
        self._deflater = deflater
        self._data = data
        deflater.begin()

    def run(self) -> None:
        """Compress; in any thread, while nobody else uses the deflater."""
        try:
            self.result = self._deflater.encode(self._data, self.fin)
        except Exception as error:
            self.error = error

    def end(self) -> None:
        """Note that the message goes out, and is over."""
        self._deflater.end()


class Inflater:
    """Inflates the messages that one end of a connection receives, and no more of them than allowed.

    Args:
        window_bits: of the peer's compressor.
        keeps_context: with context takeover: messages refer to those before.
        max_payload: the largest message, in bytes.
        chunk_size: so much is inflated at once.
        implementation: of zlib.
    """

    def __init__(
        self,
        window_bits: int,
        keeps_context: bool,
        max_payload: int,
        chunk_size: int,
        implementation: str = "zlib",
    ) -> None:
        self._implementation = IMPLEMENTATIONS[implementation]
        self._zlib = self._implementation.load()
        self._window_bits = window_bits
        self._keeps_context = keeps_context
        self._max_payload = max_payload
        self._chunk_size = chunk_size
        self._decompressor: Any = None
        self._lease: Lease | None = None
        self._taken = 0  # compressed bytes of the message
        self._given = 0  # and what they came to

    def inflate(self, data: bytes, last: bool, assembly: Assembly) -> None:
        """Inflate a part of a message.

        Args:
            data: at most `PIECE` bytes of it.
            last: they end the message.
            assembly: where the inflated bytes go.

        Raises:
            LocalProtocolError: the message is too large, ill-formed, or little but empty blocks.
        """
        self._taken += len(data)
        if not self._taken:
            # Nothing at all is no way to say an empty message, but there is only one meaning to it.
            return
        if data:
            self._feed(data, assembly)
        # RFC 7692 §8: blocks without content inflate to nothing, for ever.
        if self._taken > _WORST * self._given + _SLACK:
            raise Violation.EMPTY_COMPRESSED_DATA.error(size=self._taken, length=self._given)
        if last:
            self._finish()

    def _feed(self, data: bytes, assembly: Assembly) -> None:
        while True:
            if self._decompressor is None:
                if not data:
                    return
                self._begin()
            room = self._max_payload - self._given
            most = min(self._chunk_size - 1, room) + 1
            out = self._decode(data, most)
            n = len(out)
            if n > room:
                raise Violation.UNSUPPORTED_MESSAGE_LENGTH.error(
                    length=self._max_payload + 1, limit=self._max_payload
                )
            assembly.append(out, 0, n, 0, 0)
            self._given += n
            if self._decompressor.eof:
                # RFC 7692 §7.2.3.5: a block may be the final one; what follows is a stream of its own.
                data = self._decompressor.unused_data
                self._drop_decompressor()
                continue
            data = self._decompressor.unconsumed_tail
            if not data and n < most:
                return

    def _decode(self, data: bytes, most: int) -> bytes:
        try:
            out: bytes = self._decompressor.decompress(data, most)
        except self._zlib.error as error:
            raise Violation.INVALID_COMPRESSED_DATA.error(why=error) from error
        return out

    def _finish(self) -> None:
        self._taken = self._given = 0
        if self._decompressor is None:
            return
        out = self._decode(_PROBE if self._keeps_context else _LAST, 1)
        at_end = self._decompressor.eof
        if not self._keeps_context:
            self._drop_decompressor()
        if out or at_end == self._keeps_context:
            raise Violation.INVALID_COMPRESSED_DATA.error(why="it ends in the middle of a block")

    def _begin(self) -> None:
        self._decompressor = self._zlib.decompressobj(-self._window_bits)
        self._lease = Lease(self._implementation.decompressor_size(self._window_bits))

    def _drop_decompressor(self) -> None:
        self._decompressor = None
        self._lease = None


def make_deflater(role: Role, parameters: DeflateParameters, options: Options) -> Deflater:
    """Return the deflater for what this end sends."""
    chosen = options.deflate or Deflate()
    if role is Role.SERVER:
        bits, wish = parameters.server_max_window_bits, chosen.server_max_window_bits
        keeps_context = not parameters.server_no_context_takeover
    else:
        bits, wish = parameters.client_max_window_bits, chosen.client_max_window_bits
        keeps_context = not parameters.client_no_context_takeover
    if wish is None or isinstance(wish, bool):
        # A smaller window than was agreed on is always right.
        bits = min(bits, _USUAL_BITS)
    told = chosen.zlib_deflate_options or {}
    settings = Settings(
        bits, told.get("level", 1), told.get("mem_level", 5), told.get("strategy", 0), chosen.implementation
    )
    return Deflater(settings, keeps_context, chosen.threshold, chosen.threshold_always)


def make_inflater(role: Role, parameters: DeflateParameters, options: Options) -> Inflater:
    """Return the inflater for what the other end sends."""
    if role is Role.SERVER:
        bits, keeps_context = parameters.client_max_window_bits, not parameters.client_no_context_takeover
    else:
        bits, keeps_context = parameters.server_max_window_bits, not parameters.server_no_context_takeover
    chosen = options.deflate or Deflate()
    max_payload = _UNLIMITED if options.max_payload is None else options.max_payload
    chunk_size = (chosen.zlib_inflate_options or {}).get("chunk_size", 65536)
    return Inflater(bits, keeps_context, max_payload, chunk_size, chosen.implementation)
