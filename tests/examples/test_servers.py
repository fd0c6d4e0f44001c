"""The examples of servers, each run as its first lines say."""

import asyncio
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import tests.doors.conftest as doors
from tests.doors.door import Certificate
from tests.examples.programs import EXAMPLES, running
from wsline import InvalidStatus, connect

certificate = doors.certificate


def example(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(EXAMPLES / name), "--port", "0", *arguments)


async def fetch(url: str, context: Any = None) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(get)


async def echoes(url: str, said: str, heard: str, **options: Any) -> None:
    async with connect(url, **options) as ws:
        await ws.send(said)
        assert await ws.recv() == heard


async def test_a182_a_page_and_a_websocket_on_one_port() -> None:
    async with running(*example("external_server.py")) as (address, _):
        status, body = await fetch(f"http://{address}/")
        assert (status, "new WebSocket" in body) == (200, True)
        assert await fetch(f"http://{address}/x") == (404, "Not found: the page is at /\n")
        await echoes(f"ws://{address}/", "hello", "hello")
        ws = await connect(f"ws://{address}/")
    assert [message async for message in ws] == []
    assert ws.close_code == 1001, "Ctrl-C says goodbye"


async def test_a182_the_same_over_https(certificate: Certificate) -> None:
    arguments = ("--certificate", str(certificate.path), "--key", str(certificate.key))
    async with running(*example("external_server.py", *arguments), pattern=r"https://127\.0\.0\.1:\d+") as (
        url,
        _,
    ):
        assert (await fetch(f"{url}/", certificate.client))[0] == 200
        await echoes(f"{url}/", "hello", "hello", ssl=certificate.client)


async def test_a183_several_servers_share_a_port() -> None:
    async with running(*example("several_servers.py")) as (address, process):
        assert process.stdout is not None
        assert await process.stdout.readline() == f"Serving ws://{address}/soft\n".encode()
        await echoes(f"ws://{address}/loud", "Hello", "HELLO")
        await echoes(f"ws://{address}/soft", "Hello", "hello")
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"ws://{address}/other")


async def test_a184_the_user_is_known_before_the_upgrade() -> None:
    arguments = ("--user", "ada:secret", "--user", "bob:other:secret")
    async with running(*example("authentication.py", *arguments)) as (address, _):
        async with (
            connect(f"ws://ada:secret@{address}/") as ada,
            connect(f"ws://bob:other%3Asecret@{address}/") as bob,
        ):
            assert [await ada.recv(), await bob.recv()] == ["Welcome, ada", "Welcome, bob"]
            await ada.send("hello")
            assert [await ada.recv(), await bob.recv()] == ["ada: hello"] * 2
        for user in ("", "ada@", "ada:wrong@", "eve:@", "eve:secret@"):
            with pytest.raises(InvalidStatus, match="401") as caught:
                await connect(f"ws://{user}{address}/")
            assert caught.value.response.headers["WWW-Authenticate"].startswith("Basic ")
        for bad in ("Basic !", "Basic /w==", "Bearer x"):
            with pytest.raises(InvalidStatus, match="401"):
                await connect(f"ws://{address}/", headers={"Authorization": bad})
        ws = await connect(f"ws://ada:secret@{address}/")
        assert await ws.recv() == "Welcome, ada"
    assert [message async for message in ws] == []
    assert ws.close_code == 1001


async def ask(url: str, method: str, cookie: str = "") -> tuple[str, str]:
    """Send a request; return the cookie that it sets, and the body."""

    def get() -> tuple[str, str]:
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method, headers={"Cookie": cookie})
        ) as answer:
            return answer.headers["Set-Cookie"], answer.read().decode()

    return await asyncio.to_thread(get)


async def test_a185_a_session_lets_in_and_its_end_puts_out() -> None:
    async with running(*example("sessions.py")) as (address, _):
        url = f"ws://{address}/"
        assert "new WebSocket" in (await fetch(f"http://{address}/"))[1]
        for cookie in ("", "session=", "session=guessed", "other=1", "sess(ion=bad;;"):
            with pytest.raises(InvalidStatus, match="401") as caught:
                await connect(url, headers={"Cookie": cookie})
            assert caught.value.response.body == b"Log in first\n"
        cookies, users = [], []
        for _ in range(2):
            cookie, body = await ask(f"http://{address}/login", "POST")
            assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
            cookies.append(cookie.partition(";")[0])
            users.append(body.removeprefix("Hello, ").strip())
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, headers={"Cookie": cookies[0]}, origin="http://evil.example")
        async with (
            connect(url, headers={"Cookie": cookies[0]}) as one,
            connect(url, headers={"Cookie": f"a=b; {cookies[0]}"}) as two,
            connect(url, headers={"Cookie": cookies[1]}) as other,
        ):
            for ws, user in ((one, users[0]), (two, users[0]), (other, users[1])):
                await ws.send("hello")
                assert await ws.recv() == f"{user} said: hello"
            assert (await ask(f"http://{address}/logout", "DELETE", cookies[0]))[1] == "Goodbye\n"
            for ws in (one, two):
                await ws.wait_closed()
                assert (ws.close_code, ws.close_reason) == (1008, "the session has ended")
            await other.send("still here")
            assert await other.recv() == f"{users[1]} said: still here"
            # Whoever logs in anew leaves the old session.
            await ask(f"http://{address}/login", "POST", cookies[1])
            await other.wait_closed()
        for cookie in cookies:
            with pytest.raises(InvalidStatus, match="401"):
                await connect(url, headers={"Cookie": cookie})


async def test_a185_a_session_ends_with_time() -> None:
    async with running(*example("sessions.py", "--lifetime", "0.2")) as (address, _):
        cookie, _ = await ask(f"http://{address}/login", "POST")
        async with connect(f"ws://{address}/", headers={"Cookie": cookie.partition(";")[0]}) as ws:
            await ws.wait_closed()
            assert ws.close_code == 1008


async def test_a191_the_address_of_the_client() -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    for trust, seen in ((("--trust", "127.0.0.1"), "203.0.113.9"), ((), "127.0.0.1")):
        async with (
            running(*example("behind_a_proxy.py", *trust)) as (address, _),
            connect(f"ws://{address}/", headers=headers) as ws,
        ):
            assert await ws.recv() == f"You are {seen}"


async def test_inside_aiohttp() -> None:
    async with running(*example("in_aiohttp.py")) as (address, _):
        async with (
            connect(f"ws://{address}/chat?name=Ada") as ada,
            connect(f"ws://{address}/chat?name=Bob") as bob,
        ):
            await ada.send("hello")
            assert [await ada.recv(), await bob.recv()] == ["Ada: hello"] * 2
            assert await fetch(f"http://{address}/") == (200, "2 people are in the chat\n")
        with pytest.raises(InvalidStatus, match="400") as caught:
            await connect(f"ws://{address}/chat")
        assert caught.value.response.body == b"Say who you are: /chat?name=Ada\n"
        ws = await connect(f"ws://{address}/chat?name=Ada")
    assert [message async for message in ws] == []
    assert ws.close_code == 1001


@pytest.mark.parametrize(
    "command",
    [
        ("uvicorn", "--app-dir", str(EXAMPLES), "on_asgi:app", "--port", "0", "--no-use-colors"),
        ("hypercorn", "--bind", "127.0.0.1:0", str(EXAMPLES / "on_asgi:app")),
    ],
    ids=lambda command: command[0],
)
async def test_on_asgi_servers(command: tuple[str, ...]) -> None:
    async with running("-m", *command, is_ours=False) as (address, _):
        await echoes(f"ws://{address}/echo", "hello", "hello")
        await echoes(f"ws://{address}/echo?x", "é" * 1000, "é" * 1000)
        assert await fetch(f"http://{address}/") == (200, "The echo is at /echo\n")
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{address}/echo", origin="http://evil.example")
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}/else")


def test_every_example_is_tested() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = [path.stem for path in EXAMPLES.rglob("*.py")]
    assert names
    assert [name for name in names if re.search(rf"\b{name}(\.py|:app)\b", text) is None] == []
