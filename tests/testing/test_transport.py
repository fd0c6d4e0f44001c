"""The stream in memory behaves as one of a socket does."""

import asyncio

from wsline.testing.transport import MemoryTransport, connect_transports


class Recorder(asyncio.Protocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.transport: MemoryTransport
        self.told: list[object] = []
        self.keep_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, MemoryTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self.keep_open

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(("lost", error))

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


def made() -> tuple[Recorder, Recorder]:
    client, server = Recorder(), Recorder()
    connect_transports(asyncio.get_running_loop(), client, server, ("127.0.0.1", 1234))
    return client, server


async def turns(n: int = 4) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


async def test_bytes_arrive_in_order_and_in_a_later_turn() -> None:
    client, server = made()
    client.transport.write(b"one")
    client.transport.write(bytearray(b"two"))
    server.transport.write(memoryview(b"back"))
    assert (client.told, server.told) == ([], [])
    await turns()
    assert (client.told, server.told) == ([b"back"], [b"one", b"two"])
    assert client.transport.get_extra_info("sockname") == ("127.0.0.1", 1234)
    assert server.transport.get_extra_info("peername") == ("127.0.0.1", 1234)


async def test_a_half_closed_stream_goes_on_in_the_other_direction() -> None:
    client, server = made()
    server.keep_open = True
    client.transport.write(b"all")
    client.transport.write_eof()
    client.transport.write(b"too late")
    await turns()
    assert server.told == [b"all", "eof"]
    server.transport.write(b"answer")
    server.transport.close()
    await turns()
    assert client.told == [b"answer", "eof", ("lost", None)]
    assert server.told[-1] == ("lost", None)


async def test_what_was_sent_before_the_end_arrives() -> None:
    client, server = made()
    client.transport.write(b"last words")
    client.transport.close()
    assert client.transport.is_closing()
    await turns()
    assert server.told == [b"last words", "eof", ("lost", None)]
    assert client.told == [("lost", None)]
    server.transport.write(b"nobody")
    server.transport.abort()
    await turns()
    assert client.told == [("lost", None)]


async def test_a_slow_reader_holds_the_writer_up() -> None:
    client, server = made()
    client.transport.set_write_buffer_limits(high=10, low=0)
    server.transport.pause_reading()
    client.transport.write(b"x" * 11)
    await turns()
    assert (client.told, server.told) == (["pause"], [])
    assert client.transport.get_write_buffer_size() == 11
    server.transport.resume_reading()
    await turns()
    assert (client.told, server.told) == (["pause", "resume"], [b"x" * 11])
    assert client.transport.get_write_buffer_size() == 0
