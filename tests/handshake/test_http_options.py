"""What an HTTP server can be told; each option at its limits is in tests/test_options.py."""

import pytest

from wsline.handshake.http_options import HTTPOptions


def test_everything_a_client_controls_has_a_bound_by_default() -> None:
    options = HTTPOptions()
    for limit in ("max_body", "header_timeout", "body_timeout", "idle_timeout", "write_timeout"):
        assert getattr(options, limit) is not None
    assert (options.max_body, options.max_head_size, options.max_headers) == (1 << 20, 16384, 100)


def test_options_of_websockets_are_unknown() -> None:
    with pytest.raises(TypeError, match="unknown option 'max_payload'"):
        HTTPOptions.from_keywords("HTTPServer", {"max_payload": 5})
