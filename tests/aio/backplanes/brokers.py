"""Real brokers, which can be killed, stopped and started again at the same place."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import nats
import redis.asyncio

from tests.doors.door import DEADLINE
from wsline.relaying import Order, build_packet


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Broker:
    """A broker in a process of its own.

    Attributes:
        url: for the option `backplane`.
    """

    program = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = self.make_url()
        self._process: subprocess.Popen[bytes] | None = None

    def make_url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        async with asyncio.timeout(DEADLINE):
            while not await self.answers():
                assert self._process.poll() is None
                await asyncio.sleep(0.01)

    async def answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    def send_signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without a farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send_signal(signal.SIGCONT)

    async def publish(self, name: str, data: bytes) -> None:
        """Publish by the broker's own client, under the broker's own name."""
        raise NotImplementedError


class RedisBroker(Broker):
    """Redis."""

    program = "redis-server"

    def make_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        listening = ["--port", str(self.port), "--bind", "127.0.0.1"]
        return ["redis-server", *listening, "--save", "", "--appendonly", "no"]

    async def publish(self, name: str, data: bytes) -> None:
        async with redis.asyncio.Redis(port=self.port) as client:
            await client.publish(name, data)


class NATSBroker(Broker):
    """NATS."""

    program = "nats-server"

    def make_url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return ["nats-server", "-a", "127.0.0.1", "-p", str(self.port)]

    async def publish(self, name: str, data: bytes) -> None:
        client = await nats.connect(self.url)
        await client.publish(name, data)
        await client.flush()
        await client.close()


RELAY = """
import asyncio, sys
from wsline.aio.backplanes.relay import Relay

async def main():
    relay = Relay.claim(sys.argv[1], waits=True)
    await relay.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


class RelayBroker(Broker):
    """The relay, in a process of its own."""

    program = ""

    @property
    def path(self) -> str:
        return str(self.folder / "relay")

    def make_url(self) -> str:
        return f"unix://{self.path}"

    def command(self) -> list[str]:
        return [sys.executable, "-c", RELAY, self.path]

    async def answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self.path)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def publish(self, name: str, data: bytes) -> None:
        reader, writer = await asyncio.open_unix_connection(self.path)
        writer.write(build_packet(Order.MESSAGE, name.encode(), data) + build_packet(Order.PING))
        await reader.readexactly(7)
        writer.close()
        await writer.wait_closed()
