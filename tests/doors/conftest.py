"""Every test here runs through each door, on each loop; one that takes `style`, in each style."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import uvloop

import wsline.aio.listener
import wsline.aio.reactor
from tests.doors.door import Certificate, Door
from wsline.aio.reactor import SocketChannel


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of a server at 127.0.0.1, signed by itself."""
    place = tmp_path_factory.mktemp("certificate")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    places: list[str | Path] = ["-keyout", place / "key.pem", "-out", place / "certificate.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-days", "2", *key, *places, *subject], check=True, capture_output=True
    )
    return contexts(place / "certificate.pem", place / "key.pem")


def contexts(certificate: Path, key: Path) -> Certificate:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return Certificate(server, ssl.create_default_context(cafile=str(certificate)), certificate, key)


@pytest.fixture(params=["epoll", "direct", "transport", "tls"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, certificate: Certificate) -> Door:
    """The way the bytes go: over the reactor, watched by the loop itself, or over asyncio's transports."""
    name = request.param
    if name == "direct":
        monkeypatch.setattr(wsline.aio.listener, "SocketChannel", partial(SocketChannel, direct=True))
    if name == "transport":
        monkeypatch.setattr(wsline.aio.reactor, "AVAILABLE", False)
    return Door(name, certificate if name == "tls" else None)


@pytest.fixture(params=["coroutine", "event"])
def style(request: pytest.FixtureRequest) -> str:
    """How the server's side is written."""
    name: str = request.param
    return name
