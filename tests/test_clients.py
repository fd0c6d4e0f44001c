"""The registry of a server's WebSockets and its limits."""

from wsline.clients import Clients
from wsline.options import ServerOptions


def websocket() -> object:
    return object()


def test_they_are_counted_in_and_out() -> None:
    clients: Clients[object] = Clients(ServerOptions())
    first, second = websocket(), websocket()
    clients.add(first, "a")
    clients.add(second, "a")
    assert len(clients) == 2
    assert set(clients) == {first, second}
    clients.discard(first, "a")
    assert list(clients) == [second]


def test_they_may_end_while_they_are_told_something() -> None:
    clients: Clients[object] = Clients(ServerOptions())
    for _ in range(3):
        clients.add(websocket(), "a")
    for each in clients:
        clients.discard(each, "a")
    assert len(clients) == 0


def test_without_limits_there_is_always_room() -> None:
    clients: Clients[object] = Clients(ServerOptions())
    for _ in range(100):
        clients.add(websocket(), "a")
    assert clients.why_full("a") is None


def test_the_limit_in_total() -> None:
    clients: Clients[object] = Clients(ServerOptions(max_connections=2))
    first = websocket()
    clients.add(first, "a")
    assert clients.why_full("b") is None
    clients.add(websocket(), "b")
    assert clients.why_full("c") == "too many connections (max_connections)"
    clients.discard(first, "a")
    assert clients.why_full("c") is None


def test_the_limit_for_one_address() -> None:
    clients: Clients[object] = Clients(ServerOptions(max_connections_per_ip=2))
    first = websocket()
    clients.add(first, "a")
    clients.add(websocket(), "a")
    assert clients.why_full("a") == "too many connections from your address (max_connections_per_ip)"
    assert clients.why_full("b") is None
    clients.discard(first, "a")
    assert clients.why_full("a") is None
