"""Sec-WebSocket-Key and Sec-WebSocket-Accept."""

import base64

import pytest

from wsline.handshake.key import compute_accept, generate_key, is_key


def test_accept_of_the_rfc() -> None:
    assert compute_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_key_is_16_bytes_of_the_given_randomness() -> None:
    assert base64.b64decode(generate_key(lambda size: bytes(range(size)))) == bytes(range(16))


def test_keys_differ() -> None:
    keys = {generate_key() for _ in range(10_000)}
    assert len(keys) == 10_000
    assert all(is_key(key) for key in keys)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "GhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25j-Q==",
        "dGhlIHNhbXBsZSBub25jZQ==\n",
        " dGhlIHNhbXBsZSBub25jZQ==",
    ],
)
def test_what_is_not_a_key(value: str) -> None:
    assert not is_key(value)
