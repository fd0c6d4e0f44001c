"""The payload of close frames (RFC 6455 §5.5.1, §7.4)."""

from ..errors import Violation
from ..spec import MAX_CLOSE_REASON, CloseCode

__all__ = ["Close", "build_close", "check_close", "is_sendable_code", "parse_close"]

# RFC 6455 §7.4.1: these are only ever reported, never sent.
_NEVER_SENT = frozenset({1004, CloseCode.NO_STATUS_RECEIVED, CloseCode.ABNORMAL_CLOSURE})


class Close:
    """A close frame: `code` (`NO_STATUS_RECEIVED` if it had none) and `reason`."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason

    def __repr__(self) -> str:
        return f"Close({self.code}, {self.reason!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Close) and (self.code, self.reason) == (other.code, other.reason)

    def __hash__(self) -> int:
        return hash((self.code, self.reason))


def is_sendable_code(code: int) -> bool:
    """Whether a close frame may carry this code (RFC 6455 §7.4.2 and the IANA registry)."""
    return (1000 <= code <= 1014 and code not in _NEVER_SENT) or 3000 <= code <= 4999


def check_close(code: int | None, reason: str) -> None:
    """Check what an application wants to close with.

    Args:
        code: the close code, or `None` for an empty close frame.
        reason: a text of at most 123 bytes in UTF-8.

    Raises:
        TypeError: the code is not an integer or the reason not a string.
        ValueError: the code may not be sent, the reason is too long, or there is a reason without a code.
    """
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise TypeError(f"code={code!r}: must be an integer or None")
    if not isinstance(reason, str):
        raise TypeError(f"reason={reason!r}: must be a string")
    if code is not None and not is_sendable_code(code):
        raise ValueError(f"code={code}: must be 1000 to 1014 except 1004, 1005 and 1006, or 3000 to 4999")
    if code is None and reason:
        raise ValueError(f"reason={reason!r}: must be empty when there is no code")
    size = len(reason.encode())
    if size > MAX_CLOSE_REASON:
        raise ValueError(f"reason of {size} bytes: must be at most {MAX_CLOSE_REASON} bytes in UTF-8")


def build_close(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame; `NO_STATUS_RECEIVED` gives an empty one."""
    if code == CloseCode.NO_STATUS_RECEIVED:
        return b""
    return code.to_bytes(2, "big") + reason.encode()


def parse_close(payload: bytes, lenient: bool = False) -> Close:
    """Read the payload of a close frame.

    Args:
        payload: at most 125 bytes.
        lenient: replace ill-formed UTF-8 in the reason by U+FFFD.

    Raises:
        LocalProtocolError: one byte, a code that may not be sent, or a reason that is not UTF-8.
    """
    if not payload:
        return Close(CloseCode.NO_STATUS_RECEIVED)
    if len(payload) == 1:
        raise Violation.INVALID_CONTROL_PAYLOAD_LENGTH.error(length=1)
    code = int.from_bytes(payload[:2], "big")
    if not is_sendable_code(code):
        raise Violation.INVALID_CLOSE_CODE.error(code=code)
    try:
        return Close(code, str(payload[2:], "utf-8", "replace" if lenient else "strict"))
    except UnicodeDecodeError:
        raise Violation.INVALID_UTF8.error(where="a close reason") from None
