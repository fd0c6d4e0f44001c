"""Messages that are wanted in their fragments: kept apart, or one by one as they come (RFC 6455 §5.4)."""

import codecs
from typing import Any, Final

from ..errors import Violation
from .kernels import Assembly

__all__ = ["Fragment", "KeptFragments", "Splitter", "Unpacked"]

# A fragment that is larger is delivered in pieces of at least so many bytes.
_PIECE: Final = 65536


class Fragment:
    """A fragment of a message, or a piece of a large one.

    Attributes:
        data: `str` or `bytes`.
        fin: it is the last one of its message.
    """

    __slots__ = ("data", "fin")

    def __init__(self, data: str | bytes, fin: bool) -> None:
        self.data = data
        self.fin = fin

    def __len__(self) -> int:
        return len(self.data)


class KeptFragments:
    """A binary message in its fragments.

    Attributes:
        parts: the payloads of its frames.
    """

    __slots__ = ("_size", "parts")

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size


class Unpacked:
    """The fragments of one message, one by one, however they come.

    Attributes:
        has_begun: one was taken.
        has_ended: the last one was taken.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self.has_ended = False
        self._parts: list[str | bytes] = []
        self._is_last = False

    def __len__(self) -> int:
        return len(self._parts)

    def put(self, item: Any) -> None:
        """Add what has come: a `Fragment`, or all of a message in `KeptFragments` or whole."""
        if type(item) is KeptFragments:
            self._parts = list(reversed(item.parts))
        else:
            self._parts = [item.data if type(item) is Fragment else item]
        self._is_last = type(item) is not Fragment or item.fin

    def take(self) -> str | bytes:
        """Return the next fragment; there must be one."""
        self.has_begun = True
        part = self._parts.pop()
        self.has_ended = self._is_last and not self._parts
        return part


class Splitter:
    """Takes what has arrived of a message, before a `MessageReader` would make it whole.

    Args:
        lenient: replace ill-formed UTF-8 by U+FFFD.

    Attributes:
        keeps: binary messages become `KeptFragments`.
        streams: the message that comes, or that has begun, becomes `Fragment` after `Fragment`; the last
            one resets this.
        size: bytes of the message that were taken.
    """

    def __init__(self, lenient: bool) -> None:
        self.keeps = False
        self.streams = False
        self.size = 0
        self._errors = "replace" if lenient else "strict"
        self._parts: list[bytes] = []

    def stream(self, begun: Assembly | None, is_text: bool) -> list[Any]:
        """Deliver `Fragment`s from now on; return what is there already.

        Args:
            begun: what has come of a message, if it stands between two frames.
            is_text: that is text.
        """
        self.streams = True
        events: list[Any] = []
        if begun is not None:
            events += [Fragment(part, False) for part in self._parts]
            self._parts = []
            if begun.length:
                self._deliver(begun, is_text, False, events)
        return events

    def end_frame(self, assembly: Assembly, is_text: bool, fin: bool, events: list[Any]) -> bool:
        """Take a frame whose payload is complete; return whether it was taken."""
        if self.streams:
            self._deliver(assembly, is_text, fin, events)
            return True
        if is_text or not (self.keeps or self._parts):
            return False
        self._keep(assembly)
        if fin:
            events.append(KeptFragments(self._parts))
            self.drop()
        return True

    def end_chunk(self, assembly: Assembly, is_text: bool, events: list[Any]) -> bool:
        """Take a part of a frame that has arrived, if it is wanted; return whether it was taken."""
        if not self.streams or assembly.length < _PIECE:
            return False
        self._deliver(assembly, is_text, False, events)
        return True

    def drop(self) -> None:
        """Forget what was taken and not delivered."""
        self._parts = []
        self.size = 0

    def _keep(self, assembly: Assembly) -> None:
        self.size += assembly.length
        self._parts.append(assembly.take_bytes())

    def _deliver(self, assembly: Assembly, is_text: bool, fin: bool, events: list[Any]) -> None:
        events.extend(Fragment(part, False) for part in self._parts)
        self._parts = []
        self.size += assembly.length
        data = assembly.take_bytes()
        events.append(Fragment(self._decode(assembly, data, fin) if is_text else data, fin))
        if fin:
            self.streams = False
            self.size = 0

    def _decode(self, assembly: Assembly, data: bytes, fin: bool) -> str:
        try:
            text, used = codecs.utf_8_decode(data, self._errors, fin)
        except UnicodeDecodeError:
            raise Violation.INVALID_UTF8.error(where="a text message") from None
        rest = len(data) - used
        if rest:
            # The beginning of a character goes on with the next fragment.
            assembly.append(data, used, rest, 0, 0)
            self.size -= rest
        return text
