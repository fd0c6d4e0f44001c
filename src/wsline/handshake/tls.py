"""Why a TLS handshake failed, in words that say what to do.

OpenSSL's own words are for those who know OpenSSL. What is told here depends on the numbers and names
that its error has, so that no door's module is needed.
"""

from typing import Final

from ..errors import TLSError, TruncatedStream

__all__ = ["HUNG_UP", "tls_error", "truncated", "wrong_protocol"]

HUNG_UP: Final = "the peer hung up in the TLS handshake"

_TRUST: Final = (
    "if you trust it, pass ssl=ssl.create_default_context(cafile=...) with the certificate that signed it"
)
_UNKNOWN_ISSUER: Final = "its issuer is not known here, or the server leaves intermediate certificates out"
_NAMES: Final = "option server_hostname says which name must be in it"

# RFC 5280 has the causes; the numbers are OpenSSL's X509_V_ERR_*. What is wrong, and what to do.
_CERTIFICATE: Final = {
    9: ("it is not valid yet", "compare the clocks of this machine and the server's"),
    10: ("it has expired", "the server needs a new one, if this machine's clock is right"),
    18: ("it is self-signed", _TRUST),
    19: ("an authority that is not trusted here signed it", _TRUST),
    20: (_UNKNOWN_ISSUER, _TRUST),
    21: (_UNKNOWN_ISSUER, _TRUST),
    23: ("it has been revoked", "the server needs a new one"),
    62: ("it is for other names than {host!r}", _NAMES),
    64: ("the address {host} is not in it", f"connect by a name that is; {_NAMES}"),
}

_NOT_TLS: Final = ("the {peer} does not speak TLS", "{plain}")
_VERSIONS: Final = "compare minimum_version and maximum_version of the contexts of both sides"
_CIPHERS: Final = (
    "compare the ciphers and the certificates of both sides (context.set_ciphers, load_cert_chain)"
)
_OWN: Final = "give the context another certificate of ours (context.load_cert_chain)"

# OpenSSL's names of what it found.
_FOUND: Final = {
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "HTTPS_PROXY_REQUEST": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": ("the {peer} speaks no version of TLS that is allowed here", _VERSIONS),
    "NO_SHARED_CIPHER": ("the {peer} and this side have no cipher in common", _CIPHERS),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "the {peer} gave no certificate, and must",
        "context.verify_mode says whether one is asked for",
    ),
}

# What the peer told (RFC 8446 §6.2), as OpenSSL names it.
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": ("it wants a certificate of ours", "load one with context.load_cert_chain"),
    "UNKNOWN_CA": ("it does not trust the authority that signed our certificate", _OWN),
    "BAD_CERTIFICATE": ("it cannot use our certificate", _OWN),
    "CERTIFICATE_UNKNOWN": ("it does not accept our certificate", _OWN),
    "CERTIFICATE_EXPIRED": ("our certificate has expired", _OWN),
    "CERTIFICATE_REVOKED": ("our certificate has been revoked", _OWN),
    "PROTOCOL_VERSION": ("it takes no version of TLS that is offered", _VERSIONS),
    "HANDSHAKE_FAILURE": ("it takes none of the ciphers and certificates that are offered", _CIPHERS),
    "UNRECOGNIZED_NAME": (
        "it does not serve the name {host!r}",
        "option server_hostname says which name to ask for",
    ),
    "NO_APPLICATION_PROTOCOL": (
        "it takes none of the protocols that are offered (ALPN)",
        "offer one that it takes (context.set_alpn_protocols)",
    ),
    "INTERNAL_ERROR": ("it had an internal error", "its log may tell more"),
}

_OTHERWISE: Final = "see `__cause__` for OpenSSL's words, and the log of the {peer}"


def truncated() -> TruncatedStream:
    """Return the exception for TCP that has ended while TLS has not: whoever is on the way could do that."""
    return TruncatedStream(
        "TCP ended without TLS's close_notify:"
        " the peer has crashed, or somebody on the way has cut the stream"
    )


def wrong_protocol(chosen: str | None) -> str | None:
    """Return what is wrong with the protocol that both sides agreed on by ALPN, or `None`."""
    if chosen is None or chosen == "http/1.1":
        return None
    return (
        f"the two sides agreed on the protocol {chosen!r} (ALPN), and WebSockets need HTTP/1.1:"
        ' leave it out, as in context.set_alpn_protocols(["http/1.1"])'
    )


def tls_error(error: OSError, host: str | None = None) -> TLSError:
    """Return the exception that says why TLS did not come about, chained to OpenSSL's.

    Args:
        error: an `ssl.SSLError`.
        host: on a client, who the server should be; `None` on a server.
    """
    words = {"peer": "server", "host": host, "plain": "use ws:, or ask at another port"}
    if host is None:
        words |= {"peer": "client", "plain": "it may have used ws: instead of wss:"}
    reason, hint = _reason(error)
    told = TLSError(
        f"TLS handshake {f'with {host} ' if host else ''}failed: {reason.format(**words)}",
        hint=hint.format(**words),
    )
    told.__cause__ = error
    return told


def _reason(error: OSError) -> tuple[str, str]:
    """Return what is wrong, and what to do."""
    message = getattr(error, "verify_message", None)
    if message is not None:
        code = getattr(error, "verify_code", 0)
        reason, hint = _CERTIFICATE.get(code, (_escape(message), _OTHERWISE))
        return f"the {{peer}}'s certificate is refused: {reason}", hint
    name = str(getattr(error, "reason", None) or "")
    if name in _FOUND:
        return _FOUND[name]
    _, is_alert, alert = name.partition("_ALERT_")
    if is_alert or "UNRECOGNIZED_NAME" in name:
        alert = alert if is_alert else "UNRECOGNIZED_NAME"
        reason, hint = _ALERTS.get(alert, (alert.lower().replace("_", " "), _OTHERWISE))
        return f"the {{peer}} refused: {reason}", hint
    return _escape(str(error.args[-1] if error.args else error)), _OTHERWISE


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
