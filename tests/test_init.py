"""The public face: what `from wsline import ...` gives, and nothing by accident."""

import re
import subprocess
import sys
from types import ModuleType

import wsline
from tests.architecture.tree import PACKAGE

NAMES = {
    "ANY",
    "SAME_HOST",
    "Backplane",
    "BackplaneError",
    "BackplaneHealth",
    "BackplaneUnavailable",
    "CloseCode",
    "CloseEvent",
    "CloseInfo",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Deflate",
    "ErrorEvent",
    "Event",
    "HandshakeError",
    "HandshakeTimeout",
    "HeadError",
    "Headers",
    "InvalidHeader",
    "InvalidState",
    "InvalidStatus",
    "InvalidTopic",
    "InvalidURI",
    "InvalidUpgrade",
    "KeepaliveTimeout",
    "LocalProtocolError",
    "MalformedEnvelope",
    "MessageEvent",
    "NegotiationError",
    "NoResponse",
    "Opcode",
    "PreparedMessage",
    "ProtocolError",
    "ProxyError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "ServerState",
    "SlowConsumer",
    "State",
    "ServerStats",
    "Stats",
    "TLSError",
    "TooManyRedirects",
    "TooManyTopics",
    "TruncatedStream",
    "UnreadPongs",
    "UnsafeRedirect",
    "Violation",
    "WebSocket",
    "WebSocketError",
    "WebSocketServer",
    "WriteTimeout",
    "__version__",
    "compiled",
    "connect",
    "create_websocket_stream",
    "deflate_memory",
    "is_transient",
    "serve",
}


def test_the_public_names() -> None:
    """A name that is new, or gone, is a change that users see: it belongs into this list knowingly."""
    assert set(wsline.__all__) == NAMES
    assert len(wsline.__all__) == len(NAMES)
    assert [name for name in wsline.__all__ if not hasattr(wsline, name)] == []


def test_nothing_else_is_public() -> None:
    names = {name for name, value in vars(wsline).items() if not isinstance(value, ModuleType)}
    assert {name for name in names if not name.startswith("_")} <= NAMES


def test_a_star_import_gives_the_public_names() -> None:
    found: dict[str, object] = {}
    exec("from wsline import *", found)
    assert found.keys() - {"__builtins__"} == NAMES


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", wsline.__version__)


def test_public_classes_and_functions_are_documented() -> None:
    bare = [
        name
        for name in wsline.__all__
        if callable(getattr(wsline, name)) and not (getattr(wsline, name).__doc__ or "").strip()
    ]
    assert bare == []


def test_exceptions_are_of_one_family() -> None:
    values = [getattr(wsline, name) for name in wsline.__all__]
    exceptions = [each for each in values if isinstance(each, type) and issubclass(each, Exception)]
    assert len(exceptions) > 15
    assert [each for each in exceptions if not issubclass(each, wsline.WebSocketError)] == []


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_the_import_warns_of_nothing_and_starts_no_loop() -> None:
    program = (
        "import wsline, asyncio, threading; assert threading.active_count() == 1; print(wsline.compiled)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{wsline.compiled}\n", "")
