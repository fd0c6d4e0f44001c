"""The opening handshake without I/O (RFC 6455 §4): bytes in, a judged request or response out."""
