"""HTTP header fields, and the grammar of their values: tokens, lists, parameters, quoted strings.

Field values are bytes on the wire and `str` here. They are read and written as ISO-8859-1, as `ws` and
browsers do: every byte that HTTP allows survives the round trip. What cannot be said in ISO-8859-1
must be encoded by the caller (percent-encoding, for example).
"""

import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final, TypeVar, overload

__all__ = [
    "Fields",
    "Headers",
    "Parameters",
    "has_token",
    "is_token",
    "parse_host",
    "parse_list",
    "parse_parameters",
    "shown",
]

_Default = TypeVar("_Default")

# RFC 9110 §5.6.2: token = 1*tchar
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# RFC 9110 §5.5: visible characters, space, tab and obs-text.
_BAD_IN_VALUE: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")

# RFC 9110 §7.2: Host = uri-host [ ":" port ]; narrower than RFC 3986: no character here can end or split
# an authority in a URL.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~%-]+)(?::([0-9]{0,5}))?")

# The fields of headers that are packed.
_ELSEWHERE: Final[list[tuple[str, str]]] = []

# The most characters of a peer's or caller's text that a message repeats.
_SHOWN: Final = 200

Fields = Mapping[str, str] | Iterable[tuple[str, str]]
"""What `Headers` is made from."""

Parameters = list[tuple[str, str | None]]
"""Names and values of parameters; the value is `None` where there is no `=`."""


def shown(text: str) -> str:
    """Return text from outside, quoted, ASCII only and cut, so that a log or a terminal can show it."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


class _FieldsView(ItemsView[str, str]):
    """Every field of a `Headers`, in order, with its repeats."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, item: object) -> bool:
        return item in self._fields

    def __repr__(self) -> str:
        return repr(self._fields)


class Headers(MutableMapping[str, str]):
    """Header fields: ordered, names in any letter case, names may repeat.

    As a mapping it has each name once, and `headers[name]` joins the values of a repeated field with
    `", "`, which means the same for every field but `Set-Cookie` (RFC 9110 §5.3). `items()` and
    `get_all()` keep the repeats apart.

    Args:
        fields: a mapping, or pairs, of strings.

    Raises:
        ValueError: a name is not a token, or a value has a control character or one beyond ISO-8859-1.
    """

    __slots__ = ("_index", "_list", "_packed")
    __hash__ = None  # type: ignore[assignment]

    _list: list[tuple[str, str]]
    _index: dict[str, list[str]] | None  # values by name in lower case, once somebody has asked
    _packed: bytes | None  # instead of the list

    def __init__(self, fields: Fields = ()) -> None:
        self._set([])
        if isinstance(fields, Headers):
            self._list += fields._fields
            return
        for name, value in fields.items() if isinstance(fields, Mapping) else fields:
            self.add(name, value)

    @classmethod
    def of_parsed(cls, fields: list[tuple[str, str]]) -> "Headers":
        """Return the headers that a parser has found, which are not checked again."""
        headers = cls.__new__(cls)
        headers._set(fields)
        return headers

    def pack(self) -> None:
        """Take a fraction of the memory from now on, until a field is changed; reading takes longer."""
        packed = self.build()
        self._set(_ELSEWHERE)
        self._packed = packed

    def add(self, name: str, value: str) -> None:
        """Append a field, beside those of the same name.

        Raises:
            TypeError: the name or the value is not a string.
            ValueError: as for the constructor; the message names the field.
        """
        _check_field(name, value)
        self._change().append((name, value))

    def get_all(self, name: str) -> list[str]:
        """Return the value of each field of this name, in order; an empty list if there is none."""
        return [*self._values(name)]

    def items(self) -> ItemsView[str, str]:
        """Return every field in order, repeats included."""
        return _FieldsView(self._fields)

    def build(self) -> bytes:
        """Return the fields as the lines of a head, without the empty line that ends it."""
        return "".join(f"{name}: {value}\r\n" for name, value in self._fields).encode("latin-1")

    def __getitem__(self, name: str) -> str:
        values = self._values(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...

    @overload
    def get(self, name: str, default: str | _Default) -> str | _Default: ...

    def get(self, name: str, default: Any = None) -> Any:
        """Return what `headers[name]` is, or `default` if there is no such field."""
        values = self._values(name)
        return ", ".join(values) if values else default

    def __setitem__(self, name: str, value: str) -> None:
        _check_field(name, value)
        self._remove(name)
        self._list.append((name, value))

    def __delitem__(self, name: str) -> None:
        if not self._remove(name):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._values(name))

    def __iter__(self) -> Iterator[str]:
        names: dict[str, str] = {}
        for name, _ in self._fields:
            names.setdefault(name.lower(), name)
        return iter(names.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._fields})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return _by_name(self.items()) == _by_name(other.items())

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    def _set(self, fields: list[tuple[str, str]]) -> None:
        self._list = fields
        self._index = None
        self._packed = None

    @property
    def _fields(self) -> list[tuple[str, str]]:
        if self._packed is None:
            return self._list
        lines = self._packed.decode("latin-1").split("\r\n")[:-1]
        return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    def _values(self, name: str) -> Sequence[str]:
        index = self._index
        if index is None:
            index = _by_name(self._fields)
            if self._packed is None:
                self._index = index
        return index.get(name.lower(), ())

    def _change(self) -> list[tuple[str, str]]:
        """Return the list of fields, which is about to be changed."""
        if self._packed is not None or self._index is not None:
            self._set(self._fields)
        return self._list

    def _remove(self, name: str) -> bool:
        unwanted = name.lower()
        fields = self._change()
        self._list = [field for field in fields if field[0].lower() != unwanted]
        return len(self._list) < len(fields)


def _by_name(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group values by name: the order of different names means nothing, that of repeats does."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name.lower(), []).append(value)
    return values


def _check_field(name: str, value: str) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"header {name!r}: {value!r}: name and value must be strings")
    if not is_token(name):
        raise ValueError(f"header name {shown(name)}: must be a token (letters, digits, !#$%&'*+-.^_`|~)")
    bad = _BAD_IN_VALUE.search(value)
    if bad is not None:
        raise ValueError(
            f"header {name}: {bad.group()!a} is not allowed in a value: "
            "no control characters, and nothing beyond ISO-8859-1"
        )


def is_token(text: str) -> bool:
    """Tell whether the text is a token (RFC 9110 §5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def has_token(value: str, token: str) -> bool:
    """Tell whether a comma-separated list contains a token, in any letter case."""
    return any(item.strip(" \t").lower() == token.lower() for item in value.split(","))


def parse_list(value: str) -> list[str]:
    """Return the tokens of a comma-separated list.

    Raises:
        ValueError: an element is empty or not a token; the message tells which.
    """
    items = [item.strip(" \t") for item in value.split(",")]
    for item in items:
        if not is_token(item):
            raise ValueError(f"{shown(item)} is not a token")
    return items


def parse_host(value: str) -> tuple[str, int | None]:
    """Return the host, in lower case and with IPv6 brackets, and the port of a Host header.

    Raises:
        ValueError: the value is not `host` or `host:port`.
    """
    match = _HOST.fullmatch(value)
    if match is None:
        raise ValueError(f"{shown(value)} is not a host, or host:port")
    return match[1].lower(), int(match[2]) if match[2] else None


def parse_parameters(value: str) -> list[tuple[str, Parameters]]:
    """Return the elements of a list such as `a; x=1; y, b; z="2"`, each a token with its parameters.

    Returns:
        For each element its token and its parameters: pairs of a name and an unquoted value, or `None`
        where there is no `=`.

    Raises:
        ValueError: the text does not follow the grammar; the message tells where.
    """
    scanner = _Scanner(value)
    elements = [_parse_element(scanner)]
    while scanner.take(","):
        elements.append(_parse_element(scanner))
    if not scanner.at_end():
        raise scanner.error("a comma or a semicolon")
    return elements


def _parse_element(scanner: "_Scanner") -> tuple[str, Parameters]:
    name = scanner.token()
    parameters: Parameters = []
    while scanner.take(";"):
        parameter = scanner.token()
        parameters.append((parameter, scanner.token_or_quoted() if scanner.take("=") else None))
    return name, parameters


class _Scanner:
    """Reads a header value from left to right, each character once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip_space()

    def at_end(self) -> bool:
        return self._at == len(self._text)

    def error(self, expected: str) -> ValueError:
        return ValueError(f"{expected} expected at index {self._at} of {shown(self._text)}")

    def take(self, mark: str) -> bool:
        """Step over a separator and the space around it, if it is next."""
        found = self._text.startswith(mark, self._at)
        if found:
            self._at += len(mark)
            self._skip_space()
        return found

    def token(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise self.error("a token")
        self._at = match.end()
        self._skip_space()
        return match.group()

    def token_or_quoted(self) -> str:
        return self._quoted() if self._text.startswith('"', self._at) else self.token()

    def _quoted(self) -> str:
        # RFC 9110 §5.6.4: quoted-string; a backslash stands for the character after it.
        text, at, content = self._text, self._at + 1, []
        while at < len(text) and text[at] != '"':
            if text[at] == "\\":
                at += 1
            content.append(text[at : at + 1])
            at += 1
        if at >= len(text):
            raise self.error("a quoted string with an end")
        self._at = at + 1
        self._skip_space()
        return "".join(content)

    def _skip_space(self) -> None:
        while self._text.startswith((" ", "\t"), self._at):
            self._at += 1
