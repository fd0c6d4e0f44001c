"""The typed keywords of the doors are the fields of the option classes, no more and no fewer."""

import typing
from dataclasses import fields
from types import NoneType
from typing import Any

import pytest

from wsline.keywords import ClientKeywords, Keywords, ServerKeywords
from wsline.options import ClientOptions, Options, ServerOptions

PAIRS = [(Keywords, Options), (ClientKeywords, ClientOptions), (ServerKeywords, ServerOptions)]


def allows_none(hint: Any) -> bool:
    return NoneType in typing.get_args(hint)


@pytest.mark.parametrize(("keywords", "options"), PAIRS)
def test_the_names_are_those_of_the_options(keywords: Any, options: Any) -> None:
    assert list(keywords.__annotations__) == [each.name for each in fields(options)]


@pytest.mark.parametrize(("keywords", "options"), PAIRS)
def test_none_of_them_is_required(keywords: Any, options: Any) -> None:
    assert keywords.__required_keys__ == frozenset()
    assert keywords.__optional_keys__ == {each.name for each in fields(options)}


@pytest.mark.parametrize(("keywords", "options"), PAIRS)
def test_none_is_typed_where_it_is_taken(keywords: Any, options: Any) -> None:
    hints = typing.get_type_hints(keywords)
    for each in fields(options):
        taken = each.metadata["check"].error(each.name, None) is None
        # No headers are none as well; that `None` is taken for defaults of the others is in their types.
        assert allows_none(hints[each.name]) == taken, each.name


@pytest.mark.parametrize(("keywords", "options"), PAIRS)
def test_types_that_the_options_declare_are_the_same(keywords: Any, options: Any) -> None:
    hints, declared = typing.get_type_hints(keywords), typing.get_type_hints(options)
    plain = {bool, int, float, str, NoneType}
    for each in fields(options):
        if set(typing.get_args(declared[each.name]) or {declared[each.name]}) <= plain:
            assert hints[each.name] == declared[each.name], each.name
