"""The negotiation of permessage-deflate (RFC 7692 §7.1): offers, answers, and what both sides agree on."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..deflate import Deflate
from ..errors import NegotiationError
from ..spec import DeflateParameters
from .extensions import ExtensionOffer
from .headers import Parameters, shown

__all__ = ["NAME", "Verdict", "build_offer", "judge_answer", "judge_offers"]

NAME: Final = "permessage-deflate"

# Where nothing else is wished, windows are of 2**12 bytes: a quarter of the memory of the largest ones.
_USUAL_BITS: Final = 12

_FLAGS: Final = ("server_no_context_takeover", "client_no_context_takeover")
_BITS: Final = ("server_max_window_bits", "client_max_window_bits")
_NUMBERS: Final = {str(bits): bits for bits in range(8, 16)}

Wishes = dict[str, int]
"""Parameters by name: `True` for one without a value, else the number of bits."""


class Verdict(NamedTuple):
    """What a server makes of the offers.

    Attributes:
        parameters: what is agreed; `None`: nothing.
        answer: the extension for the response; `None`: none.
        reasons: why offers of permessage-deflate were declined.
    """

    parameters: DeflateParameters | None = None
    answer: ExtensionOffer | None = None
    reasons: tuple[str, ...] = ()

    @property
    def extensions(self) -> tuple[ExtensionOffer, ...]:
        """What goes into the response."""
        return () if self.answer is None else (self.answer,)


def build_offer(options: Deflate) -> ExtensionOffer:
    """Return the offer of a client."""
    params: Parameters = [(name, None) for name in _FLAGS if getattr(options, name)]
    if options.server_max_window_bits:
        params.append((_BITS[0], str(options.server_max_window_bits)))
    wish = options.client_max_window_bits
    if wish is not False:
        params.append((_BITS[1], None if wish is None or wish is True else str(wish)))
    return ExtensionOffer(NAME, params)


def judge_offers(offers: Iterable[ExtensionOffer], options: Deflate, *, frugal: bool = False) -> Verdict:
    """Judge the offers of a client; the first that is acceptable wins.

    Args:
        offers: all that were made, of other extensions, too.
        options: the server's.
        frugal: agree only to compression that keeps nothing from one message to the next.

    Returns:
        What is agreed. An offer that cannot be accepted is declined, and never fails the handshake.
    """
    reasons = []
    for offer in offers:
        if offer.name == NAME:
            try:
                wishes = _parse(offer.params)
                _check_offer(wishes, options)
            except ValueError as error:
                reasons.append(str(error))
            else:
                return _agree(wishes, options, frugal)._replace(reasons=tuple(reasons))
    return Verdict(reasons=tuple(reasons))


def judge_answer(answers: Sequence[ExtensionOffer], options: Deflate) -> DeflateParameters:
    """Judge what a server answered to `build_offer`.

    Raises:
        NegotiationError: it is not something that was offered.
    """
    if len(answers) != 1 or answers[0].name != NAME:
        names = ", ".join(shown(answer.name) for answer in answers)
        raise NegotiationError(f"Server indicated an extension that was not requested: {names}")
    try:
        wishes = _parse(answers[0].params)
        _check_answer(wishes, options)
    except ValueError as error:
        raise NegotiationError(f"Invalid Sec-WebSocket-Extensions header: {error}") from None
    own = options.client_max_window_bits
    return DeflateParameters(
        server_no_context_takeover=_FLAGS[0] in wishes,
        # Ours to do without being asked.
        client_no_context_takeover=_FLAGS[1] in wishes or bool(options.client_no_context_takeover),
        server_max_window_bits=wishes.get(_BITS[0], 15),
        client_max_window_bits=wishes.get(_BITS[1], own if own and own is not True else 15),
    )


def _parse(params: Parameters) -> Wishes:
    """Return the parameters; raise ValueError if one is unknown, comes twice, or is ill-formed."""
    wishes: Wishes = {}
    for name, value in params:
        if name not in _FLAGS and name not in _BITS:
            raise ValueError(f"Unknown parameter {shown(name)}")
        # RFC 7692 §7.1: more than one of the same name is to be declined.
        if name in wishes:
            raise ValueError(f'Parameter "{name}" must have only a single value')
        # RFC 7692 §7.1.2: 8 to 15, without leading zeros; only client_max_window_bits may be bare.
        if value is None and name != _BITS[0]:
            wishes[name] = True
        elif name in _BITS and value in _NUMBERS:
            wishes[name] = _NUMBERS[value]
        else:
            raise ValueError(f'Invalid value for parameter "{name}": {shown(value or "none")}')
    return wishes


def _check_offer(wishes: Wishes, options: Deflate) -> None:
    if options.server_no_context_takeover is False and _FLAGS[0] in wishes:
        raise ValueError(f"{_FLAGS[0]} is declined (option {_FLAGS[0]}=False)")
    own, asked = options.server_max_window_bits, wishes.get(_BITS[0])
    if asked is not None and (own is False or asked < (own or 0)):
        raise ValueError(f"{_BITS[0]}={asked} is declined (option {_BITS[0]}={own})")
    wish, allowed = options.client_max_window_bits, wishes.get(_BITS[1])
    if wish and wish is not True and (allowed is None or (allowed is not True and allowed < wish)):
        offered = "not offered" if allowed is None else f"offered as {allowed}"
        raise ValueError(f"{_BITS[1]} is {offered} (option {_BITS[1]}={wish})")


def _agree(wishes: Wishes, options: Deflate, frugal: bool) -> Verdict:
    flags = [frugal or name in wishes or bool(getattr(options, name)) for name in _FLAGS]
    ours = options.server_max_window_bits
    if ours is None:
        ours = min(_USUAL_BITS, wishes.get(_BITS[0], 15))
    theirs = options.client_max_window_bits
    if theirs is None and _BITS[1] in wishes:
        allowed = wishes[_BITS[1]]
        theirs = _USUAL_BITS if allowed is True else min(_USUAL_BITS, allowed)
    elif theirs is True:
        theirs = None
    params: Parameters = [(name, None) for name, flag in zip(_FLAGS, flags, strict=True) if flag]
    params += [(name, str(bits)) for name, bits in zip(_BITS, (ours, theirs), strict=True) if bits]
    return Verdict(
        DeflateParameters(flags[0], flags[1], ours or 15, theirs or 15), ExtensionOffer(NAME, params)
    )


def _check_answer(wishes: Wishes, options: Deflate) -> None:
    if options.client_no_context_takeover is False and _FLAGS[1] in wishes:
        raise ValueError(f'Unexpected parameter "{_FLAGS[1]}" (option {_FLAGS[1]}=False)')
    # RFC 7692 §7.1.1.1, §7.1.2.1: who accepts an offer with these repeats them.
    if options.server_no_context_takeover and _FLAGS[0] not in wishes:
        raise ValueError(f'Missing parameter "{_FLAGS[0]}", which was asked for')
    asked = options.server_max_window_bits
    # (Some are silent about 15, which is what silence means.)
    if asked and wishes.get(_BITS[0], 15) > asked:
        came = wishes.get(_BITS[0], "none")
        raise ValueError(f'Missing or invalid parameter "{_BITS[0]}": {came}, asked for {asked}')
    if _BITS[1] in wishes:
        own, came = options.client_max_window_bits, wishes[_BITS[1]]
        most = 0 if own is False else 15 if own is None else 15 if own is True else own
        # RFC 7692 §7.1.2.2: in an answer it has a value.
        if came is True or came > most:
            raise ValueError(f'Unexpected or invalid parameter "{_BITS[1]}": {came if came > 1 else "none"}')
