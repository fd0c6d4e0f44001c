"""picows: its frame callback on uvloop, with the networking it prefers (aiofastnet, which it installs)."""

import asyncio

import entry
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

CLOSE = WSMsgType.CLOSE

transports: set[WSTransport] = set()
closing: set[WSTransport] = set()


class Echo(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transports.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        transports.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        msg_type = frame.msg_type
        if msg_type is CLOSE:
            finish(transport, frame)
        else:
            # For small messages this copy costs less than creating a memoryview; pings never come here.
            transport.send(msg_type, frame.get_payload_as_bytes(), frame.fin)


class Broadcast(Echo):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        msg_type = frame.msg_type
        if msg_type is CLOSE:
            finish(transport, frame)
            return
        message = frame.get_payload_as_bytes()
        for each in transports:
            each.send(msg_type, message)


class Burst(Echo):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        msg_type = frame.msg_type
        if msg_type is CLOSE:
            finish(transport, frame)
            return
        message = frame.get_payload_as_bytes()

        def send_all() -> None:
            for _ in range(entry.BURST):
                transport.send(msg_type, message)

        asyncio.get_running_loop().call_soon(send_all)


def finish(transport: WSTransport, frame: WSFrame) -> None:
    if transport not in closing:
        transport.send_close(frame.get_close_code(), frame.get_close_message())
    transport.disconnect()


def close_all() -> None:
    for transport in tuple(transports):
        closing.add(transport)
        transport.send_close(WSCloseCode.GOING_AWAY)


async def main(options: entry.Options) -> None:
    listeners = {"echo": Echo, "broadcast": Broadcast, "burst": Burst}
    listener = listeners[options.app]

    def make(request: WSUpgradeRequest) -> WSListener:
        return listener()

    server = await ws_create_server(make, "127.0.0.1", options.port, ssl=options.tls, backlog=4096)
    entry.when_asked_to_close(close_all)
    entry.announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


entry.run(main, default_loop="uvloop")
