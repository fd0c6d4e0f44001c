"""The named answers to "from which origins?", and what else may stand there."""

import re
from typing import Any

import pytest

from wsline.origin_rules import ANY, ORIGINS, SAME_HOST, OriginRule


def test_origin_rules_show_their_names() -> None:
    assert repr(SAME_HOST) == "SAME_HOST"
    assert repr(ANY) == "ANY"
    assert isinstance(ANY, OriginRule)


@pytest.mark.parametrize("value", [ANY, SAME_HOST, [], ["http://a", None, re.compile("b")], {"c"}])
def test_what_may_be_chosen(value: Any) -> None:
    assert ORIGINS.error("origins", value) is None


@pytest.mark.parametrize("value", [None, "http://a", [5], [re.compile(b"b")]])
def test_what_may_not(value: Any) -> None:
    assert "must be SAME_HOST, ANY, or a list of origins" in str(ORIGINS.error("origins", value))
