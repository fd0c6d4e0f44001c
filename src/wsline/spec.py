"""The vocabulary of RFC 6455: opcodes, close codes, states, roles and fixed names."""

from enum import Enum, IntEnum
from typing import Final, NamedTuple

__all__ = ["GUID", "SUPPORTED_VERSIONS", "CloseCode", "DeflateParameters", "Opcode", "Role", "State"]

# RFC 6455 §1.3: the string that both sides append to Sec-WebSocket-Key.
GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# RFC 6455 §4.4: 13 is the RFC; 8 is draft 8 to 12, the same framing with `Sec-WebSocket-Origin`.
SUPPORTED_VERSIONS: Final = (13, 8)

# RFC 6455 §5.5: control frames carry at most this much payload, in bytes.
MAX_CONTROL_PAYLOAD: Final = 125

# A close frame is a control frame whose first two bytes are the code.
MAX_CLOSE_REASON: Final = MAX_CONTROL_PAYLOAD - 2

# RFC 6455 §5.2: 2 bytes, an 8-byte extended length and a 4-byte masking key.
MAX_FRAME_HEADER: Final = 14


class Opcode(IntEnum):
    """What a frame carries (RFC 6455 §5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """Why a connection is closed (RFC 6455 §7.4.1 and the IANA registry)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RECEIVED = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_PAYLOAD = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


class State(IntEnum):
    """The state of a connection, numbered as in browsers and `ws`."""

    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3


class Role(Enum):
    """Which end of the connection this is: clients mask what they send (RFC 6455 §5.1)."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def peer(self) -> "Role":
        """The role at the other end."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class DeflateParameters(NamedTuple):
    """What both sides agreed on for permessage-deflate (RFC 7692 §7.1)."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
