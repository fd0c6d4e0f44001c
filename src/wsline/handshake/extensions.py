"""The grammar of Sec-WebSocket-Extensions (RFC 6455 §9.1), both ways.

Offers and answers look the same here: a name with parameters. What a parameter of one extension means
is the business of that extension's negotiation, which takes offers and returns answers of this type.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from .headers import Parameters, is_token, parse_parameters, shown

__all__ = ["MAX_OFFERS", "MAX_PARAMETERS", "ExtensionOffer", "build_extensions", "parse_extensions"]

# More offers, or parameters of one offer, than these are read but not considered; servers have options.
MAX_OFFERS: Final = 8
MAX_PARAMETERS: Final = 8


class ExtensionOffer(NamedTuple):
    """An extension that is offered or agreed to: its name, and pairs of parameter name and value."""

    name: str
    params: Parameters


def parse_extensions(
    value: str, most: int = MAX_OFFERS, most_parameters: int = MAX_PARAMETERS
) -> list[ExtensionOffer]:
    """Return the extensions of a Sec-WebSocket-Extensions header.

    Args:
        value: the header's value; of a repeated header the values joined by commas.
        most: how many extensions are considered.
        most_parameters: how many parameters of each are.

    Returns:
        The first `most` extensions with their first `most_parameters` parameters each.

    Raises:
        ValueError: the value is ill-formed, also beyond what is returned.
    """
    elements = parse_parameters(value)
    for _, parameters in elements:
        for parameter, text in parameters:
            _check_value(parameter, text)
    return [ExtensionOffer(name, parameters[:most_parameters]) for name, parameters in elements[:most]]


def build_extensions(offers: Iterable[ExtensionOffer]) -> str:
    """Return the Sec-WebSocket-Extensions header for these extensions.

    Raises:
        ValueError: a name or a value is not a token.
    """
    return ", ".join(_build_offer(offer) for offer in offers)


def _build_offer(offer: ExtensionOffer) -> str:
    parts = [_checked_name(offer.name)]
    for parameter, text in offer.params:
        _check_value(parameter, text)
        parts.append(_checked_name(parameter) if text is None else f"{_checked_name(parameter)}={text}")
    return "; ".join(parts)


def _checked_name(name: str) -> str:
    if not is_token(name):
        raise ValueError(f"extension or parameter name {shown(name)} is not a token")
    return name


def _check_value(parameter: str, text: str | None) -> None:
    # RFC 6455 §9.1: a quoted value must, after unescaping, conform to the token ABNF.
    if text is not None and not is_token(text):
        raise ValueError(f"value {shown(text)} of the extension parameter {shown(parameter)} is not a token")
