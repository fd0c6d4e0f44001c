"""The public face of `wsline.aiohttp`: names, and nothing by accident."""

import wsline.aiohttp as module

NAMES = {"handle_upgrade"}


def test_the_public_names() -> None:
    assert set(module.__all__) == NAMES
    assert {name for name in vars(module) if not name.startswith("_")} == NAMES
    assert [name for name in NAMES if not (getattr(module, name).__doc__ or "").strip()] == []
