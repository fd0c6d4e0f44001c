"""The public face of `wsline.http`: names, and nothing by accident."""

import wsline.http as module

NAMES = {"HTTPServer", "Headers", "Request", "Response", "UpgradeSocket", "basic_auth", "client_ip"}


def test_the_public_names() -> None:
    assert set(module.__all__) == NAMES
    assert {name for name in vars(module) if not name.startswith("_")} == NAMES
    assert [name for name in NAMES if not (getattr(module, name).__doc__ or "").strip()] == []
