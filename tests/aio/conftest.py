"""What the tests of the asyncio door share."""

import pytest

from tests.certificates import Authority, Certificate


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def at_home(authority: Authority) -> Certificate:
    """A certificate of a server at this machine."""
    return authority.sign("home", "DNS:localhost,IP:127.0.0.1")
