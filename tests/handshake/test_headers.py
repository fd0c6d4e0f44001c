"""Headers, and the grammar of header values."""

import sys
from collections.abc import Callable, Mapping

import pytest

from wsline.handshake.headers import (
    Headers,
    has_token,
    is_token,
    parse_host,
    parse_list,
    parse_parameters,
    shown,
)

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def cookies() -> Headers:
    return Headers([("Host", "a"), ("Set-Cookie", "x=1"), ("set-cookie", "y=2")])


def test_names_are_found_in_any_letter_case() -> None:
    headers = Headers({"Sec-WebSocket-Key": "k"})
    assert headers["sec-websocket-KEY"] == "k"
    assert "SEC-websocket-key" in headers
    assert "Sec-WebSocket" not in headers
    assert not headers.__contains__(5)


def test_repeated_fields_are_joined_or_kept_apart() -> None:
    headers = cookies()
    assert headers["SET-COOKIE"] == "x=1, y=2"
    assert headers.get_all("Set-Cookie") == ["x=1", "y=2"]
    assert headers.get_all("Cookie") == []
    assert list(headers.items()) == [("Host", "a"), ("Set-Cookie", "x=1"), ("set-cookie", "y=2")]


def test_it_is_a_mapping_with_each_name_once() -> None:
    headers = cookies()
    assert isinstance(headers, Mapping)
    assert list(headers) == ["Host", "Set-Cookie"]
    assert len(headers) == 2
    assert dict(headers) == {"Host": "a", "Set-Cookie": "x=1, y=2"}
    assert headers.get("missing") is None
    with pytest.raises(KeyError, match="missing"):
        headers["missing"]


def test_the_view_of_items_counts_repeats() -> None:
    items = cookies().items()
    assert len(items) == 3
    assert ("set-cookie", "y=2") in items
    assert ("Set-Cookie", "x=1, y=2") not in items
    assert repr(items) == "[('Host', 'a'), ('Set-Cookie', 'x=1'), ('set-cookie', 'y=2')]"


def test_setting_replaces_every_field_of_the_name() -> None:
    headers = cookies()
    headers["SET-COOKIE"] = "z=3"
    assert list(headers.items()) == [("Host", "a"), ("SET-COOKIE", "z=3")]


def test_deleting_removes_every_field_of_the_name() -> None:
    headers = cookies()
    del headers["set-COOKIE"]
    assert list(headers.items()) == [("Host", "a")]
    with pytest.raises(KeyError):
        del headers["set-cookie"]


def test_a_copy_keeps_repeats_and_is_separate() -> None:
    headers = cookies()
    copy = Headers(headers)
    copy.add("X", "1")
    assert list(copy.items())[:3] == list(headers.items())
    assert "X" not in headers


def test_equality_ignores_case_and_the_order_of_different_names() -> None:
    assert Headers([("A", "1"), ("B", "2")]) == Headers([("b", "2"), ("a", "1")])
    assert Headers([("A", "1"), ("A", "2")]) != Headers([("A", "2"), ("A", "1")])
    assert Headers({"A": "1"}) == {"a": "1"}
    assert Headers() != 5


def test_repr_shows_the_fields() -> None:
    assert repr(Headers({"A": "1"})) == "Headers([('A', '1')])"


def test_build_writes_one_line_for_each_field() -> None:
    assert Headers([("A", "1"), ("B", "caf\xe9"), ("A", "")]).build() == b"A: 1\r\nB: caf\xe9\r\nA: \r\n"


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "a\x00", "h\xe9", " a", "(a)"])
def test_names_must_be_tokens(name: str) -> None:
    with pytest.raises(ValueError, match="must be a token") as raised:
        Headers().add(name, "1")
    assert ascii(name) in str(raised.value)


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\x01", "\x1f", "\x7f", "\u0100", "\u20ac"])
@pytest.mark.parametrize(
    "put",
    [
        lambda value: Headers({"X-Name": value}),
        lambda value: Headers([("X-Name", value)]),
        lambda value: Headers().add("X-Name", value),
        lambda value: Headers().__setitem__("X-Name", value),
    ],
)
def test_values_must_not_have_control_characters(put: Callable[[str], object], bad: str) -> None:
    with pytest.raises(ValueError, match=r"^header X-Name: ") as raised:
        put(f"a{bad}b")
    assert ascii(bad) in str(raised.value)


def test_names_and_values_must_be_strings() -> None:
    with pytest.raises(TypeError, match="must be strings"):
        Headers().add("A", 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be strings"):
        Headers().add(b"A", "1")  # type: ignore[arg-type]


def test_tabs_and_obs_text_are_allowed_in_values() -> None:
    assert Headers({"A": "x\ty \xff"})["a"] == "x\ty \xff"


def test_shown_escapes_and_cuts() -> None:
    assert shown("a\x1b[31m\u20ac") == r"'a\x1b[31m\u20ac'"
    assert shown("x" * 201) == "'" + "x" * 200 + "...'"


def test_is_token_is_the_abnf() -> None:
    characters = [chr(each) for each in range(256)]
    assert not is_token("")
    for first in [*characters, *"\u0100\u0131\u017f\u212a\u0661\uff21\U0001d7ce\ud800"]:
        assert is_token(first) is (first in TOKEN_CHARACTERS)
        assert is_token("ab" + first + "c") is (first in TOKEN_CHARACTERS)
        for second in characters:
            assert is_token(first + second) is (first in TOKEN_CHARACTERS and second in TOKEN_CHARACTERS)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Upgrade", True),
        ("keep-alive, Upgrade", True),
        ("UPGRADE,close", True),
        (", ,\tupgrade ,", True),
        ("keep-alive", False),
        ("Upgraded", False),
        ("", False),
    ],
)
def test_has_token(value: str, found: bool) -> None:
    assert has_token(value, "upgrade") is found


def test_parse_list_returns_the_tokens() -> None:
    assert parse_list("a") == ["a"]
    assert parse_list(" a,b ,\tc.d/e"[:-2]) == ["a", "b", "c.d"]


@pytest.mark.parametrize("value", ["", ",", "a,", "a,,b", "a b", "a;b", "caf\xe9", '"a"'])
def test_parse_list_refuses_what_is_not_a_token(value: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        parse_list(value)


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("Example.COM", ("example.com", None)),
        ("example.com:", ("example.com", None)),
        ("example.com:8080", ("example.com", 8080)),
        ("[::1]", ("[::1]", None)),
        ("[FE80::1]:443", ("[fe80::1]", 443)),
        ("a_b.c-d", ("a_b.c-d", None)),
    ],
)
def test_parse_host(value: str, host: tuple[str, int | None]) -> None:
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":80",
        "a b",
        "a/b",
        "a@b",
        "a,b",
        "a:b",
        "a:123456",
        "a:1:2",
        "::1",
        "[::1",
        "[x]",
        "a\\b",
        "\xe9",
        "<a>",
    ],
)
def test_parse_host_refuses_what_is_not_a_host(value: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        parse_host(value)


def test_parse_parameters() -> None:
    assert parse_parameters("a") == [("a", [])]
    assert parse_parameters(' a ; x = 1;y ,b; z="q\\"r\\\\" , c ') == [
        ("a", [("x", "1"), ("y", None)]),
        ("b", [("z", 'q"r\\')]),
        ("c", []),
    ]
    assert parse_parameters('a; x=""') == [("a", [("x", "")])]


@pytest.mark.parametrize(
    ("value", "expected", "index"),
    [
        ("", "a token", 0),
        ("  ", "a token", 2),
        (",", "a token", 0),
        ("a,", "a token", 2),
        ("a;", "a token", 2),
        ("a; =1", "a token", 3),
        ("a; x=", "a token", 5),
        ("a b", "a comma or a semicolon", 2),
        ("a; x=1 2", "a comma or a semicolon", 7),
        ('a; x="1', "a quoted string with an end", 5),
        ('a; x="1\\', "a quoted string with an end", 5),
        ('a; x="1\\"', "a quoted string with an end", 5),
        ('"a"', "a token", 0),
        ("a; x=\xe9", "a token", 5),
    ],
)
def test_parse_parameters_tells_where_it_fails(value: str, expected: str, index: int) -> None:
    with pytest.raises(ValueError, match=f"^{expected} expected at index {index} of"):
        parse_parameters(value)


@pytest.mark.parametrize(
    "value",
    ["a," * 8000, "a" * 16000 + "\xe9", "a;" * 8000, 'a;b="' + "\\" * 16000, "a" + " " * 16000 + "b"],
)
@pytest.mark.parametrize("parse", [parse_list, parse_parameters, parse_host])
def test_cost_is_linear(
    parse: Callable[[str], object], value: str, cpu_time: Callable[[Callable[[], object]], float]
) -> None:
    def refuse() -> None:
        with pytest.raises(ValueError, match=r"expected at|is not a"):
            parse(value)

    assert cpu_time(refuse) < 0.1


# -- what is kept for long


def test_packed_headers_are_the_same_headers() -> None:
    fields = [("Host", "a:80"), ("X", "1"), ("x", "2: \xe9\t"), ("Empty", "")]
    headers, packed = Headers(fields), Headers(fields)
    packed.pack()
    assert packed == headers
    assert list(packed.items()) == fields
    assert packed.build() == headers.build()
    assert packed["X"] == "1, 2: \xe9\t"
    assert packed.get("nothing") is None
    assert packed.get("nothing", "else") == "else"
    assert packed.get_all("x") == ["1", "2: \xe9\t"]
    assert "empty" in packed
    assert "other" not in packed
    assert Headers(packed) == headers
    assert repr(packed) == repr(headers)
    packed.pack()
    assert packed == headers


def test_packed_headers_take_little_memory() -> None:
    headers = Headers([(f"X-Header-{i}", f"value {i}") for i in range(20)])
    headers.pack()
    reached = [headers._packed, headers._list, headers._index]
    assert sum(map(sys.getsizeof, reached)) < 600
    assert headers["X-Header-7"] == "value 7"
    assert headers._index is None, "reading does not unpack them"


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_change_shows_at_once(is_packed: bool) -> None:
    headers = Headers({"A": "1", "B": "2"})

    def look() -> dict[str, str]:
        found = {name: headers[name] for name in headers}
        assert [name for name in "ABC" if name in headers] == list(found)
        if is_packed:
            headers.pack()
        return found

    look()
    headers.add("a", "3")
    assert look() == {"A": "1, 3", "B": "2"}
    headers["C"] = "4"
    assert look() == {"A": "1, 3", "B": "2", "C": "4"}
    del headers["A"]
    assert look() == {"B": "2", "C": "4"}
    assert headers.setdefault("B", "5") == "2"
    headers["b"] = "6"
    assert headers.get_all("B") == ["6"]


def test_the_list_of_values_is_the_callers() -> None:
    headers = Headers({"A": "1"})
    headers.get_all("A").append("2")
    assert headers.get_all("A") == ["1"]


def test_what_a_parser_has_found_is_taken_as_it_is() -> None:
    headers = Headers.of_parsed([("A", "1"), ("a", "2")])
    assert headers == Headers([("A", "1"), ("a", "2")])
