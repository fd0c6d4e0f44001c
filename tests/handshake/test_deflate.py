"""The negotiation of permessage-deflate, rule by rule (RFC 7692 §7.1; the options are those of `ws`)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsline.deflate import Deflate
from wsline.errors import NegotiationError
from wsline.handshake.deflate import NAME, build_offer, judge_answer, judge_offers
from wsline.handshake.extensions import build_extensions, parse_extensions
from wsline.spec import DeflateParameters

P = DeflateParameters


def judged(offers: str, frugal: bool = False, **options: Any) -> Any:
    """Return what a server with these options makes of a header."""
    return judge_offers(parse_extensions(offers), Deflate(**options), frugal=frugal)


def answer(offers: str, **options: Any) -> str | None:
    """Return what it answers."""
    extension = judged(offers, **options).answer
    return None if extension is None else build_extensions([extension])


def offer(**options: Any) -> str:
    return build_extensions([build_offer(Deflate(**options))])


def agreed(header: str, **options: Any) -> DeflateParameters:
    """Return what a client with these options makes of a server's answer."""
    return judge_answer(parse_extensions(header), Deflate(**options))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "client_max_window_bits"),
        ({"client_max_window_bits": True}, "client_max_window_bits"),
        ({"client_max_window_bits": False}, ""),
        ({"client_max_window_bits": 10}, "client_max_window_bits=10"),
        ({"server_max_window_bits": 9}, "server_max_window_bits=9; client_max_window_bits"),
        ({"server_max_window_bits": False}, "client_max_window_bits"),
        ({"server_no_context_takeover": True}, "server_no_context_takeover; client_max_window_bits"),
        ({"client_no_context_takeover": True}, "client_no_context_takeover; client_max_window_bits"),
        (
            {"server_no_context_takeover": False, "client_no_context_takeover": False},
            "client_max_window_bits",
        ),
    ],
)
def test_a128_a129_a130_a131_what_a_client_offers(options: dict[str, Any], expected: str) -> None:
    assert offer(**options) == "; ".join(filter(None, [NAME, expected]))


OFFERS: list[tuple[str, dict[str, Any], str | None]] = [
    # offered, the server's options, answered ("" for nothing but the name, None: declined)
    ("", {}, "server_max_window_bits=12"),
    ("client_max_window_bits", {}, "server_max_window_bits=12; client_max_window_bits=12"),
    ("client_max_window_bits=10", {}, "server_max_window_bits=12; client_max_window_bits=10"),
    ("client_max_window_bits=15", {}, "server_max_window_bits=12; client_max_window_bits=12"),
    ("server_max_window_bits=10", {}, "server_max_window_bits=10"),
    ("server_max_window_bits=8", {}, "server_max_window_bits=8"),
    ("server_max_window_bits=15", {}, "server_max_window_bits=12"),
    # 128
    ("server_no_context_takeover", {}, "server_no_context_takeover; server_max_window_bits=12"),
    ("server_no_context_takeover", {"server_no_context_takeover": False}, None),
    ("", {"server_no_context_takeover": False}, "server_max_window_bits=12"),
    ("", {"server_no_context_takeover": True}, "server_no_context_takeover; server_max_window_bits=12"),
    # 129
    ("client_no_context_takeover", {}, "client_no_context_takeover; server_max_window_bits=12"),
    (
        "client_no_context_takeover",
        {"client_no_context_takeover": False},
        "client_no_context_takeover; server_max_window_bits=12",
    ),
    ("", {"client_no_context_takeover": True}, "client_no_context_takeover; server_max_window_bits=12"),
    # 130
    ("server_max_window_bits=10", {"server_max_window_bits": False}, None),
    ("", {"server_max_window_bits": False}, ""),
    ("server_max_window_bits=10", {"server_max_window_bits": 11}, None),
    ("server_max_window_bits=11", {"server_max_window_bits": 11}, "server_max_window_bits=11"),
    ("server_max_window_bits=15", {"server_max_window_bits": 11}, "server_max_window_bits=11"),
    ("", {"server_max_window_bits": 15}, "server_max_window_bits=15"),
    # 131
    ("", {"client_max_window_bits": 10}, None),
    ("client_max_window_bits=9", {"client_max_window_bits": 10}, None),
    (
        "client_max_window_bits=10",
        {"client_max_window_bits": 10},
        "server_max_window_bits=12; client_max_window_bits=10",
    ),
    (
        "client_max_window_bits",
        {"client_max_window_bits": 15},
        "server_max_window_bits=12; client_max_window_bits=15",
    ),
    ("client_max_window_bits=9", {"client_max_window_bits": False}, "server_max_window_bits=12"),
    ("client_max_window_bits", {"client_max_window_bits": True}, "server_max_window_bits=12"),
    # all of them
    (
        "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9;"
        " client_max_window_bits=9",
        {},
        "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9;"
        " client_max_window_bits=9",
    ),
]


@pytest.mark.parametrize(("offered", "options", "expected"), OFFERS)
def test_a128_a129_a130_a131_what_a_server_answers(
    offered: str, options: dict[str, Any], expected: str | None
) -> None:
    header = "; ".join(filter(None, [NAME, offered]))
    if expected is None:
        verdict = judged(header, **options)
        assert (verdict.parameters, verdict.answer, len(verdict.reasons)) == (None, None, 1)
    else:
        assert answer(header, **options) == "; ".join(filter(None, [NAME, expected]))


def test_a_server_knows_what_it_has_agreed_to() -> None:
    verdict = judged(f"{NAME}; client_max_window_bits; server_no_context_takeover")
    assert verdict.parameters == P(True, False, 12, 12)
    assert judged(NAME, server_max_window_bits=False).parameters == P()


BAD = [
    ("unknown", "Unknown parameter 'unknown'"),
    ("Server_No_Context_Takeover", "Unknown parameter"),
    ("server_no_context_takeover=1", "Invalid value for parameter \"server_no_context_takeover\": '1'"),
    ("client_no_context_takeover=true", 'Invalid value for parameter "client_no_context_takeover"'),
    ("server_max_window_bits", "Invalid value for parameter \"server_max_window_bits\": 'none'"),
    ("server_max_window_bits=7", "Invalid value for parameter \"server_max_window_bits\": '7'"),
    ("server_max_window_bits=16", "Invalid value for parameter \"server_max_window_bits\": '16'"),
    ("server_max_window_bits=08", "Invalid value for parameter \"server_max_window_bits\": '08'"),
    ("client_max_window_bits=99", "Invalid value for parameter \"client_max_window_bits\": '99'"),
    ("client_max_window_bits=x", "Invalid value for parameter \"client_max_window_bits\": 'x'"),
    (
        "server_no_context_takeover; server_no_context_takeover",
        'Parameter "server_no_context_takeover" must have only a single value',
    ),
    (
        "client_max_window_bits; client_max_window_bits=9",
        'Parameter "client_max_window_bits" must have only a single value',
    ),
]


@pytest.mark.parametrize(("params", "why"), BAD)
def test_a138_ill_formed_parameters(params: str, why: str) -> None:
    verdict = judged(f"{NAME}; {params}")
    assert verdict.answer is None
    assert verdict.reasons[0].startswith(why)
    with pytest.raises(NegotiationError) as raised:
        agreed(f"{NAME}; {params}")
    assert str(raised.value).startswith(f"Invalid Sec-WebSocket-Extensions header: {why}")


def test_a139_the_first_acceptable_offer_wins() -> None:
    verdict = judged(
        f"other, {NAME}; unknown, {NAME}; server_max_window_bits=9,"
        f" {NAME}; server_max_window_bits=11, {NAME}",
        server_max_window_bits=10,
    )
    assert verdict.answer == (NAME, [("server_max_window_bits", "10")])
    assert verdict.reasons == (
        "Unknown parameter 'unknown'",
        "server_max_window_bits=9 is declined (option server_max_window_bits=10)",
    )


def test_nothing_of_ours_is_offered() -> None:
    assert judged("other; x=1, another") == (None, None, ())


def test_reasons_name_the_option() -> None:
    assert judged(f"{NAME}; server_no_context_takeover", server_no_context_takeover=False).reasons == (
        "server_no_context_takeover is declined (option server_no_context_takeover=False)",
    )
    assert judged(NAME, client_max_window_bits=10).reasons == (
        "client_max_window_bits is not offered (option client_max_window_bits=10)",
    )
    assert judged(f"{NAME}; client_max_window_bits=9", client_max_window_bits=10).reasons == (
        "client_max_window_bits is offered as 9 (option client_max_window_bits=10)",
    )


def test_a_frugal_server_keeps_no_context() -> None:
    verdict = judged(f"{NAME}; client_max_window_bits", frugal=True, server_no_context_takeover=False)
    assert verdict.parameters == P(True, True, 12, 12)
    assert build_extensions([verdict.answer]).startswith(
        f"{NAME}; server_no_context_takeover; client_no_context_takeover;"
    )


@pytest.mark.parametrize(
    ("params", "options", "expected"),
    [
        ("", {}, P()),
        ("server_no_context_takeover", {}, P(server_no_context_takeover=True)),
        ("client_no_context_takeover", {}, P(client_no_context_takeover=True)),
        ("", {"client_no_context_takeover": True}, P(client_no_context_takeover=True)),
        ("server_max_window_bits=8", {}, P(server_max_window_bits=8)),
        ("server_max_window_bits=9", {"server_max_window_bits": 10}, P(server_max_window_bits=9)),
        ("", {"server_max_window_bits": 15}, P()),
        ("client_max_window_bits=9", {}, P(client_max_window_bits=9)),
        ("client_max_window_bits=9", {"client_max_window_bits": True}, P(client_max_window_bits=9)),
        ("client_max_window_bits=9", {"client_max_window_bits": 10}, P(client_max_window_bits=9)),
        # 131: its own limit, where the server is silent
        ("", {"client_max_window_bits": 10}, P(client_max_window_bits=10)),
        ("", {"client_max_window_bits": False}, P()),
        ("", {"client_max_window_bits": True}, P()),
    ],
)
def test_what_a_client_takes_for_an_answer(
    params: str, options: dict[str, Any], expected: DeflateParameters
) -> None:
    assert agreed("; ".join(filter(None, [NAME, params])), **options) == expected


@pytest.mark.parametrize(
    ("params", "options", "why"),
    [
        (
            "client_no_context_takeover",
            {"client_no_context_takeover": False},
            'Unexpected parameter "client_no_context_takeover"',
        ),
        (
            "client_max_window_bits=9",
            {"client_max_window_bits": False},
            'Unexpected or invalid parameter "client_max_window_bits": 9',
        ),
        (
            "client_max_window_bits=11",
            {"client_max_window_bits": 10},
            'Unexpected or invalid parameter "client_max_window_bits": 11',
        ),
        ("client_max_window_bits", {}, 'Unexpected or invalid parameter "client_max_window_bits": none'),
        ("", {"server_no_context_takeover": True}, 'Missing parameter "server_no_context_takeover"'),
        (
            "",
            {"server_max_window_bits": 10},
            'Missing or invalid parameter "server_max_window_bits": none, asked for 10',
        ),
        (
            "server_max_window_bits=11",
            {"server_max_window_bits": 10},
            'Missing or invalid parameter "server_max_window_bits": 11, asked for 10',
        ),
    ],
)
def test_what_a_client_does_not_take_for_an_answer(params: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(NegotiationError) as raised:
        agreed("; ".join(filter(None, [NAME, params])), **options)
    assert str(raised.value).startswith(f"Invalid Sec-WebSocket-Extensions header: {why}")


@pytest.mark.parametrize("header", ["other", f"{NAME}, other", f"{NAME}, {NAME}"])
def test_a_client_takes_one_extension(header: str) -> None:
    with pytest.raises(NegotiationError, match=r"^Server indicated an extension that was not requested: "):
        agreed(header)


BITS = st.one_of(st.none(), st.just(False), st.integers(8, 15))
CHOICES = st.sampled_from([None, True, False])
OPTIONS = st.builds(
    Deflate,
    server_no_context_takeover=CHOICES,
    client_no_context_takeover=CHOICES,
    server_max_window_bits=BITS,
    client_max_window_bits=st.one_of(BITS, st.just(True)),
)


@given(OPTIONS, OPTIONS, st.booleans())
def test_both_sides_agree_or_both_do_not(client: Deflate, server: Deflate, frugal: bool) -> None:
    verdict = judge_offers(parse_extensions(build_extensions([build_offer(client)])), server, frugal=frugal)
    if verdict.answer is None:
        assert verdict.reasons
        return
    try:
        theirs = judge_answer(parse_extensions(build_extensions([verdict.answer])), client)
    except NegotiationError as error:
        # Only what the server's application has asked for, and the client's has forbidden.
        assert "client_no_context_takeover" in str(error) and client.client_no_context_takeover is False
        return
    ours = verdict.parameters
    assert ours is not None
    assert ours.server_no_context_takeover == theirs.server_no_context_takeover
    assert ours.server_max_window_bits == theirs.server_max_window_bits
    # A client may do without its context, or with a smaller window, unasked.
    assert ours.client_no_context_takeover <= theirs.client_no_context_takeover
    assert ours.client_max_window_bits >= theirs.client_max_window_bits
    if client.server_max_window_bits:
        assert ours.server_max_window_bits <= client.server_max_window_bits
    if client.server_no_context_takeover:
        assert ours.server_no_context_takeover
