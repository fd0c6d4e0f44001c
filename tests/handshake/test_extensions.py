"""The Sec-WebSocket-Extensions grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.handshake.extensions import (
    MAX_OFFERS,
    MAX_PARAMETERS,
    ExtensionOffer,
    build_extensions,
    parse_extensions,
)

tokens = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=8)
parameters = st.lists(st.tuples(tokens, st.none() | tokens), max_size=MAX_PARAMETERS)
offers = st.lists(st.builds(ExtensionOffer, tokens, parameters), min_size=1, max_size=MAX_OFFERS)


def test_parse() -> None:
    assert parse_extensions(
        'permessage-deflate; client_max_window_bits; server_max_window_bits="10", foo'
    ) == [
        ExtensionOffer(
            "permessage-deflate", [("client_max_window_bits", None), ("server_max_window_bits", "10")]
        ),
        ExtensionOffer("foo", []),
    ]


def test_build() -> None:
    assert (
        build_extensions([ExtensionOffer("a", [("x", None), ("y", "1")]), ExtensionOffer("b", [])])
        == "a; x; y=1, b"
    )
    assert build_extensions([]) == ""


@given(offers)
def test_parse_undoes_build(extensions: list[ExtensionOffer]) -> None:
    assert parse_extensions(build_extensions(extensions)) == extensions


def test_only_the_first_offers_and_parameters_are_considered() -> None:
    parsed = parse_extensions(", ".join(f"e{n}" + "; p" * 20 for n in range(20)))
    assert [offer.name for offer in parsed] == [f"e{n}" for n in range(8)]
    assert all(len(offer.params) == 8 for offer in parsed)


def test_what_is_not_considered_must_be_well_formed_too() -> None:
    with pytest.raises(ValueError, match="a token expected"):
        parse_extensions("a, " * 20)


@pytest.mark.parametrize("value", ['a; x=""', 'a; x="1 2"', 'a; x="\\""', 'b, a; x=","'])
def test_a_quoted_value_must_be_a_token(value: str) -> None:
    with pytest.raises(ValueError, match="of the extension parameter 'x' is not a token"):
        parse_extensions(value)


@pytest.mark.parametrize(
    "offer",
    [ExtensionOffer("a b", []), ExtensionOffer("a", [("", None)]), ExtensionOffer("a", [("x\r\n", "1")])],
)
def test_names_that_cannot_be_sent(offer: ExtensionOffer) -> None:
    with pytest.raises(ValueError, match=r"extension or parameter name .* is not a token"):
        build_extensions([offer])


def test_values_that_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match=r"value '1,b' of the extension parameter 'x' is not a token"):
        build_extensions([ExtensionOffer("a", [("x", "1,b")])])
