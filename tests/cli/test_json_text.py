"""JSON is laid out, and nothing of it is changed."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsline.cli.json_text import pretty


def test_json_is_laid_out() -> None:
    assert pretty('{"a":[1,2.50,{}],"b":"x, y: {z}","c":[ ],"d":null}') == (
        '{\n  "a": [\n    1,\n    2.50,\n    {}\n  ],\n  "b": "x, y: {z}",\n  "c": [],\n  "d": null\n}'
    )


@pytest.mark.parametrize(
    "text",
    ["", "hello", "1", '"text"', "null", "{", "{a: 1}", "[1,]", "[" * 60_000, "[" + "1," * 40_000 + "1]"],
    ids=lambda text: text[:8],
)
def test_other_text_is_none(text: str) -> None:
    assert pretty(text) is None


def test_numbers_and_keys_stay_letter_by_letter() -> None:
    shown = pretty('{"big":123456789012345678901234567890,"e":1E400,"k":1,"k":1.10}')
    assert shown is not None
    for each in ("123456789012345678901234567890", "1E400", '"k": 1,', '"k": 1.10'):
        assert each in shown


def test_tokens_are_painted_by_their_kind() -> None:
    shown = pretty('{"key":["string",1,true]}', lambda kind, token: f"<{kind} {token}>")
    assert shown is not None
    assert shown.split() == [
        "{",
        "<key",
        '"key">:',
        "[",
        "<string",
        '"string">,',
        "<number",
        "1>,",
        "<word",
        "true>",
        "]",
        "}",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(JSON) | st.dictionaries(st.text(), JSON), st.booleans())
def test_what_it_means_stays(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    shown = pretty(text)
    assert shown is not None
    assert json.loads(shown) == value
