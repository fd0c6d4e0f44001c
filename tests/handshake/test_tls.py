"""What is said of a TLS handshake that failed. The errors here are real ones, or have their form."""

import ssl
from typing import Any

import pytest

from wsline.errors import HandshakeError, TLSError
from wsline.handshake.tls import tls_error, truncated, wrong_protocol


def refused(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_code = code
    error.verify_message = message
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    return error


def named(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] ...")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (9, "it is not valid yet"),
        (10, "it has expired; the server needs a new one"),
        (18, "it is self-signed; if you trust it, pass ssl=ssl.create_default_context(cafile=...)"),
        (19, "an authority that is not trusted here signed it; if you trust it, pass"),
        (20, "its issuer is not known here"),
        (21, "its issuer is not known here"),
        (23, "it has been revoked"),
        (62, "it is for other names than 'example.org'; option server_hostname"),
        (64, "the address example.org is not in it; connect by a name that is; option"),
        (65, "a {strange} fault"),
    ],
)
def test_why_a_certificate_is_refused(code: int, told: str) -> None:
    cause = refused(code, "a {strange} fault")
    error = tls_error(cause, "example.org")
    expected = f"TLS handshake with example.org failed: the server's certificate is refused: {told}"
    assert str(error).startswith(expected)
    assert str(error).endswith(f"; {error.hint}")
    assert error.__cause__ is cause


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("WRONG_VERSION_NUMBER", "the server does not speak TLS; use ws:, or ask at another port"),
        ("UNSUPPORTED_PROTOCOL", "the server speaks no version of TLS that is allowed here"),
        ("NO_SHARED_CIPHER", "the server and this side have no cipher in common"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "the server refused: it wants a certificate of ours"),
        ("TLSV1_ALERT_UNKNOWN_CA", "the server refused: it does not trust the authority"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "the server refused: it takes none of the ciphers"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "the server refused: it takes no version of TLS that is offered"),
        ("TLSV1_UNRECOGNIZED_NAME", "the server refused: it does not serve the name 'example.org'"),
        ("SSLV3_ALERT_UNEXPECTED_MESSAGE", "the server refused: unexpected message"),
        ("LENGTH_MISMATCH", "[SSL: LENGTH_MISMATCH] ..."),
    ],
)
def test_other_reasons_of_a_client(reason: str, told: str) -> None:
    error = tls_error(named(reason), "example.org")
    assert str(error).startswith(f"TLS handshake with example.org failed: {told}")
    assert error.hint


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (named("HTTP_REQUEST"), "the client does not speak TLS; it may have used ws: instead of wss:"),
        (named("PEER_DID_NOT_RETURN_A_CERTIFICATE"), "the client gave no certificate, and must"),
        (named("TLSV1_ALERT_UNKNOWN_CA"), "the client refused: it does not trust the authority"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (OSError(), ""),
    ],
)
def test_reasons_of_a_server(error: OSError, told: str) -> None:
    assert str(tls_error(error)).startswith(f"TLS handshake failed: {told}")


def test_it_is_caught_as_what_it_is() -> None:
    error: Any = tls_error(named("LENGTH_MISMATCH"), "example.org")
    assert type(error) is TLSError
    assert isinstance(error, HandshakeError)
    assert isinstance(error, OSError)
    assert (error.request, error.response) == (None, None)


def test_a_truncated_stream_is_told() -> None:
    assert "without TLS's close_notify" in str(truncated())
    assert isinstance(truncated(), ConnectionError)


def test_only_http_1_1_is_the_right_protocol() -> None:
    assert wrong_protocol(None) is None
    assert wrong_protocol("http/1.1") is None
    assert "'h2' (ALPN)" in str(wrong_protocol("h2"))
