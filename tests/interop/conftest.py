"""The peers, as fixtures."""

import pytest

from tests.interop.peers import Side

ALL = [Side(package, role) for package in ("ws", "websockets") for role in ("server", "client")]


def _available(side: Side) -> Side:
    if side.missing is not None:
        pytest.skip(side.missing)
    return side


@pytest.fixture(params=ALL, ids=lambda side: f"{side.package}-{side.role}")
def side(request: pytest.FixtureRequest) -> Side:
    """Each peer in each role."""
    return _available(request.param)


@pytest.fixture(params=ALL[0::2], ids=lambda side: side.package)
def server_side(request: pytest.FixtureRequest) -> Side:
    """Each peer as the server: we are the client."""
    return _available(request.param)


@pytest.fixture(params=ALL[1::2], ids=lambda side: side.package)
def client_side(request: pytest.FixtureRequest) -> Side:
    """Each peer as the client: we are the server."""
    return _available(request.param)
