"""The order of judging: what is checked, and what the application is asked, one after the other."""

from typing import Any

import pytest

from wsline.errors import HandshakeError, InvalidHeader, InvalidUpgrade
from wsline.handshake.headers import Headers
from wsline.handshake.http1 import Request, Response
from wsline.handshake.judging import judge
from wsline.handshake.server import ServerHandshake
from wsline.options import ServerOptions

HEADERS = {
    "Host": "a",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "one, two",
}


def ask(request: Request, **options: Any) -> tuple[Any, list[str]]:
    """Judge, answering each question at once; return the outcome and who was asked."""
    settings = ServerOptions(**options)
    asked = []
    questions = judge(ServerHandshake(settings), settings, request)
    answer = None
    try:
        while True:
            question = questions.send(answer)
            asked.append(question.function.__name__)
            answer = question.function(*question.arguments)
    except StopIteration as judged:
        return judged.value, asked


def request(**headers: str) -> Request:
    fields = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/", Headers({name: value for name, value in fields.items() if value}))


def process_request(request: Request) -> Any:
    return None


def verify_client(info: Any) -> Any:
    return True


def handle_protocols(offered: Any, request: Request) -> Any:
    return offered[-1]


EVERYBODY: dict[str, Any] = {
    "process_request": process_request,
    "verify_client": verify_client,
    "handle_protocols": handle_protocols,
}


def test_nobody_is_asked_where_nobody_wants_to_know() -> None:
    assert ask(request()) == ("one", [])
    assert ask(request(Sec_WebSocket_Protocol="")) == (None, [])


def test_everybody_is_asked_in_order() -> None:
    assert ask(request(), **EVERYBODY) == ("two", ["process_request", "verify_client", "handle_protocols"])


def test_about_subprotocols_nobody_is_asked_without_any() -> None:
    outcome = ask(request(Sec_WebSocket_Protocol=""), **EVERYBODY)
    assert outcome == (None, ["process_request", "verify_client"])


@pytest.mark.parametrize("chosen", [None, ""])
def test_no_subprotocol_may_be_chosen(chosen: Any) -> None:
    assert ask(request(), handle_protocols=lambda offered, request: chosen)[0] is None


def test_a_response_ends_it_before_anything_is_checked() -> None:
    response = Response(200)
    bad = request(Upgrade="")
    outcome = ask(bad, **EVERYBODY | {"process_request": lambda request: response})
    assert outcome == (response, ["<lambda>"])


def test_a_bad_request_is_refused_before_the_client_is_verified() -> None:
    with pytest.raises(InvalidUpgrade):
        ask(request(Upgrade=""), process_request=process_request, verify_client=lambda info: 1 / 0)
    with pytest.raises(InvalidHeader):
        ask(request(Sec_WebSocket_Protocol="a, a"))
    with pytest.raises(HandshakeError):
        ask(request(), path="/elsewhere")


def test_a_client_that_is_refused() -> None:
    outcome, asked = ask(request(), **EVERYBODY | {"verify_client": lambda info: info.origin is not None})
    assert (outcome.status, outcome.body, asked) == (401, b"Unauthorized\n", ["process_request", "<lambda>"])
    response = Response(429)
    assert ask(request(), verify_client=lambda info: response)[0] is response


def test_an_answer_of_another_type() -> None:
    with pytest.raises(TypeError, match="process_request returned str: must return a Response or None"):
        ask(request(), process_request=lambda request: "text")


def test_something_else_can_be_checked() -> None:
    def check(request: Request) -> None:
        if "Upgrade" in request.headers:
            raise HandshakeError("not here")

    options = ServerOptions()
    for upgrade, outcome in (("", "one"), ("websocket", None)):
        questions = judge(ServerHandshake(options), options, request(Upgrade=upgrade), check)
        with pytest.raises(StopIteration if outcome else HandshakeError) as caught:
            next(questions)
        assert getattr(caught.value, "value", None) == outcome
