"""What a backplane may be, and that no password is shown."""

from typing import Any

import pytest

from wsline.backplane import SCHEMES, Backplane, BackplaneHealth
from wsline.options import ServerOptions

GOOD = {
    "memory": "memory://",
    "unix": "unix:///run/app.sock",
    "redis": "redis://user:secret@example.net:6380/3?health_check_interval=2",
    "rediss": "rediss://example.net",
    "nats": "nats://[::1]:4222",
}


def test_every_scheme_is_tested() -> None:
    assert GOOD.keys() == set(SCHEMES)


@pytest.mark.parametrize("scheme", GOOD)
def test_urls(scheme: str) -> None:
    assert Backplane(url=GOOD[scheme]).scheme == scheme


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "kafka://h",
            "of the scheme 'kafka': must be one of memory://, unix://, redis://, rediss://, nats://",
        ),
        ("localhost:6379", "of the scheme 'localhost': must be one of"),
        ("", "of the scheme '': must be one of"),
        ("redis://", "the URL names no host: for example redis://"),
        ("nats:///x", "the URL names no host"),
        ("redis://h:port", "the URL is ill-formed"),
        ("redis://[::1", "the URL is ill-formed"),
        ("unix://run/app.sock", "an absolute path: unix:///run/app.sock"),
        ("unix:///", "an absolute path"),
        ("memory://host", "memory:// has neither host nor path"),
    ],
)
def test_urls_that_are_none(url: str, message: str) -> None:
    for make in (lambda: Backplane(url=url), lambda: ServerOptions(backplane=url)):
        with pytest.raises(ValueError, match=f"^backplane: .*{message}"):
            make()


def test_a_password_is_not_shown() -> None:
    made = Backplane(url=GOOD["redis"])
    assert made.place == "redis://example.net:6380/3"
    assert repr(made) == "<Backplane redis://example.net:6380/3 prefix='wsline'>"
    assert "secret" not in repr(ServerOptions(backplane=GOOD["redis"]))
    with pytest.raises(ValueError, match="scheme 'mysql'") as caught:
        Backplane(url="mysql://user:secret@h")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["a", "A-b_9", "x" * 64])
def test_prefixes(prefix: str) -> None:
    assert Backplane(prefix=prefix).prefix == prefix


@pytest.mark.parametrize("prefix", ["", "x" * 65, "a:b", "a.b", "a b", "*", ">", "ä", "a\n"])
def test_prefixes_that_are_none(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"prefix=.*: must be 1 to 64 letters, digits, _ or -"):
        Backplane(prefix=prefix)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("url", 5, TypeError),
        ("must_connect", 1, TypeError),
        ("max_waiting", -1, ValueError),
        ("timeout", 0, ValueError),
        ("heartbeat", None, TypeError),
        ("retry_max_delay", -1.0, ValueError),
    ],
)
def test_other_bad_values(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{name}="):
        Backplane(**{name: value})


def test_a_url_becomes_a_backplane() -> None:
    assert ServerOptions().backplane == Backplane()
    assert ServerOptions(backplane="unix:///x").backplane == Backplane(url="unix:///x")


def test_one_process_alone_is_always_well() -> None:
    assert BackplaneHealth().connected
