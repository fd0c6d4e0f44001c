"""The public face of `wsline.asgi`: names, and nothing by accident."""

import wsline.asgi as module

NAMES = {"ASGIWebSocket", "WebSocketApp"}


def test_the_public_names() -> None:
    assert set(module.__all__) == NAMES
    assert {name for name in vars(module) if not name.startswith("_")} == NAMES
    assert [name for name in NAMES if not (getattr(module, name).__doc__ or "").strip()] == []
