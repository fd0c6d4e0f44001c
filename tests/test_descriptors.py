"""How many connections the system lets us have."""

import resource

import pytest

from wsline import descriptors
from wsline.descriptors import most_connections
from wsline.options import ServerOptions


@pytest.mark.parametrize(
    ("limit", "most"), [(1024, 960), (256, 192), (64, 48), (1, 1), (0, 1), (resource.RLIM_INFINITY, None)]
)
def test_some_descriptors_are_left_for_other_things(
    monkeypatch: pytest.MonkeyPatch, limit: int, most: int | None
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, resource.RLIM_INFINITY))
    assert most_connections() == most
    assert ServerOptions().max_connections == most
    assert ServerOptions(max_connections=5).max_connections == 5


def test_a_system_without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "resource", None)
    assert most_connections() is None
