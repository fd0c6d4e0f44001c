"""Basic authentication: who is let in."""

import ast
import base64
import inspect
from typing import Any

import pytest

from tests.doors.door import Door, echo
from wsline import InvalidStatus
from wsline.handshake import auth
from wsline.handshake.auth import basic_auth, basic_credentials_of
from wsline.handshake.client import basic_credentials
from wsline.handshake.headers import Headers
from wsline.handshake.http1 import Request

USERS = {"ann": "secret", "bob": "päss:word", "": ""}


def request(*authorization: str) -> Request:
    return Request("GET", "/", Headers([("Authorization", each) for each in authorization]))


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize("user", USERS)
def test_who_knows_the_password_is_let_in(user: str) -> None:
    judge = basic_auth(USERS)
    assert judge(request(basic_credentials(user, USERS[user]))) is None
    assert judge(request(f"bAsIc  {encoded(f'{user}:{USERS[user]}'.encode())}")) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Basic"],
        ["Basic !"],
        ["Basic " + encoded(b"ann")],
        ["Basic " + encoded(b"ann:\xff")],
        ["Basic " + encoded(b"ann:secre")],
        ["Basic " + encoded(b"ann:secrets")],
        ["Basic " + encoded(b"bob:secret")],
        ["Basic " + encoded(b"eve:secret")],
        ["Bearer " + encoded(b"ann:secret")],
        ["Basic " + encoded(b"ann:secret")] * 2,
    ],
)
def test_all_others_are_asked_for_it(headers: list[str]) -> None:
    refused = basic_auth(USERS, realm="here")(request(*headers))
    assert refused is not None
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="here", charset="UTF-8"'


def test_what_the_header_says() -> None:
    assert basic_credentials_of(request("Basic " + encoded("ü:a:b".encode()))) == ("ü", "a:b")
    assert basic_credentials_of(request()) is None


@pytest.mark.parametrize(
    ("users", "realm", "error"),
    [
        ({"a:b": "x"}, "x", ValueError),
        ({"a": 5}, "x", TypeError),
        ({5: "a"}, "x", TypeError),
        ({}, 'a"b', ValueError),
        ({}, "a\\b", ValueError),
        ({}, "a\r\nb", ValueError),
        ({}, "é", ValueError),
    ],
)
def test_bad_arguments(users: Any, realm: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        basic_auth(users, realm=realm)


def test_the_comparison_takes_the_same_time() -> None:
    """Nothing compares or looks up a user or a password but `compare_digest`, and every user is compared."""
    tree = ast.parse(inspect.getsource(auth._knows))
    body = [node for statement in tree.body[0].body for node in ast.walk(statement)]  # type: ignore[attr-defined]
    assert not [each for each in body if isinstance(each, ast.Compare | ast.Subscript | ast.BoolOp)]
    calls = [ast.unparse(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)]
    assert sorted(calls) == [
        "_digest",
        "_digest",
        "digests.items",
        "hmac.compare_digest",
        "hmac.compare_digest",
    ]
    assert not [each for each in ast.walk(tree) if isinstance(each, ast.Break)]
    returns = [each for each in ast.walk(tree) if isinstance(each, ast.Return)]
    assert len(returns) == 1


async def test_a_server_with_passwords() -> None:
    door = Door("epoll", None)
    async with door.serving(echo, process_request=basic_auth({"ann": "secret"})) as served:
        async with door.connect(served.url, auth=("ann", "secret")) as ws:
            ws.send("x")
            assert await ws.recv() == "x"
        with pytest.raises(InvalidStatus, match="401"):
            await door.connect(served.url, auth=("ann", "wrong"))
