"""What servers have in common, on one that does nothing."""

import asyncio

import pytest

from wsline import ServerState
from wsline.aio.service import Service

DEADLINE = 10  # seconds


class Idle(Service):
    """Starts at once, and stops when it is told twice."""

    def __init__(self) -> None:
        Service.__init__(self, ("listening", "close", "error", "news"))
        self.was_cut = False

    async def start(self) -> "Idle":
        self._check_new()
        self.state = ServerState.RUNNING
        self._tell("listening")
        return self

    def close(self) -> None:
        if self.state == ServerState.RUNNING:
            self.state = ServerState.CLOSING
            asyncio.get_running_loop().call_soon(self._end)

    def _cut(self) -> None:
        self.was_cut = True


async def test_a39_its_states_are_numbered_as_in_ws() -> None:
    service = Idle()
    states = [service.state]
    async with service as same:
        assert same is service
        states.append(service.state)
        service.close()
        states.append(service.state)
    states.append(service.state)
    assert states == [-1, 0, 1, 2]
    assert [each.name for each in states] == ["NEW", "RUNNING", "CLOSING", "CLOSED"]


async def test_it_starts_once() -> None:
    service = await Idle()
    with pytest.raises(RuntimeError, match="the server was started before; it is RUNNING"):
        await service


async def test_waiting_for_one_that_was_not_started() -> None:
    await asyncio.wait_for(Idle().wait_closed(), DEADLINE)


async def test_a_second_signal_cuts() -> None:
    service = await Idle()
    service._on_signal()
    assert (service.state, service.was_cut) == (ServerState.CLOSING, False)
    service._on_signal()
    assert service.was_cut
    await asyncio.wait_for(service.wait_closed(), DEADLINE)


async def test_events_can_be_emitted_by_the_application() -> None:
    service = Idle()
    heard: list[object] = []
    assert service.emit("news", 1) is False
    service.on("news", heard.append)
    assert service.emit("news", 1, 2) is True
    assert heard == [1]
    with pytest.raises(ValueError, match="event='nwes': must be one of listening, close, error, news"):
        service.emit("nwes")


async def test_what_a_listener_raises_is_raised_to_whoever_emits() -> None:
    service = Idle()

    def fail() -> None:
        raise RuntimeError("a fault")

    service.on("news", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        service.emit("news")


async def test_its_own_events_harm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    service = Idle()

    def fail() -> None:
        raise RuntimeError("a fault")

    told: list[Exception] = []
    service.on("listening", fail)
    service.on("error", told.append)
    service.on("error", fail)
    async with service:
        pass
    assert [str(each) for each in told] == ["a fault"]
    assert "exception in an 'error' listener" in caplog.text


@pytest.mark.parametrize("method", ["close", "_cut"])
def test_what_every_server_must_say_for_itself(method: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(Service(("close",)), method)()


async def test_every_server_must_start_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        await Service(("close",)).start()
